package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// maxCells is what the ends of all cells may number to fit into the metadata
// of a commit (4,096 bytes by default).
const maxCells = 256

// RunEnrich reads raw topics and writes lapwing.events until ctx ends, each
// event once. It drains within Config.DrainTimeout and returns nil then.
func (c *Client) RunEnrich(ctx context.Context, o EnrichOptions) error {
	if o.Group == "" {
		o.Group = "lapwing-enrich"
	}
	setDuration(&o.IdleAfter, time.Minute)
	setDuration(&o.MaxAhead, time.Hour)
	setDuration(&o.HoldWithin, 10*time.Minute)
	setDuration(&o.WatermarkEvery, time.Second)
	setDuration(&o.CommitEvery, time.Second)
	// Commits are the sign of life that writing depends on.
	o.CommitEvery = min(o.CommitEvery, c.cfg.SessionTimeout/8)
	if o.Transform == nil || len(o.RawTopics) == 0 {
		return errors.New("kafka: enrich needs a Transform and at least one raw topic")
	}
	topics := make([]string, 0, len(o.RawTopics))
	for _, t := range o.RawTopics {
		topics = append(topics, t.Name)
	}
	events := c.Topic("events")
	for _, t := range []string{events, c.Topic("deadletter")} {
		if err := c.awaitTopic(ctx, t); err != nil {
			return unlessDone(ctx, err)
		}
	}
	layout, err := c.CheckLayout(ctx, o.Cells)
	if err != nil {
		return unlessDone(ctx, err)
	}
	o.Cells = layout.Cells
	if o.Cells > maxCells {
		return fmt.Errorf("kafka: %d cells, more than %d", o.Cells, maxCells)
	}
	gates := newGates(o)
	return c.runGroup(ctx, "enrich", o.Group, topics, func(ctx context.Context, s *session) error {
		return c.enrichSession(ctx, s, o, gates)
	})
}

// gates hold the raw partitions of a process together, whenever they came.
type gates struct {
	topic map[string]*stream.Gate
	all   *stream.Gate // nil: topics go as they can
}

func newGates(o EnrichOptions) gates {
	g := gates{topic: make(map[string]*stream.Gate)}
	for _, t := range o.RawTopics {
		g.topic[t.Name] = stream.NewGate(int64(o.MaxAhead))
	}
	if o.HoldTogether {
		g.all = stream.NewGate(int64(o.HoldWithin))
	}
	return g
}

// takeover is what one raw partition needs before its first record.
type takeover struct {
	topicPartition
	producer *producer
	fences   []int64
}

func (c *Client) enrichSession(ctx context.Context, s *session, o EnrichOptions, gates gates) error {
	began := time.Now()
	stages, err := c.takeOver(ctx, s, o, gates)
	c.log.Debug().Err(err).Int("partitions", len(s.owned)).Dur("took", time.Since(began)).Msg("took partitions over")
	if err != nil {
		return unlessDone(ctx, err)
	}
	positions := func() map[topicPartition]committed {
		m := make(map[topicPartition]committed, len(stages))
		for tp, r := range stages {
			if p, ok := r.Committable(); ok {
				m[tp] = committed{p.Next, p.Metadata()}
			}
		}
		return m
	}
	// From the start: it makes the fences known, and is the first sign of life.
	if err := s.commit(ctx, positions()); err != nil && ctx.Err() == nil {
		for _, r := range stages {
			r.Abandon()
		}
		return err
	}
	if o.OnReady != nil {
		o.OnReady()
	}
	return s.eachCommitting(ctx, o.CommitEvery, positions, func(ctx, hard context.Context, tp topicPartition) error {
		return stages[tp].Run(ctx, hard)
	})
}

// takeOver makes this process the owner of its raw partitions: every one of
// them is fenced in every cell before any is processed, so that the cells'
// clocks know of all.
func (c *Client) takeOver(ctx context.Context, s *session, o EnrichOptions, gates gates) (map[topicPartition]*stream.Raw, error) {
	events := c.Topic("events")
	if len(s.owned) == 0 {
		return nil, nil
	}
	// Partitions of cells that are no more: what was written there before their
	// number changed must be found, and nothing may be added.
	all, err := c.partitions(ctx, events)
	if err != nil {
		return nil, err
	}
	owned := make([]takeover, len(s.owned))
	limit := make(chan struct{}, 8)
	errs := make([]error, len(s.owned))
	var wg sync.WaitGroup
	for i, tp := range s.owned {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			p, err := c.newProducer(ctx, "enrich", events, c.txName("enrich", tp.topic, strconv.Itoa(tp.partition)))
			if err != nil {
				errs[i] = err
				return
			}
			fences, err := stream.Fence(ctx, p, all, tp.topic, tp.partition, int32(p.identity().epoch))
			owned[i], errs[i] = takeover{tp, p, fences}, err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	offsets, err := s.fetchOffsets(ctx)
	if err != nil {
		return nil, err
	}
	takeovers := make([]stream.Takeover, len(owned))
	readers := make([]*reader, len(owned))
	for i, t := range owned {
		r, err := c.reader(t.topic, t.partition)
		if err != nil {
			return nil, err
		}
		readers[i] = r
		from, end, err := c.rawPosition(ctx, r, offsets[t.topicPartition], all)
		if err != nil {
			return nil, err
		}
		takeovers[i] = stream.Takeover{
			Topic: t.topic, Partition: t.partition, From: from, Fences: t.fences, End: end,
			First: t.producer.identity().epoch == 0 && offsets[t.topicPartition].next < 0,
		}
	}
	cells := make([]stream.Reader, all)
	for cell := range cells {
		r, err := c.reader(events, cell)
		if err != nil {
			return nil, err
		}
		cells[cell] = r
	}
	written, err := stream.Readback(ctx, cells, takeovers)
	if err != nil {
		return nil, err
	}
	disorder := make(map[string]time.Duration)
	for _, t := range o.RawTopics {
		disorder[t.Name] = t.Disorder
	}
	stages := make(map[topicPartition]*stream.Raw, len(owned))
	for i, t := range owned {
		stages[t.topicPartition] = stream.NewRaw(stream.RawConfig{
			Topic: t.topic, Partition: t.partition, Disorder: disorder[t.topic], Cells: o.Cells,
			Transform: o.Transform, Reader: readers[i], Writer: t.producer,
			Dead: func(ctx context.Context, recs []stream.Record) error {
				return c.bury(ctx, "enrich", recs)
			},
			Live: s.live, From: takeovers[i].From, Written: written[i], Fences: t.fences,
			TopicGate: gates.topic[t.topic], AllGate: gates.all,
			Ticker: stream.NewTicker(o.WatermarkEvery), IdleAfter: o.IdleAfter,
			Now:     func() time.Time { return c.now().Add(o.LogsAhead) },
			Observe: c.observeRaw(t.topicPartition),
		})
	}
	return stages, nil
}

// rawPosition checks a committed position against the raw log, and gives that
// log's end.
func (c *Client) rawPosition(ctx context.Context, r *reader, was committed, cells int) (p stream.Position, end int64, err error) {
	start, end, err := r.Bounds(ctx)
	if err != nil {
		return p, 0, err
	}
	p = stream.ParsePosition(was.next, was.metadata, cells)
	switch {
	case was.next < 0:
		p.Next = start
	case was.next > end:
		return p, 0, fmt.Errorf("%w: enrich stands at %d in %s/%d, but the log ends at %d, so the topic was recreated; reset the offsets of the group to its start",
			stream.ErrReset, was.next, r.topic, r.partition, end)
	case was.next < start:
		c.metrics.lost.WithLabelValues("enrich").Add(float64(start - was.next))
		c.log.Error().Str("topic", r.topic).Int("partition", r.partition).Int64("from", was.next).Int64("to", start).
			Msg("retention took raw records before they were read: they are lost")
		p.Next = start
	}
	return p, end, nil
}

// bury writes dead letters.
func (c *Client) bury(ctx context.Context, stage string, recs []stream.Record) error {
	if err := c.Produce(ctx, c.Topic("deadletter"), recs); err != nil {
		return err
	}
	c.metrics.bad.WithLabelValues(stage).Add(float64(len(recs)))
	return nil
}

func (c *Client) observeRaw(tp topicPartition) stream.RawObserver {
	m, part := c.metrics, strconv.Itoa(tp.partition)
	in, out := m.in.WithLabelValues("enrich"), m.out.WithLabelValues("enrich")
	late, dup, skipped := m.late.WithLabelValues(tp.topic), m.duplicate.WithLabelValues(tp.topic), m.skipped.WithLabelValues(tp.topic)
	lag, pos := m.lag.WithLabelValues("enrich", tp.topic, part), m.position.WithLabelValues("enrich", tp.topic, part)
	mark := m.watermark.WithLabelValues(tp.topic, part)
	return stream.RawObserver{
		Flushed: func(f stream.Flushed) {
			in.Add(float64(f.Records))
			out.Add(float64(f.Events))
			late.Add(float64(f.Late))
			dup.Add(float64(f.Duplicates))
			skipped.Add(float64(f.Skipped))
		},
		Position: func(next, end, watermark int64) {
			lag.Set(float64(max(end-next, 0)))
			pos.Set(float64(next))
			mark.Set(float64(watermark) / 1e9)
		},
	}
}
