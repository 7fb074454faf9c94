package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/detect/sigma"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// cell runs a detection engine as the state of one partition of lapwing.events.
type cell struct {
	engine  *detect.Engine
	out     detect.Output
	observe func(stats func() detect.Stats)
}

// Event implements stream.Cell.
func (c *cell) Event(ev *schemas.Event, out *stream.Out) {
	c.engine.Event(ev, &c.out)
	c.hand(out)
}

// Control implements stream.Cell. Control records come about once a second,
// which is a good pace for metrics too.
func (c *cell) Control(ctl *schemas.Control, out *stream.Out) {
	c.engine.Control(ctl, &c.out)
	c.hand(out)
	if c.observe != nil {
		c.observe(c.engine.Stats)
	}
}

func (c *cell) hand(out *stream.Out) {
	if len(c.out.Alerts) == 0 && len(c.out.Discovered) == 0 {
		return
	}
	out.Alerts = append(out.Alerts, c.out.Alerts...)
	out.Discovered = append(out.Discovered, c.out.Discovered...)
	c.out.Alerts, c.out.Discovered = c.out.Alerts[:0], c.out.Discovered[:0]
}

// Snapshot implements stream.Cell.
func (c *cell) Snapshot(w io.Writer) error { return c.engine.Snapshot(w) }

// Restore implements stream.Cell.
func (c *cell) Restore(r io.Reader) error { return c.engine.Restore(r) }

// Digest implements stream.Cell.
func (c *cell) Digest() string { return c.engine.Digest() }

// NewCell makes an engine the state of one partition of lapwing.events.
func NewCell(engine *detect.Engine) stream.Cell { return &cell{engine: engine} }

// newCell makes the empty state of one cell. The configuration has made an
// engine before, so that this one cannot fail.
func newCell(cfg *Config, rules *sigma.Set, n int, observe func(stats func() detect.Stats)) *cell {
	engine, err := detect.New(engineConfig(cfg, rules, n))
	if err != nil {
		panic(fmt.Sprintf("cell %d: %v", n, err))
	}
	return &cell{engine: engine, observe: observe}
}

func (p *process) startDetect() error {
	// A configuration that makes no engine is found here, not at the first
	// cell: the stage has no way to say it.
	rules, err := loadSigma(&p.cfg)
	if err != nil {
		return Usage(err)
	}
	if _, err := detect.New(engineConfig(&p.cfg, rules, 0)); err != nil {
		return Usage(err)
	}
	if rules.Len() > 0 {
		p.log.Info().Int("rules", rules.Len()).Str("digest", rules.Digest()).Msg("Sigma rules loaded; a change needs a restart")
		for _, w := range rules.Warnings() {
			p.log.Warn().Msg("Sigma: " + w.Error())
		}
	}
	metrics := newDetectMetrics(p.reg)
	cellName := func(n int) string { return fmt.Sprintf("%s cell %d", RoleDetect, n) }
	p.goRole(RoleDetect, func(ctx context.Context) error {
		return p.kafka.RunDetect(ctx, kafka.DetectOptions{
			Group:          p.groupName("detect"),
			Cells:          p.cfg.Detect.Cells,
			NewCell:        func(n int) stream.Cell { return newCell(&p.cfg, rules, n, metrics.observer(n)) },
			SnapshotEvery:  time.Duration(p.cfg.Detect.SnapshotEvery),
			SnapshotEvents: int64(p.cfg.Detect.SnapshotEvents),
			AcceptReset:    p.hooks.acceptReset,
			OnPosition:     p.hooks.onPosition,
			OnRestoring: func(n int, next, end int64) {
				p.ready.set(RoleDetect, fmt.Sprintf("restoring cell %d: replayed up to %d of %d", n, next, end))
			},
			OnStopped: func(n int, err error) { p.ready.set(cellName(n), err.Error()) },
			OnReady: func() {
				for n := range p.cfg.Detect.Cells {
					p.ready.set(cellName(n), "")
				}
				p.ready.set(RoleDetect, "")
			},
		})
	})
	return nil
}
