package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// RunConsumer hands the records of a topic to a handler for each partition, in
// order and at least once, until ctx ends. A handler that fails is closed and,
// after a pause, replaced by a new one at the last position; other partitions
// go on.
func (c *Client) RunConsumer(ctx context.Context, o ConsumerOptions) error {
	if o.Group == "" || o.Topic == "" || o.NewHandler == nil {
		return errors.New("kafka: a consumer needs Group, Topic and NewHandler")
	}
	if o.MaxRecords <= 0 {
		o.MaxRecords = 500
	}
	return c.runGroup(ctx, o.Group, o.Group, []string{o.Topic}, func(ctx context.Context, s *session) error {
		offsets, err := s.fetchOffsets(ctx)
		if err != nil {
			return unlessDone(ctx, err)
		}
		if o.OnReady != nil {
			o.OnReady()
		}
		var at places
		return s.eachCommitting(ctx, time.Second, at.all, func(ctx, hard context.Context, tp topicPartition) error {
			return c.consumePartition(ctx, hard, o, tp, offsets[tp].next, func(next int64) { at.moved(tp, next) })
		})
	})
}

func (c *Client) consumePartition(ctx, hard context.Context, o ConsumerOptions, tp topicPartition, next int64, moved func(int64)) error {
	r, err := c.reader(tp.topic, tp.partition)
	if err != nil {
		return err
	}
	start, end, err := r.Bounds(ctx)
	if err != nil {
		return unlessDone(ctx, err)
	}
	switch {
	case next < 0:
		next = start
	case next > end:
		return fmt.Errorf("%w: group %s stands at %d in %s/%d, but the log ends at %d, so the topic was recreated; reset the group's offsets",
			stream.ErrReset, o.Group, next, tp.topic, tp.partition, end)
	case next < start:
		c.lostRecords(o.Group, tp, next, start)
		next = start
	}
	moved(next)
	for b := newBackoff(); ; {
		before := next
		next, err = c.handlePartition(ctx, hard, o, tp, r, next, moved)
		if ctx.Err() != nil {
			return nil
		}
		if next > before {
			b = newBackoff()
		}
		var out *stream.RangeError
		if errors.As(err, &out) && out.Offset < out.Start {
			c.lostRecords(o.Group, tp, out.Offset, out.Start)
			next = out.Start
		} else if errors.As(err, &out) {
			return err
		}
		c.metrics.retries.WithLabelValues(o.Group).Inc()
		c.log.Warn().Err(err).Str("group", o.Group).Str("topic", tp.topic).Int("partition", tp.partition).Msg("handler stopped, taking the partition up again")
		if !b.wait(ctx) {
			return nil
		}
	}
}

func (c *Client) lostRecords(group string, tp topicPartition, from, to int64) {
	c.metrics.lost.WithLabelValues(group).Add(float64(to - from))
	c.log.Error().Str("group", group).Str("topic", tp.topic).Int("partition", tp.partition).Int64("from", from).Int64("to", to).
		Msg("retention took records before they were read: they are lost")
}

// lastDelivery is the time that a delivery has once its partition is given up.
const lastDelivery = 3 * time.Second

// handlePartition gives the records from next on to one handler until that
// fails or ctx ends.
func (c *Client) handlePartition(ctx, hard context.Context, o ConsumerOptions, tp topicPartition, r *reader, next int64, moved func(int64)) (_ int64, err error) {
	h, err := o.NewHandler(tp.partition)
	if err != nil {
		return next, fmt.Errorf("new handler: %w", err)
	}
	if closer, ok := h.(io.Closer); ok {
		defer func() { err = errors.Join(err, closer.Close()) }()
	}
	// A delivery under way when the partition is given up may end: cut off, it
	// would be repeated.
	hctx, cancel := context.WithCancel(hard)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastDelivery, cancel) })()
	part := strconv.Itoa(tp.partition)
	lag, pos := c.metrics.lag.WithLabelValues(o.Group, tp.topic, part), c.metrics.position.WithLabelValues(o.Group, tp.topic, part)
	in := c.metrics.in.WithLabelValues(o.Group)
	for {
		chunk, err := r.Fetch(ctx, next)
		if err != nil {
			return next, err
		}
		recs := chunk.Records
		for len(recs) > 0 && err == nil && ctx.Err() == nil {
			n := min(len(recs), o.MaxRecords)
			if err = h.Handle(hctx, recs[:n]); err == nil {
				next = recs[n-1].Offset + 1
				moved(next)
				in.Add(float64(n))
			}
			recs = recs[n:]
		}
		if err == nil && len(recs) == 0 {
			next = chunk.Next
			moved(next)
		}
		lag.Set(float64(max(chunk.End-next, 0)))
		pos.Set(float64(next))
		chunk.Release()
		if err != nil || ctx.Err() != nil {
			return next, err
		}
	}
}
