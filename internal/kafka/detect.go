package kafka

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// warmCell is a cell that this process held in the generation before.
type warmCell struct {
	stage *stream.CellStage
	id    producerID // of its state's writer
}

// RunDetect keeps cells, one for each partition of lapwing.events that the
// group gives to this process, until ctx ends. Then it writes a snapshot of
// each, within Config.DrainTimeout. An error that wraps stream.ErrReset means
// that the log does not reach the stored state; see DetectOptions.OnStopped.
func (c *Client) RunDetect(ctx context.Context, o DetectOptions) error {
	if o.Group == "" {
		o.Group = "lapwing-detect"
	}
	setDuration(&o.SnapshotEvery, 15*time.Minute)
	if o.SnapshotEvents <= 0 {
		o.SnapshotEvents = 5_000_000
	}
	if o.NewCell == nil {
		return errors.New("kafka: detect needs NewCell")
	}
	for _, t := range []string{"alerts", "state", "identities"} {
		if err := c.awaitTopic(ctx, c.Topic(t)); err != nil {
			return unlessDone(ctx, err)
		}
	}
	layout, err := c.layoutFor(ctx, o)
	if err != nil {
		return unlessDone(ctx, err)
	}
	d := &detecting{c: c, o: o, layout: layout, warm: make(map[int]*warmCell), still: make(map[int]bool)}
	return c.runGroup(ctx, "detect", o.Group, []string{c.Topic("events")}, d.session)
}

// detecting is what the sessions of a process share.
type detecting struct {
	c      *Client
	o      DetectOptions
	layout Layout

	mu   sync.Mutex
	warm map[int]*warmCell // of partitions whose last session has ended
	// waiting cells are being restored; those that stand still wait for an
	// operator.
	waiting int
	still   map[int]bool
}

// ready tells, once no cell waits or stands still.
func (d *detecting) ready(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
	if d.waiting == 0 && len(d.still) == 0 && d.o.OnReady != nil {
		d.o.OnReady()
	}
}

// session runs the cells of a session, and keeps those whose state is still
// whole for the next one.
func (d *detecting) session(ctx context.Context, s *session) error {
	d.mu.Lock()
	warm := d.warm
	d.warm = make(map[int]*warmCell)
	cells := 0
	for _, tp := range s.owned {
		if tp.partition < d.layout.Cells {
			cells++
		}
	}
	d.waiting += cells
	d.mu.Unlock()
	if cells == 0 {
		d.ready(func() {})
	}
	var at places
	return s.eachCommitting(ctx, time.Second, at.all, func(ctx, hard context.Context, tp topicPartition) error {
		cell := tp.partition
		if cell >= d.layout.Cells {
			// A partition of a cell that is no more has nobody to judge it.
			<-ctx.Done()
			return nil
		}
		var once sync.Once
		restored := func() { once.Do(func() { d.ready(func() { d.waiting-- }) }) }
		w, err := d.runCell(ctx, hard, s, cell, warm[cell], restored, func(next int64) { at.moved(tp, next) })
		once.Do(func() { d.mu.Lock(); d.waiting--; d.mu.Unlock() })
		if d.o.OnStopped != nil && errors.Is(err, stream.ErrReset) {
			d.c.metrics.stopped.WithLabelValues("detect").Inc()
			d.c.log.Error().Err(err).Int("cell", cell).Msg("cell stands still, the others go on")
			d.mu.Lock()
			d.still[cell] = true
			d.o.OnStopped(cell, err)
			d.mu.Unlock()
			<-ctx.Done()
			if s.leaving() {
				return nil
			}
			// Whoever owns it next will find the same.
			d.ready(func() { delete(d.still, cell) })
			return nil
		}
		if err == nil && w != nil && w.stage.Warm() {
			d.mu.Lock()
			d.warm[cell] = w
			d.mu.Unlock()
		}
		return err
	})
}

// layoutFor is the layout that detect runs on.
func (c *Client) layoutFor(ctx context.Context, o DetectOptions) (Layout, error) {
	if o.Migrating {
		return c.Layout(ctx)
	}
	return c.CheckLayout(ctx, o.Cells)
}

func (d *detecting) runCell(ctx, hard context.Context, s *session, cell int, was *warmCell, ready func(), moved func(next int64)) (*warmCell, error) {
	c, o := d.c, d.o
	name := strconv.Itoa(cell)
	state, err := c.newProducer(ctx, "detect", c.Topic("state"), c.txName("detect", name))
	if err != nil {
		return nil, unlessDone(ctx, err)
	}
	// The fence: from here on an older owner's snapshots are refused.
	var fence stream.Batch
	id := state.identity()
	fence.Add([]byte(name+"/fence"), []byte(strconv.Itoa(int(id.epoch))), nil)
	if _, err := state.Append(ctx, cell, &fence); err != nil {
		return nil, unlessDone(ctx, err)
	}
	alerts, err := c.newProducer(ctx, "detect", c.Topic("alerts"), c.txName("alerts", name))
	if err != nil {
		return nil, unlessDone(ctx, err)
	}
	events, err := c.reader(c.Topic("events"), cell)
	if err != nil {
		return nil, err
	}
	stateReader, err := c.reader(c.Topic("state"), cell)
	if err != nil {
		return nil, err
	}
	ticker := stream.NewTicker(time.Second)
	defer ticker.Stop()
	cfg := stream.CellConfig{
		Cell: cell, Layout: d.layout.Generation, New: o.NewCell, Events: events, State: stateReader, StateWriter: state,
		Alerts: func(ctx context.Context, b *stream.Batch) error {
			_, err := alerts.Append(ctx, cell, b)
			return err
		},
		Identities: func(ctx context.Context, b *stream.Batch) error {
			return c.Produce(ctx, c.Topic("identities"), b.Records())
		},
		AcceptReset: o.AcceptReset, SnapshotEvery: o.SnapshotEvery, SnapshotEvents: o.SnapshotEvents,
		Ticker: ticker, Now: c.now, Observe: c.observeCell(cell, o, moved, ready),
	}
	var stage *stream.CellStage
	if was != nil && id.id == was.id.id && id.epoch == was.id.epoch+1 {
		// Nobody else has owned the cell in between: no other producer came
		// between our two epochs.
		stage = was.stage
		stage.Rebind(cfg)
		ready()
	} else {
		c.metrics.restored.WithLabelValues(name).Set(0)
		stage = stream.NewCellStage(cfg)
		if err := stage.Restore(ctx); err != nil {
			return nil, unlessDone(ctx, err)
		}
	}
	moved(stage.Next())
	if o.WithCell != nil {
		o.WithCell(cell, func(f func(stream.Cell)) { stage.Do(f) })
		defer o.WithCell(cell, nil)
	}
	err = stage.Run(ctx, hard, s.leaving)
	return &warmCell{stage, state.identity()}, err
}

// CheckCells compares the stored state of every cell with its partition of
// lapwing.events; see stream.CheckCell. It takes nothing over.
func (c *Client) CheckCells(ctx context.Context) error {
	layout, err := c.Layout(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for cell := range layout.Cells {
		events, err := c.reader(c.Topic("events"), cell)
		if err != nil {
			return err
		}
		state, err := c.reader(c.Topic("state"), cell)
		if err != nil {
			return err
		}
		errs = append(errs, stream.CheckCell(ctx, cell, layout.Generation, events, state))
	}
	return errors.Join(errs...)
}

// Snapshot hands the newest snapshot of a cell to restore; see
// stream.ReadSnapshot.
func (c *Client) Snapshot(ctx context.Context, cell int, restore func(r io.Reader) error) (next int64, found bool, err error) {
	layout, err := c.Layout(ctx)
	if err != nil {
		return 0, false, err
	}
	state, err := c.reader(c.Topic("state"), cell)
	if err != nil {
		return 0, false, err
	}
	return stream.ReadSnapshot(ctx, state, cell, layout.Generation, restore)
}

// unlessDone drops the error of what was interrupted.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *Client) observeCell(cell int, o DetectOptions, moved func(int64), ready func()) stream.CellObserver {
	m, name := c.metrics, strconv.Itoa(cell)
	topic := c.Topic("events")
	in, out, bad := m.in.WithLabelValues("detect"), m.out.WithLabelValues("detect"), m.bad.WithLabelValues("detect")
	lag, pos := m.lag.WithLabelValues("detect", topic, name), m.position.WithLabelValues("detect", topic, name)
	restored := m.restored.WithLabelValues(name)
	var from, to int64
	return stream.CellObserver{
		Applied: func(did stream.Applied) {
			in.Add(float64(did.Events))
			bad.Add(float64(did.Bad))
			if did.Bad > 0 {
				c.log.Warn().Str("topic", topic).Int("cell", cell).Int("records", did.Bad).Int64("before", did.Next).Msg("left out records that are neither events nor words for detect")
			}
			out.Add(float64(did.Alerts))
			lag.Set(float64(max(did.End-did.Next, 0)))
			pos.Set(float64(did.Next))
			if to > from {
				restored.Set(min(1, float64(did.Next-from)/float64(to-from)))
			}
			moved(did.Next)
			if ready != nil && did.Next >= to {
				ready()
				ready = nil
			} else if ready != nil && o.OnRestoring != nil {
				o.OnRestoring(cell, did.Next, to)
			}
			if o.OnPosition != nil {
				o.OnPosition(cell, did.Next, did.End)
			}
		},
		Restored: func(offset, end int64, slot string, warnings []string) {
			from, to = offset, end
			if to <= from {
				restored.Set(1)
				ready()
				ready = nil
			} else if o.OnRestoring != nil {
				o.OnRestoring(cell, from, to)
			}
			for _, w := range warnings {
				c.log.Warn().Int("cell", cell).Msg(w)
			}
			c.log.Info().Int("cell", cell).Int64("offset", offset).Int64("replay", max(end-offset, 0)).Str("slot", slot).Msg("cell restored")
		},
		Snapshot: func(offset, bytes int64, pause time.Duration, err error) {
			if err != nil {
				c.log.Error().Err(err).Int("cell", cell).Msg("snapshot not written, the one before it stays")
				return
			}
			m.snapshotSeconds.WithLabelValues().Observe(pause.Seconds())
			m.snapshotBytes.WithLabelValues(name).Set(float64(bytes))
			c.log.Info().Int("cell", cell).Int64("offset", offset).Int64("bytes", bytes).Dur("pause", pause).Msg("snapshot written")
		},
	}
}
