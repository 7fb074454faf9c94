package detect

import (
	"cmp"
	"math"
	"slices"
)

// Rare events are judged by conditions of their own, not by a statistic: a new
// country, a person's client under a machine's credential, a sleeper that wakes,
// a caller that falls silent. A condition has no probability, so its budget is
// kept by counting: every event that meets its condition is counted by its
// surprise, paged or not, and pages only from the surprise on above which the
// fleet usually has no more of them than their allowance. What falls below it is
// evidence for the fused way, and a silence goes to the report. So a fleet in
// which such things happen daily does not page daily, and one in which they are
// rare pages at once.
//
// A count cannot tell an attack from a habit; its shape can. A habit is there on
// most days, an intrusion or a migration on one or two: the two busiest days of
// the week are left out of what is usual. And each sort of event is counted by
// itself, so that sleepers which wake daily do not hide a person at a machine's
// credential.

const (
	// rareBins are half units of surprise.
	rareBins = 16
	// rareSilence is the row of silences; the others are the families.
	rareSilence = int(families)
	rareRows    = int(families) + 1

	ledgerDays = ledgerHours / 24
	busyDays   = 2
	// rareShare is what rare events may take of the strong way's allowance. The
	// quarter that they leave costs the statistics 0.6 of surprise.
	rareShare = 0.75
)

// rareCounts counts rare events by sort and surprise.
type rareCounts [rareRows][rareBins]uint16

func rareBin(s float64) int { return min(max(int(2*s), 0), rareBins-1) }

func (r *rareCounts) count(row int, s float64) {
	if n := &r[row][rareBin(s)]; *n < math.MaxUint16 {
		*n++
	}
}

func (r *rareCounts) add(o *rareCounts) {
	for row := range o {
		for i, n := range o[row] {
			r[row][i] = uint16(min(uint32(r[row][i])+uint32(n), math.MaxUint16)) //nolint:gosec // clamped
		}
	}
}

// part is what one of several cells takes over.
func (r *rareCounts) part(share func(uint64) uint64) (p rareCounts) {
	for row := range r {
		for i, n := range r[row] {
			p[row][i] = uint16(share(uint64(n))) //nolint:gosec // at most n
		}
	}
	return p
}

func (r *rareCounts) visit(c *codec) {
	for row := range r {
		for i := range r[row] {
			c.u16(&r[row][i])
		}
	}
}

// rareWeek is a week of counts, by day.
type rareWeek [ledgerDays]rareCounts

// usual is how many events of a row and of a bin or above a usual day has: the
// mean without the busiest days. Days of which nothing is known count as quiet.
func (w *rareWeek) usual(row, bin int) float64 {
	var days [ledgerDays]float64
	for d := range w {
		for _, n := range w[d][row][bin:] {
			days[d] += float64(n)
		}
	}
	slices.Sort(days[:])
	sum := 0.0
	for _, n := range days[:ledgerDays-busyDays] {
		sum += n
	}
	return sum / (ledgerDays - busyDays)
}

// rareGate is the least surprise with which each sort of rare event pages, and
// how many of all are expected a day.
type rareGate struct {
	least [rareRows]float64
	pages float64
}

// gate shares an allowance a day out, so that the sort that has least gets what
// it needs first (max-min fairness), and none of a sort pages that would exceed
// its share.
func (w *rareWeek) gate(perDay float64) (g rareGate) {
	type row struct {
		n     int
		usual float64
	}
	var rows [rareRows]row
	for n := range rows {
		rows[n] = row{n, w.usual(n, 0)}
	}
	slices.SortStableFunc(rows[:], func(a, b row) int { return cmp.Compare(a.usual, b.usual) })
	for i, r := range rows {
		share := max(0, perDay-g.pages) / float64(rareRows-i)
		bin := 0
		for bin < rareBins && w.usual(r.n, bin) > share {
			bin++
		}
		g.least[r.n] = float64(bin) / 2
		if bin < rareBins {
			g.pages += w.usual(r.n, bin)
		}
	}
	return g
}

// affordable counts a rare event found on arrival and reports whether it may
// page. One that was raised within the last 30 days is counted in its alert.
func (e *Engine) affordable(p *Profile, x *found, call *Call) bool {
	if e.lacks(offStrong) {
		return false
	}
	s := e.slots.find(&p.slots, Rule, ruleHash(Rule, x.meta.Name, x.Value, x.Refused))
	if s != nil && int(call.Day)-int(s.day) <= verdictDays {
		return true
	}
	return e.affordableAt(int(x.meta.Family), x.Surprise, call.hour)
}

// affordableAt counts a rare event of an hour and reports whether it may page.
// The tables that decide end hours before, so that the order in which topics are
// read changes nothing.
func (e *Engine) affordableAt(row int, s float64, hour int64) bool {
	v := e.tables.view(hour, e)
	e.tables.at(hour).rare.count(row, s)
	return s >= v.budget.rare.least[row] || e.lacks(offArrivalGate)
}
