package detect

import (
	"cmp"
	"slices"
)

// ratio is one identity's calls in a pane over what was expected.
type ratio struct {
	pane    *Pane
	value   float64
	solid   bool             // expected often enough to be counted on
	windows [windows]float32 // the same of the long windows
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
		w := windowsOf(p, pane)
		w.risen, w.risenKnown = e.risen(p)
		w.growth, w.growthKnown = e.growth(p)
		t.keep(w, e.store.ids[i])
		e.ratios = append(e.ratios, ratio{pane, (float64(pane.Calls) + 1) / (mean + 1), mean >= 3, w.value})
	}
	t.windows = slices.DeleteFunc(t.windows, func(w windowLoad) bool { return w.pane <= n-windowDay })
	for _, i := range e.panes.due[n] {
		look(i)
	}
	for _, w := range e.panes.waiting {
		if w.pane == n {
			look(w.profile)
		}
	}
	t.counts[mod(n, countsKept)], t.ratios[mod(n, countsKept)] = active, 1
	if !e.lacks(offFleet) {
		e.fleetWindows(t)
		shared, growth := t.sharedRise(), t.sharedGrowth()
		for i := range e.ratios {
			e.ratios[i].pane.shared, e.ratios[i].pane.growth = shared, growth
		}
	}
	slices.SortFunc(e.ratios, func(a, b ratio) int { return cmp.Compare(a.value, b.value) })
	median, n0 := medianOf(e.ratios)
	if n0 < enoughSolid || e.lacks(offFleet) {
		return
	}
	median = min(max(median, 0.5), 20)
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
			cohort[i].pane.ratio = float32(max(median, min(cohort[i].value, shared)))
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

// enoughSolid is how many identities tell what their topic did; fewSolid what is
// enough where a third of them rose over hours.
const (
	enoughSolid = 10
	fewSolid    = 6
)

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

// windowLoad is what an identity did in the long windows before its newest pane,
// against what is usual for it.
type windowLoad struct {
	pane     int64
	identity uint32 // hash of its id
	value    [windows]float32
	solid    [windows]bool // enough is usual to be counted on
	// risen is how much more it takes out than its slow anchor says, as a logarithm.
	risen      float32
	risenKnown bool
	// growth is by how much a week its calls climb, as a logarithm.
	growth      float32
	growthKnown bool
}

const (
	windows   = 2  // about 3 and about 24 hours
	windowDay = 96 // panes
	// windowSample is how many identities of a topic tell what all did: those of
	// the lowest hashes, which is a fair sample.
	windowSample = 64
	// windowRise is how far above the rest an identity counts as risen.
	windowRise = 1.6
)

// windowsOf reads the windows of an identity that called in a pane.
func windowsOf(p *Profile, pane *Pane) (w windowLoad) {
	s := &p.stats
	w.pane = pane.Number
	f := fadingOver(max(pane.Number-s.lastPane, 0))
	for i, x := range [windows]struct {
		sum   float32
		level *level
		left  float64
	}{{s.sum3h, &s.rate3h, f.short}, {s.sum24h, &s.rate24h, f.long}} {
		sum := float64(float64(x.sum)*x.left) + float64(pane.Calls)
		usual := max(float64(x.level.mean), leastMean)
		w.value[i], w.solid[i] = float32((sum+1)/(usual+1)), usual >= 3
	}
	return w
}

// keep notes an identity's windows, if it is of the sample.
func (t *topicClock) keep(w windowLoad, id string) {
	w.identity = hashValue(0, id)
	i, found := slices.BinarySearchFunc(t.windows, w.identity, func(x windowLoad, h uint32) int { return cmp.Compare(x.identity, h) })
	switch {
	case found:
		t.windows[i] = w
	case i < windowSample:
		t.windows = slices.Insert(t.windows, i, w)
		t.windows = t.windows[:min(len(t.windows), windowSample)]
	}
}

// fleetWindows is fleetRatio for the long windows: callers that seldom call show
// in no single pane that they call more, but over a day they do. What a fair
// part of the topic's identities share is divided out of those that share it.
func (e *Engine) fleetWindows(t *topicClock) {
	for i := range windows {
		e.shown = e.shown[:0]
		for _, w := range t.windows {
			if w.solid[i] {
				e.shown = append(e.shown, float64(w.value[i]))
			}
		}
		n := len(e.shown)
		if n < fewSolid {
			continue
		}
		slices.Sort(e.shown)
		median, together := min(max(e.shown[n/2], 1), 20), max(5, n/10)
		if n < enoughSolid { // a median of few says little; a third that rise together says something
			median, together = 1, max(3, (n+2)/3)
		}
		first, _ := slices.BinarySearch(e.shown, windowRise*median)
		shared := median
		if risen := n - first; risen >= together {
			shared = e.shown[first+risen/2]
		}
		for _, r := range e.ratios {
			r.pane.windows[i] = float32(max(median, min(float64(r.windows[i]), shared)))
		}
	}
}
