package detect

import (
	"container/heap"
	"math"
	"strings"
	"time"
)

// timer is a moment of an identity's time at which something falls due.
type timer struct {
	at   int64
	id   string // of the identity
	kind timerKind
}

type timerKind uint8

const (
	timerAlert   timerKind = iota // an alert may close
	timerSilence                  // the identity should have called by now
)

// timers is a heap by time, then id, then kind: equal timers run in the same
// order however they were pushed.
type timers struct {
	list  timerHeap
	again []timer // room for those that are asked again
}

type timerHeap []timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h timerHeap) Less(i, j int) bool { return h[i].before(&h[j]) }

// Push and Pop serve container/heap.
func (h *timerHeap) Push(x any) {
	if t, ok := x.(timer); ok {
		*h = append(*h, t)
	}
}

// Pop serves container/heap.
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	*h = old[:len(old)-1]
	return t
}

func (t *timer) before(o *timer) bool {
	if t.at != o.at {
		return t.at < o.at
	}
	if c := strings.Compare(t.id, o.id); c != 0 {
		return c < 0
	}
	return t.kind < o.kind
}

// push and pop are heap.Push and heap.Pop, which would put each timer into an
// allocation of its own.
func (t *timers) push(x timer) {
	t.list = append(t.list, x)
	heap.Fix(&t.list, len(t.list)-1)
}

func (t *timers) pop() timer {
	first, last := t.list[0], len(t.list)-1
	t.list[0], t.list[last] = t.list[last], timer{}
	if t.list = t.list[:last]; last > 0 {
		heap.Fix(&t.list, 0)
	}
	return first
}

func (t *timers) next() (int64, bool) {
	if len(t.list) == 0 {
		return 0, false
	}
	return t.list[0].at, true
}

// runTimers runs what fell due before a moment, in order. An identity held back
// by another topic is asked again at the next pane. It reports whether any ran.
func (e *Engine) runTimers(before int64) (ran bool) {
	again := e.timers.again[:0]
	e.quiet = e.quiet[:0]
	for len(e.timers.list) > 0 && e.timers.list[0].at < before {
		t := e.timers.pop()
		p, _ := e.store.find(t.id)
		if p == nil {
			continue
		}
		if !e.final(p, paneOf(t.at)) {
			again = append(again, t)
			continue
		}
		ran = true
		switch t.kind {
		case timerAlert:
			e.expire(p, t.at)
		case timerSilence:
			e.silenceDue(p, t)
		}
	}
	e.silences()
	for _, t := range again {
		e.timers.push(t)
	}
	clear(again)
	e.timers.again = again[:0]
	return ran
}

// silenceDue looks at an identity whose deadline passed: called since, the
// deadline moves; not called, it is a candidate.
func (e *Engine) silenceDue(p *Profile, t timer) {
	s := &p.stats
	if s.lastCall != t.at {
		return // a newer timer took over
	}
	s.lastCall = 0
	deadline := e.silenceDeadline(p)
	for i := p.open; i != 0; {
		pane := e.panes.at(i - 1)
		if pane.First <= t.at || t.at > deadline {
			return // called in a pane not closed yet: its close arms again
		}
		i = pane.next
	}
	if deadline > t.at {
		e.armSilence(p)
		return
	}
	q := quiet{profile: p.self, at: t.at, pane: paneOf(t.at)}
	for i := range p.topics {
		if s := &p.topics[i]; s.topic != 0 && s.time >= p.stats.lastSeen-day {
			q.topics |= 1 << (s.topic - 1)
		}
	}
	e.quiet = append(e.quiet, q)
}

// quiet is an identity that missed its deadline, with the topics that it is in.
type quiet struct {
	profile uint32
	at      int64
	pane    int64
	topics  uint64
}

// silenceDeadline is when the identity should have called: twice its own
// longest gap and an hour after its last call (four times, where it calls in
// less than two panes of five). It is never for an identity
// whose habits are not known: 14 days, 100 active panes, on half of its days; a
// week where it calls in four panes of five.
func (e *Engine) silenceDeadline(p *Profile) int64 {
	s := &p.stats
	const leastPanes, leastDays = 100, 14
	age := (s.lastSeen - p.first) / day
	// One that hardly ever pauses shows its habits in a week.
	steady := s.judged >= 4*leastPanes && age >= leastDays/2 && 5*int64(s.judged) >= 4*(s.lastPane-paneOf(p.first)+1)
	if !steady && (s.judged < leastPanes || age < leastDays) || int64(s.days)*2 < age || s.gapMax <= 0 || p.Human() || p.Anonymous() {
		return math.MaxInt64
	}
	// One that is nearly always there keeps to its gaps; one that comes and goes
	// is given twice the room.
	room := 4.0
	if span := s.lastPane - paneOf(p.first) + 1; 5*int64(s.judged) >= 2*span {
		room = 2
	}
	allowed := room*float64(s.gapMax) + 3600
	return s.lastSeen + int64(allowed)*1e9
}

// armSilence sets the identity's timer, if it has none.
func (e *Engine) armSilence(p *Profile) {
	if p.stats.lastCall != 0 {
		return
	}
	if at := e.silenceDeadline(p); at != math.MaxInt64 {
		p.stats.lastCall = at
		e.timers.push(timer{at, e.store.ids[p.self], timerSilence})
	}
}

// silences raises the identities that fell silent, unless their source did: a
// topic with less than a quarter of its usual other callers, or many falling silent
// together, says nothing about any of them. Not a half: the nights of a fleet
// that works by day pass that, and would hide the heartbeat that stops.
//
// Those of the same topics and the same pane come due together, whichever topic
// is read first: they are weighed together.
func (e *Engine) silences() {
	for i := range e.quiet {
		q := &e.quiet[i]
		together := 0
		for j := range e.quiet {
			together += btoi(e.quiet[j].topics == q.topics && e.quiet[j].pane == q.pane)
		}
		p := e.store.at(q.profile)
		deadline := e.silenceDeadline(p)
		allowed, first := deadline-p.stats.lastSeen, q.at <= deadline
		silent, known := e.sourceSilent(p, q, q.pane, together)
		if !first && !silent && known && allowed <= askAgainWithin {
			// It must have been back for as long as the identity may pause. (Where that is
			// longer than is counted, nobody asked before: the deadline came nearer.)
			silent, known = e.sourceSilent(p, q, q.pane-allowed/PaneLength, 0)
		}
		if silent || !known {
			if silent && first {
				e.stats.SilencesShared++
				if !e.ended(q.topics) {
					e.silentWith(p, q)
				}
			}
			if allowed <= askAgainWithin && q.at+allowed <= p.stats.lastSeen+askAgainFor {
				p.stats.lastCall = q.at + allowed
				e.timers.push(timer{p.stats.lastCall, e.store.ids[p.self], timerSilence})
			}
			continue
		}
		for i := range e.detectors {
			if d, ok := e.detectors[i].Detector.(interface {
				Silent(c *Cell, p *Profile, at int64) Finding
			}); ok {
				x := found{e.detectors[i].meta, d.Silent(&e.cell, p, q.at)}
				x.Way, x.Severity = WayStrong, x.meta.Severity
				if !e.affordableAt(x.meta, x.Surprise, hourOf(q.pane)) {
					x.Way = WayReport
				}
				if !e.suspended(p, &x, q.at) {
					e.raiseAtClose(p, nil, q.at, []found{x}, nil)
				}
			}
		}
	}
}

const (
	// While its source is silent an identity is asked about again whenever another
	// of its pauses has passed: for three days, and if its pause is not longer than
	// what is counted of a topic.
	askAgainFor    = 3 * day
	askAgainWithin = 16 * int64(time.Hour)
)

// sourceSilent reports whether one of the topics of an identity was silent itself
// up to a pane since its last call, or so many of its identities fell silent
// together. It is not known where nothing has come since from others who seldom call.
func (e *Engine) sourceSilent(p *Profile, q *quiet, pane int64, together int) (silent, known bool) {
	known = true
	for i := range e.clock.topics {
		t := &e.clock.topics[i]
		if q.topics&(1<<uint(i)) == 0 { //nolint:gosec // below maxTopics
			continue
		}
		gone, sure, most := t.silentFor(p, pane)
		if gone && sure || together >= 4 && together*10 >= int(most) {
			return true, true
		}
		silent, known = silent || gone, known && sure
	}
	return silent, known
}

// ended reports whether one of the topics ended: a file that was read to its end
// is not silent.
func (e *Engine) ended(topics uint64) bool {
	for i := range e.clock.topics {
		if topics&(1<<uint(i)) == 0 { //nolint:gosec // below maxTopics
			continue
		}
		for _, p := range e.clock.topics[i].parts {
			if p.ended {
				return true
			}
		}
	}
	return false
}

const (
	// enoughCallers is how many callers the panes that are looked at usually hold: a
	// log with few callers has quarter hours without any. Where fewer than leastCallers
	// were to come, one that came shows that it goes on, and none shows nothing.
	enoughCallers = 8
	leastCallers  = 3
)

// silentFor reports whether less than a quarter of its usual other callers were in
// a topic up to a pane, in which an identity is missed, whether that is sure, and how
// many identities were active in a pane of the day before at most. What a topic that
// is ahead has counted since changes nothing.
func (t *topicClock) silentFor(p *Profile, pane int64) (silent, sure bool, most uint32) {
	s := &p.stats
	// The identity's own calls are no part of what is usual: of a log that is mostly
	// one caller's they would be most of it.
	own := min(1, float64(s.judged)/float64(max(1, s.lastPane-paneOf(p.first)+1)))
	from, counted := max(pane-countsKept+4*drift, t.boundary-countsKept)+1, min(pane, t.boundary-1)
	to := counted
	if t.out {
		to = pane // nothing has come after what is counted
	}
	usual, panes := 0.0, 0
	for n := from; n <= counted; n++ {
		c := t.counts[mod(n, countsKept)]
		if c == 0 {
			continue
		}
		most = max(most, c)
		panes++
		usual += float64(c)
		if n <= s.lastPane {
			usual -= own
		}
	}
	if panes == 0 || usual <= 0 {
		return true, true, most // nobody else tells
	}
	usual /= float64(panes)
	length := min(int64(math.Ceil(enoughCallers/usual)), max(1, to-s.lastPane))
	now := 0.0
	for n := max(to-length+1, from); n <= counted; n++ {
		now += float64(t.counts[mod(n, countsKept)])
	}
	if expected := usual * float64(length); expected >= leastCallers {
		return 4*now < expected, true, most
	}
	return now == 0, now > 0, most
}
