package detect

import (
	"math"
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
// then timers that fell due before its end, then the identities in id order.
func (e *Engine) finish(topic int, n int64) {
	due := e.panes.due[n]
	e.fleetRatio(topic, n)
	e.runTimers((n + 1) * PaneLength)

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
	e.evict()
}

func compareClosing(a, b closing) int {
	if a.pane != b.pane {
		return compare(a.pane, b.pane)
	}
	return strings.Compare(a.id, b.id)
}

// nextWork is the number of the first pane from n on for which finish has
// anything to do.
func (e *Engine) nextWork(n int64) int64 {
	next := int64(math.MaxInt64)
	// A pane that waits may become final with this one, or with a later one; but a
	// topic that only starts has nothing to do before the first of them.
	for i := range e.panes.waiting {
		next = min(next, e.panes.waiting[i].pane)
	}
	for d := range e.panes.due {
		next = min(next, d)
	}
	if t, ok := e.timers.next(); ok {
		next = min(next, paneOf(t))
	}
	return max(next, n)
}

// ratio is one identity's calls in a pane over what was expected.
type ratio struct {
	pane  *Pane
	value float64
	solid bool // expected often enough to be counted on
}

// fleetRatio finds what the whole topic did in a pane, so that an incident's
// retries, a promotion or a holiday are divided out. The ratio is the median
// over identities with enough history; where a fair part of them rises far
// above the rest together, these have a ratio of their own.
func (e *Engine) fleetRatio(topic int, n int64) {
	active := uint32(0)
	t := &e.clock.topics[topic]
	e.ratios = e.ratios[:0]
	v := e.tables.view(hourOf(n), e)
	look := func(i uint32) {
		p := e.store.at(i)
		pane := e.openPane(p, n)
		if pane == nil || pane.topics&(1<<uint(topic)) == 0 { //nolint:gosec // below maxTopics
			return
		}
		active++
		// Of an identity in several topics it depends on their order what is
		// known by now.
		if p.sole(n) != topic || p.stats.judged < coldPanes {
			return
		}
		mean := float64(p.stats.rate.mean) * p.stats.season(v, p.group, n)
		e.ratios = append(e.ratios, ratio{pane, (float64(pane.Calls) + 1) / (mean + 1), mean >= 3})
	}
	for _, i := range e.panes.due[n] {
		look(i)
	}
	for _, w := range e.panes.waiting {
		if w.pane == n {
			look(w.profile)
		}
	}
	t.counts[mod(n, countsKept)], t.ratios[mod(n, countsKept)] = active, 1
	slices.SortFunc(e.ratios, func(a, b ratio) int { return compareFloat(a.value, b.value) })
	median, n0 := medianOf(e.ratios)
	const enough = 10
	if n0 < enough || e.lacks(offFleet) {
		return
	}
	median = math.Min(math.Max(median, 0.5), 20)
	t.ratios[mod(n, countsKept)] = float32(median)
	for i := range e.ratios {
		e.ratios[i].pane.ratio = float32(median)
	}
	// A cohort: at least five, and a twentieth, far above the rest together.
	first := len(e.ratios)
	for first > 0 && e.ratios[first-1].value >= 2.5*median {
		first--
	}
	cohort := e.ratios[first:]
	if shared, n := medianOf(cohort); n >= max(5, n0/20) {
		for i := range cohort {
			cohort[i].pane.ratio = float32(math.Max(median, math.Min(cohort[i].value, shared)))
		}
	}
}

// ratioOf is what was divided out of a pane of an identity in several topics:
// the mean over those that it called in.
func (e *Engine) ratioOf(pane *Pane) float32 {
	sum, n := float32(0), float32(0)
	for i := range e.clock.topics {
		t := &e.clock.topics[i]
		if pane.topics&(1<<uint(i)) != 0 && pane.Number < t.boundary && pane.Number >= t.boundary-countsKept { //nolint:gosec // below maxTopics
			sum += t.ratios[mod(pane.Number, countsKept)]
			n++
		}
	}
	if n == 0 {
		return 1
	}
	return sum / n
}

// medianOf is the median over the solid ones of sorted ratios, and their number.
func medianOf(sorted []ratio) (float64, int) {
	n := 0
	for i := range sorted {
		n += btoi(sorted[i].solid)
	}
	at := n / 2
	for i := range sorted {
		if sorted[i].solid {
			if at == 0 {
				return sorted[i].value, n
			}
			at--
		}
	}
	return 1, 0
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
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
	if p.sole(pane.Number) < 0 {
		pane.ratio = e.ratioOf(pane)
	}
	if pane.Backfill == 0 {
		// What the fleet did together is divided out before it is summed: a window
		// outlasts an incident.
		own := float32(pane.Calls)
		if pane.ratio > incidentRatio {
			own /= pane.ratio
		}
		s.sum3h += own
		s.sum24h += own
		s.breadth24h += float32(pane.FreshDenied)
	}
	f := &e.findings
	f.reset()
	for i := range e.detectors {
		if d := &e.detectors[i]; d.meta.Closes {
			f.meta = d.meta
			d.Close(&e.cell, p, pane, f)
		}
	}
	e.weigh(p, pane, v)
	rate := e.judge(p, pane, v)

	x := p.expect(v, pane)
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
			spread := math.Max(0, (math.Pow(float64(pane.Calls)-x.mean, 2)-x.mean)/math.Max(x.mean*x.mean, 1))
			l.spread[p.group].sum += uint64(math.Round(math.Min(spread, 20) * 1000))
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
	}
	e.armSilence(p)
	e.refresh(p, pane)
	e.cell.view = nil
}

// incidentRatio is the fleet's ratio from which a pane counts as an incident, a
// promotion or the like: what it brought stays out of the long windows.
const incidentRatio = 1.5

// levelBin is the half octave of a count.
func levelBin(calls uint32) int {
	return min(int(2*math.Log2(float64(max(calls, 1)))), levelBins-1)
}
