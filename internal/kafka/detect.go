package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
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
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	layout, err := c.layoutFor(ctx, o)
	if err != nil {
		return unlessDone(ctx, err)
	}
	warm := make(map[int]*warmCell)
	return c.runGroup(ctx, "detect", o.Group, []string{c.Topic("events")}, func(ctx context.Context, s *session) error {
		next, err := c.detectGeneration(ctx, s, o, layout, warm)
		warm = next
		return err
	})
}

// detectGeneration runs the cells of one generation and returns those whose
// state is still whole.
func (c *Client) detectGeneration(ctx context.Context, s *session, o DetectOptions, layout Layout, warm map[int]*warmCell) (map[int]*warmCell, error) {
	wctx, cancel := context.WithCancel(ctx)
	defer cancel()
	kept := make(map[int]*warmCell)
	positions := make(map[topicPartition]committed)
	var mu sync.Mutex
	var wg sync.WaitGroup
	var errs []error
	// Partitions of cells that are no more have nobody to judge them.
	owned := slices.DeleteFunc(slices.Clone(s.owned), func(tp topicPartition) bool { return tp.partition >= layout.Cells })
	waiting := len(owned)
	for _, tp := range owned {
		wg.Go(func() {
			w, err := c.runCell(wctx, s, o, layout.Generation, tp.partition, warm[tp.partition], func() {
				mu.Lock()
				defer mu.Unlock()
				if waiting--; waiting == 0 && o.OnReady != nil {
					o.OnReady()
				}
			}, func(next int64) {
				mu.Lock()
				positions[tp] = committed{next: next}
				mu.Unlock()
			})
			if o.OnStopped != nil && errors.Is(err, stream.ErrReset) {
				c.metrics.stopped.WithLabelValues("detect").Inc()
				c.log.Error().Err(err).Int("cell", tp.partition).Msg("cell stands still, the others go on")
				o.OnStopped(tp.partition, err)
				<-wctx.Done()
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("cell %d: %w", tp.partition, err))
				cancel()
			} else if w != nil && w.stage.Warm() {
				kept[tp.partition] = w
			}
		})
	}
	snapshot := func() map[topicPartition]committed {
		mu.Lock()
		defer mu.Unlock()
		m := make(map[topicPartition]committed, len(positions))
		for tp, p := range positions {
			m[tp] = p
		}
		return m
	}
	committing := make(chan struct{})
	go func() {
		defer close(committing)
		s.keepCommitting(wctx, time.Second, recommitEvery, snapshot)
	}()
	if len(owned) == 0 {
		if o.OnReady != nil {
			o.OnReady()
		}
		<-wctx.Done()
	}
	wg.Wait()
	cancel()
	<-committing
	s.finalCommit(snapshot())
	return kept, errors.Join(errs...)
}

// layoutFor is the layout that detect runs on.
func (c *Client) layoutFor(ctx context.Context, o DetectOptions) (Layout, error) {
	if o.Migrating {
		return c.Layout(ctx)
	}
	return c.CheckLayout(ctx, o.Cells)
}

func (c *Client) runCell(ctx context.Context, s *session, o DetectOptions, layout, cell int, was *warmCell, ready func(), moved func(next int64)) (*warmCell, error) {
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
		Cell: cell, Layout: layout, New: o.NewCell, Events: events, State: stateReader, StateWriter: state,
		Alerts: func(ctx context.Context, b *stream.Batch) error {
			_, err := alerts.Append(ctx, cell, b)
			return err
		},
		Identities: func(ctx context.Context, b *stream.Batch) error {
			return c.Produce(ctx, c.Topic("identities"), b.Records())
		},
		AcceptReset: o.AcceptReset, SnapshotEvery: o.SnapshotEvery, SnapshotEvents: o.SnapshotEvents,
		Ticker: ticker, Now: c.now, Observe: c.observeCell(cell, o, moved),
	}
	var stage *stream.CellStage
	if was != nil && id.id == was.id.id && id.epoch == was.id.epoch+1 {
		// Nobody else has owned the cell in between: no other producer came
		// between our two epochs.
		stage = was.stage
		stage.Rebind(cfg)
	} else {
		stage = stream.NewCellStage(cfg)
		if err := stage.Restore(ctx); err != nil {
			return nil, unlessDone(ctx, err)
		}
	}
	moved(stage.Next())
	ready()
	if o.WithCell != nil {
		o.WithCell(cell, func(f func(stream.Cell)) { stage.Do(f) })
		defer o.WithCell(cell, nil)
	}
	err = stage.Run(ctx, s.hard, s.leaving)
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

func (c *Client) observeCell(cell int, o DetectOptions, moved func(int64)) stream.CellObserver {
	m, name := c.metrics, strconv.Itoa(cell)
	topic := c.Topic("events")
	in, out, bad := m.in.WithLabelValues("detect"), m.out.WithLabelValues("detect"), m.bad.WithLabelValues("detect")
	lag, pos := m.lag.WithLabelValues("detect", topic, name), m.position.WithLabelValues("detect", topic, name)
	restored := m.restored.WithLabelValues(name)
	var from, to int64
	return stream.CellObserver{
		Applied: func(events, badN, alerts int, next, end int64) {
			in.Add(float64(events))
			bad.Add(float64(badN))
			out.Add(float64(alerts))
			lag.Set(float64(max(end-next, 0)))
			pos.Set(float64(next))
			if to > from {
				restored.Set(min(1, float64(next-from)/float64(to-from)))
			}
			moved(next)
			if o.OnPosition != nil {
				o.OnPosition(cell, next, end)
			}
		},
		Restored: func(offset, end int64, slot string, warnings []string) {
			from, to = offset, end
			if to <= from {
				restored.Set(1)
			} else {
				restored.Set(0)
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
