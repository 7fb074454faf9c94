package detect

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestCandidatesPageOnlyWhatAUsualDayAffords(t *testing.T) {
	// Counts of a detector by day of the week and surprise.
	type day = map[float64]uint64
	each := func(d day) (week [ledgerDays]day) {
		for i := range week {
			week[i] = d
		}
		return week
	}
	for _, c := range []struct {
		name   string
		counts [ledgerDays]day
		perDay float64
		least  float64
	}{
		{"none so far: the first one pages", each(nil), 1, 0},
		{"as many a day as are allowed", each(day{2: 1}), 1, 0},
		{"one too many a day: the mild ones are dropped first", each(day{1: 1, 4: 1}), 1, 1.25},
		{"too many a day even of the gravest", each(day{7.9: 5}), 1, 8},
		{"an intrusion of two days is not usual", [ledgerDays]day{3: {4: 40}, 4: {4: 60}}, 0.5, 0},
		{"on three days it is", [ledgerDays]day{2: {4: 40}, 3: {4: 40}, 4: {4: 60}}, 0.5, 4.25},
	} {
		var w rareWeek
		for d, counts := range c.counts {
			for s, n := range counts {
				w[d].count(1, rareBin(s), n)
			}
		}
		if least := w.gate(c.perDay).least[1]; least != c.least {
			t.Errorf("%s: from %v on, want %v", c.name, least, c.least)
		}
	}
}

func TestEachCellTakesOverItsShareOfCandidates(t *testing.T) {
	const cells = 4
	var of [cells]int
	for hour := range int64(100) {
		var r rareCounts
		r.count(1, rareBin(3), 1)
		r.count(2, rareBin(5), 2)
		for n := range cells {
			for _, x := range r.part(hour, n, cells) {
				of[n] += int(x.n)
			}
		}
	}
	if of != [cells]int{75, 75, 75, 75} {
		t.Errorf("%v of 300", of)
	}
}

func TestADetectorThatFindsMuchHidesNoOther(t *testing.T) {
	var w rareWeek
	for d := range w {
		w[d].count(1, rareBin(4), 20)
		w[d].count(2, rareBin(2), 1)
	}
	g := w.gate(2)
	if g.least[1] <= 4 || g.least[2] != 0 || g.pages != 1 {
		t.Errorf("%v", g)
	}
}

func TestWhatManyDetectorsFindOnTwoDaysEachIsAHabitOfTheFleet(t *testing.T) {
	for _, c := range []struct {
		name      string
		detectors int
		pages     int // a week, of two candidates each
	}{
		{"one: an intrusion or a migration", 1, 2},
		{"three: six a week, one a day is allowed", 3, 6},
		{"seven: two a day, of which one is allowed", 7, 7},
	} {
		var w rareWeek
		for i := range c.detectors {
			for n := range 2 {
				w[(2*i+n)%ledgerDays].count(uint32(i+1), uint8(8+4*n), 1) //nolint:gosec // small
			}
		}
		pages, g := 0, w.gateTogether(1)
		for d := range w {
			for _, x := range w[d] {
				if float64(x.bin)/4 >= g.least[x.row] {
					pages += int(x.n)
				}
			}
		}
		assert.Equal(t, c.pages, pages, c.name)
	}
}

func TestWhatCandidatesPageStaysWithinTheirAllowance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w rareWeek
		for d := range w {
			for range rapid.IntRange(0, 20).Draw(t, "counts") {
				w[d].count(rapid.Uint32Range(1, 4).Draw(t, "row"), rapid.Uint8Range(0, rareBins-1).Draw(t, "bin"), rapid.Uint64Range(1, 3).Draw(t, "n"))
			}
		}
		perDay := rapid.Float64Range(0.05, 5).Draw(t, "a day")
		usual := func(g rareGate, rows ...uint32) float64 {
			var days []float64
			for d := range w {
				n := 0.0
				for _, x := range w[d] {
					if slices.Contains(rows, x.row) && float64(x.bin)/4 >= g.least[x.row] {
						n += float64(x.n)
					}
				}
				days = append(days, n)
			}
			slices.Sort(days)
			quiet, mean := 0.0, 0.0
			for i, n := range days {
				mean += n / ledgerDays
				if i < ledgerDays-busyDays {
					quiet += n / (ledgerDays - busyDays)
				}
			}
			return math.Min(ofQuietDays(quiet), mean)
		}
		each, sum := w.gate(perDay), 0.0
		for row := range uint32(4) {
			sum += usual(each, row+1)
		}
		if sum > perDay+1e-9 || math.Abs(sum-each.pages) > 1e-9 {
			t.Fatalf("each: %v expected, %v by the days, %v allowed", each.pages, sum, perDay)
		}
		all := w.gateTogether(perDay)
		if n := usual(all, 1, 2, 3, 4); n > perDay+1e-9 || math.Abs(n-all.pages) > 1e-9 {
			t.Fatalf("together: %v expected, %v by the days, %v allowed", all.pages, n, perDay)
		}
		for row, least := range each.least {
			if all.least[row] < least {
				t.Fatalf("detector %d pages from %v on, alone from %v", row, all.least[row], least)
			}
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

// The quieter days of a habit have fewer than its mean: what they tell of is the mean.
func TestTheQuietDaysTellOfTheMean(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1)) //nolint:gosec // a test's own
	for _, mean := range []float64{0.3, 1, 3, 10, 40} {
		const weeks = 4000
		quiet := 0.0
		for range weeks {
			var days [ledgerDays]float64
			for d := range days {
				for at := r.ExpFloat64(); at < mean; at += r.ExpFloat64() {
					days[d]++
				}
			}
			slices.Sort(days[:])
			for _, n := range days[:ledgerDays-busyDays] {
				quiet += n / (ledgerDays - busyDays) / weeks
			}
		}
		assert.InEpsilon(t, mean, ofQuietDays(quiet), 0.07, "quiet days have %.2f", quiet)
	}
	assert.Zero(t, ofQuietDays(0), "nothing on any other day is no habit")
}
