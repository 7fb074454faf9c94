package detect

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRareEventsPageOnlyWhatAWeekAffords(t *testing.T) {
	for _, c := range []struct {
		name   string
		counts map[float64]uint16 // by surprise
		perDay float64
		least  float64
	}{
		{"none so far: the first one pages", nil, 1, 0},
		{"as many as are allowed", map[float64]uint16{2: 7}, 1, 0},
		{"one too many: the mild ones are dropped first", map[float64]uint16{1: 3, 4: 5}, 1, 1.5},
		{"too many even of the gravest", map[float64]uint16{7.5: 50}, 1, 8},
		{"a budget of one a week", map[float64]uint16{3: 1}, 1.0 / 7, 0},
	} {
		var r rareCounts
		for s, n := range c.counts {
			r[rareBin(s)] += n
		}
		if least, _ := r.least(c.perDay); least != c.least {
			t.Errorf("%s: from %v on, want %v", c.name, least, c.least)
		}
	}
}

func TestWhatRareEventsPageStaysWithinTheirAllowance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r rareCounts
		for i := range r {
			r[i] = uint16(rapid.IntRange(0, 30).Draw(t, "n")) //nolint:gosec // small
		}
		perDay := rapid.Float64Range(0.05, 5).Draw(t, "a day")
		s, expected := r.least(perDay)
		paged := 0.0
		for i := range r {
			if float64(i)/2 >= s {
				paged += float64(r[i])
			}
		}
		if paged/7 > perDay+1e-9 || math.Abs(paged/7-expected) > 1e-9 {
			t.Fatalf("%v a day page from %v on, %v expected, %v allowed", paged/7, s, expected, perDay)
		}
	})
}

// A small fleet leaves the shipped prior step by step.
func TestASmallFleetIsDrawnTowardsThePrior(t *testing.T) {
	const s = 8.0
	prior := priorTail(SignalRate, s)
	last := prior
	for _, panes := range []int{100, 1000, 5000, 19_000} {
		h := &histogram{}
		h[binOf(0.5)] = uint64(panes) * wholePoint //nolint:gosec // positive
		v := &view{t: &tables{}}
		v.tails[groups][SignalRate] = fit(h)
		c, from := v.calibrate(1, SignalRate, s)
		if c < last || from == "" {
			t.Errorf("%d quiet panes: %v after %v", panes, c, last)
		}
		if most := math.Log10(float64(panes+priorPanes)) + prior; c > most {
			t.Errorf("%d quiet panes claim %v", panes, c)
		}
		last = c
	}
	// What the fleet did show weighs against the claim.
	h := &histogram{}
	h[binOf(0.5)], h[binOf(9)] = 9_000*wholePoint, 90*wholePoint
	v := &view{t: &tables{}}
	v.tails[groups][SignalRate] = fit(h)
	if c, from := v.calibrate(1, SignalRate, s); c > 2.1 || from != smallFleet {
		t.Errorf("one pane in a hundred was as surprising: %v by %s", c, from)
	}
}

// Novelty that comes when its pane is closed is weighed in the next that closes:
// else it would be learned and never judged.
func TestNoveltySentLateIsWeighedInTheNextPane(t *testing.T) {
	e, m, at := settled(t, 9)
	ev := m.event(at.Add(-6*time.Hour).UnixNano(), "iam:ListUsers")
	ev.Service, ev.Late, ev.Watermark = "iam", true, at.Add(-time.Minute).UnixNano()
	var out Output
	e.Event(ev, &out)
	p, _ := e.store.find(m.id)
	of := func() *note {
		for i := range e.dossier(p).notes {
			if n := &e.dossier(p).notes[i]; n.meta.Name == "new-operation" {
				return n
			}
		}
		t.Fatal("no evidence of the new operation")
		return nil
	}
	if n := of(); n.tail != 0 || n.pane < paneOf(at.Add(-30*time.Minute).UnixNano()) {
		t.Errorf("weighed %v in pane %d", n.tail, n.pane)
	}
	drive(e, merge(m.events(random(2), at, at.Add(2*time.Hour))), nil, &out)
	if of().tail == 0 {
		t.Error("the next panes did not weigh it")
	}
}
