package detect

import (
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// A job that comes every night is no evidence of anything once it has come on most
// nights of a week, unless there is much more of it, or it comes at another hour.
func TestANightlyJobIsNoEvidence(t *testing.T) {
	for _, c := range []struct {
		name  string
		night int // of the job that is looked at
		calls int
		at    time.Duration
		heard bool
	}{
		{"its fourth night", 4, 40, 3 * time.Hour, true},
		{"its ninth night", 9, 40, 3 * time.Hour, false},
		{"an hour late on its ninth", 9, 40, 4 * time.Hour, false},
		{"half as much again on its ninth", 9, 60, 3 * time.Hour, true},
		{"by day", 9, 40, 14 * time.Hour, true},
	} {
		members, all := fleet(7, 2, 10)
		m := &members[0]
		m.perPane = 3
		own := m.events(random(3), fleetStart, fleetStart.AddDate(0, 0, 10))
		last := fleetStart.AddDate(0, 0, c.night).Add(c.at)
		for night := 1; night <= c.night; night++ {
			at, calls := fleetStart.AddDate(0, 0, night).Add(3*time.Hour), 40
			if night == c.night {
				at, calls = last, c.calls
			}
			for i := range calls {
				own = append(own, m.event(at.Add(time.Duration(i)*10*time.Second).UnixNano(), "s3:GetObject"))
			}
		}
		var events []*schemas.Event
		for _, ev := range all {
			if ev.IdentityId != m.id && ev.Time < last.Add(2*time.Hour).UnixNano() {
				events = append(events, ev)
			}
		}
		for _, ev := range own {
			if ev.Time < last.Add(15*time.Minute).UnixNano() {
				events = append(events, ev)
			}
		}
		e := newEngine(t)
		events = merge(events)
		drive(e, events, ends(events), &Output{})
		p, _ := e.store.find(m.id)
		near := p.stats.near[FamilyVolume]
		heard := near >= 1.5
		if heard != c.heard {
			t.Errorf("%s: evidence of %.1f, heard %v, want %v", c.name, near, heard, c.heard)
		}
	}
}

func TestAHabitIsOfMostDays(t *testing.T) {
	for _, c := range []struct {
		name string
		days []uint16 // on which it was busy at three
		asks uint16
		hour int64
		is   bool
	}{
		{"four days of seven", []uint16{1, 2, 3, 4}, 8, 3, true},
		{"three days", []uint16{1, 2, 3}, 8, 3, false},
		{"the hour beside it", []uint16{1, 2, 3, 4}, 8, 4, true},
		{"two hours on", []uint16{1, 2, 3, 4}, 8, 5, false},
		{"working days, asked on Monday", []uint16{1, 2, 3, 4, 5}, 8, 3, true},
		{"today counts for nothing", []uint16{2, 3, 4, 8}, 8, 3, false},
		{"a week ago", []uint16{1, 2, 3, 4}, 12, 3, false},
	} {
		var h habit
		day := c.days[0]
		for _, d := range c.days {
			h.pass(d - day)
			h.note(3)
			day = d
		}
		h.pass(c.asks - day)
		if h.has(c.hour) != c.is {
			t.Errorf("%s: %v, want %v", c.name, !c.is, c.is)
		}
	}
}
