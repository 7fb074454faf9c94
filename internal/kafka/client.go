package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Client is a connection to one Kafka cluster. It is safe for concurrent use.
type Client struct {
	cfg       Config
	addr      net.Addr
	transport *transport
	dialer    *kafkago.Dialer
	api       *kafkago.Client
	metrics   *metrics
	log       zerolog.Logger
	now       func() time.Time
	codec     codec
	buffers   buffers

	mu    sync.Mutex
	plain map[string]*plainTopic
}

type topicPartition struct {
	topic     string
	partition int
}

// Connect opens a client and waits until a broker has answered, ctx has ended,
// or the configuration proves wrong. Its metrics go to reg, which may be nil.
func Connect(ctx context.Context, cfg Config, reg prometheus.Registerer, log zerolog.Logger) (*Client, error) {
	if len(cfg.Brokers) == 0 {
		return nil, errors.New("kafka: no broker address is configured")
	}
	if cfg.ClientID == "" {
		cfg.ClientID = "lapwing"
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "lapwing."
	}
	setDuration(&cfg.SessionTimeout, 30*time.Second)
	setDuration(&cfg.HeartbeatInterval, 250*time.Millisecond)
	setDuration(&cfg.RequestTimeout, 10*time.Second)
	setDuration(&cfg.DrainTimeout, 20*time.Second)
	setDuration(&cfg.FetchWait, fetchWait)
	if cfg.Replication == 0 {
		cfg.Replication = 1
	}
	codec, err := codecByName(cfg.Compression)
	if err != nil {
		return nil, err
	}
	mechanism, err := cfg.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	}
	c := &Client{
		cfg:  cfg,
		addr: kafkago.TCP(cfg.Brokers...),
		transport: &transport{Transport: &kafkago.Transport{
			Dial:        cfg.Dial,
			ClientID:    cfg.ClientID,
			TLS:         cfg.TLS,
			SASL:        mechanism,
			MetadataTTL: 5 * time.Second,
		}},
		dialer: &kafkago.Dialer{
			ClientID:      cfg.ClientID,
			Timeout:       5 * time.Second,
			DialFunc:      cfg.Dial,
			TLS:           cfg.TLS,
			SASLMechanism: mechanism,
		},
		metrics: newMetrics(reg),
		log:     log,
		now:     time.Now,
		codec:   codec,
		plain:   make(map[string]*plainTopic),
	}
	c.api = &kafkago.Client{Addr: c.addr, Transport: c.transport}
	if err := c.ping(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close drops the client's connections; requests fail from then on. No Run
// function may be active.
func (c *Client) Close() { c.transport.close() }

// Topic gives the full name of a topic of ours: Topic("events") is
// "lapwing.events" under the default prefix.
func (c *Client) Topic(name string) string { return c.cfg.Prefix + name }

// Ping asks a broker for the cluster's layout once.
func (c *Client) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	// Metadata is answered from the transport's cache; ApiVersions is not.
	_, err := c.api.ApiVersions(ctx, &kafkago.ApiVersionsRequest{})
	if err == nil {
		return nil
	}
	var known *connectionError
	if errors.As(c.explain(err), &known) {
		return known
	}
	return fmt.Errorf("kafka at %s: no broker answers: %w", strings.Join(c.cfg.Brokers, ", "), err)
}

func (c *Client) ping(ctx context.Context) error {
	var last error
	for b := newBackoff(); ; {
		if last = c.Ping(ctx); last == nil {
			return nil
		}
		// A broker that has just started may not know its users yet.
		if b.tries >= 10 || b.tries >= 5 && c.needsOperator(last) || !b.wait(ctx) {
			return last
		}
	}
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		return nil, nil
	case "PLAIN":
		return plain.Mechanism{Username: s.User, Password: s.Password}, nil
	case "SCRAM-SHA-256":
		return scramMechanism(scram.SHA256, s)
	case "SCRAM-SHA-512":
		return scramMechanism(scram.SHA512, s)
	}
	return nil, fmt.Errorf("kafka: unknown SASL mechanism %q; PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are known", s.Mechanism)
}

func scramMechanism(algo scram.Algorithm, s SASL) (sasl.Mechanism, error) {
	m, err := scram.Mechanism(algo, s.User, s.Password)
	if err != nil {
		return nil, fmt.Errorf("kafka: SASL user or password: %w", err)
	}
	return m, nil
}

func setDuration(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}
