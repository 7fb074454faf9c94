package detect

import (
	"fmt"
	"io"
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
// every detector on, panes opening and closing as event time goes on.
func BenchmarkEvent(b *testing.B) {
	e, day := warm(b)
	var out Output
	b.ReportAllocs()
	b.ResetTimer()
	shift := int64(0)
	i := 0
	for b.Loop() {
		if i == len(day) {
			i = 0
			shift += int64(24 * time.Hour)
			b.StopTimer()
			for _, ev := range day {
				ev.Time += int64(24 * time.Hour)
				ev.Watermark += int64(24 * time.Hour)
			}
			b.StartTimer()
		}
		e.Event(day[i], &out)
		i++
		out.Alerts, out.Discovered = out.Alerts[:0], out.Discovered[:0]
	}
	s := e.Stats()
	b.ReportMetric(float64(s.ProfileBytes)/float64(s.Identities), "B/profile")
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
