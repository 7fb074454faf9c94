package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// uncached sends a metadata request to a broker; the transport would answer it
// from a cache that does not know new topics.
type uncached struct {
	req      *metadata.Request
	clientID string
	version  int16
}

func (u *uncached) ApiKey() protocol.ApiKey { return protocol.Metadata }

// Required implements protocol.RawExchanger.
func (u *uncached) Required(versions map[protocol.ApiKey]int16) bool {
	u.version = versions[protocol.Metadata]
	return true
}

// RawExchange implements protocol.RawExchanger.
func (u *uncached) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	m, err := protocol.RoundTrip(rw, u.version, 1, u.clientID, u.req)
	if err != nil {
		return nil, err
	}
	res, ok := m.(*metadata.Response)
	if !ok {
		return nil, fmt.Errorf("unexpected answer %T", m)
	}
	return &uncachedResponse{res}, nil
}

// uncachedResponse hides the answer from the transport, which expects its own
// request beside it.
type uncachedResponse struct{ *metadata.Response }

func (c *Client) freshMetadata(ctx context.Context, topics []string) (*metadata.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	m, err := c.transport.RoundTrip(ctx, c.addr, &uncached{req: &metadata.Request{TopicNames: topics}, clientID: c.cfg.ClientID})
	if err != nil {
		return nil, fmt.Errorf("kafka: metadata: %w", err)
	}
	res, ok := m.(*uncachedResponse)
	if !ok {
		return nil, fmt.Errorf("kafka: metadata: unexpected answer %T", m)
	}
	return res.Response, nil
}

// partitions asks how many partitions a topic has; 0 when there is no such topic.
func (c *Client) partitions(ctx context.Context, topic string) (int, error) {
	n := 0
	err := c.retry(ctx, "describe topic "+topic, func(ctx context.Context) error {
		res, err := c.freshMetadata(ctx, []string{topic})
		if err != nil {
			return err
		}
		for _, t := range res.Topics {
			if t.Name != topic {
				continue
			}
			if t.ErrorCode != 0 {
				return kafkago.Error(t.ErrorCode)
			}
			n = len(t.Partitions)
		}
		return nil
	})
	return n, err
}

// retry calls f, each time with a context bound by RequestTimeout, until it
// succeeds, fails for good, ctx ends, or twelve attempts have failed: after a
// broker's restart every pooled connection answers EOF once.
func (c *Client) retry(ctx context.Context, what string, f func(ctx context.Context) error) error {
	for b := newBackoff(); ; {
		rctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
		err := f(rctx)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !retriable(err) || b.tries >= 12 {
			return fmt.Errorf("kafka: %s: %w", what, c.explain(err))
		}
		if !b.wait(ctx) {
			return ctx.Err()
		}
	}
}

// retriable tells errors that pass by themselves from those that do not.
func retriable(err error) bool {
	var code kafkago.Error
	if errors.As(err, &code) {
		switch code { //nolint:exhaustive // all others say so themselves
		case kafkago.UnknownTopicOrPartition, kafkago.RequestTimedOut, kafkago.LeaderNotAvailable, kafkago.NotLeaderForPartition,
			kafkago.GroupLoadInProgress, kafkago.GroupCoordinatorNotAvailable, kafkago.NotCoordinatorForGroup,
			kafkago.NotEnoughReplicas, kafkago.NotEnoughReplicasAfterAppend, kafkago.ConcurrentTransactions,
			kafkago.BrokerNotAvailable, kafkago.ReplicaNotAvailable, kafkago.NetworkException, kafkago.KafkaStorageError,
			kafkago.FencedLeaderEpoch, kafkago.UnknownLeaderEpoch, kafkago.ThrottlingQuotaExceeded, kafkago.InvalidMessage:
			return true
		}
		return code.Temporary() && code != kafkago.RebalanceInProgress
	}
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition) ||
		errors.Is(err, protocol.ErrNoLeader) || errors.Is(err, protocol.ErrNoRecord) || isClosed(err)
}

func isClosed(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}
