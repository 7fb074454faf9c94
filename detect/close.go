package detect

import (
	"math"
	"math/bits"
	"slices"
	"strings"
)

// closing is one pane of one identity whose time has come.
type closing struct {
	pane    int64
	profile uint32
	id      string
}

// finish makes pane n of a topic final: the fleet's ratio of that pane first,
// then timers that fell due before its end, then the identities in id order. It
// reports whether there were any of these.
func (e *Engine) finish(topic int, n int64) (worked bool) {
	e.stats.Finished++
	e.finishing, e.toldBefore = true, len(e.out.Alerts)
	defer func() { e.finishing = false }()
	due := e.panes.due[n]
	e.fleetRatio(topic, n)
	worked = e.runTimers((n+1)*PaneLength) || len(due) > 0

	e.closing = e.closing[:0]
	waiting := e.panes.waiting[:0]
	sort := func(c closing) {
		p := e.store.at(c.profile)
		if e.openPane(p, c.pane) == nil || e.store.ids[c.profile] != c.id {
			return
		}
		if e.finalUpTo(p, c.pane) {
			e.closing = append(e.closing, c)
		} else {
			waiting = append(waiting, c)
		}
	}
	for _, c := range e.panes.waiting {
		sort(c)
	}
	for _, i := range due {
		sort(closing{n, i, e.store.ids[i]})
	}
	e.panes.waiting = waiting
	delete(e.panes.due, n)
	if due != nil && len(e.panes.spare) < maxOpen {
		e.panes.spare = append(e.panes.spare, due[:0])
	}

	slices.SortFunc(e.closing, compareClosing)
	for _, c := range e.closing {
		p := e.store.at(c.profile)
		if pane := e.openPane(p, c.pane); pane != nil {
			e.closePane(p, pane)
			p.below = max(p.below, c.pane+1)
			e.drop(p, c.pane)
		}
	}
	e.judgeSprays(topic, n)
	e.sweepIncidents(n * PaneLength)
	e.adopt.sweep(n)
	e.egress.sweep(hourOf(n))
	e.secrets.sweep(hourOf(n))
	e.deeds.sweep(n * PaneLength)
	e.evict()
	return worked || len(e.closing) > 0
}

func compareClosing(a, b closing) int {
	if a.pane != b.pane {
		return compare(a.pane, b.pane)
	}
	return strings.Compare(a.id, b.id)
}

// nextWork is the number of the first pane from n on for which finish has
// anything to do. stuck says that what waits from before n waits for another topic.
func (e *Engine) nextWork(n int64, stuck bool) int64 {
	next := int64(math.MaxInt64)
	// A pane that waits may become final with this one, or with a later one; but a
	// topic that only starts has nothing to do before the first of them.
	for i := range e.panes.waiting {
		if pane := e.panes.waiting[i].pane; pane >= n || !stuck {
			next = min(next, pane)
		}
	}
	for d := range e.panes.due {
		next = min(next, d)
	}
	if t, ok := e.timers.next(); ok && (paneOf(t) >= n || !stuck) {
		next = min(next, paneOf(t))
	} else if ok {
		for i := range e.timers.list {
			if pane := paneOf(e.timers.list[i].at); pane >= n {
				next = min(next, pane)
			}
		}
	}
	return max(next, n)
}

// closePane judges one pane of an identity, then learns it.
func (e *Engine) closePane(p *Profile, pane *Pane) {
	e.stats.Panes++
	k := hourOf(pane.Number)
	v := e.tables.view(k, e)
	e.cell.view = v
	s := &p.stats
	s.newDay(dayOf(pane.Start()))
	s.decay(pane.Number)
	e.beginDay(p, pane)
	if p.sole(pane.Number) < 0 {
		pane.ratio = e.ratioOf(pane)
	}
	if pane.Backfill == 0 {
		// What the fleet did together is divided out before it is summed: a window
		// outlasts an incident.
		own := pane.own()
		s.sum3h += own
		s.sum24h += own
		s.breadth24h += float32(pane.FreshDenied)
	}
	e.cell.expected = p.expect(v, pane)
	f := &e.findings
	f.reset()
	for i := range e.leaving {
		d := &e.leaving[i]
		f.meta = d.meta
		d.Close(&e.cell, p, pane, f)
	}
	e.weigh(p, pane, v)
	e.habitual(p, pane)
	rate := e.judge(p, pane, v)

	x := e.cell.expected
	if e.watch != nil {
		e.show(p, pane, x)
	}
	l := e.tables.at(k)
	l.levels[p.group][levelBin(pane.Calls)]++
	if s.judged >= coldPanes && pane.Backfill == 0 {
		mean := float64(s.rate.mean)
		l.season[p.group].calls += uint64(pane.Calls)
		l.season[p.group].expected += uint64(math.Round(mean * x.ratio))
		if rate < 3 {
			away := float64(pane.Calls) - x.mean
			spread := max(0, (float64(away*away)-x.mean)/max(x.mean*x.mean, 1))
			l.spread[p.group].sum += uint64(math.Round(min(spread, 20) * 1000))
		}
		l.spread[p.group].panes++
	}
	if e.lacks(offRobust) {
		rate = 0
	}
	if p.pinned() {
		s.passPane(pane)
	} else {
		s.learnPane(pane, x, rate)
		e.learnRepeats(p, pane, rate)
	}
	e.learnDay(p, pane)
	e.learnCalls(p, pane)
	e.armSilence(p)
	e.refresh(p, pane)
	e.cell.view = nil
}

// incidentRatio is the fleet's ratio from which a pane counts as an incident, a
// promotion or the like: what it brought stays out of the long windows.
const incidentRatio = 1.5

// levelBin is the half octave of a count: the square's octave.
func levelBin(calls uint32) int {
	n := uint64(max(calls, 1))
	return min(bits.Len64(n*n)-1, levelBins-1)
}
