package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// finding is one way in which the world differs from the reference.
type finding struct {
	lost bool // else an effect beyond one
	text string
}

// verdict collects findings.
type verdict struct{ all []finding }

func (v *verdict) lost(format string, args ...any) {
	v.all = append(v.all, finding{true, fmt.Sprintf(format, args...)})
}

func (v *verdict) twice(format string, args ...any) {
	v.all = append(v.all, finding{false, fmt.Sprintf(format, args...)})
}

func (v *verdict) count() (lost, twice int) {
	for _, f := range v.all {
		if f.lost {
			lost++
		} else {
			twice++
		}
	}
	return lost, twice
}

// scan reads a topic whole, partition by partition.
func (w *world) scan(topic string) map[int][]stream.Record {
	w.t.Helper()
	out := make(map[int][]stream.Record)
	w.must(w.admin.Scan(context.Background(), topic, kafka.ScanOptions{Partition: -1}, func(rec *stream.Record) error {
		c := *rec
		c.Key, c.Value = bytes.Clone(rec.Key), bytes.Clone(rec.Value)
		c.Headers = make([]stream.Header, len(rec.Headers))
		for i, h := range rec.Headers {
			c.Headers[i] = stream.Header{Key: h.Key, Value: bytes.Clone(h.Value)}
		}
		out[rec.Partition] = append(out[rec.Partition], c)
		return nil
	}))
	return out
}

// settled waits until everything that was sent has gone all the way.
func (w *world) settled(limit time.Duration) bool {
	w.t.Helper()
	end := time.Now().Add(limit)
	reach := func(topic string, groups ...string) bool {
		var ends []int64
		if !w.within(time.Minute, func() (ok bool) {
			var err error
			ends, err = w.admin.Ends(context.Background(), topic)
			return err == nil // a leader that has just moved may not know
		}) {
			return false
		}
		for _, g := range groups {
			if !w.within(time.Until(end), func() bool {
				at, err := w.admin.Committed(context.Background(), g, topic)
				if err != nil {
					return false // there is no such group yet
				}
				for p := range ends {
					if at[p] < ends[p] && ends[p] > 0 {
						return false
					}
				}
				return true
			}) {
				at, _ := w.admin.Committed(context.Background(), g, topic)
				w.t.Logf("%s stands at %v of %s, which ends at %v; the group: %+v", g, at, topic, ends, w.cluster.GroupInfo(g))
				return false
			}
		}
		return true
	}
	return reach(rawTopic, "lapwing-enrich") && reach("lapwing.events", "lapwing-detect", "lapwing-store") &&
		reach("lapwing.alerts", "lapwing-alert-siem", "lapwing-alert-pager", "lapwing-alert-manager", "lapwing-alert-clickhouse")
}

// slice reads records that are there already, with their own offsets.
type slice struct{ recs []stream.Record }

// Fetch implements stream.Reader.
func (s *slice) Fetch(ctx context.Context, offset int64) (stream.Chunk, error) {
	end := s.end()
	i := sort.Search(len(s.recs), func(i int) bool { return s.recs[i].Offset >= offset })
	if i == len(s.recs) {
		<-ctx.Done()
		return stream.Chunk{}, ctx.Err()
	}
	recs := append([]stream.Record(nil), s.recs[i:]...)
	return stream.NewChunk(recs, end, 0, end, nil), nil
}

func (s *slice) end() int64 {
	if len(s.recs) == 0 {
		return 0
	}
	return s.recs[len(s.recs)-1].Offset + 1
}

// Bounds implements stream.Reader.
func (s *slice) Bounds(context.Context) (start, end int64, err error) { return 0, s.end(), nil }

// collector is a log that only takes.
type collector struct{ batches [][]stream.Record }

// Append implements stream.Writer.
func (c *collector) Append(_ context.Context, cell int, b *stream.Batch) (int64, error) {
	c.batches[cell] = append(c.batches[cell], b.Records()...)
	return int64(len(c.batches[cell])), nil
}

type noTicks struct{}

func (noTicks) Chan() <-chan time.Time { return nil }
func (noTicks) Stop()                  {}

// reference is what one undisturbed pass makes of the raw log.
type reference struct {
	// events by coordinates, encoded; cell of each.
	events map[string][]byte
	cell   map[string]int
	// dead letters by coordinates.
	dead map[string]int
}

// enrichReference runs each raw partition through the stage, undisturbed.
func (w *world) enrichReference(raw map[int][]stream.Record) *reference {
	w.t.Helper()
	ref := &reference{events: map[string][]byte{}, cell: map[string]int{}, dead: map[string]int{}}
	for part := range w.o.partitions {
		in := &slice{raw[part]}
		if in.end() == 0 {
			continue
		}
		out := &collector{batches: make([][]stream.Record, w.o.cells)}
		ctx, cancel := context.WithCancel(context.Background())
		r := stream.NewRaw(stream.RawConfig{
			Topic: rawTopic, Partition: part, Disorder: 10 * time.Second, Cells: w.o.cells,
			Transform: w.transform, Reader: in, Writer: out, Fences: make([]int64, w.o.cells),
			Dead: func(_ context.Context, recs []stream.Record) error {
				for i := range recs {
					ref.dead[deadCoordinates(&recs[i])]++
				}
				return nil
			},
			Ticker: noTicks{}, Now: time.Now, IdleAfter: time.Hour,
			Observe: stream.RawObserver{Position: func(next, end, _ int64) {
				if next >= end {
					cancel()
				}
			}},
		})
		err := r.Run(ctx, context.Background())
		cancel()
		w.must(err)
		for cell, recs := range out.batches {
			for i := range recs {
				if stream.IsControl(&recs[i]) {
					continue
				}
				ev := new(schemas.Event)
				w.must(ev.UnmarshalVT(recs[i].Value))
				ref.events[coordinates(ev)], ref.cell[coordinates(ev)] = recs[i].Value, cell
			}
		}
	}
	return ref
}

func deadCoordinates(rec *stream.Record) string {
	return fmt.Sprintf("%s/%s/%s/%s %s", rec.Header(stream.DeadTopic), rec.Header(stream.DeadPartition), rec.Header(stream.DeadOffset), rec.Header(stream.DeadIndex), rec.Header(stream.DeadStage))
}

// said is one alert version of the reference, with the offset that caused it.
type said struct {
	offset int64
	value  string
}

// detectReference judges a cell's log in one pass. It returns what was said, by
// alert id and version in order, and the state at an offset.
func (w *world) detectReference(cell int, log []stream.Record, at int64) (order []string, alerts map[string]said, state []byte) {
	w.t.Helper()
	engine := w.newEngine(cell)
	alerts = make(map[string]said)
	var out stream.Out
	var buf bytes.Buffer
	taken := false
	snapshot := func() {
		if !taken {
			taken = true
			w.must(engine.Snapshot(&buf))
		}
	}
	for i := range log {
		rec := &log[i]
		if rec.Offset >= at {
			snapshot()
		}
		if stream.IsControl(rec) {
			c := new(schemas.Control)
			w.must(c.UnmarshalVT(rec.Value))
			engine.Control(c, &out)
		} else {
			ev := new(schemas.Event)
			w.must(ev.UnmarshalVT(rec.Value))
			engine.Event(ev, &out)
		}
		for j := range out.Alerts {
			b, err := json.Marshal(&out.Alerts[j])
			w.must(err)
			key := versionKey(&out.Alerts[j])
			order = append(order, key)
			alerts[key] = said{rec.Offset, string(b)}
		}
		out.Reset()
	}
	snapshot()
	return order, alerts, buf.Bytes()
}

func versionKey(a *schemas.Alert) string { return a.ID() + "." + strconv.Itoa(a.Version()) }

// verify compares the world with the reference. The processes have been told to
// stop before.
func (w *world) verify() {
	w.t.Helper()
	v := w.v
	ref := w.enrichReference(w.scan(rawTopic))
	events := w.scan("lapwing.events")
	w.verifyIssued(v, ref)
	w.verifyEvents(v, ref, events)
	w.verifyDead(v, ref)
	w.verifyAlerts(v, events)
	w.verifyWarehouse(v, events)
	w.verifyDestinations(v)
}

// verifyIssued checks the reference itself: it holds what the source issued,
// each call once, and nothing else.
func (w *world) verifyIssued(v *verdict, ref *reference) {
	seen := make(map[int]int)
	for at, value := range ref.events {
		ev := new(schemas.Event)
		w.must(ev.UnmarshalVT(value))
		n, err := strconv.Atoi(ev.Attributes["query.n"])
		if err != nil || n < 0 || n >= len(w.traffic.calls) {
			v.twice("event %s was never sent", at)
			continue
		}
		seen[n]++
	}
	for n := range w.traffic.calls {
		switch {
		case seen[n] == 0:
			v.lost("call %d is not in the reference", n)
		case seen[n] > 1:
			v.twice("call %d is in the reference %d times", n, seen[n])
		}
	}
	w.r.Events(len(w.traffic.calls))
}

// canonical is an encoded event with its attributes in order, which the
// encoding leaves open.
func (w *world) canonical(value []byte) []byte {
	w.t.Helper()
	ev := new(schemas.Event)
	w.must(ev.UnmarshalVT(value))
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(ev)
	w.must(err)
	return b
}

func (w *world) verifyEvents(v *verdict, ref *reference, events map[int][]stream.Record) {
	seen := make(map[string]int)
	for cell, recs := range events {
		for i := range recs {
			if stream.IsControl(&recs[i]) {
				continue
			}
			ev := new(schemas.Event)
			w.must(ev.UnmarshalVT(recs[i].Value))
			at := coordinates(ev)
			seen[at]++
			want, ok := ref.events[at]
			switch {
			case !ok:
				v.twice("event %s of cell %d is not in the reference", at, cell)
			case ref.cell[at] != cell:
				v.lost("event %s is in cell %d, not %d", at, cell, ref.cell[at])
			case !bytes.Equal(w.canonical(want), w.canonical(recs[i].Value)):
				v.lost("event %s of cell %d differs from the reference", at, cell)
			}
		}
	}
	for at := range ref.events {
		switch {
		case seen[at] == 0:
			v.lost("event %s is not in lapwing.events", at)
		case seen[at] > 1:
			v.twice("event %s is %d times in lapwing.events", at, seen[at])
		}
	}
}

// verifyDead wants each dead letter at least once: a crash may repeat one.
func (w *world) verifyDead(v *verdict, ref *reference) {
	seen := make(map[string]int)
	for _, recs := range w.scan("lapwing.deadletter") {
		for i := range recs {
			at := deadCoordinates(&recs[i])
			seen[at]++
			if ref.dead[at] == 0 {
				v.twice("dead letter %s is not in the reference", at)
			}
		}
	}
	for at := range ref.dead {
		if seen[at] == 0 {
			v.lost("%s is in no dead letter", at)
		}
	}
}

func (w *world) verifyAlerts(v *verdict, events map[int][]stream.Record) {
	written := w.scan("lapwing.alerts")
	for cell := range w.o.cells {
		var state []byte
		next, found, err := w.admin.Snapshot(context.Background(), cell, func(r io.Reader) (err error) {
			state, err = io.ReadAll(r)
			return err
		})
		w.must(err)
		order, want, at := w.detectReference(cell, events[cell], next)
		switch {
		case !found && slices.ContainsFunc(events[cell], func(rec stream.Record) bool { return !stream.IsControl(&rec) }):
			v.lost("cell %d left no snapshot", cell)
		case found && !bytes.Equal(at, state):
			v.lost("the state of cell %d at offset %d differs from the reference", cell, next)
		}
		seen := make(map[string]bool)
		var got []string
		for i := range written[cell] {
			var a schemas.Alert
			w.must(json.Unmarshal(written[cell][i].Value, &a))
			key := versionKey(&a)
			if s, ok := want[key]; !ok {
				v.twice("alert %s of cell %d is not in the reference", key, cell)
			} else if s.value != string(written[cell][i].Value) {
				v.lost("alert %s of cell %d differs from the reference", key, cell)
			}
			if !seen[key] {
				seen[key] = true
				got = append(got, key)
			}
		}
		for i, key := range order {
			switch {
			case !seen[key] && want[key].offset < next:
				v.lost("alert %s of cell %d is not in lapwing.alerts", key, cell)
			case i < len(got) && got[i] != key && want[key].offset < next:
				v.lost("cell %d says %s where the reference says %s", cell, got[i], key)
			}
		}
	}
}

func (w *world) verifyWarehouse(v *verdict, events map[int][]stream.Record) {
	w.warehouse.mu.Lock()
	defer w.warehouse.mu.Unlock()
	want := make(rollup)
	known := make(map[string]bool)
	for _, recs := range events {
		for i := range recs {
			if stream.IsControl(&recs[i]) {
				continue
			}
			ev := new(schemas.Event)
			w.must(ev.UnmarshalVT(recs[i].Value))
			addTo(want, ev)
			at := coordinates(ev)
			known[at] = true
			switch n := w.warehouse.rows[at]; {
			case n == 0:
				v.lost("event %s is not in ClickHouse", at)
			case n > 1:
				v.twice("event %s is %d times in ClickHouse", at, n)
			}
		}
	}
	for at := range w.warehouse.rows {
		if !known[at] {
			v.twice("row %s is in ClickHouse only", at)
		}
	}
	for k, s := range want {
		if got := w.warehouse.rollup[k]; got != s {
			v.lost("the hour %d of %s sums to %v, want %v", k.hour, k.identity, got, s)
		}
	}
}

// verifyDestinations compares what each destination has with lapwing.alerts.
func (w *world) verifyDestinations(v *verdict) {
	last := make(map[string]int)
	pages := make(map[string]bool)
	closed := make(map[string]bool)
	var all []message
	seen := make(map[message]bool)
	for _, recs := range w.scan("lapwing.alerts") {
		for i := range recs {
			var a schemas.Alert
			w.must(json.Unmarshal(recs[i].Value, &a))
			m := message{a.ID(), a.Version(), ""}
			if !seen[m] {
				seen[m] = true
				all = append(all, m)
			}
			last[a.ID()] = max(last[a.ID()], a.Version())
			pages[a.ID()] = pages[a.ID()] || a.Unmapped.Lapwing.Page
			closed[a.ID()] = closed[a.ID()] || a.ActivityID == schemas.ActivityClose
		}
	}
	w.verifySIEM(v, all)
	pager := w.receivers["pager"]
	pager.mu.Lock()
	for id, page := range pages {
		switch n := pager.opened[id]; {
		case page && n == 0:
			v.lost("alert %s paged nobody", id)
		case n > 1:
			v.twice("alert %s opened %d incidents", id, n)
		}
		if closed[id] && pager.open[id] {
			v.lost("alert %s has ended, its incident is open", id)
		}
		if page && !closed[id] && !pager.open[id] && pager.opened[id] > 0 {
			v.lost("alert %s is open, its incident is not", id)
		}
	}
	pager.mu.Unlock()
	w.table.mu.Lock()
	defer w.table.mu.Unlock()
	for id, n := range last {
		if got := w.table.versions[id]; got != n {
			v.lost("the table has version %d of alert %s, want %d", got, id, n)
		}
	}
}

// verifySIEM wants every version, those of one alert in order; a crash may
// repeat one under its id.
func (w *world) verifySIEM(v *verdict, all []message) {
	have := make(map[message]bool)
	newest := make(map[string]int)
	for _, m := range w.receivers["siem"].messages() {
		if !have[m] && m.version < newest[m.id] {
			v.lost("the SIEM got version %d of %s after version %d", m.version, m.id, newest[m.id])
		}
		have[m] = true
		newest[m.id] = max(newest[m.id], m.version)
	}
	for _, m := range all {
		if !have[m] {
			v.lost("the SIEM never got %s", m)
		}
		delete(have, m)
	}
	for m := range have {
		v.twice("the SIEM got %s, which is in no log", m)
	}
}

// live sends a bad call and waits for its alert at the receivers: the world
// works again. It returns how long that took.
func (w *world) live(limit time.Duration) {
	w.t.Helper()
	began := time.Now()
	before := len(w.receivers["siem"].messages())
	// Of an identity of its own: a breach that joins an open alert is told later.
	c := w.traffic.call(time.Now(), true)
	c.identity = identities + w.probes
	w.probes++
	w.send(w.traffic.records([]issued{c}))
	if !w.within(limit, func() bool { return len(w.receivers["siem"].messages()) > before }) {
		w.v.lost("a new breach told nobody within %s", limit)
		return
	}
	w.r.Recovered(time.Since(began))
}
