package detect

import "math"

// Rare events are judged by conditions of their own, not by a statistic: a new
// country, a person's client under a machine's credential, a sleeper that wakes,
// a caller that falls silent. A condition has no probability, so its budget is
// kept by counting: every event that meets its condition is counted by its
// surprise, paged or not, and pages only from the surprise on above which the
// last week held no more than their allowance. What falls below it is evidence
// for the fused way, and a silence goes to the report. So a fleet in which such
// things happen daily does not page daily, and one in which they are rare pages
// at once.

// rareBins are half units of surprise.
const rareBins = 16

// rareCounts counts rare events by surprise.
type rareCounts [rareBins]uint16

func rareBin(s float64) int { return min(max(int(2*s), 0), rareBins-1) }

func (r *rareCounts) add(o *rareCounts) {
	for i, n := range o {
		r[i] = uint16(min(uint32(r[i])+uint32(n), math.MaxUint16)) //nolint:gosec // clamped
	}
}

// part is what one of several cells takes over.
func (r *rareCounts) part(share func(uint64) uint64) (p rareCounts) {
	for i, n := range r {
		p[i] = uint16(share(uint64(n))) //nolint:gosec // at most n
	}
	return p
}

func (r *rareCounts) visit(c *codec) {
	for i := range r {
		c.u16(&r[i])
	}
}

// least is the surprise from which on no more than perDay of a week's events
// lie, and how many a day those were: 0 while all of them fit, none when not
// even the most surprising ones do.
func (r *rareCounts) least(perDay float64) (s, expected float64) {
	const days = float64(ledgerHours) / 24
	above := 0.0
	for i := rareBins - 1; i >= 0; i-- {
		n := float64(r[i])
		if (above+n)/days > perDay {
			return float64(i+1) / 2, above / days
		}
		above += n
	}
	return 0, above / days
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
	return e.affordableAt(x, call.hour)
}

// affordableAt counts a rare event of an hour and reports whether it may page.
// The tables that decide end hours before, so that the order in which topics are
// read changes nothing.
func (e *Engine) affordableAt(x *found, hour int64) bool {
	v := e.tables.view(hour, e)
	n := &e.tables.at(hour).rare[rareBin(x.Surprise)]
	if *n < math.MaxUint16 {
		*n++
	}
	return x.Surprise >= v.budget.rare || e.lacks(offArrivalGate)
}
