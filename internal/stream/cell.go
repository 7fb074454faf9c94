package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// CellConfig is what the detect stage needs for one cell.
type CellConfig struct {
	Cell int
	// Layout is the generation of cells: it changes with their number. State of
	// another generation is other identities' and is left alone.
	Layout int
	New    func(cell int) Cell
	// Events reads the cell's partition of lapwing.events, State its partition
	// of lapwing.state; StateWriter is fenced.
	Events, State Reader
	StateWriter   Writer
	// Alerts and Identities return once the batch is durable.
	Alerts, Identities func(ctx context.Context, b *Batch) error
	// AcceptReset goes on where the log does not reach the state, and writes
	// at once a snapshot that outranks the old ones.
	AcceptReset    bool
	SnapshotEvery  time.Duration
	SnapshotEvents int64
	Ticker         Ticker
	Now            func() time.Time
	Observe        CellObserver
}

// Applied counts what one step of a cell did with the log.
type Applied struct {
	// Events and Bad are the records that were and were not taken in, Alerts the
	// versions of alerts that were acknowledged.
	Events, Bad, Alerts int
	// Next is the offset that is read next, End the end of the log.
	Next, End int64
}

// CellObserver is told what the stage does; any may be nil.
type CellObserver struct {
	// Applied: records of the log were applied, and alerts acknowledged.
	Applied func(Applied)
	// Restored says where the state came from; warnings tell what was lost.
	Restored func(offset, end int64, slot string, warnings []string)
	// Snapshot was written (or failed); pause is how long the cell stood still.
	Snapshot func(offset, bytes int64, pause time.Duration, err error)
}

// CellStage keeps the state of one cell. It is its one owner's.
type CellStage struct {
	cfg   CellConfig
	cell  Cell
	next  int64
	slot  string         // newest complete slot
	reset int            // resets accepted so far; see slotEnd
	old   map[string]int // chunks that each slot holds
	since int64          // events since the last snapshot
	dirty bool           // stopped in the middle of a chunk: not at next
	taken time.Time
	// failed: the last snapshot was not written. The next one waits for its time,
	// not for events: else every chunk would stop the cell for one.
	failed bool
	calls  chan func(Cell)
	gone   chan struct{}

	out        Out
	alerts     Batch
	identities Batch
	snapshot   chan snapshotResult // of the one under way, else nil
}

type snapshotResult struct {
	offset, bytes int64
	chunks        int
	slot          string
	records       int64
	pause         time.Duration
	err           error
}

// NewCellStage prepares a cell; Restore comes next.
func NewCellStage(cfg CellConfig) *CellStage {
	return &CellStage{cfg: cfg, calls: make(chan func(Cell)), gone: make(chan struct{}), old: make(map[string]int)}
}

// Rebind gives a warm stage the readers and writers of a new generation. Its
// state is a function of the log up to its position, so it stays good for as
// long as nobody else wrote a snapshot in between.
func (s *CellStage) Rebind(cfg CellConfig) {
	s.cfg = cfg
	s.gone = make(chan struct{})
}

// Warm reports whether the stage can go on after Rebind.
func (s *CellStage) Warm() bool { return s.cell != nil && !s.dirty }

// Next is the offset of the first record not applied. It must not be called
// while Run runs.
func (s *CellStage) Next() int64 { return s.next }

// Do runs f between two records; false when the cell has been given up.
func (s *CellStage) Do(f func(Cell)) bool {
	done := make(chan struct{})
	gone := s.gone
	select {
	case s.calls <- func(c Cell) { defer close(done); f(c) }:
		<-done
		return true
	case <-gone:
		return false
	}
}

// Restore loads the newest usable snapshot and checks that the log reaches it.
func (s *CellStage) Restore(ctx context.Context) error {
	slots, err := readSlots(ctx, s.cfg.State, s.cfg.Cell, s.cfg.Layout)
	if err != nil {
		return fmt.Errorf("read the state of cell %d: %w", s.cfg.Cell, err)
	}
	start, end, err := s.cfg.Events.Bounds(ctx)
	if err != nil {
		return fmt.Errorf("cell %d: %w", s.cfg.Cell, err)
	}
	var warnings []string
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	first, second := slots["A"], slots["B"]
	if newer(second, first) {
		first, second = second, first
	}
	s.cell, s.next, s.slot, s.reset = nil, start, "", resets(slots)
	other := false
	for name, sl := range slots {
		if sl.ignored > 0 {
			warn("slot %s: %d records were ignored: this program did not write them; see who may write to the topic", name, sl.ignored)
		}
		for n := range sl.chunks {
			s.old[name] = max(s.old[name], n+1)
		}
	}
	for _, sl := range []*slot{first, second} {
		if sl.end == nil {
			if len(sl.chunks) > 0 && !sl.other {
				warn("slot %s has no end record and was ignored", sl.name)
			}
			other = other || sl.other
			continue
		}
		if s.cell != nil || sl.end.Reset < s.reset {
			continue // the older one, or of the log that was given up
		}
		c := s.cfg.New(s.cfg.Cell)
		if err := restoreSlot(sl, c); err != nil {
			warn("snapshot not usable: %v", err)
			continue
		}
		s.cell, s.next, s.slot = c, sl.end.Offset, sl.name
		if d := c.Digest(); d != sl.end.Digest {
			warn("the snapshot was made under digest %s, this is %s: baselines are kept, verdicts may differ from those of a replay", sl.end.Digest, d)
		}
	}
	if s.cell == nil {
		s.cell = s.cfg.New(s.cfg.Cell)
		if other {
			warn("there is state, but of another number of cells: it was ignored; if that number was never changed, lapwing.alert-state, which holds it, was recreated")
		}
		if start > 0 {
			warn("no snapshot: the state is rebuilt from what the log still holds, and offsets 0 to %d are gone", start)
		}
	}
	s.taken = s.cfg.Now()
	s.since = 0
	if err := s.reach(start, end); err != nil {
		if !s.cfg.AcceptReset {
			return err
		}
		if err := s.accept(ctx, start, end, warn); err != nil {
			return err
		}
	}
	if o := s.cfg.Observe.Restored; o != nil {
		o(s.next, end, s.slot, warnings)
	}
	return nil
}

func newer(a, b *slot) bool {
	if a.end == nil || b.end == nil {
		return a.end != nil
	}
	if a.end.Reset != b.end.Reset {
		return a.end.Reset > b.end.Reset
	}
	if a.end.Offset != b.end.Offset {
		return a.end.Offset > b.end.Offset
	}
	return a.seen > b.seen
}

// reach checks the state's position against the log, which must hold it.
func (s *CellStage) reach(start, end int64) error {
	switch {
	case s.next > end:
		return fmt.Errorf("%w: cell %d has state up to offset %d, but the events log ends at %d, so the topic was recreated; "+
			"restore the topic, or run `lapwing check --accept-reset` to start this cell anew", ErrReset, s.cfg.Cell, s.next, end)
	case s.next < start:
		return fmt.Errorf("%w: cell %d has state up to offset %d, but the events log starts at %d: retention took %d records before they were judged; "+
			"run `lapwing check --accept-reset` to go on without them", ErrReset, s.cfg.Cell, s.next, start, start-s.next)
	}
	return nil
}

// CheckCell compares the position of a cell's newest snapshot with its log,
// without taking the cell over. The error wraps ErrReset when the log does not
// reach it; a cell without snapshots is well.
func CheckCell(ctx context.Context, cell, layout int, events, state Reader) error {
	slots, err := readSlots(ctx, state, cell, layout)
	if err != nil {
		return fmt.Errorf("read the state of cell %d: %w", cell, err)
	}
	start, end, err := events.Bounds(ctx)
	if err != nil {
		return fmt.Errorf("cell %d: %w", cell, err)
	}
	newest, reset := &slot{}, resets(slots)
	for _, name := range []string{"A", "B"} {
		if sl := slots[name]; sl.end != nil && sl.end.Reset >= reset && newer(sl, newest) && sl.opens() {
			newest = sl
		}
	}
	if newest.end == nil {
		return nil
	}
	s := CellStage{cfg: CellConfig{Cell: cell}, next: newest.end.Offset}
	return s.reach(start, end)
}

// accept goes on from what the log holds and makes that durable before anything
// is judged: the next owner starts from here without being told again.
func (s *CellStage) accept(ctx context.Context, start, end int64, warn func(string, ...any)) error {
	if s.next > end {
		warn("reset accepted: state up to offset %d dropped, the log ends at %d", s.next, end)
		s.cell = s.cfg.New(s.cfg.Cell)
	} else {
		warn("reset accepted: offsets %d to %d were never judged", s.next, start)
	}
	s.next = start
	s.reset++
	if err := s.begin(ctx); err != nil {
		return err
	}
	r := <-s.snapshot
	if err := s.finish(r); err != nil {
		return err
	}
	if r.err != nil {
		return fmt.Errorf("the reset of cell %d was not written: %w", s.cfg.Cell, r.err)
	}
	return nil
}

// Run applies the log until ctx ends. Then it writes a last snapshot, as long
// as hard lives and final, asked at the end, wants one. nil: told to stop.
func (s *CellStage) Run(ctx, hard context.Context, final func() bool) error {
	defer close(s.gone)
	err := s.loop(ctx, hard)
	if s.snapshot != nil {
		if werr := s.finish(<-s.snapshot); err == nil {
			err = werr
		}
	}
	if err == nil && s.since > 0 && final() {
		if err = s.begin(hard); err == nil {
			err = s.finish(<-s.snapshot)
		}
	}
	if err != nil && ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil
	}
	return err
}

func (s *CellStage) loop(ctx, hard context.Context) error {
	fctx, stop := context.WithCancel(ctx)
	chunks := prefetch(fctx, s.cfg.Events, s.next, prefetchDepth)
	defer func() {
		stop()
		for f := range chunks {
			if f.err == nil {
				f.chunk.Release()
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case f := <-s.calls:
			f(s.cell)
		case r := <-s.snapshot:
			if err := s.finish(r); err != nil {
				return err
			}
		case <-s.cfg.Ticker.Chan():
			if err := s.due(hard); err != nil {
				return err
			}
		case f, ok := <-chunks:
			switch {
			case !ok:
				return nil
			case f.err != nil:
				return s.explain(f.err)
			}
			err := s.apply(hard, &f.chunk)
			f.chunk.Release()
			if err != nil {
				return err
			}
			if err := s.due(hard); err != nil {
				return err
			}
		}
	}
}

// explain turns a position outside the log into what the operator must know.
func (s *CellStage) explain(err error) error {
	var out *RangeError
	if !errors.As(err, &out) {
		return err
	}
	rerr := s.reach(out.Start, out.End)
	if rerr == nil {
		return err
	}
	if s.cfg.AcceptReset {
		s.dirty = true // Restore, which comes next, accepts it
		return err
	}
	return rerr
}

// apply takes one chunk into the state and makes its alerts durable.
func (s *CellStage) apply(ctx context.Context, c *Chunk) error {
	var ev schemas.Event
	var control schemas.Control
	events, bad, alerts := 0, 0, 0
	s.dirty = true
	for i := range c.Records {
		rec := &c.Records[i]
		if IsControl(rec) {
			control.Reset()
			if err := control.UnmarshalVT(rec.Value); err != nil {
				bad++
				continue
			}
			s.cell.Control(&control, &s.out)
		} else {
			ev.ResetVT()
			if err := ev.UnmarshalVTUnsafe(rec.Value); err != nil {
				bad++
				continue
			}
			s.cell.Event(&ev, &s.out)
			events++
		}
		if len(s.out.Alerts)+len(s.out.Discovered) >= 1000 {
			alerts += len(s.out.Alerts)
			if err := s.say(ctx); err != nil {
				return err
			}
		}
	}
	alerts += len(s.out.Alerts)
	if err := s.say(ctx); err != nil {
		return err
	}
	s.since += int64(events)
	s.next, s.dirty = c.Next, false
	if o := s.cfg.Observe.Applied; o != nil {
		o(Applied{Events: events, Bad: bad, Alerts: alerts, Next: s.next, End: c.End})
	}
	return nil
}

// say writes what the cell had to say. A snapshot never covers an alert that
// was not acknowledged: it is taken after this returned.
func (s *CellStage) say(ctx context.Context) error {
	for i := range s.out.Alerts {
		a := &s.out.Alerts[i]
		value, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("encode alert %s: %w", a.FindingInfo.UID, err)
		}
		s.alerts.Add([]byte(a.Actor.User.UID), value, nil)
	}
	for i := range s.out.Discovered {
		d := &s.out.Discovered[i]
		value, err := json.Marshal(d)
		if err != nil {
			return fmt.Errorf("encode identity %s: %w", d.ID, err)
		}
		s.identities.Add([]byte(schemas.DiscoveredKey+d.ID), value, nil)
	}
	s.out.Reset()
	if s.alerts.Len() > 0 {
		if err := s.cfg.Alerts(ctx, &s.alerts); err != nil {
			return fmt.Errorf("write alerts: %w", err)
		}
		s.alerts.Reset()
	}
	if s.identities.Len() > 0 {
		if err := s.cfg.Identities(ctx, &s.identities); err != nil {
			return fmt.Errorf("write identities: %w", err)
		}
		s.identities.Reset()
	}
	return nil
}

func (s *CellStage) due(ctx context.Context) error {
	if s.snapshot != nil || s.since == 0 {
		return nil
	}
	full := s.since >= s.cfg.SnapshotEvents && !s.failed
	if !full && s.cfg.Now().Sub(s.taken) < s.cfg.SnapshotEvery {
		return nil
	}
	return s.begin(ctx)
}

// begin takes a snapshot into memory, which stops the cell, and has it written
// beside the work that goes on.
func (s *CellStage) begin(ctx context.Context) error {
	from := s.cfg.Now()
	content := new(pieces)
	if err := s.cell.Snapshot(content); err != nil {
		return fmt.Errorf("snapshot of cell %d: %w", s.cfg.Cell, err)
	}
	pause := s.cfg.Now().Sub(from)
	name := "A"
	if s.slot == "A" {
		name = "B"
	}
	end := slotEnd{ID: uint64(from.UnixNano()), Offset: s.next, Digest: s.cell.Digest(), Written: from.UTC(), Reset: s.reset, Layout: s.cfg.Layout}
	res := snapshotResult{offset: s.next, slot: name, records: s.since, pause: pause}
	done := make(chan snapshotResult, 1)
	cfg, old := s.cfg, s.old[name]
	go func() {
		res.bytes, res.chunks, res.err = writeSlot(ctx, cfg.StateWriter, cfg.Cell, name, old, end, content)
		done <- res
	}()
	s.snapshot = done
	return nil
}

func (s *CellStage) finish(r snapshotResult) error {
	s.snapshot = nil
	s.taken, s.failed = s.cfg.Now(), r.err != nil
	if r.err == nil {
		s.slot, s.old[r.slot] = r.slot, r.chunks
		s.since -= r.records
	}
	if o := s.cfg.Observe.Snapshot; o != nil {
		o(r.offset, r.bytes, r.pause, r.err)
	}
	if errors.Is(r.err, ErrFenced) {
		return r.err
	}
	return nil
}
