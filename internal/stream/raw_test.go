package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/lapwing-sec/lapwing/schemas"
)

type line struct {
	ID   string `json:"id,omitempty"`
	Who  string `json:"who"`
	Time int64  `json:"time"`
	N    int    `json:"n"`
}

// parse reads a JSON array of lines; what is no line is bad.
func parse(rec *Record, h SubHandler) {
	var subs []json.RawMessage
	if err := json.Unmarshal(rec.Value, &subs); err != nil {
		h.Bad(0, rec.Value, err)
		return
	}
	for i, sub := range subs {
		var l line
		if err := json.Unmarshal(sub, &l); err != nil {
			h.Bad(i, sub, err)
			continue
		}
		h.Event(i, &schemas.Event{Id: l.ID, IdentityId: l.Who, Time: l.Time, RequestId: strconv.Itoa(l.N)})
	}
}

var (
	t0 = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	// today is what the clock of an enricher says, which reads what was written
	// in the months before.
	today = t0.AddDate(0, 4, 0)
)

func lines(ls ...line) Record {
	value, err := json.Marshal(ls)
	if err != nil {
		panic(err)
	}
	return Record{Value: value, Time: t0.Add(24 * time.Hour)}
}

// world is everything that outlives a process.
type world struct {
	raw, events *memLog
	dead        []Record
	mostDead    int // written at once
	committed   *Position
	metadata    string
	epoch       int
	disorder    time.Duration
	transform   func(*Record, SubHandler) // parse, when nil
}

const testCells = 3

func newWorld() *world {
	return &world{raw: newMemLog("raw", 1), events: newMemLog("events", testCells)}
}

// run lives as one process that owns the raw partition until it has read all
// of it, or dies.
func (w *world) run(t require.TestingT, c *crash) error {
	w.epoch++
	writer := &memWriter{w.events, "enrich", w.epoch, c}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	fences, err := Fence(ctx, writer, testCells, "raw", 0, int32(w.epoch))
	if err != nil {
		return err
	}
	from := Position{}
	if w.committed != nil {
		from = ParsePosition(w.committed.Next, w.metadata, testCells)
	}
	cells := make([]Reader, testCells)
	for i := range cells {
		cells[i] = &memReader{w.events, i, 7}
	}
	written, err := Readback(ctx, cells, []Takeover{{Topic: "raw", From: from, Fences: fences, First: w.epoch == 1}})
	require.NoError(t, err)
	end := int64(len(w.raw.all(0)))
	var r *Raw
	commit := func() error {
		if err, _ := c.step(); err != nil { // before the commit
			return err
		}
		if p, ok := r.Committable(); ok {
			w.committed, w.metadata = &p, p.Metadata()
		}
		return nil
	}
	transform := w.transform
	if transform == nil {
		transform = parse
	}
	r = NewRaw(RawConfig{
		Topic: "raw", Cells: testCells, Disorder: w.disorder, Transform: transform,
		Reader: &memReader{w.raw, 0, 5}, Writer: writer, From: from, Written: written[0], Fences: fences,
		Dead: func(_ context.Context, recs []Record) error {
			if err, _ := c.step(); err != nil {
				return err
			}
			w.dead = append(w.dead, recs...)
			w.mostDead = max(w.mostDead, len(recs))
			return nil
		},
		Ticker: make(stillTicker), Now: func() time.Time { return today }, IdleAfter: time.Hour,
		Observe: RawObserver{
			Flushed: func(Flushed) {
				// Commits fall anywhere between writes.
				if err := commit(); err != nil {
					cancel()
				}
			},
			Position: func(next, _, _ int64) {
				if next >= end {
					cancel()
				}
			},
		},
	})
	if from.Next >= end {
		cancel()
	}
	if err := r.Run(ctx, context.Background()); err != nil {
		return err
	}
	return commit()
}

func (w *world) written(t require.TestingT) (events []*schemas.Event) {
	for cell := range testCells {
		for _, rec := range w.events.all(cell) {
			if IsControl(&rec) {
				continue
			}
			ev := new(schemas.Event)
			require.NoError(t, ev.UnmarshalVT(rec.Value))
			require.Equal(t, cell, Murmur2Partition(ev.IdentityId, testCells))
			events = append(events, ev)
		}
	}
	return events
}

// A process dies at every step that it takes, in turn, and then once more
// while its successor takes over. The log ends up with each event once, as an
// undisturbed run would have written it.
func TestACrashAtEveryStepLeavesEachEventOnce(t *testing.T) {
	fill := func() *world {
		w := newWorld()
		n := 0
		for i := range 23 {
			var ls []line
			for j := range 1 + i%3 {
				ls = append(ls, line{Who: fmt.Sprint("id", n%5), Time: t0.Add(time.Duration(n*60+j) * time.Second).UnixNano(), N: n})
				n++
			}
			if i%4 == 0 { // the source repeats itself
				ls = append(ls, line{ID: fmt.Sprint("dup", i/8), Who: "twice", Time: t0.Add(time.Duration(n) * time.Minute).UnixNano(), N: 1000 + i/8})
			}
			w.raw.add(0, lines(ls...))
			if i%9 == 5 {
				w.raw.add(0, Record{Value: []byte("not json")})
			}
		}
		return w
	}
	type key struct {
		Request, ID, Who string
		Offset           int64
		Index            int32
		Watermark        int64
		Late             bool
	}
	summary := func(w *world) map[key]int {
		m := make(map[key]int)
		for _, ev := range w.written(t) {
			m[key{ev.RequestId, ev.Id, ev.IdentityId, ev.RawOffset, ev.RawIndex, ev.Watermark, ev.Late}]++
		}
		return m
	}
	whole := fill()
	counter := &crash{left: -1}
	require.NoError(t, whole.run(t, counter))
	want := summary(whole)
	for k, n := range want {
		require.Equal(t, 1, n, "%+v", k)
	}
	require.Greater(t, counter.steps, 12)
	dead := len(whole.dead)
	require.Equal(t, 2, dead)

	for first := 1; first <= counter.steps; first++ {
		for _, second := range []int{0, 1, 2, 3, 5, 8} {
			w := fill()
			err := w.run(t, &crash{left: first})
			if second > 0 && err != nil {
				_ = w.run(t, &crash{left: second})
			}
			require.NoError(t, w.run(t, &crash{left: -1}))
			require.Empty(t, cmp.Diff(want, summary(w)), "died at step %d, then at %d", first, second)
			require.GreaterOrEqual(t, len(w.dead), dead)
		}
	}
}

func TestAnyRawLogAndAnyCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		calls := make(map[string]bool) // by id and time
		call := func(id string, time int64) string { return fmt.Sprint(id, " at ", time) }
		n, plain := 0, 0
		for range rapid.IntRange(1, 30).Draw(t, "records") {
			var ls []line
			for range rapid.IntRange(0, 4).Draw(t, "subs") {
				l := line{Who: fmt.Sprint("id", rapid.IntRange(0, 6).Draw(t, "who")), N: n,
					Time: t0.Add(time.Duration(rapid.IntRange(0, 8).Draw(t, "time")) * 15 * time.Minute).UnixNano()}
				if rapid.Bool().Draw(t, "has id") {
					l.ID = fmt.Sprint("src", rapid.IntRange(0, 9).Draw(t, "id"))
					calls[call(l.ID, l.Time)] = true
				} else {
					plain++
				}
				ls = append(ls, l)
				n++
			}
			w.raw.add(0, lines(ls...))
		}
		for range rapid.IntRange(0, 4).Draw(t, "crashes") {
			_ = w.run(t, &crash{left: rapid.IntRange(1, 40).Draw(t, "step")})
		}
		require.NoError(t, w.run(t, &crash{left: -1}))
		coordinates := make(map[coordinate]bool)
		bySource := make(map[string]int)
		derived := 0
		for _, ev := range w.written(t) {
			c := coordinate{ev.RawOffset, ev.RawIndex}
			require.False(t, coordinates[c], "twice: %+v", c)
			coordinates[c] = true
			if c := call(ev.Id, ev.Time); calls[c] {
				bySource[c]++
			} else {
				derived++
			}
		}
		require.Equal(t, plain, derived)
		require.Len(t, bySource, len(calls))
		for c, times := range bySource {
			require.Equal(t, 1, times, c)
		}
	})
}

// pollingReader answers at the log's end as a broker does whose wait is over:
// with an empty chunk. polled is closed when somebody has taken the first one.
type pollingReader struct {
	memReader
	empty  int
	polled chan struct{}
}

func (r *pollingReader) Fetch(ctx context.Context, offset int64) (Chunk, error) {
	_, end, err := r.Bounds(ctx)
	if err != nil || offset < end {
		return r.memReader.Fetch(ctx, offset)
	}
	if r.empty++; r.empty == 1 {
		return NewChunk(nil, end, 0, end, nil), nil
	}
	if r.empty == 2 {
		close(r.polled)
	}
	return r.memReader.Fetch(ctx, offset) // waits
}

// Partitions are taken away, or the process is told to stop, in the middle of a
// chunk, while an empty chunk is there already that was read behind it.
func TestAStopInTheMiddleOfAChunkLeavesTheRestUncommitted(t *testing.T) {
	const records, stopAt = 20, 6
	for name, gated := range map[string]bool{"between two records": false, "at a gate": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			for n := range records {
				w.raw.add(0, lines(line{Who: fmt.Sprint("id", n), Time: t0.Add(time.Duration(n) * time.Minute).UnixNano(), N: n}))
			}
			var gate *Gate
			if gated {
				// Somebody else stands at the start and stays there.
				gate = NewGate(int64(stopAt * time.Minute))
				gate.Join(t0.UnixNano())
			}
			writer := &memWriter{w.events, "enrich", 1, &crash{left: -1}}
			fences, err := Fence(t.Context(), writer, testCells, "raw", 0, 1)
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			reader := &pollingReader{memReader: memReader{w.raw, 0, records}, polled: make(chan struct{})}
			r := NewRaw(RawConfig{
				Topic: "raw", Cells: testCells, Reader: reader, Writer: writer, Fences: fences, TopicGate: gate,
				Transform: func(rec *Record, h SubHandler) {
					if rec.Offset == stopAt {
						<-reader.polled
						if !gated {
							cancel()
						}
					}
					if gated && rec.Offset == stopAt+1 {
						cancel() // the gate holds this one
					}
					parse(rec, h)
				},
				Ticker: make(stillTicker), Now: func() time.Time { return today }, IdleAfter: time.Hour,
			})
			require.NoError(t, r.Run(ctx, t.Context()))
			p, ok := r.Committable()
			require.True(t, ok)
			require.Equal(t, int64(stopAt+1), p.Next, "everything before the position is written, nothing behind it")
			w.epoch, w.committed, w.metadata = 1, &p, p.Metadata()

			require.NoError(t, w.run(t, &crash{left: -1}))
			seen := make(map[string]int)
			for _, ev := range w.written(t) {
				seen[ev.RequestId]++
			}
			require.Len(t, seen, records)
			for n, times := range seen {
				require.Equal(t, 1, times, n)
			}
		})
	}
}

func TestAnOldOwnerIsRefusedInEveryCell(t *testing.T) {
	events := newMemLog("events", testCells)
	old := &memWriter{events, "enrich", 1, &crash{left: -1}}
	_, err := Fence(t.Context(), old, testCells, "raw", 0, 1)
	require.NoError(t, err)
	_, err = Fence(t.Context(), &memWriter{events, "enrich", 2, &crash{left: -1}}, testCells, "raw", 0, 2)
	require.NoError(t, err)
	var b Batch
	b.Add(nil, []byte("late"), nil)
	for cell := range testCells {
		_, err := old.Append(t.Context(), cell, &b)
		require.ErrorIs(t, err, ErrFenced)
	}
}

func TestTheClockOfARawPartition(t *testing.T) {
	w := newWorld()
	w.disorder = 10 * time.Minute
	at := func(d time.Duration, n int) Record {
		return Record{Value: lines(line{Who: "a", Time: t0.Add(d).UnixNano(), N: n}).Value, Time: t0.Add(24 * time.Hour)}
	}
	tooEarly := Record{Value: lines(line{Who: "a", Time: time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC).UnixNano(), N: 90}).Value}
	w.raw.add(0,
		at(10*time.Hour, 0),
		at(10*time.Hour-9*time.Minute, 1),  // usual disorder
		at(10*time.Hour-11*time.Minute, 2), // late
		at(time.Hour, 3),                   // a back-fill
		at(24*time.Hour+9*time.Minute, 4),  // a little ahead of its record
		at(24*time.Hour+11*time.Minute, 5), // too far ahead to move the watermark
		at(48*time.Hour+1*time.Second, 91), // no time at all
		tooEarly,                           // nor this
		at(23*time.Hour, 6),                // late after what moved it
	)
	require.NoError(t, w.run(t, &crash{left: -1}))
	got := make(map[string]*schemas.Event)
	for _, ev := range w.written(t) {
		got[ev.RequestId] = ev
	}
	require.Len(t, got, 7)
	mark := func(n int) time.Duration {
		return time.Duration(got[strconv.Itoa(n)].Watermark - t0.UnixNano())
	}
	for n, want := range []struct {
		late, backfill bool
		mark           time.Duration
	}{
		{false, false, 10*time.Hour - 10*time.Minute},
		{false, false, 10*time.Hour - 10*time.Minute},
		{true, false, 10*time.Hour - 10*time.Minute},
		{true, true, 10*time.Hour - 10*time.Minute},
		{false, false, 24*time.Hour - time.Minute},
		{false, false, 24*time.Hour - time.Minute},
		{true, false, 24*time.Hour - time.Minute},
	} {
		ev := got[strconv.Itoa(n)]
		require.Equal(t, want.late, ev.Late, "late %d", n)
		require.Equal(t, want.backfill, ev.Backfill, "backfill %d", n)
		require.Equal(t, want.mark, mark(n), "watermark %d", n)
	}
	require.Len(t, w.dead, 2)
	for _, d := range w.dead {
		require.Contains(t, string(d.Header(DeadError)), "implausible event time")
		require.Equal(t, "enrich", string(d.Header(DeadStage)))
		require.Equal(t, "raw", string(d.Header(DeadTopic)))
		require.NotEmpty(t, d.Header(DeadOffset))
		require.Equal(t, "0", string(d.Header(DeadIndex)))
	}
}

func TestOneRawRecordMakesABoundedNumberOfDeadLetters(t *testing.T) {
	count := func(d Record) string { return string(d.Header(DeadCount)) }
	early := time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC).UnixNano()
	good := line{Who: "a", Time: t0.UnixNano()}
	t.Run("of 490,000 bad sub-records, 1,000 get letters and one more letter has the rest", func(t *testing.T) {
		w := newWorld()
		value := "[" + strings.Repeat("1,", 489_999) + "1]"
		w.raw.add(0, Record{Value: []byte(value)})
		w.raw.add(0, lines(good))
		require.NoError(t, w.run(t, &crash{left: -1}))
		require.Len(t, w.dead, maxLetters+1)
		require.LessOrEqual(t, w.mostDead, flushDead, "held at once")
		for i, d := range w.dead[:maxLetters] {
			require.Equal(t, strconv.Itoa(i), string(d.Header(DeadIndex)))
			require.Equal(t, "1", string(d.Value))
		}
		last := w.dead[maxLetters]
		require.Equal(t, []string{"1000", "489000", "true"}, []string{string(last.Header(DeadIndex)), count(last), string(last.Header(DeadWhole))})
		require.Contains(t, string(last.Header(DeadError)), "489000 more sub-records")
		require.Len(t, last.Value, maxDead)
		require.Equal(t, strconv.Itoa(len(value)), string(last.Header(DeadTruncated)))
		require.Len(t, w.written(t), 1)
		require.Equal(t, int64(2), w.committed.Next)
	})
	t.Run("sub-records whose bytes are unknown share one copy of the record", func(t *testing.T) {
		w := newWorld()
		rec := lines(good, line{Who: "b", Time: early}, good, line{Who: "c", Time: early}, line{Who: "d", Time: early})
		w.raw.add(0, rec)
		require.NoError(t, w.run(t, &crash{left: -1}))
		require.Len(t, w.dead, 1)
		require.Equal(t, []string{"1", "3", "true"}, []string{string(w.dead[0].Header(DeadIndex)), count(w.dead[0]), string(w.dead[0].Header(DeadWhole))})
		require.Contains(t, string(w.dead[0].Header(DeadError)), "3 sub-records of this record were refused; the first: implausible")
		require.Equal(t, rec.Value, w.dead[0].Value)
		require.Len(t, w.written(t), 2)
	})
	t.Run("letters that repeat the whole record are bounded by their bytes", func(t *testing.T) {
		w := newWorld()
		w.transform = func(rec *Record, h SubHandler) {
			for i := range 900 {
				h.Bad(i, rec.Value, errors.New("no event"))
			}
		}
		w.raw.add(0, Record{Value: bytes.Repeat([]byte("x"), 300<<10)})
		require.NoError(t, w.run(t, &crash{left: -1}))
		sum := 0
		for _, d := range w.dead {
			sum += len(d.Value)
		}
		require.LessOrEqual(t, sum, 3*300<<10+flushBytes)
		require.Equal(t, strconv.Itoa(900-len(w.dead)+1), count(w.dead[len(w.dead)-1]))
	})
	t.Run("dead letters of many large records do not pile up", func(t *testing.T) {
		w := newWorld()
		for range 20 {
			w.raw.add(0, Record{Value: bytes.Repeat([]byte("x"), 300<<10)})
		}
		require.NoError(t, w.run(t, &crash{left: -1}))
		require.Len(t, w.dead, 20)
		require.LessOrEqual(t, w.mostDead, 3)
	})
}

// controls gives the control records of cell 0.
func (w *world) controls(t *testing.T) (out []*schemas.Control) {
	for _, rec := range w.events.all(0) {
		if IsControl(&rec) {
			c := new(schemas.Control)
			require.NoError(t, c.UnmarshalVT(rec.Value))
			out = append(out, c)
		}
	}
	return out
}

func TestWatermarksIdlenessAndTheEndAreInTheLog(t *testing.T) {
	w := newWorld()
	w.raw.add(0, lines(line{Who: "a", Time: t0.UnixNano()}))
	now := make(chan time.Time, 1)
	ticker := make(stillTicker)
	fences, err := Fence(t.Context(), &memWriter{w.events, "enrich", 1, &crash{left: -1}}, testCells, "raw", 0, 1)
	require.NoError(t, err)
	clockNow := today
	r := NewRaw(RawConfig{
		Topic: "raw", Cells: testCells, Transform: parse, Reader: &memReader{w.raw, 0, 5}, Fences: fences, Disorder: time.Minute,
		Writer: &memWriter{w.events, "enrich", 1, &crash{left: -1}}, Ticker: ticker, IdleAfter: time.Minute,
		Now: func() time.Time {
			select {
			case clockNow = <-now:
			default:
			}
			return clockNow
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, t.Context()) }()
	wait := func(n int) *schemas.Control {
		for {
			w.events.mu.Lock()
			changed := w.events.changed
			w.events.mu.Unlock()
			if cs := w.controls(t); len(cs) >= n {
				return cs[n-1]
			}
			<-changed
		}
	}
	require.Equal(t, schemas.ControlKind_CONTROL_KIND_FENCE, wait(1).Kind)
	for len(w.written(t)) == 0 {
		w.events.mu.Lock()
		changed := w.events.changed
		w.events.mu.Unlock()
		if len(w.written(t)) == 0 {
			<-changed
		}
	}
	ticker <- t0
	c := wait(2)
	require.Equal(t, schemas.ControlKind_CONTROL_KIND_WATERMARK, c.Kind)
	require.Equal(t, t0.Add(-time.Minute).UnixNano(), c.Watermark)
	require.False(t, c.Idle)
	now <- today.Add(time.Minute)
	ticker <- t0
	require.True(t, wait(3).Idle)
	// An idle partition has nothing to say but that it is still there.
	ticker <- t0
	now <- today.Add(2 * time.Minute)
	ticker <- t0
	require.True(t, wait(4).Idle)
	w.raw.add(0, Record{Headers: []Header{{ControlHeader, []byte(EndValue)}}})
	c = wait(5)
	require.Equal(t, schemas.ControlKind_CONTROL_KIND_END, c.Kind)
	require.Equal(t, t0.Add(time.Hour).UnixNano(), c.Watermark)
	ticker <- t0
	c = wait(6)
	require.True(t, c.Idle)
	require.Equal(t, t0.Add(time.Hour).UnixNano(), c.Watermark)
	cancel()
	require.NoError(t, <-done)
}

func TestPartitionsAreHeldTogether(t *testing.T) {
	// Chunks of 50 events span six hours. Yet in the log the partitions must
	// stay within the limit (10 min) and the 7 min from one event to the next.
	events := newMemLog("events", 1)
	gate := NewGate(int64(10 * time.Minute))
	raws := []*memLog{newMemLog("a", 1), newMemLog("b", 1)}
	const n = 400
	for i := range n {
		raws[0].add(0, Record{Value: lines(line{Who: "a", Time: t0.Add(time.Duration(i) * 7 * time.Minute).UnixNano(), N: 0}).Value, Time: today})
		raws[1].add(0, Record{Value: lines(line{Who: "b", Time: t0.Add(time.Duration(i) * 7 * time.Minute).UnixNano(), N: 1}).Value, Time: today})
	}
	for _, raw := range raws {
		raw.add(0, Record{Headers: []Header{{ControlHeader, []byte(EndValue)}}})
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 2)
	stages := make([]*Raw, 2)
	for i, raw := range raws {
		stages[i] = NewRaw(RawConfig{
			Topic: raw.name, Cells: 1, Transform: parse, Reader: &memReader{raw, 0, 50}, Fences: []int64{0}, AllGate: gate,
			Writer: &memWriter{events, raw.name, 1, &crash{left: -1}}, Ticker: make(stillTicker), IdleAfter: time.Hour, Now: func() time.Time { return today },
		})
	}
	for _, r := range stages {
		go func() { done <- r.Run(ctx, t.Context()) }()
	}
	for len(events.all(0)) < 2*n+2 {
		events.mu.Lock()
		changed := events.changed
		events.mu.Unlock()
		if len(events.all(0)) < 2*n+2 {
			<-changed
		}
	}
	cancel()
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	var newest [2]int64
	widest := time.Duration(0)
	for i, rec := range events.all(0) {
		if IsControl(&rec) {
			continue
		}
		ev := new(schemas.Event)
		require.NoError(t, ev.UnmarshalVT(rec.Value))
		who, _ := strconv.Atoi(ev.RequestId)
		newest[who] = ev.Time
		if newest[0] != 0 && newest[1] != 0 && i < 2*n-20 {
			widest = max(widest, time.Duration(newest[0]-newest[1]), time.Duration(newest[1]-newest[0]))
		}
	}
	require.LessOrEqual(t, widest, 17*time.Minute)
}

// Each waits at another gate, one for its topic and one for all: neither may
// wait for what the other has not said at the gate it did not come to.
func TestTwoGatesDoNotLockEachOther(t *testing.T) {
	events := newMemLog("events", 1)
	topic, all := NewGate(int64(time.Hour)), NewGate(int64(10*time.Minute))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 2)
	var stages []*Raw
	for i, step := range []time.Duration{20 * time.Minute, 80 * time.Minute} {
		raw := newMemLog(fmt.Sprint("raw", i), 1)
		for n := range 50 {
			raw.add(0, Record{Value: lines(line{Who: "a", Time: t0.Add(time.Duration(n) * step).UnixNano()}).Value, Time: today})
		}
		raw.add(0, Record{Headers: []Header{{ControlHeader, []byte(EndValue)}}})
		stages = append(stages, NewRaw(RawConfig{
			Topic: raw.name, Cells: 1, Transform: parse, Reader: &memReader{raw, 0, 7}, Fences: []int64{0}, TopicGate: topic, AllGate: all,
			Writer: &memWriter{events, raw.name, 1, &crash{left: -1}}, Ticker: make(stillTicker), IdleAfter: time.Hour, Now: func() time.Time { return today },
		}))
	}
	for _, r := range stages {
		go func() { done <- r.Run(ctx, t.Context()) }()
	}
	for {
		events.mu.Lock()
		changed, n := events.changed, len(events.parts[0])
		events.mu.Unlock()
		if n == 102 {
			break
		}
		<-changed
	}
	cancel()
	require.NoError(t, <-done)
	require.NoError(t, <-done)
}

func TestPositionsSurviveTheirMetadata(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Position{
			Next: rapid.Int64Min(0).Draw(t, "next"), Newest: rapid.Int64Min(0).Draw(t, "newest"), IDs: rapid.Bool().Draw(t, "ids"),
			Ends: rapid.SliceOfN(rapid.Int64Min(0), 1, 8).Draw(t, "ends"),
		}
		require.Empty(t, cmp.Diff(p, ParsePosition(p.Next, p.Metadata(), len(p.Ends))))
		more := ParsePosition(p.Next, p.Metadata(), len(p.Ends)+1)
		require.Equal(t, append(slices.Clone(p.Ends), 0), more.Ends, "a partition that came since is read from its start")
		require.Nil(t, ParsePosition(p.Next, p.Metadata(), len(p.Ends)-1).Ends, "of more partitions than there are")
	})
	for _, foreign := range []string{"", "v1;;;", "v2;0;;1", "v1;!;;1", "v1;0;;-1", "end=5", "v1;0;;1;2"} {
		require.Nil(t, ParsePosition(3, foreign, 1).Ends, foreign)
	}
}

func TestMurmur2IsThatOfJavaClients(t *testing.T) {
	// Values of Kafka's own UtilsTest.
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
	} {
		require.Equal(t, want, int32(murmur2(key)), key)
		require.Equal(t, want, int32(murmur2([]byte(key))), key)
	}
}

func TestRecentIDsCanBeRebuilt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.IntRange(0, 40), 1, 200).Draw(t, "ids")
		step := int64(rapid.IntRange(1, 3000).Draw(t, "step"))
		from := rapid.IntRange(0, len(ids)-1).Draw(t, "from")
		whole, rebuilt := newRecent(), newRecent()
		for i, id := range ids {
			offset := int64(i) * step
			if i < from {
				whole.touch(&schemas.Event{Id: fmt.Sprint(id)}, offset)
				if offset >= int64(from)*step-recentRecords {
					rebuilt.touch(&schemas.Event{Id: fmt.Sprint(id)}, offset)
				}
				continue
			}
			require.Equal(t, whole.touch(&schemas.Event{Id: fmt.Sprint(id)}, offset), rebuilt.touch(&schemas.Event{Id: fmt.Sprint(id)}, offset), "at %d", i)
		}
	})
	r := newRecent()
	for i := range 3 * recentIDs {
		r.touch(&schemas.Event{Id: strconv.Itoa(i)}, int64(i/100))
	}
	require.LessOrEqual(t, len(r.seen), recentIDs+1)
	require.Less(t, len(r.ring), 4*recentIDs)
}

// Who calls chooses the id in many logs, and could hide calls behind one that
// went before: only what is the same call at the same time is one event.
func TestACallerCannotHideCallsBehindAnIDOfItsOwn(t *testing.T) {
	first := &schemas.Event{Id: "x-1", Time: 7, HttpMethod: "GET", UrlPath: "/version", Operation: "GET /version"}
	for _, tt := range []struct {
		name   string
		change func(*schemas.Event)
		same   bool
	}{
		{"the record again", func(*schemas.Event) {}, true},
		{"the record again, once API documents name its operation", func(ev *schemas.Event) { ev.Operation = "getVersion" }, true},
		{"a nanosecond later", func(ev *schemas.Event) { ev.Time++ }, false},
		{"another path", func(ev *schemas.Event) { ev.UrlPath = "/api/v1/secrets" }, false},
		{"another method", func(ev *schemas.Event) { ev.HttpMethod = "DELETE" }, false},
		{"another operation, where the log has no method", func(ev *schemas.Event) { ev.HttpMethod, ev.Operation = "", "k8s:create secrets" }, false},
		{"a path that continues in the id", func(ev *schemas.Event) { ev.Id, ev.UrlPath = "x-1/version", "" }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRecent()
			require.False(t, r.touch(first, 0))
			again := proto.CloneOf(first)
			tt.change(again)
			require.Equal(t, tt.same, r.touch(again, 1))
		})
	}
	w := newWorld()
	for i := range 3 {
		w.raw.add(0, lines(line{ID: "x-1", Who: "a", Time: t0.UnixNano() + int64(i), N: i}))
	}
	w.raw.add(0, lines(line{ID: "x-1", Who: "a", Time: t0.UnixNano(), N: 3}))
	require.NoError(t, w.run(t, &crash{left: -1}))
	require.Len(t, w.written(t), 3)
	require.Empty(t, w.dead)
}

// A transform may take longer for a chunk than a watermark may be late. Nobody
// waits for the chunk's end: the cells hear of the time between two records, what
// is done by then is written, and a new owner would begin behind it.
func TestASlowChunkDoesNotHoldBackTheTime(t *testing.T) {
	w := newWorld()
	const records = 5 // one chunk
	for i := range records {
		w.raw.add(0, lines(line{Who: "a", Time: t0.UnixNano() + int64(i), N: i}))
	}
	writer := &memWriter{w.events, "enrich", 1, &crash{left: -1}}
	fences, err := Fence(t.Context(), writer, testCells, "raw", 0, 1)
	require.NoError(t, err)
	ticker := make(stillTicker, 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var r *Raw
	transformed := 0
	r = NewRaw(RawConfig{
		Topic: "raw", Cells: testCells, Reader: &memReader{w.raw, 0, records}, Fences: fences, Writer: writer,
		Ticker: ticker, IdleAfter: time.Hour, Now: func() time.Time { return today },
		Transform: func(rec *Record, h SubHandler) {
			transformed++
			switch transformed {
			case 3, 4:
				ticker <- t0 // while this record takes its time
			case records:
				// What the second tick hands over is taken once the first's is written.
				at, _ := r.Committable()
				require.GreaterOrEqual(t, at.Next, int64(3), "what is done may be committed")
				require.NotEmpty(t, w.written(t), "and is written")
				controls := w.controls(t)
				require.GreaterOrEqual(t, len(controls), 2, "the time is written")
				require.Equal(t, schemas.ControlKind_CONTROL_KIND_WATERMARK, controls[1].Kind)
				require.Equal(t, t0.UnixNano()+2, controls[1].Watermark)
				cancel()
			}
			parse(rec, h)
		},
	})
	require.NoError(t, r.Run(ctx, t.Context()))
	require.Equal(t, records, transformed)
}

// Both times are the producer's to choose: one record of the year 2100 would
// make everything after it late.
func TestATimeAheadOfNowIsRefusedAndMovesNothing(t *testing.T) {
	w := newWorld()
	future := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(n int, event, record time.Time) {
		w.raw.add(0, Record{Value: lines(line{Who: "a", Time: event.UnixNano(), N: n}).Value, Time: record})
	}
	at(0, future, future)
	at(1, today.Add(-time.Minute), future)
	at(2, today.Add(time.Hour), today)
	at(3, today.Add(time.Hour-1), today)
	at(4, today, today)
	require.NoError(t, w.run(t, &crash{left: -1}))
	var kept []string
	for _, ev := range w.written(t) {
		kept = append(kept, ev.RequestId)
		require.LessOrEqual(t, ev.Watermark, today.UnixNano())
		require.False(t, ev.Late)
	}
	slices.Sort(kept)
	require.Equal(t, []string{"3", "4"}, kept)
	require.Len(t, w.dead, 3)
	for i, want := range []string{
		"the record's time 2100-01-01T00:00:00Z is 1 h or more ahead of now", "the record's time 2100-01-01T00:00:00Z",
		"the event's time 2026-07-01T01:00:00Z is 1 h or more ahead of now (2026-07-01T00:00:00Z)",
	} {
		require.Contains(t, string(w.dead[i].Header(DeadError)), want)
	}
}
