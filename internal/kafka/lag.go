package kafka

import (
	"context"
	"encoding/binary"
	"maps"
	"strconv"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// measureEvery is the pace at which lag is measured: from beside the stages, so that
// one which hangs in a write or a delivery is seen to.
const measureEvery = 5 * time.Second

// Offsets of fields in a batch of format 2.
const (
	batchMagic          = 16
	batchFirstTimestamp = 27
)

// committedAt notes the position of a partition that the group has acknowledged.
func (s *session) committedAt(tp topicPartition, next int64) {
	s.ackedMu.Lock()
	defer s.ackedMu.Unlock()
	if s.acked == nil {
		s.acked = make(map[topicPartition]int64)
	}
	s.acked[tp] = next
}

// watchLag states, until ctx ends, how far each partition owned lies behind its
// log, and how old the oldest record is that is not acknowledged. Then the metrics
// of these partitions are taken away: their next owner shows them.
func (s *session) watchLag(ctx context.Context) {
	m := s.c.metrics
	defer func() {
		for _, tp := range s.owned {
			part := strconv.Itoa(tp.partition)
			m.lag.DeleteLabelValues(s.stage, tp.topic, part)
			m.position.DeleteLabelValues(s.stage, tp.topic, part)
			m.oldest.DeleteLabelValues(s.stage, tp.topic, part)
		}
	}()
	t := time.NewTicker(s.c.lagEvery())
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.measureLag(ctx)
		}
	}
}

func (c *Client) lagEvery() time.Duration {
	if c.cfg.lagEvery > 0 {
		return c.cfg.lagEvery
	}
	return min(measureEvery, c.cfg.SessionTimeout/2)
}

func (s *session) measureLag(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.c.cfg.RequestTimeout)
	defer cancel()
	s.ackedMu.Lock()
	acked := maps.Clone(s.acked)
	s.ackedMu.Unlock()
	req := map[string][]kafkago.OffsetRequest{}
	for tp := range acked {
		req[tp.topic] = append(req[tp.topic], kafkago.LastOffsetOf(tp.partition))
	}
	if len(req) == 0 {
		return
	}
	res, err := s.c.api.ListOffsets(ctx, &kafkago.ListOffsetsRequest{Topics: req})
	if err != nil {
		return // the brokers are away: the stages say so, and the last value stands
	}
	for topic, parts := range res.Topics {
		for _, p := range parts {
			tp := topicPartition{topic, p.Partition}
			next, ok := acked[tp]
			if !ok || p.Error != nil {
				continue
			}
			part := strconv.Itoa(p.Partition)
			lag := max(p.LastOffset-max(next, 0), 0)
			age := time.Duration(0)
			if lag > 0 {
				if at, err := s.c.writtenAt(ctx, tp, max(next, 0)); err == nil && !at.IsZero() {
					age = max(s.c.now().Sub(at), 0)
				}
			}
			m := s.c.metrics
			m.lag.WithLabelValues(s.stage, topic, part).Set(float64(lag))
			m.position.WithLabelValues(s.stage, topic, part).Set(float64(max(next, 0)))
			m.oldest.WithLabelValues(s.stage, topic, part).Set(age.Seconds())
		}
	}
}

// writtenAt is when the batch that holds an offset, or comes next after it, was
// written; zero where nothing is there.
func (c *Client) writtenAt(ctx context.Context, tp topicPartition, offset int64) (time.Time, error) {
	m, err := c.transport.RoundTrip(ctx, c.addr, &fetchRequest{
		clientID: c.cfg.ClientID, topic: tp.topic, partition: int32(tp.partition), //nolint:gosec // Kafka's partitions are int32
		offset: offset, maxBytes: 1, buffers: &c.buffers, // a broker sends one batch at least
	})
	if err != nil {
		return time.Time{}, err
	}
	res, ok := m.(*fetchResponse)
	if !ok {
		return time.Time{}, nil
	}
	defer c.buffers.give(res.buf)
	if res.code != 0 || len(res.set) < batchFirstTimestamp+8 || res.set[batchMagic] != 2 {
		return time.Time{}, nil
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(res.set[batchFirstTimestamp:]))), nil //nolint:gosec // two's complement
}
