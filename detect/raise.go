package detect

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// arrived takes in what detectors found on one event. It reports whether a
// consequence finding was among it.
func (e *Engine) arrived(p *Profile, call *Call, list []found, late bool) (grave bool) {
	var m moment
	var g grown
	for i := range list {
		x := &list[i]
		x.Finding = x.defaults(x.meta)
		if x.Way == WayConsequence {
			grave = true
			if e.lacks(offConsequence) {
				x.Way = WayFused
			}
		}
		if e.suspended(p, x, call.Time) {
			continue
		}
		e.heed(p, x, call.Time)
		if call.Event.Anonymous && x.meta.Family == FamilyConsequence && strings.HasPrefix(call.Event.Operation, call.Event.HttpMethod+" /") {
			// The words of a path that anybody may ask for say little of what it does.
			x.Severity = min(x.Severity, schemas.SeverityLow)
			x.Sentence += " It is judged by the words of its path only, and nobody knows who called."
		}
		x.Sentence = stamped(call.Time, who(call.Event), display(call.Event.IdentityId, e.store.facts[p.self]), x.Sentence)
		if x.Way == WayStrong && x.meta.Basis == Learned && !e.affordable(p, x, call) {
			x.Way = WayFused
		}
		if e.crowded(p, x, call.Day, call.hour) {
			e.evidence(p, call, x, late)
			x.onlyReport()
		}
		switch {
		case p.Human() && x.meta.Basis == Learned && x.Way != WayConsequence:
			continue
		case x.Way == WayFused:
			e.evidence(p, call, x, late)
			continue
		}
		if m.at == 0 {
			m = e.momentOf(call)
		}
		e.raise(p, &m, x, &g)
	}
	e.tellGrown(p, &m, &g)
	return grave
}

// evidence keeps a finding for the fused way. What comes late counts where it
// still can: in the first pane that is open. Else novelty sent late would be
// learned and never weighed.
func (e *Engine) evidence(p *Profile, call *Call, x *found, late bool) {
	if call.Backfill || x.Surprise <= 0 {
		return
	}
	pane := call.pane
	if late {
		pane = max(pane, p.below, e.clock.topics[call.topic].boundary)
	}
	e.note(p, call, x, pane)
}

// raise opens or grows an alert with a finding made on arrival. What one call opens
// is one alert: g is what its findings have opened and grown so far, to be told when
// all of them are raised.
func (e *Engine) raise(p *Profile, m *moment, x *found, g *grown) {
	before := e.raisedBefore(p, x, dayOf(m.at))
	d := e.dossier(p)
	a := d.joinable(x, m.at)
	if own := g.page(); own != nil && x.Way != WayReport && (a == nil || e.severity(p, x) > a.paged) {
		a = own
	}
	if before {
		if a = d.holding(x, m.at); a != nil {
			a.count(x, m.at)
			a.arrival = max(a.arrival, m.at)
			a.sample(m.sample)
			a.dirty = true
		}
		return
	}
	if a == nil {
		l := laneArrival
		if x.Way == WayReport {
			l = laneReport
		}
		a = e.open(p, d, x, l, m.at, m.at)
		if a == nil {
			return
		}
		a.principal, a.credential, a.session, a.format = m.principal, m.credential, m.session, m.format
		a.issued = m.issued
		g.of(a).opened = a.lane == laneArrival && len(a.parts) == 0
	}
	severity, known := a.severity, a.has(x.meta)
	page := e.grow(p, a, x, m.at, m.by)
	a.arrival = max(a.arrival, m.at)
	a.sample(m.sample)
	// A new detector or severity is told at once, values beyond some at the
	// pane's close.
	if page || a.early < earlyVersions || !known || a.severity > severity {
		o := g.of(a)
		o.tell, o.page = true, o.page || page
	}
}

// raiseLate is raise of a consequence finding on a call of the past, which came
// before the call that made it one.
func (e *Engine) raiseLate(id string, m *moment, x *found, by *Call) {
	p, _ := e.store.find(id)
	if p == nil || e.off[x.meta.Name] || e.lacks(offConsequence) || e.suspended(p, x, m.at) {
		return
	}
	p.consequence = max(p.consequence, dayOf(m.at))
	if e.crowded(p, x, by.Day, by.hour) {
		x.onlyReport()
	}
	x.Sentence = stamped(m.at, shortID(id), display(id, e.store.facts[p.self]), x.Sentence)
	var g grown
	e.raise(p, m, x, &g)
	e.tellGrown(p, m, &g)
}

// earlyVersions is how many versions an alert's new values make on arrival.
const earlyVersions = 8

// has reports whether the alert has a finding of a detector.
func (a *openAlert) has(m *Meta) bool {
	return slices.ContainsFunc(a.parts, func(q part) bool { return q.meta == m })
}

// joinable is the alert that an arrival's finding grows: the newest one of its
// lane that is open. A consequence finding of another capability opens its own.
func (d *dossier) joinable(x *found, at int64) *openAlert {
	var best *openAlert
	for _, a := range d.alerts {
		switch {
		case at > a.arrivalDeadline():
			continue
		case x.Way == WayReport:
			if a.lane != laneReport || a.meta != x.meta {
				continue
			}
		case a.lane != laneArrival:
			continue
		case x.Way == WayConsequence && x.Capability != 0 && !a.caps.Any(x.Capability):
			continue
		}
		if best == nil || a.opened > best.opened || a.opened == best.opened && a.id > best.id {
			best = a
		}
	}
	return best
}

// holding is the newest open alert that has the finding already.
func (d *dossier) holding(x *found, at int64) *openAlert {
	for i := len(d.alerts) - 1; i >= 0; i-- {
		if a := d.alerts[i]; at <= a.arrivalDeadline() && a.lane != laneClose && a.find(x) != nil {
			return a
		}
	}
	return nil
}

// open starts an alert. An alert of the same id is taken up again; beyond
// maxAlerts open ones the finding is counted and dropped.
func (e *Engine) open(p *Profile, d *dossier, x *found, l lane, at, first int64) *openAlert {
	pane := paneOf(at)
	if l == laneClose {
		pane = paneOf(at - 1)
	}
	id := alertID(e.store.ids[p.self], x.meta.Key(), pane)
	for _, a := range d.alerts {
		if a.id == id {
			return a
		}
	}
	if len(d.alerts) >= maxAlerts {
		e.stats.AlertsDropped++
		return nil
	}
	a := &openAlert{id: id, meta: x.meta, lane: l, way: x.Way, opened: at, first: first, last: at, arrival: at,
		young: p.activeDays <= learnDays, history: historyOf(p, at), version: e.closedAt(id, e.store.ids[p.self])}
	for _, b := range d.alerts {
		if l != laneReport && b.lane != laneReport && at <= b.deadline() {
			a.links = append(a.links, b.id)
			if len(b.links) < 8 {
				b.links = append(b.links, id)
				b.dirty = true
			}
		}
	}
	d.alerts = append(d.alerts, a)
	e.timers.push(timer{a.deadline(), e.store.ids[p.self], timerAlert})
	e.stats.Opened[x.Way]++
	return a
}

// closed takes in a finding made when a pane closed.
func (e *Engine) closed(p *Profile, pane *Pane, x *found) {
	x.Finding = x.defaults(x.meta)
	if e.suspended(p, x, pane.Last) || p.Human() && x.meta.Basis == Learned && x.Way != WayConsequence {
		return
	}
	if x.Way == WayFused {
		if d := e.dossier(p); x.Surprise > 0 {
			d.notes = append(d.notes, note{found: *x, pane: pane.Number, time: pane.Last})
		}
		return
	}
	e.raiseAtClose(p, pane, pane.End(), []found{*x}, nil)
}

// raiseAtClose opens or grows an alert with findings of a closed pane (nil for
// a finding that no pane made, such as silence).
func (e *Engine) raiseAtClose(p *Profile, pane *Pane, at int64, list []found, samples []schemas.RelatedEvent) {
	d := e.dossier(p)
	var a *openAlert
	for _, b := range d.alerts {
		if b.lane == laneReport || b.lane == laneArrival && b.opened >= at || b.opened > at || at > b.deadline() {
			continue
		}
		if a == nil || b.lane < a.lane || b.lane == a.lane && (b.opened > a.opened || b.opened == a.opened && b.id > a.id) {
			a = b
		}
	}
	if a == nil {
		first := at
		if pane != nil {
			first = pane.First
		}
		if a = e.open(p, d, &list[0], laneClose, at, first); a == nil {
			return
		}
	}
	by := sharedBy{}
	if pane != nil {
		by.sample = pane.shown(&list[0]).related()
	}
	page := false
	for i := range list {
		page = e.grow(p, a, &list[i], at, by) || page
	}
	for _, r := range samples {
		a.sample(r)
	}
	if pane != nil {
		for i := range pane.samples {
			if s := &pane.samples[i]; s.time != 0 {
				a.sample(s.related())
				if a.credential == "" {
					a.credential = valid(s.cred[:s.credLen])
					if i == 0 {
						a.issued = pane.issued
					}
				}
			}
		}
	}
	slices.SortStableFunc(a.samples, func(x, y schemas.RelatedEvent) int { return compare(x.Time, y.Time) })
	if page || a.changed {
		e.emit(p, a, at, page)
	}
}

// fuse raises the combined evidence of the last panes.
func (e *Engine) fuse(p *Profile, pane *Pane, signal Signal, c float64, from string, panes int64) {
	d := e.dossier(p)
	var list []found
	var samples []schemas.RelatedEvent
	var fams [families]bool
	order := make([]*note, 0, len(d.notes))
	for i := range d.notes {
		if n := &d.notes[i]; n.tail >= 1 && n.pane <= pane.Number && n.pane > pane.Number-panes {
			order = append(order, n)
		}
	}
	slices.SortStableFunc(order, func(a, b *note) int { return fusedBefore(a, b, pane.Number) })
	for _, n := range order {
		x := n.found
		x.Way, x.Surprise = WayFused, n.tail
		// Weak parts together are worth a look, no more: only what a sensitive
		// call brought keeps a higher severity.
		severity := schemas.SeverityMedium
		if x.meta.Family == FamilyConsequence || x.Capability != 0 {
			severity = max(severity, x.Severity)
		}
		x.Severity, x.Least = severity, 0
		if e.suspended(p, &x, pane.Last) {
			continue
		}
		fams[x.meta.Family.evidence()] = true
		if n.sample.UID != "" {
			samples = append(samples, n.sample)
		}
		list = append(list, x)
	}
	wide := 0
	for _, on := range fams {
		if on {
			wide++
		}
	}
	if wide < 2 {
		return
	}
	list[0].Surprise = max(list[0].Surprise, c)
	list[0].Calibration, list[0].Rarity = from, ""
	// The combined tail speaks for the evidence together, not for its head.
	if r := e.cell.rarity(p, signal, c); r != "" {
		list[0].Rarity = "such evidence together: " + r
	}
	e.raiseAtClose(p, pane, pane.End(), list, samples)
	// Told once: the same evidence does not raise again.
	p.stats.near, p.stats.far = [families]float32{}, [families]float32{}
}

// fusedBefore orders weak evidence that a pane raises. The strongest of what has just
// come is first, before what it adds to: it opens the alert and heads it, so that the
// first sentence says what happened now.
func fusedBefore(a, b *note, pane int64) int {
	return cmp.Or(
		btoi(b.pane == pane)-btoi(a.pane == pane),
		cmp.Compare(b.tail, a.tail),
		strings.Compare(a.meta.Name+a.Value, b.meta.Name+b.Value))
}
