package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/detect/sigma"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// MigrateCellsOptions configures MigrateCells.
type MigrateCellsOptions struct {
	// Cells is the number of cells to have.
	Cells int
	// DryRun only says what would be done.
	DryRun bool
}

// MigrateCells changes the number of cells and keeps what is known of the
// identities. The roles enrich and detect must be stopped. Until its last write
// nothing that counts is changed, so it may be interrupted anywhere and be run
// again, or be taken back by naming the number in force:
//
//  1. It notes in lapwing.alert-state that a change has begun: no process starts.
//  2. lapwing.events, lapwing.alerts and lapwing.state get the partitions they lack.
//  3. Enrichers that hang are fenced, and every cell is told the same time of each
//     raw partition, through the log.
//  4. The old cells judge their log to its end, so that no alert is missing.
//  5. Their state is dealt out to the new cells, and written into the slot that the
//     newest snapshot does not use, marked with the next generation.
//  6. The new number and generation are noted: this switches.
func MigrateCells(ctx context.Context, cfg Config, o MigrateCellsOptions, std IO) error {
	if o.Cells < 1 || o.Cells > maxCells {
		return Usagef("--cells %d: want 1 to %d", o.Cells, maxCells)
	}
	m, err := newCellMigration(ctx, cfg, o.Cells, std)
	if err != nil {
		return err
	}
	defer m.kc.Close()
	return m.change(ctx, o.DryRun)
}

// newCellMigration connects and reads the layout in force.
func newCellMigration(ctx context.Context, cfg Config, to int, std IO) (*cellMigration, error) {
	rules, err := loadSigma(&cfg)
	if err != nil {
		return nil, Usage(err)
	}
	kc, err := newServices(&cfg).openKafka(ctx)
	if err != nil {
		return nil, err
	}
	layout, err := kc.Layout(ctx)
	if err == nil && layout.Cells == 0 {
		err = errors.New("there are no topics yet: set detect.cells and run `lapwing migrate`")
	}
	if err != nil {
		kc.Close()
		return nil, err
	}
	m := &cellMigration{cfg: cfg, kc: kc, rules: rules, layout: layout, to: to, std: std}
	m.cfg.Detect.Cells = layout.Cells
	return m, nil
}

func (m *cellMigration) change(ctx context.Context, dryRun bool) error {
	if m.to == m.layout.Cells && m.layout.Target == 0 {
		m.say("there are %s already: nothing to do", count(m.to, "cell"))
		return nil
	}
	if err := m.plan(ctx); err != nil {
		return err
	}
	if err := m.stopped(ctx); err != nil || dryRun {
		return err
	}
	if m.to == m.layout.Cells {
		return m.takeBack(ctx)
	}
	return m.run(ctx)
}

type cellMigration struct {
	cfg    Config // with the number of cells in force
	kc     *kafka.Client
	rules  *sigma.Set
	layout kafka.Layout
	to     int
	std    IO
	// after, when not nil, is told of each step that is done; a test interrupts
	// there.
	after func(step string) error
}

func (m *cellMigration) did(step string) error {
	if m.after == nil {
		return nil
	}
	return m.after(step)
}

func (m *cellMigration) say(format string, args ...any) {
	fmt.Fprintf(m.std.Err, format+"\n", args...)
}

// perCell lists the topics that have a partition for each cell.
func (m *cellMigration) perCell() []string {
	return []string{m.kc.Topic("events"), m.kc.Topic("alerts"), m.kc.Topic("state")}
}

func (m *cellMigration) plan(ctx context.Context) error {
	m.say("%s now, %d wanted", count(m.layout.Cells, "cell"), m.to)
	if m.layout.Target != 0 {
		m.say("a change to %d was begun and not finished", m.layout.Target)
	}
	if m.to == m.layout.Cells {
		m.say("the change is taken back: nothing that counts was written")
		return nil
	}
	for _, topic := range m.perCell() {
		n, err := m.kc.Partitions(ctx, topic)
		switch {
		case err != nil:
			return err
		case n < m.to:
			m.say("%-16s gets %s more", topic, count(m.to-n, "partition"))
		case n > m.to:
			m.say("%-16s keeps its %d partitions, the last %d without a cell", topic, n, n-m.to)
		}
	}
	return nil
}

// stopped refuses while somebody enriches or detects.
func (m *cellMigration) stopped(ctx context.Context) error {
	var errs []error
	for _, role := range []string{RoleEnrich, RoleDetect} {
		group := m.cfg.groupName(role)
		n, err := m.kc.Members(ctx, group)
		switch {
		case err != nil:
			return err
		case n > 0:
			errs = append(errs, fmt.Errorf("group %s has %s: stop every process with the role %s and run this again; one that was killed is forgotten after 30 s", group, count(n, "member"), role))
		}
	}
	return errors.Join(errs...)
}

func (m *cellMigration) takeBack(ctx context.Context) error {
	l := m.layout
	l.Target = 0 // Next stays: that generation is used up
	if err := m.kc.SetLayout(ctx, l); err != nil {
		return err
	}
	m.say("%s as before: start Lapwing again", count(l.Cells, "cell"))
	return nil
}

func (m *cellMigration) run(ctx context.Context) error {
	if m.layout.Target != m.to {
		m.layout.Next = max(m.layout.Generation, m.layout.Next) + 1
		m.layout.Target = m.to
		if err := m.kc.SetLayout(ctx, m.layout); err != nil {
			return err
		}
	}
	if err := m.did("noted"); err != nil {
		return err
	}
	if err := m.kc.AddPartitions(ctx, m.perCell(), max(m.to, m.layout.Cells)); err != nil {
		return err
	}
	if err := m.did("partitions added"); err != nil {
		return err
	}
	old, next, err := m.restore(ctx)
	if err != nil {
		return err
	}
	ends, err := m.level(ctx, old)
	if err != nil {
		return err
	}
	if err := m.did("levelled"); err != nil {
		return err
	}
	if err := m.judge(ctx, next, ends); err != nil {
		return err
	}
	if err := m.did("judged"); err != nil {
		return err
	}
	for cell, e := range old {
		if next[cell], err = applyLog(ctx, m.kc, e, cell, next[cell], nil); err != nil {
			return fmt.Errorf("cell %d: %w", cell, err)
		}
	}
	if err := m.move(ctx, old, next); err != nil {
		return err
	}
	if err := m.did("moved"); err != nil {
		return err
	}
	if err := m.kc.SetLayout(ctx, kafka.Layout{Cells: m.to, Generation: m.layout.Next}); err != nil {
		return err
	}
	m.say("%s now: set detect.cells to %d for every process, and start them", count(m.to, "cell"), m.to)
	return nil
}

// restore copies the state of each old cell, as of the end of its log.
func (m *cellMigration) restore(ctx context.Context) (old []*detect.Engine, next []int64, err error) {
	for cell := range m.layout.Cells {
		e, err := detect.New(engineConfig(&m.cfg, m.rules, cell))
		if err != nil {
			return nil, nil, Usage(err)
		}
		at, _, err := m.kc.Snapshot(ctx, cell, e.Restore)
		if err != nil {
			return nil, nil, fmt.Errorf("cell %d: %w: was it written by another version of lapwing?", cell, err)
		}
		bar := newProgress(m.std.Err, fmt.Sprintf("read cell %d", cell), 0, false)
		at, err = applyLog(ctx, m.kc, e, cell, at, bar)
		bar.finish()
		if err != nil {
			return nil, nil, fmt.Errorf("cell %d: %w", cell, err)
		}
		old, next = append(old, e), append(next, at)
	}
	return old, next, nil
}

// level fences the enrichers and tells every cell the newest time that any of them
// has heard of each raw partition. It returns the ends of the cells' logs.
func (m *cellMigration) level(ctx context.Context, old []*detect.Engine) ([]int64, error) {
	type source struct {
		topic string
		part  int32
	}
	var order []source
	level := map[source]detect.Partition{}
	for _, e := range old {
		for _, p := range e.Partitions() {
			k := source{p.Topic, p.Partition}
			if known, ok := level[k]; ok {
				p.Watermark, p.Idle, p.Ended = max(p.Watermark, known.Watermark), p.Idle && known.Idle, p.Ended && known.Ended
			} else {
				order = append(order, k)
			}
			level[k] = p
		}
	}
	bar := newProgress(m.std.Err, "fence raw partitions", int64(len(order)), false)
	var b stream.Batch
	for _, k := range order {
		if err := m.kc.FenceEnrich(ctx, k.topic, int(k.part)); err != nil {
			return nil, err
		}
		p := level[k]
		kind := schemas.ControlKind_CONTROL_KIND_WATERMARK
		if p.Ended {
			kind = schemas.ControlKind_CONTROL_KIND_END
		}
		if err := b.AddControl(&schemas.Control{
			Kind: kind, RawTopic: p.Topic, RawPartition: p.Partition, Watermark: p.Watermark, Idle: p.Idle,
		}); err != nil {
			return nil, err
		}
		bar.add(1)
	}
	bar.finish()
	for cell := range old {
		if b.Len() == 0 {
			break
		}
		if err := m.kc.ProduceTo(ctx, m.kc.Topic("events"), cell, b.Records()); err != nil {
			return nil, err
		}
	}
	return m.kc.Ends(ctx, m.kc.Topic("events"))
}

// judge runs the old cells until they have applied their logs: what they find is
// written, and each leaves a snapshot.
func (m *cellMigration) judge(ctx context.Context, next, ends []int64) error {
	ctx, done := context.WithCancel(ctx)
	defer done()
	total := int64(0)
	for cell, at := range next {
		total += ends[cell] - at
	}
	bar := newProgress(m.std.Err, "judge what is left", total, false)
	defer bar.finish()
	var mu sync.Mutex
	at := slices.Clone(next)
	reached := map[int]bool{}
	err := m.kc.RunDetect(ctx, kafka.DetectOptions{
		Group: m.cfg.groupName(RoleDetect), Migrating: true,
		NewCell:       func(n int) stream.Cell { return newCell(&m.cfg, m.rules, n, nil) },
		SnapshotEvery: time.Duration(m.cfg.Detect.SnapshotEvery), SnapshotEvents: int64(m.cfg.Detect.SnapshotEvents),
		OnPosition: func(cell int, next, _ int64) {
			mu.Lock()
			defer mu.Unlock()
			if next > at[cell] {
				bar.add(int(next - at[cell]))
				at[cell] = next
			}
			if reached[cell] = next >= ends[cell]; !reached[cell] {
				return
			}
			for c := range m.layout.Cells {
				if !reached[c] && ends[c] > 0 {
					return
				}
			}
			done()
		},
	})
	mu.Lock()
	defer mu.Unlock()
	for c := range m.layout.Cells {
		if !reached[c] && ends[c] > 0 {
			return errors.Join(err, context.Cause(ctx), fmt.Errorf("cell %d did not reach the end of its log: run this again", c))
		}
	}
	return err
}

// move writes the state of the new cells.
func (m *cellMigration) move(ctx context.Context, old []*detect.Engine, next []int64) error {
	ends, err := m.kc.Ends(ctx, m.kc.Topic("events"))
	if err != nil {
		return err
	}
	for cell, at := range next {
		if ends[cell] != at {
			return fmt.Errorf("somebody writes to %s/%d (it ends at %d, read up to %d): stop it and run this again", m.kc.Topic("events"), cell, ends[cell], at)
		}
	}
	cfg := m.cfg
	cfg.Detect.Cells = m.to
	fresh := make([]*detect.Engine, m.to)
	cells := make([]*cell, m.to)
	for n := range fresh {
		cells[n] = newCell(&cfg, m.rules, n, nil)
		fresh[n] = cells[n].engine
	}
	if err := detect.Rekey(old, fresh, func(id string) int { return stream.Murmur2Partition(id, m.to) }); err != nil {
		return err
	}
	bar := newProgress(m.std.Err, "write cells", int64(m.to), false)
	defer bar.finish()
	for n, c := range cells {
		if _, err := m.kc.MoveCell(ctx, stream.MovedSnapshot{
			Cell: n, From: m.layout.Generation, To: m.layout.Next, Offset: ends[n], State: c,
		}); err != nil {
			return fmt.Errorf("cell %d: %w", n, err)
		}
		if err := m.did(fmt.Sprintf("moved cell %d", n)); err != nil {
			return err
		}
		bar.add(1)
	}
	return nil
}
