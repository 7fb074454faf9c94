package kafka

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// RunStore inserts lapwing.events through o.Inserter, each batch once, until
// ctx ends; the batch in hand is finished within Config.DrainTimeout.
func (c *Client) RunStore(ctx context.Context, o StoreOptions) error {
	if o.Group == "" {
		o.Group = "lapwing-store"
	}
	if o.Inserter == nil {
		return errors.New("kafka: store needs an Inserter")
	}
	if o.MaxRows <= 0 {
		o.MaxRows = 50_000
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 32 << 20
	}
	setDuration(&o.MaxWait, time.Second)
	topic := c.Topic("events")
	return c.runGroup(ctx, "store", o.Group, []string{topic}, func(ctx context.Context, s *session) error {
		offsets, err := s.fetchOffsets(ctx)
		if err != nil {
			return unlessDone(ctx, err)
		}
		if o.OnReady != nil {
			o.OnReady()
		}
		return s.each(ctx, func(ctx, hard context.Context, tp topicPartition) error {
			r, err := c.reader(tp.topic, tp.partition)
			if err != nil {
				return err
			}
			return stream.RunStore(ctx, hard, stream.StoreConfig{
				Topic: tp.topic, Partition: tp.partition, Reader: r, Inserter: o.Inserter,
				Commit: func(ctx context.Context, next int64, metadata string) error {
					return s.commit(ctx, map[topicPartition]committed{tp: {next, metadata}})
				},
				Dead: func(ctx context.Context, recs []stream.Record) error { return c.bury(ctx, "store", recs) },
				From: offsets[tp].next, Metadata: offsets[tp].metadata,
				MaxRows: o.MaxRows, MaxBytes: o.MaxBytes, MaxWait: o.MaxWait,
				Wait: func(ctx context.Context, try int) bool {
					b := backoff{next: min(50*time.Millisecond<<min(try, 8), 5*time.Second)}
					return b.wait(ctx)
				},
				Observe: c.observeStore(tp),
			})
		}, nil)
	})
}

func (c *Client) observeStore(tp topicPartition) stream.StoreObserver {
	m, part := c.metrics, strconv.Itoa(tp.partition)
	in, out := m.in.WithLabelValues("store"), m.out.WithLabelValues("store")
	insert, retries := m.insert.WithLabelValues("store"), m.retries.WithLabelValues("store")
	lag, pos := m.lag.WithLabelValues("store", tp.topic, part), m.position.WithLabelValues("store", tp.topic, part)
	var last time.Time
	return stream.StoreObserver{
		Inserted: func(rows, rejected int, took time.Duration) {
			in.Add(float64(rows + rejected))
			out.Add(float64(rows))
			insert.Observe(took.Seconds())
		},
		Failed: func(err error) {
			retries.Inc()
			if now := c.now(); now.Sub(last) > 10*time.Second {
				last = now
				c.log.Warn().Err(err).Str("topic", tp.topic).Int("partition", tp.partition).Msg("insert failed, trying again")
			}
		},
		Position: func(next, end int64) {
			lag.Set(float64(max(end-next, 0)))
			pos.Set(float64(next))
		},
		Lost: func(from, to int64) {
			m.lost.WithLabelValues("store").Add(float64(to - from))
			c.log.Error().Str("topic", tp.topic).Int("partition", tp.partition).Int64("from", from).Int64("to", to).
				Msg("retention took events before they were stored: they are missing in ClickHouse")
		},
	}
}
