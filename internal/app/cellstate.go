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
	n, err := kc.Partitions(ctx, kc.Topic("events"))
	if err != nil {
		return 0, err
	}
	return stream.Murmur2Partition(identity, n), nil
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
	n, err := kc.Partitions(ctx, kc.Topic("events"))
	if err != nil {
		return nil, err
	}
	cfg.Cells = n
	e, err := detect.New(cfg)
	if err != nil {
		return nil, Usage(err)
	}
	next, _, err := kc.Snapshot(ctx, cell, e.Restore)
	if err != nil {
		return nil, fmt.Errorf("%w: was it written by another version of lapwing?", err)
	}
	var ev schemas.Event
	var out detect.Output
	err = kc.Scan(ctx, kc.Topic("events"), kafka.ScanOptions{Partition: cell, From: next}, func(rec *stream.Record) error {
		bar.add(1)
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
	return e, err
}

// engines hands the state of every cell to fn.
func (s *services) engines(ctx context.Context, std IO, fn func(e *detect.Engine) error) error {
	kc, err := s.openKafka(ctx)
	if err != nil {
		return err
	}
	defer kc.Close()
	n, err := kc.Partitions(ctx, kc.Topic("events"))
	if err != nil {
		return err
	}
	var errs []error
	for cell := range n {
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
