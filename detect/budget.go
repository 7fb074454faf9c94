package detect

import "math"

// budget is the gate of one version of the tables: which calibrated surprise a
// way needs to page. Every way has a third of the expected count a day; what a
// higher one leaves unspent moves down.
type budget struct {
	strong, fused float64 // least calibrated surprise
	// rare is what candidates of the strong way need, uses what first uses of the
	// consequence way do, known the share of a week that they rest on.
	rare, uses rareGate
	known      float64
	// Tests a day and pages a day by way, as counted over the last week.
	tests, pages [ways]float64
	allowance    [ways]float64
}

// share is this cell's part of the false alerts a day.
func (e *Engine) share() float64 { return e.cfg.FalseAlertsPerDay / float64(e.cfg.Cells) }

// leastTests is the number of tests a day below which a young cell is not taken
// at its word.
const leastTests = 2000

// budget counts the tests and pages of the week up to an hour.
func (t *tables) budget(upTo int64, perDay float64) budget {
	var b budget
	var tests, pages [ways]uint64
	var rare rareWeek
	first, last := int64(math.MaxInt64), int64(never)
	count := func(h *ledgerHour) {
		if h.hour <= upTo-ledgerHours || h.hour > upTo {
			return
		}
		first, last = min(first, h.hour), max(last, h.hour)
		for w := range ways {
			tests[w] += h.tests[w]
			pages[w] += h.pages[w]
		}
		rare[(upTo-h.hour)/24].add(h.rare)
	}
	for i := range t.base.ledger {
		count(&t.base.ledger[i])
	}
	for _, l := range t.recent {
		count(&ledgerHour{hour: l.hour, tests: l.tests, pages: l.pages, rare: l.rare})
	}
	days := 1.0
	if last >= first {
		days = math.Max(float64(last-first+1)/24, 1.0/24)
	}
	third := perDay / 3
	left := 0.0
	for _, w := range []Way{WayConsequence, WayStrong, WayFused} {
		b.tests[w] = float64(tests[w]) / days
		b.pages[w] = float64(pages[w]) / math.Max(days, 1)
		b.allowance[w] = third + left
		left = math.Max(0, b.allowance[w]-b.pages[w])
	}
	uses, others := rare.split()
	b.rare, b.known = others.gate(b.allowance[WayStrong]), math.Min(days/ledgerDays, 1)
	// What this way left moves down: it is not given out again from below.
	down := math.Max(0, third-b.pages[WayConsequence])
	unspent := math.Max(0, third-b.pages[WayStrong]) + math.Max(0, third-b.pages[WayFused])
	b.uses = uses.gateTogether(third + math.Max(0, unspent-down))
	b.strong = threshold(b.tests[WayStrong], b.allowance[WayStrong])
	b.fused = threshold(b.tests[WayFused], b.allowance[WayFused])
	return b
}

// threshold is -log10(allowance / tests a day).
func threshold(tests, allowance float64) float64 {
	return math.Max(math.Log10(math.Max(tests, leastTests)/allowance), 2)
}
