// Package receive takes logs that their senders push over HTTP and writes them,
// cut into records but not parsed, to Kafka's raw topics. Receivers lists the
// protocols that senders speak, one a file; they share one frame (Server) with
// its limits, its answers under load and its rule: a sender gets its success
// only after the log has acknowledged every record. What is wrong with a record
// is for its parser to say, in the dead letter.
package receive

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/internal/stream"
)

// Producer writes records to a log.
type Producer interface {
	// Produce returns nil once every record is acknowledged by the log. After
	// an error some of them may have been written all the same. It blocks no
	// longer than ctx allows, and keeps nothing of recs.
	Produce(ctx context.Context, topic string, recs []stream.Record) error
}

// Receiver is one protocol that senders speak.
type Receiver struct {
	// Name is the word in configuration and in the metrics' label receiver.
	Name string
	// Paths are patterns of http.ServeMux, without a method.
	Paths []string
	// Title is for people.
	Title string
	// Auth says how a sender proves itself.
	Auth string
	// Answer is what a sender gets once the log has its records.
	Answer string
	// Busy is the status for a sender that has more than its share in work:
	// 429 where the protocol's senders wait and come back with it, else 503, which
	// all get while the log is away.
	Busy int

	// token is what the sender shows as its proof, "" for nothing. A receiver
	// without one checks a signature in serve, and says so with call.proven.
	token func(*http.Request) string
	// open tells the requests that need no proof; nil: none.
	open func(*http.Request) bool
	// serve takes a request, up to the log's acknowledgement.
	serve func(*call) *refusal
	// reply words the outcome; bad is nil after success.
	reply func(c *call, bad *refusal) reply
}

// Receivers lists every receiver. To add one, write its file and add its line.
func Receivers() []Receiver {
	return []Receiver{
		{Name: "ingest", Paths: []string{"/ingest/{format...}"}, Title: "curl, Kong's http-log, any shipper that posts",
			Auth: "Authorization: Bearer TOKEN, or " + TokenHeader, Answer: `202 {"accepted":N}`,
			Busy:  http.StatusTooManyRequests,
			token: bearer, serve: servePost, reply: replyPost},
		{Name: "splunk", Paths: splunkPaths, Title: "Splunk HTTP Event Collector",
			Auth: "Authorization: Splunk TOKEN, or Basic with the token as password", Answer: `200 {"text":"Success","code":0}, with ackId where a channel is given`,
			Busy:  http.StatusServiceUnavailable,
			token: splunkToken, open: splunkHealth, serve: serveSplunk, reply: replySplunk},
		{Name: "firehose", Paths: []string{"/firehose/{format}"}, Title: "Amazon Data Firehose, HTTP endpoint",
			Auth: "X-Amz-Firehose-Access-Key", Answer: `200 {"requestId":…,"timestamp":ms}`,
			Busy:  http.StatusServiceUnavailable,
			token: firehoseKey, serve: serveFirehose, reply: replyFirehose},
		{Name: "kubernetes", Paths: []string{"/kubernetes/audit"}, Title: "Kubernetes audit webhook",
			Auth: "Authorization: Bearer TOKEN, or a client certificate", Answer: `200 {"accepted":N}`,
			Busy:  http.StatusTooManyRequests,
			token: bearer, serve: serveKubernetes, reply: replyKubernetes},
		{Name: "otlp", Paths: []string{otlpLogsPath, otlpTracesPath}, Title: "OpenTelemetry logs and traces, OTLP/HTTP",
			Auth: "Authorization: Bearer TOKEN", Answer: "200 Export…ServiceResponse, in the request's encoding",
			Busy:  http.StatusTooManyRequests,
			token: bearer, serve: serveOTLP, reply: replyOTLP},
		{Name: "okta", Paths: []string{"/okta/events"}, Title: "Okta event hook",
			Auth: "Authorization: SECRET", Answer: "204",
			Busy:  http.StatusServiceUnavailable,
			token: authorization, open: oktaVerification, serve: serveOkta, reply: replyOkta},
		{Name: "github", Paths: []string{"/github/webhook"}, Title: "GitHub webhook",
			Auth: "X-Hub-Signature-256, HMAC-SHA256 of the body", Answer: `202 {"accepted":1}`,
			Busy:  http.StatusServiceUnavailable,
			serve: serveGitHub, reply: replyPost},
		{Name: "cloudflare", Paths: []string{"/cloudflare/{dataset}"}, Title: "Cloudflare Logpush, HTTP destination",
			Auth: "Authorization, set by header_Authorization in the destination", Answer: `200 {"accepted":N}`,
			Busy:  http.StatusTooManyRequests,
			token: authorization, serve: serveCloudflare, reply: replyCloudflare},
	}
}

// Config configures New. Zero limits mean the defaults.
type Config struct {
	// Tokens are the accepted ones, several during a rotation. Without any,
	// everyone who reaches the listener may write.
	Tokens []string
	// Secrets are those of single receivers, by name, instead of Tokens.
	Secrets map[string][]string
	// CertificateIsEnough lets a sender with a verified client certificate do
	// without a token. Signatures are checked all the same.
	CertificateIsEnough bool
	// Formats are those taken; nil means those of the table.
	Formats *ingest.Set
	// Topics maps a format to its raw topic, where that is not "raw.<format>".
	Topics map[string]string
	// OnlyTopics puts off the senders of formats that Topics does not name: where
	// nobody reads a topic, a success would be a loss.
	OnlyTopics bool
	// Splunk tunes the Splunk receiver.
	Splunk SplunkConfig
	// MaxBodyBytes bounds a request's body as sent; default 16 MiB.
	MaxBodyBytes int64
	// MaxUnpackedBytes bounds it after gzip; default 64 MiB.
	MaxUnpackedBytes int64
	// MaxRecordBytes bounds one record; default 1,000,000, which a broker with
	// its usual limits accepts.
	MaxRecordBytes int
	// MaxRecords bounds the records of a request; default 100,000.
	MaxRecords int
	// MaxConcurrent bounds the requests in work; default 64.
	MaxConcurrent int
	// MaxInFlightBytes bounds the unpacked bodies and records that all requests
	// in work hold together; default 256 MiB. Beyond it requests are put off.
	MaxInFlightBytes int64
	// SenderShare is how much of MaxConcurrent and MaxInFlightBytes one sender, by
	// its address, may take, in percent; default 75. What is left serves others.
	SenderShare int
	// ReadTimeout bounds the reading of a body, so that slow senders cannot
	// hold all of MaxConcurrent for good; default 60 s.
	ReadTimeout time.Duration
	// ProduceTimeout bounds the wait for the log's acknowledgement; default 30 s.
	ProduceTimeout time.Duration
	// RetryAfter is what a refused sender is told to wait; default 1 s.
	RetryAfter time.Duration
}

func (c *Config) defaults() {
	if c.Formats == nil {
		c.Formats = ingest.Table()
	}
	positive(&c.MaxBodyBytes, 16<<20)
	positive(&c.MaxUnpackedBytes, 64<<20)
	positive(&c.MaxRecordBytes, 1_000_000)
	positive(&c.MaxRecords, 100_000)
	positive(&c.MaxConcurrent, 64)
	positive(&c.MaxInFlightBytes, 256<<20)
	if c.SenderShare > 100 {
		c.SenderShare = 100
	}
	positive(&c.SenderShare, 75)
	positive(&c.ReadTimeout, time.Minute)
	positive(&c.ProduceTimeout, 30*time.Second)
	positive(&c.RetryAfter, time.Second)
}

// positive sets what is not.
func positive[N ~int | ~int64](v *N, otherwise N) {
	if *v <= 0 {
		*v = otherwise
	}
}

// KeyHeader lets a sender choose the key, and so the partition, of a request's
// records.
const KeyHeader = "X-Lapwing-Key"

// TokenHeader carries the token where Authorization is taken.
const TokenHeader = "X-Lapwing-Token" //nolint:gosec // the name of a header, no credential

// Server is the handler of all receivers.
type Server struct {
	cfg     Config
	mux     *http.ServeMux
	secrets map[string]secrets
	topics  map[string]string
	out     Producer
	// work is for those who proved themselves, or need not.
	work, unproven *pool
	acks           *ackBook
	hooks          seen
	log            zerolog.Logger
	now            func() time.Time

	metrics metrics
}

type metrics struct {
	requests *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	records  *prometheus.CounterVec
	inFlight prometheus.Gauge
	held     prometheus.Gauge
	seconds  prometheus.Histogram
}

// New returns the handler of every receiver's paths. reg may be nil.
//
// All records of a request get one key, the sender's address or what it says
// in X-Lapwing-Key: so one sender's records stay in one partition in the order
// they came, over many requests, and the disorder that a partition's watermark
// has to allow for stays that of a single source. Where a protocol names the
// source (a host, a log stream), that is the key.
func New(cfg Config, p Producer, reg prometheus.Registerer, log zerolog.Logger) *Server {
	cfg.defaults()
	s := &Server{
		cfg: cfg, out: p, mux: http.NewServeMux(), secrets: map[string]secrets{}, topics: map[string]string{},
		work:     newPool(cfg.MaxConcurrent, cfg.MaxInFlightBytes, cfg.SenderShare, cfg.ReadTimeout, "too many requests at once"),
		unproven: newUnproven(&cfg), acks: newAckBook(maxChannels),
		log: log.Sample(&zerolog.BurstSampler{Burst: 5, Period: 10 * time.Second}), now: time.Now,
		metrics: metrics{
			requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lapwing_ingest_requests_total",
				Help: "Requests, by receiver and HTTP status."}, []string{"receiver", "code"}),
			bytes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lapwing_ingest_bytes_total",
				Help: "Bytes of accepted records, unpacked, by format."}, []string{"format"}),
			records: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lapwing_ingest_records_total",
				Help: "Records that the log acknowledged, by format."}, []string{"format"}),
			inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "lapwing_ingest_requests_in_flight",
				Help: "Requests in work."}),
			held: prometheus.NewGauge(prometheus.GaugeOpts{Name: "lapwing_ingest_bytes_in_flight",
				Help: "Bytes of bodies and records that the requests in work hold."}),
			seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "lapwing_ingest_request_seconds",
				Help: "Time from the request's start to its answer.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 16)}),
		},
	}
	if !cfg.OnlyTopics {
		for _, f := range cfg.Formats.Names() {
			s.topics[f] = "raw." + f
		}
	}
	for format, topic := range cfg.Topics {
		if topic != "" {
			s.topics[format] = topic
		}
	}
	for _, r := range Receivers() {
		given := cfg.Secrets[r.Name]
		if len(given) == 0 {
			given = cfg.Tokens
		}
		s.secrets[r.Name] = newSecrets(given)
		for _, path := range r.Paths {
			s.mux.Handle(path, s.handler(r))
		}
	}
	s.mux.Handle("/", s.handler(Receiver{Name: "none", open: anybody, serve: serveNothing, reply: replyPost}))
	if reg != nil {
		m := &s.metrics
		reg.MustRegister(m.requests, m.bytes, m.records, m.inFlight, m.held, m.seconds)
	}
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) { s.mux.ServeHTTP(w, req) }

// topic gives the raw topic of a format, "" where there is none. A receiver of
// one format writes to its topic whether or not a parser of that name is in the
// table.
func (s *Server) topic(format string) string {
	if t := s.topics[format]; t != "" || s.cfg.OnlyTopics {
		return t
	}
	return "raw." + format
}
