package detect

// PaneLength is the length of a pane of event time, in nanoseconds: every
// statistic is judged once for each pane, when the identity's time passes it.
const PaneLength = int64(15 * 60 * 1e9)

// Pane is what one identity did in 15 minutes of event time. It is
// pointer-free: counts and sketches. Late events are not in it.
type Pane struct {
	// Number is the pane's start divided by PaneLength.
	Number int64
	// First and Last are the event times of its first and last call.
	First, Last int64

	Calls, Successes, Denied, Errors uint32
	// Backfill counts the calls among Calls that a back-fill brought; a pane
	// with any is never judged by rate.
	Backfill uint32
	// BytesOut and BytesIn are sums of what the log states.
	BytesOut, BytesIn uint64
	// Peak is the largest number of calls in one minute.
	Peak uint32
	// Fresh counts values never seen before, by dimension family.
	Fresh [families]uint16

	// Distinct values of the pane.
	Resources, Operations, DeniedOperations Sketch

	minute      int64
	minuteCalls uint32

	profile uint32 // index of its identity
	next    uint32 // free list
	notes   uint32 // first note, 0 when there is none
	topics  uint64 // topics that contributed, one bit each
	used    bool
	learned bool // at least one call from a learned identity
}

// Start is the pane's first moment, Unix nanoseconds.
func (p *Pane) Start() int64 { return p.Number * PaneLength }

// End is the first moment after the pane.
func (p *Pane) End() int64 { return (p.Number + 1) * PaneLength }

// paneOf is the number of the pane that t falls into.
func paneOf(t int64) int64 {
	if t < 0 {
		return (t+1)/PaneLength - 1
	}
	return t / PaneLength
}

// hourOf is the event hour of a pane: version k of a frozen table serves the
// events and panes of hour k.
func hourOf(pane int64) int64 {
	if pane < 0 {
		return (pane+1)/4 - 1
	}
	return pane / 4
}
