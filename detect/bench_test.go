package detect

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// warm is an engine that knows a fleet, and a day of further events for it.
func warm(tb testing.TB) (*Engine, []*schemas.Event) {
	tb.Helper()
	members, all := fleet(31, 200, 8)
	var next [][]*schemas.Event
	for i := range members {
		next = append(next, members[i].events(random(uint64(900+i)), fleetStart.AddDate(0, 0, 8), fleetStart.AddDate(0, 0, 9))) //nolint:gosec // small
	}
	e := newEngine(tb)
	var out Output
	for _, ev := range all {
		e.Event(ev, &out)
	}
	return e, merge(next...)
}

// BenchmarkEvent is the usual path: known identities that do what they do,
// every detector on, panes opening and closing as event time goes on. Events are
// decoded a few at a time, as from a topic, which is not part of ns/event: that is
// the engine's own time. best-ns/event adds up the quickest of all days for each
// few events of the day, which tells of the code where the machine is busy with
// other work; best-arrival-ns and best-ns/pane share it between the events
// themselves and the panes that close with them.
func BenchmarkEvent(b *testing.B) {
	e, day := warm(b)
	encoded := make([][]byte, len(day))
	for i, ev := range day {
		var err error
		if encoded[i], err = ev.MarshalVT(); err != nil {
			b.Fatal(err)
		}
	}
	const few = 32
	var out Output
	var took time.Duration
	var best []time.Duration // of each few events of the day
	var panes []uint64       // that closed with them
	days := 0
	batch := make([]*schemas.Event, 0, few)
	before, i, shift := e.Stats(), 0, int64(0)
	for b.Loop() { // an operation is a few events
		batch = batch[:0]
		for ; len(batch) < few && i < len(encoded); i++ {
			ev := schemas.EventFromVTPool()
			if err := ev.UnmarshalVT(encoded[i]); err != nil {
				b.Fatal(err)
			}
			ev.Time += shift
			ev.Watermark += shift
			batch = append(batch, ev)
		}
		closed, from := e.stats.Panes, time.Now()
		for _, ev := range batch {
			e.Event(ev, &out)
			out.Alerts, out.Discovered = out.Alerts[:0], out.Discovered[:0]
		}
		d := time.Since(from)
		took += d
		if at := (i - 1) / few; at < len(best) {
			best[at] = min(best[at], d)
		} else {
			best, panes = append(best, d), append(panes, e.stats.Panes-closed)
		}
		for _, ev := range batch {
			ev.Recycle()
		}
		if i == len(encoded) {
			i, shift, days = 0, shift+int64(24*time.Hour), days+1
		}
	}
	s := e.Stats()
	events := float64(s.Events - before.Events)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took.Nanoseconds())/events, "ns/event")
	b.ReportMetric(float64(s.ProfileBytes)/float64(s.Identities), "B/profile")
	b.ReportMetric(events/float64(max(s.Panes-before.Panes, 1)), "events/pane")
	if days > 0 {
		sum, arrivals, judged := time.Duration(0), time.Duration(0), uint64(0)
		without := 0
		for i, d := range best {
			sum += d
			judged += panes[i]
			if panes[i] == 0 {
				arrivals += d
				without += min(few, len(encoded)-i*few)
			}
		}
		arrival := float64(arrivals.Nanoseconds()) / float64(max(without, 1))
		b.ReportMetric(float64(sum.Nanoseconds())/float64(len(encoded)), "best-ns/event")
		b.ReportMetric(arrival, "best-arrival-ns")
		b.ReportMetric((float64(sum.Nanoseconds())-arrival*float64(len(encoded)))/float64(max(judged, 1)), "best-ns/pane")
	}
}

func TestAKnownEventAllocatesNothing(t *testing.T) {
	e, day := warm(t)
	var out Output
	i := 0
	got := testing.AllocsPerRun(2000, func() {
		e.Event(day[i], &out)
		i++
	})
	if got > 0 {
		t.Errorf("%v allocations an event", got)
	}
	// Panes that close within an hour allocate nothing either; once an hour a version of
	// the cell's tables is built.
	least := uint64(math.MaxUint64)
	var before, after runtime.MemStats
	for quarter := paneOf(day[i].Time) + 1; quarter < paneOf(day[len(day)-1].Time); quarter++ {
		for paneOf(day[i].Time) < quarter {
			e.Event(day[i], &out)
			i++
		}
		panes := e.stats.Panes
		runtime.ReadMemStats(&before)
		for paneOf(day[i].Time) == quarter {
			e.Event(day[i], &out)
			i++
		}
		runtime.ReadMemStats(&after)
		if e.stats.Panes > panes {
			least = min(least, after.Mallocs-before.Mallocs)
		}
	}
	if least > 0 {
		t.Errorf("at least %d allocations for the panes of a quarter of an hour", least)
	}
}

// BenchmarkSnapshot writes the state of many identities; the time of one
// operation over their number is the pause that each costs.
func BenchmarkSnapshot(b *testing.B) {
	e := newEngine(b)
	var out Output
	const identities = 20_000
	for round := range 8 {
		for i := range identities {
			m := member{id: fmt.Sprintf("aws:1:role/%06d", i), kind: "workload", ip: "198.51.100.7", country: "DE", topic: "raw.a"}
			ev := m.event(fleetStart.Add(time.Duration(round)*2*time.Hour).UnixNano()+int64(i)*1e6, fmt.Sprintf("s3:Get%d", (i+round)%40))
			ev.Watermark = ev.Time
			e.Event(ev, &out)
			out = Output{}
		}
	}
	b.ResetTimer()
	for b.Loop() {
		if err := e.Snapshot(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/identities, "ns/identity")
}
