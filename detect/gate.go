package detect

import (
	"cmp"
	"slices"
)

// weigh calibrates what the detectors said of the pane, arrival evidence
// included, and feeds the pooled tails.
func (e *Engine) weigh(p *Profile, pane *Pane, v *view) {
	l := e.tables.at(hourOf(pane.Number))
	f := &e.findings
	for i := range f.scores {
		s := &f.scores[i]
		if s.Family == FamilyDeclared {
			s.Family = s.meta.Family
		}
		if s.Signal == SignalCold {
			s.tail, s.from = min(s.Surprise, 3), "its peers"
			continue
		}
		if s.Faint && !s.Strong { // nobody hears of it: it teaches the tails
			s.tail, s.from = v.least(p.group, s.Signal, s.Surprise)
		} else {
			s.tail, s.from = v.calibrate(p.group, s.Signal, s.Surprise)
		}
		e.record(l, p, s.Signal, s.Surprise, s.tail)
		l.tests[WayStrong]++
	}
	if p.stats.judged < 20 {
		return
	}
	d := e.dossiers[p.self]
	for _, x := range noteSignals {
		most := 0.0
		if d != nil {
			most = d.strongest(pane.Number, x.family)
		}
		c, _ := v.calibrate(p.group, x.signal, most)
		e.record(l, p, x.signal, most, c)
	}
}

// noteSignals are the families in which arrivals leave evidence.
var noteSignals = [...]struct {
	family Family
	signal Signal
}{
	{FamilyPlace, SignalPlace},
	{FamilyOperation, SignalOperation},
	{FamilyTime, SignalTime},
	{FamilyClient, SignalClient},
}

func noteSignal(f Family) Signal {
	for _, x := range noteSignals {
		if x.family == f {
			return x.signal
		}
	}
	return SignalOperation
}

// judge applies the gate to a pane and reports the calibrated surprise of its
// rate. Strong: one signal beyond its bound, with its floors. Fused: the sum of
// the families' maxima, calibrated again on its own tails, with two families or
// more.
func (e *Engine) judge(p *Profile, pane *Pane, v *view) (rate float64) {
	s := &p.stats
	f := &e.findings
	k := hourOf(pane.Number)
	var now [families]float64
	silent := p.Human() || pane.Backfill > 0
	type candidate struct {
		*Score
		found found
	}
	var strong []candidate
	for i := range f.scores {
		x := &f.scores[i]
		if !x.Faint {
			now[x.Family] = max(now[x.Family], x.tail)
		}
		if x.Signal <= SignalRate24h {
			rate = max(rate, x.tail)
		}
		if x.Strong && !e.lacks(offStrong) && p.mature() && !silent {
			c := candidate{x, e.explainScore(p, pane, x)}
			if e.suspended(p, &c.found, pane.Last) {
				continue
			}
			// Once a day and signal, as alerts are.
			if s.counted&(1<<x.Signal) == 0 {
				s.counted |= 1 << x.Signal
				e.tables.at(k).rare.count(rareRow(x.meta), rareBin(x.tail), 1)
			}
			if x.tail >= v.budget.bar(x.meta) {
				strong = append(strong, c)
			}
		}
	}
	// Findings made directly at the close.
	for i := range f.list {
		e.heed(p, &f.list[i], pane.Last)
		e.closed(p, pane, &f.list[i])
	}
	slices.SortStableFunc(strong, func(a, b candidate) int { return cmp.Compare(b.tail, a.tail) })
	for i := range strong {
		x := &strong[i]
		if x.tail < v.budget.bar(x.meta)+peersLift && e.lifted(p, &x.found, pane.Last) {
			continue
		}
		x.found.Way = WayStrong
		e.closed(p, pane, &x.found)
	}
	d := e.dossiers[p.self]
	if d != nil {
		e.weighNotes(p, pane, v, d, &now)
		e.bothPlaces(p, pane, d)
	}
	fresh := 0
	var near, far float64
	wide, broad := 0, 0
	for i := range now {
		if now[i] >= 1 {
			fresh++
		}
		s.near[i] = max(s.near[i], float32(now[i]))
		s.far[i] = max(s.far[i], float32(now[i]))
		near += float64(s.near[i])
		far += float64(s.far[i])
		if s.near[i] >= 1 {
			wide++
		}
		if s.far[i] >= 1 {
			broad++
		}
	}
	if s.judged < 20 || silent {
		return rate
	}
	nearC, nearFrom := v.least(p.group, SignalFused2h, near)
	farC, farFrom := v.least(p.group, SignalFused72h, far)
	l := e.tables.at(k)
	e.record(l, p, SignalFused2h, near, nearC)
	e.record(l, p, SignalFused72h, far, farC)
	l.tests[WayFused] += 2
	// What scores well is kept for the words of a later alert.
	for i := range f.scores {
		if x := &f.scores[i]; x.tail >= 1 && !x.Faint && x.Explain != nil {
			found := e.explainScore(p, pane, x)
			e.dossier(p).keep(&found, pane, x.tail)
		}
	}
	if fresh == 0 || !p.mature() || e.lacks(offFused) {
		return rate
	}
	switch {
	case wide >= 2 && nearC >= v.budget.fused:
		e.fuse(p, pane, SignalFused2h, nearC, nearFrom, 8)
	case broad >= 2 && farC >= v.budget.fused:
		e.fuse(p, pane, SignalFused72h, farC, farFrom, 288)
	}
	return rate
}

// weighed is the least tail of a note that a pane has weighed.
const weighed = 1e-6

// weighNotes calibrates the arrival evidence of a pane, drops what several
// peers adopted too, and takes the maximum of each family. Who is the first to
// take up what all will is told apart only later: within a day, evidence that
// was weighed is dropped as well once others have followed.
func (e *Engine) weighNotes(p *Profile, pane *Pane, v *view, d *dossier, now *[families]float64) {
	var gone [families]bool
	kept := d.notes[:0]
	for i := range d.notes {
		n := &d.notes[i]
		if n.pane < pane.Number-288 {
			continue
		}
		if n.pane <= pane.Number && n.pane > pane.Number-adoptionPanes && e.adopted(p, n, pane.Number) {
			gone[n.meta.Family.evidence()] = n.tail >= 1 || gone[n.meta.Family.evidence()]
			e.stats.Adopted++
			continue
		}
		if n.pane <= pane.Number && n.tail == 0 {
			f := n.meta.Family.evidence()
			n.tail, _ = v.calibrate(p.group, noteSignal(f), n.Surprise)
			n.tail = max(n.tail, weighed)
			now[f] = max(now[f], n.tail)
		}
		kept = append(kept, *n)
	}
	clear(d.notes[len(kept):])
	d.notes = kept
	for f := range gone {
		if gone[f] {
			p.stats.lower(d, pane.Number, Family(f)) //nolint:gosec // eight families
		}
	}
}

// adopted reports whether enough others took up what a note is about, in the day
// that ends with a pane.
func (e *Engine) adopted(p *Profile, n *note, pane int64) bool {
	return n.hash != 0 && !e.lacks(offAdoption) && e.adopt.others(n.dim, n.hash, n.topic, pane, e.store.ids[p.self]) >= n.dim.adoptedBy()
}

// lower takes the sums of a family down to what its remaining evidence comes to.
func (s *statistics) lower(d *dossier, pane int64, f Family) {
	var near, far float64
	for i := range d.notes {
		if n := &d.notes[i]; n.pane <= pane && n.meta.Family.evidence() == f {
			left := fadingOver(pane - n.pane)
			near, far = max(near, n.tail*left.near), max(far, n.tail*left.far)
		}
	}
	s.near[f], s.far[f] = min(s.near[f], float32(near)), min(s.far[f], float32(far))
}

// explainScore has the detector word a score.
func (e *Engine) explainScore(p *Profile, pane *Pane, s *Score) found {
	x := found{meta: s.meta}
	if s.Explain != nil {
		x.Finding = s.Explain(&e.cell, p, pane, s)
	}
	x.Surprise, x.Calibration = s.tail, s.from
	if x.Rarity == "" {
		x.Rarity = e.cell.rarity(p, s.Signal, s.tail)
	}
	return x
}
