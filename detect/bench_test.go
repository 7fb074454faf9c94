package detect

import (
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
