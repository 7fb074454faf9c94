package detect

import "math/bits"

// habit is in which two hours of the day an identity was busier than its level
// allows, on which of the last eight days, a bit each: the nightly job of one that calls a
// little all day. A level knows no such hour, however many nights it has seen:
// most panes are none of it.
type habit [12]uint8

const (
	// habitDays of the seven before make a habit of an hour, or of one beside it: a
	// job of working days has five, less a holiday.
	habitDays = 4
	// habitRoom is how far beyond its own maximum of earlier days it may go.
	habitRoom = 1.25
)

// pass moves on by days.
func (h *habit) pass(days uint16) {
	for i := range h {
		h[i] <<= min(days, 8)
	}
}

// has reports whether an hour is one of those at which it is usually busy.
func (h *habit) has(hour int64) bool {
	// The hour beside it may lie in the two hours before or behind.
	here, beside := mod(hour, 24)/2, mod(hour+1-2*mod(hour+1, 2), 24)/2
	days := (h[here] | h[beside]) &^ 1
	return bits.OnesCount8(days) >= habitDays
}

func (h *habit) note(hour int64) { h[mod(hour, 24)/2] |= 1 }

// recurring are the signals of one pane, or of its hours, that a job makes which
// comes at its time.
const recurring = 1<<SignalRate | 1<<SignalRate3h | 1<<SignalBytes | 1<<SignalResources | 1<<SignalOperations

// habitual takes what an identity does at this hour on most days, and not more
// than it ever did, out of the evidence of a pane. A strong finding has floors of
// its own and is none of this.
func (e *Engine) habitual(p *Profile, pane *Pane) {
	s := &p.stats
	if pane.Backfill > 0 {
		return
	}
	hour := hourOf(pane.Number)
	usual := s.habit.has(hour)
	for i := range e.findings.scores {
		x := &e.findings.scores[i]
		if x.Faint || x.Signal >= signals || recurring>>x.Signal&1 == 0 || x.tail < 1 {
			continue
		}
		s.habit.note(hour)
		best := s.best[x.Signal]
		if x.Signal == SignalBytes && x.Scale == egressRecords {
			best = s.recordsBest
		}
		if usual && x.Observed <= habitRoom*float64(best) {
			x.Faint = true
		}
	}
}
