package app

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"time"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/schemas"
)

// tape is a fleet's traffic, parsed and enriched once, so that many engines can
// judge it under changed conditions. It holds about 600 bytes an event.
type tape struct {
	fleet   *simulate.Fleet
	labels  []simulate.Label
	reading *fileReading
	cfg     Config
	arena   []byte
	events  []tapeEvent
	topics  []string
}

// tapeEvent is an encoded event; off and end lie in the arena of its tape or of
// its extra.
type tapeEvent struct {
	time     int64
	off, end int
	by       int64 // how late it comes
}

// evalReading prepares parsers and the enricher on a fleet's inventory.
func evalReading(cfg Config, fleet *simulate.Fleet) (_ *fileReading, _ Config, err error) {
	dir, err := os.MkdirTemp("", "lapwing-eval-")
	if err != nil {
		return nil, cfg, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg.Inventory.File = filepath.Join(dir, simInventory)
	if err := writeInventoryFile(fleet, cfg.Inventory.File); err != nil {
		return nil, cfg, err
	}
	cfg.Enrich.KeepRaw = false
	reading, err := newFileReading(&cfg, true)
	return reading, cfg, err
}

// recordReader turns simulated records into events, one at a time.
type recordReader struct {
	reading *fileReading
	raw     []byte
	yield   func(ev *schemas.Event) error
	err     error
}

// Event implements ingest.Handler.
func (r *recordReader) Event(index int, ev *schemas.Event) {
	defer ev.Recycle()
	if r.err != nil {
		return
	}
	if ev.Id == "" {
		ev.Id = recordID(r.raw, index)
	}
	r.reading.complete(ev)
	ev.RawTopic, ev.Raw = ev.Format, ""
	r.err = r.yield(ev)
}

// Bad implements ingest.Handler.
func (r *recordReader) Bad(_ int, _ []byte, err error) {
	r.err = errors.Join(r.err, fmt.Errorf("simulated record is bad: %w", err))
}

func (r *recordReader) read(rec simulate.Record) error {
	r.raw = rec.Value
	r.reading.parsers[rec.Format].Parse(rec.Value, r)
	return r.err
}

// recordTape reads a whole fleet.
func recordTape(ctx context.Context, cfg Config, fleet *simulate.Fleet) (*tape, error) {
	reading, cfg, err := evalReading(cfg, fleet)
	if err != nil {
		return nil, err
	}
	t := &tape{fleet: fleet, labels: fleet.Labels(), reading: reading, cfg: cfg}
	topics := map[string]bool{}
	in := &recordReader{reading: reading, yield: func(ev *schemas.Event) error {
		topics[ev.RawTopic] = true
		t.arena, t.events, err = appendEvent(t.arena, t.events, ev)
		return err
	}}
	n := 0
	if err := fleet.Records(func(rec simulate.Record) error {
		if n++; n&0xfff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return in.read(rec)
	}); err != nil {
		return nil, err
	}
	slices.SortStableFunc(t.events, func(a, b tapeEvent) int { return cmp.Compare(a.time, b.time) })
	t.topics = slices.Sorted(maps.Keys(topics))
	return t, nil
}

func appendEvent(arena []byte, events []tapeEvent, ev *schemas.Event) ([]byte, []tapeEvent, error) {
	off, n := len(arena), ev.SizeVT()
	arena = slices.Grow(arena, n)[:off+n]
	if _, err := ev.MarshalToSizedBufferVT(arena[off:]); err != nil {
		return arena[:off], events, err
	}
	return arena, append(events, tapeEvent{time: ev.Time, off: off, end: off + n}), nil
}

// extra is more events that a run mixes in.
type extra struct {
	arena  []byte
	events []tapeEvent
}

// encode reads further records as the tape's own were read.
func (t *tape) encode(records []simulate.Record) (*extra, error) {
	x := &extra{}
	var err error
	in := &recordReader{reading: t.reading, yield: func(ev *schemas.Event) error {
		x.arena, x.events, err = appendEvent(x.arena, x.events, ev)
		return err
	}}
	for _, rec := range records {
		if err := in.read(rec); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(x.events, func(a, b tapeEvent) int { return cmp.Compare(a.time, b.time) })
	return x, nil
}

// evalJudge feeds one engine, in the time that backtest gives it.
type evalJudge struct {
	engine *detect.Engine
	clock  *replayClock
	out    detect.Output
	alerts []schemas.Alert
	events int
}

func (t *tape) newJudge(tune func(*detect.Config)) (*evalJudge, error) {
	return newEvalJudge(&t.cfg, t.reading, t.topics, tune)
}

func newEvalJudge(cfg *Config, reading *fileReading, topics []string, tune func(*detect.Config)) (*evalJudge, error) {
	c := engineConfig(cfg, nil, 0)
	c.Cells = 1
	if tune != nil {
		tune(&c)
	}
	e, err := detect.New(c)
	if err != nil {
		return nil, err
	}
	j := &evalJudge{engine: e}
	j.clock = newReplayClock(e, topics, func(format string) int64 { return int64(disorderOf(reading.formats, format)) }, &j.out)
	return j, nil
}

// event judges an event that comes at a time; one that is late comes after its own.
func (j *evalJudge) event(ev *schemas.Event, comes int64) {
	ev.RawOffset = int64(j.events)
	j.events++
	j.clock.pass(comes, &j.out)
	j.clock.event(ev, ev.Time, &j.out)
	j.take()
}

func (j *evalJudge) take() {
	j.alerts = append(j.alerts, j.out.Alerts...)
	clear(j.out.Alerts)
	j.out.Alerts, j.out.Discovered = j.out.Alerts[:0], j.out.Discovered[:0]
}

// end moves time on, so that every pane closes.
func (j *evalJudge) end() {
	j.clock.end(&j.out)
	j.take()
}

// judging says how a tape is judged.
type judging struct {
	tune func(*detect.Config)
	// drop leaves events out.
	drop func(ev *schemas.Event) bool
	// extra is mixed in. from goes on from a mark, until ends there.
	extra *extra
	from  *tapeMark
	until int64
	// visit sees every event that is judged; a run with visit and no engine sets
	// blind.
	visit func(ev *schemas.Event)
	blind bool
	// watch sees every pane that closes, onEnd the engine at the end.
	watch func(v *detect.PaneView)
	onEnd func(e *detect.Engine) error
}

// tapeMark is the state of an engine at a place of the tape.
type tapeMark struct {
	at    int // index of the next event
	clock []replayTopic
	state []byte
}

// judge runs the tape through one engine and returns every version of every
// alert.
func (t *tape) judge(ctx context.Context, o judging) ([]schemas.Alert, error) {
	var j *evalJudge
	if !o.blind {
		var err error
		if j, err = t.newJudge(o.tune); err != nil {
			return nil, err
		}
		if o.watch != nil {
			j.engine.Watch(o.watch)
		}
		if o.from != nil {
			if err := j.engine.Restore(bytes.NewReader(o.from.state)); err != nil {
				return nil, err
			}
			j.clock.topics = slices.Clone(o.from.clock)
		}
	}
	i := 0
	if o.from != nil {
		i = o.from.at
	}
	more := &extra{}
	if o.extra != nil {
		more = o.extra
	}
	until := int64(math.MaxInt64)
	if o.until != 0 {
		until = o.until
	}
	var ev schemas.Event
	k, n := 0, 0
	for i < len(t.events) || k < len(more.events) {
		var e tapeEvent
		arena := t.arena
		if k < len(more.events) && (i == len(t.events) || more.events[k].time <= t.events[i].time) {
			e, arena = more.events[k], more.arena
			k++
		} else {
			e = t.events[i]
			i++
		}
		if e.time >= until {
			break
		}
		if n++; n&0xfff == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		ev.ResetVT()
		if err := ev.UnmarshalVTUnsafe(arena[e.off:e.end]); err != nil {
			return nil, fmt.Errorf("event of a tape: %w", err)
		}
		if o.drop != nil && o.drop(&ev) {
			continue
		}
		if o.visit != nil {
			o.visit(&ev)
		}
		if j != nil {
			ev.Late = e.by > 0
			j.event(&ev, e.time)
		}
	}
	if j == nil {
		return nil, nil
	}
	j.end()
	if o.onEnd != nil {
		return j.alerts, o.onEnd(j.engine)
	}
	return j.alerts, nil
}

// mark takes the state of an engine at a moment of the tape.
func (t *tape) mark(ctx context.Context, at time.Time) (*tapeMark, error) {
	j, err := t.newJudge(nil)
	if err != nil {
		return nil, err
	}
	n := sort.Search(len(t.events), func(i int) bool { return t.events[i].time >= at.UnixNano() })
	var ev schemas.Event
	for i := range n {
		if i&0xfff == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		ev.ResetVT()
		if err := ev.UnmarshalVTUnsafe(t.arena[t.events[i].off:t.events[i].end]); err != nil {
			return nil, fmt.Errorf("event of a tape: %w", err)
		}
		j.event(&ev, t.events[i].time)
	}
	var buf bytes.Buffer
	if err := j.engine.Snapshot(&buf); err != nil {
		return nil, err
	}
	return &tapeMark{at: n, clock: slices.Clone(j.clock.topics), state: buf.Bytes()}, nil
}

// judgeStream judges a fleet too large for a tape as it comes, and tells days of
// each day of it that begins.
func judgeStream(ctx context.Context, cfg Config, fleet *simulate.Fleet, days *steps) ([]schemas.Alert, int, error) {
	reading, cfg, err := evalReading(cfg, fleet)
	if err != nil {
		return nil, 0, err
	}
	topics := []string{simulate.CloudTrail, simulate.Kong, simulate.NGINX}
	j, err := newEvalJudge(&cfg, reading, topics, nil)
	if err != nil {
		return nil, 0, err
	}
	in := &recordReader{reading: reading, yield: func(ev *schemas.Event) error { j.event(ev, ev.Time); return nil }}
	n := 0
	var next time.Time
	if err := fleet.Records(func(rec simulate.Record) error {
		if n++; n&0xfff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !rec.Time.Before(next) {
			if !next.IsZero() {
				days.add(1)
			}
			next = rec.Time.Truncate(24 * time.Hour).Add(24 * time.Hour)
		}
		return in.read(rec)
	}); err != nil {
		return nil, 0, err
	}
	j.end()
	days.add(1)
	return j.alerts, j.events, nil
}
