package app

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// replay judges raw records without any service: they are parsed and enriched
// as they come, sorted by (time, id) in bounded memory, and go through one
// engine. Records may come in any order and from several goroutines' work; the
// result depends on their bytes alone.
type replay struct {
	cfg     *Config
	reading *fileReading
	start   time.Time
	sorter  *sorter
	// badRecord is told of every record that is no event; one call at a time.
	badRecord func(f *inputFile, number int, err error)
	// onAlert is told of every version of every alert, onPane of every pane that
	// closes, onEnd of the engine at the end; each may be nil.
	onAlert func(a *schemas.Alert)
	// onEvent is told of every event that is judged and its time; it may be nil and
	// must not keep the event.
	onEvent func(ev *schemas.Event, t int64)
	onPane  func(p *detect.PaneView)
	onEnd   func(e *detect.Engine) error
	// feedback is what analysts said, by time; it takes effect at its time.
	feedback []*schemas.Control
	// second, when not nil, takes the same records with its own enricher, to be
	// judged under another configuration. It has no workers of its own. It is set
	// before the first record comes.
	second *replay

	jobs    chan *rawBatch
	free    chan *rawBatch
	workers sync.WaitGroup

	mu     sync.Mutex // guards the sorter, newest and failure
	newest map[string]int64
	failed error
}

// endLead is how far time moves on once the input has ended, so that every
// pane closes.
const endLead = time.Hour

// batchRecords and batchBytes bound what one worker takes at a time.
const (
	batchRecords = 256
	batchBytes   = 1 << 20
)

// rawBatch is a run of raw records, copied.
type rawBatch struct {
	buf  []byte
	recs []rawRecord
}

type rawRecord struct {
	file   *inputFile
	format string
	number int
	// off and end are its place in buf.
	off, end int
}

// newReplay prepares a replay; start is the time of the run.
func newReplay(cfg *Config, reading *fileReading, start time.Time, bad func(f *inputFile, number int, err error)) *replay {
	n := runtime.GOMAXPROCS(0)
	r := newReplayLane(cfg, reading, start)
	r.badRecord = bad
	r.jobs, r.free = make(chan *rawBatch, n), make(chan *rawBatch, 3*n+1)
	for range cap(r.free) {
		r.free <- &rawBatch{}
	}
	for range n {
		r.workers.Go(r.work)
	}
	return r
}

// newReplayLane is a replay that parses nothing: the second of another one.
func newReplayLane(cfg *Config, reading *fileReading, start time.Time) *replay {
	return &replay{cfg: cfg, reading: reading, start: start, sorter: newSorter(sortBudget), newest: map[string]int64{}}
}

// feeder gathers records into batches for the workers; for one goroutine.
type feeder struct {
	r   *replay
	cur *rawBatch
}

func (f *feeder) add(file *inputFile, format string, number int, raw []byte) {
	if f.cur == nil {
		f.cur = <-f.r.free
	}
	off := len(f.cur.buf)
	f.cur.buf = append(f.cur.buf, raw...)
	f.cur.recs = append(f.cur.recs, rawRecord{file, format, number, off, len(f.cur.buf)})
	if len(f.cur.recs) >= batchRecords || len(f.cur.buf) >= batchBytes {
		f.flush()
	}
}

func (f *feeder) flush() {
	if f.cur != nil {
		f.r.jobs <- f.cur
		f.cur = nil
	}
}

// parsed waits until everything that was added is sorted in.
func (r *replay) parsed() error {
	close(r.jobs)
	r.workers.Wait()
	if r.second != nil {
		return errors.Join(r.failed, r.second.failed)
	}
	return r.failed
}

// work parses, enriches and encodes batches.
func (r *replay) work() {
	w := &replayWorker{r: r, lane: laneBuffer{r: r}}
	for b := range r.jobs {
		if w.second == nil && r.second != nil {
			w.second = &laneBuffer{r: r.second}
		}
		for _, rec := range b.recs {
			w.rec, w.raw = rec, b.buf[rec.off:rec.end]
			r.reading.parsers[rec.format].Parse(w.raw, w)
		}
		w.lane.hand()
		if w.second != nil {
			w.second.hand()
		}
		b.buf, b.recs = b.buf[:0], b.recs[:0]
		r.free <- b
	}
}

// replayWorker takes what parsers find.
type replayWorker struct {
	r   *replay
	rec rawRecord
	raw []byte

	lane   laneBuffer
	second *laneBuffer
}

// laneBuffer gathers encoded events for the sorter of one replay.
type laneBuffer struct {
	r   *replay
	buf []byte
	out []encodedEvent
}

type encodedEvent struct {
	format   string
	time     int64
	id       string
	off, end int
}

// An id's last byte in the sorter says who gave it.
const (
	idOfSource = "\x00s"
	idOfRecord = "\x00r"
)

// Event implements ingest.Handler.
func (w *replayWorker) Event(index int, ev *schemas.Event) {
	defer ev.Recycle()
	if err := w.r.reading.checkTime(ev.Time, w.r.start); err != nil {
		w.Bad(index, nil, err)
		return
	}
	key := string(stream.AppendSighting(nil, ev)) + idOfSource
	if ev.Id == "" {
		ev.Id = recordID(w.raw, index)
		key = ev.Id + idOfRecord
	}
	var other *schemas.Event
	if w.second != nil {
		other = proto.CloneOf(ev)
	}
	if err := w.lane.add(key, ev); err != nil {
		w.Bad(index, nil, err)
		return
	}
	if other != nil {
		if err := w.second.add(key, other); err != nil {
			w.Bad(index, nil, err)
			return
		}
	}
	w.rec.file.good.Add(1)
}

// add enriches and encodes an event.
func (b *laneBuffer) add(key string, ev *schemas.Event) error {
	b.r.reading.complete(ev)
	ev.RawTopic, ev.ReceivedTime = ev.Format, b.r.start.UnixNano()
	ev.Raw = "" // what was logged decides nothing beyond what was parsed
	off, n := len(b.buf), ev.SizeVT()
	b.buf = slices.Grow(b.buf, n)[:off+n]
	if _, err := ev.MarshalToSizedBufferVT(b.buf[off:]); err != nil {
		b.buf = b.buf[:off]
		return err
	}
	b.out = append(b.out, encodedEvent{ev.Format, ev.Time, key, off, len(b.buf)})
	return nil
}

// Bad implements ingest.Handler.
func (w *replayWorker) Bad(_ int, _ []byte, err error) {
	w.rec.file.bad.Add(1)
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	w.r.badRecord(w.rec.file, w.rec.number, err)
}

// hand adds the batch's events to the sorter.
func (b *laneBuffer) hand() {
	r := b.r
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range b.out {
		if r.failed != nil {
			break
		}
		r.newest[e.format] = max(r.newest[e.format], e.time)
		r.failed = r.sorter.Add(e.time, e.id, b.buf[e.off:e.end])
	}
	b.buf, b.out = b.buf[:0], b.out[:0]
}

// verdict is what a replay found.
type verdict struct {
	// alerts, each in its final version, by (first_seen_time, uid).
	alerts []schemas.Alert
	// events judged, without duplicates.
	events, duplicates int
	// pages counts alerts that wake somebody, in any version.
	pages int
	// from and to bound the events' times.
	from, to time.Time
	// learnUntil is when judging began; zero means with the first event.
	learnUntil time.Time
	// learning counts the alerts that were left out because of it.
	learning int
	// stray is what the feedback names that there is none of.
	stray strayFeedback
	stats detect.Stats
}

// since is when judging began.
func (v *verdict) since() time.Time {
	if v.learnUntil.After(v.from) {
		return v.learnUntil
	}
	return v.from
}

// nothing says why nothing was judged, "" where something was.
func (v *verdict) nothing() string {
	switch {
	case v.events == 0:
		return "there was no event to judge"
	case v.learnUntil.After(v.to):
		return fmt.Sprintf("--learn-until lies after the last call (%s): nothing was judged", v.to.Format(time.DateTime))
	}
	return ""
}

// days is how many days of traffic were judged, at least one hour's worth.
func (v *verdict) days() float64 {
	return max(v.to.Sub(v.since()), time.Hour).Hours() / 24
}

// keepFrom leaves out the alerts that were opened while the traffic only
// taught.
func (v *verdict) keepFrom(t time.Time) {
	if t.IsZero() {
		return
	}
	v.learnUntil = t
	kept := v.alerts[:0]
	v.pages = 0
	for i := range v.alerts {
		a := &v.alerts[i]
		if a.FindingInfo.FirstSeenTime < t.UnixMilli() {
			v.learning++
			continue
		}
		if a.Unmapped.Lapwing.Paged {
			v.pages++
		}
		kept = append(kept, *a)
	}
	clear(v.alerts[len(kept):])
	v.alerts = kept
}

// judge runs the sorted events through one engine.
func (r *replay) judge(ctx context.Context, seen func(n int)) (*verdict, error) {
	rules, err := loadSigma(r.cfg)
	if err != nil {
		return nil, Usage(err)
	}
	cfg := engineConfig(r.cfg, rules, 0)
	cfg.Cells = 1
	engine, err := detect.New(cfg)
	if err != nil {
		return nil, Usage(err)
	}
	if r.onPane != nil {
		engine.Watch(r.onPane)
	}
	v := &verdict{}
	final, paged := map[string]schemas.Alert{}, map[string]bool{}
	var out detect.Output
	take := func() {
		for i := range out.Alerts {
			a := &out.Alerts[i]
			final[a.ID()] = *a
			if a.Unmapped.Lapwing.Page {
				paged[a.ID()] = true
			}
			if r.onAlert != nil {
				r.onAlert(a)
			}
		}
		clear(out.Alerts)
		out.Alerts, out.Discovered = out.Alerts[:0], out.Discovered[:0]
	}
	topics := make([]string, 0, len(r.newest))
	for name := range r.newest {
		topics = append(topics, name)
	}
	slices.Sort(topics)
	clock := newReplayClock(engine, topics, r.disorder, &out)
	said := r.feedback
	hear := func(upTo int64) {
		for ; len(said) > 0 && said[0].Time <= upTo; said = said[1:] {
			engine.Control(said[0], &out)
			take()
		}
	}
	var ev schemas.Event
	var lastTime int64
	var lastID []byte
	repeat := 0
	err = r.sorter.Each(func(t int64, id, value []byte) error {
		if v.events&0xfff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if t == lastTime && bytes.Equal(id, lastID) {
			repeat++
			if bytes.HasSuffix(id, []byte(idOfSource)) {
				v.duplicates++ // the source logged the same event twice
				return nil
			}
		} else {
			lastTime, lastID, repeat = t, append(lastID[:0], id...), 0
		}
		hear(t)
		ev.ResetVT()
		if err := ev.UnmarshalVTUnsafe(value); err != nil {
			return fmt.Errorf("sorted event: %w", err)
		}
		if repeat > 0 {
			ev.Id += "-" + strconv.Itoa(repeat) // equal lines are events of their own
		}
		if r.onEvent != nil {
			r.onEvent(&ev, t)
		}
		ev.RawOffset = int64(v.events)
		clock.pass(t, &out)
		clock.event(&ev, t, &out)
		take()
		if v.events == 0 {
			v.from = time.Unix(0, t).UTC()
		}
		v.to = time.Unix(0, t).UTC()
		v.events++
		if seen != nil {
			seen(1)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	hear(math.MaxInt64)
	clock.end(&out)
	take()
	for _, a := range final {
		v.alerts = append(v.alerts, a)
	}
	sortAlerts(v.alerts)
	v.pages = len(paged)
	v.stray = findStray(r.feedback, final, engine, v.to)
	v.stats = engine.Stats()
	if r.onEnd != nil {
		return v, r.onEnd(engine)
	}
	return v, nil
}

// events hands out the sorted events once more; an event is valid during the call
// only.
func (r *replay) events(ctx context.Context) func(fn func(ev *schemas.Event) error) error {
	return func(fn func(ev *schemas.Event) error) error {
		var ev schemas.Event
		n := 0
		return r.sorter.Each(func(_ int64, _, value []byte) error {
			if n++; n&0xfff == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			ev.ResetVT()
			if err := ev.UnmarshalVTUnsafe(value); err != nil {
				return fmt.Errorf("sorted event: %w", err)
			}
			return fn(&ev)
		})
	}
}

// close gives back the sorter's files.
func (r *replay) close() error {
	if r.second != nil {
		return errors.Join(r.sorter.Close(), r.second.sorter.Close())
	}
	return r.sorter.Close()
}

// disorder is how far the watermark of a format trails its newest event.
func (r *replay) disorder(format string) int64 {
	for _, t := range r.cfg.RawTopics {
		if t.Format == format && t.Disorder > 0 {
			return int64(t.Disorder)
		}
	}
	return int64(disorderOf(r.reading.formats, format))
}

// sortAlerts orders alerts by (first_seen_time, uid).
func sortAlerts(alerts []schemas.Alert) {
	slices.SortFunc(alerts, func(a, b schemas.Alert) int {
		return cmp.Or(cmp.Compare(a.FindingInfo.FirstSeenTime, b.FindingInfo.FirstSeenTime), cmp.Compare(a.ID(), b.ID()))
	})
}
