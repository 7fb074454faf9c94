package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// cellOf is the cell that judges an identity.
func cellOf(ctx context.Context, kc *kafka.Client, identity string) (int, error) {
	l, err := kc.CheckLayout(ctx, 0)
	if err != nil {
		return 0, err
	}
	return stream.Murmur2Partition(identity, l.Cells), nil
}

// cellEngine is a cell's state as of now: its newest snapshot, and what the log
// holds since. The running detect role is not disturbed; state is a function of
// the log, so this copy is what it has.
func (s *services) cellEngine(ctx context.Context, kc *kafka.Client, cell int, bar *progress) (*detect.Engine, error) {
	rules, err := loadSigma(s.cfg)
	if err != nil {
		return nil, Usage(err)
	}
	cfg := engineConfig(s.cfg, rules, cell)
	layout, err := kc.Layout(ctx)
	if err != nil {
		return nil, err
	}
	cfg.Cells = layout.Cells
	e, err := detect.New(cfg)
	if err != nil {
		return nil, Usage(err)
	}
	next, _, err := kc.Snapshot(ctx, cell, e.Restore)
	if err != nil {
		return nil, fmt.Errorf("%w: was it written by another version of lapwing?", err)
	}
	_, err = applyLog(ctx, kc, e, cell, next, bar)
	return e, err
}

// applyLog takes the log of a cell from an offset to its end into a copy of the
// cell's state; what it says is dropped. It returns the offset to go on from.
func applyLog(ctx context.Context, kc *kafka.Client, e *detect.Engine, cell int, next int64, bar *progress) (int64, error) {
	var ev schemas.Event
	var out detect.Output
	err := kc.Scan(ctx, kc.Topic("events"), kafka.ScanOptions{Partition: cell, From: next}, func(rec *stream.Record) error {
		bar.add(1)
		next = rec.Offset + 1
		// What cannot be read is stepped over, as the detect role does.
		if stream.IsControl(rec) {
			var c schemas.Control
			if c.UnmarshalVT(rec.Value) == nil {
				e.Control(&c, &out)
			}
		} else {
			ev.ResetVT()
			if ev.UnmarshalVTUnsafe(rec.Value) == nil {
				e.Event(&ev, &out)
			}
		}
		clear(out.Alerts)
		clear(out.Discovered)
		out.Alerts, out.Discovered = out.Alerts[:0], out.Discovered[:0]
		return nil
	})
	return next, err
}

// engines hands the state of every cell to fn.
func (s *services) engines(ctx context.Context, std IO, fn func(e *detect.Engine) error) error {
	kc, err := s.openKafka(ctx)
	if err != nil {
		return err
	}
	defer kc.Close()
	layout, err := kc.Layout(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for cell := range layout.Cells {
		bar := newProgress(std.Err, fmt.Sprintf("cell %d", cell), 0, false)
		e, err := s.cellEngine(ctx, kc, cell, bar)
		bar.finish()
		if err == nil {
			err = fn(e)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cell %d: %w", cell, err))
		}
	}
	return errors.Join(errs...)
}
