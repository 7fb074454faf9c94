package detect

import (
	"slices"

	"github.com/lapwing-sec/lapwing/schemas"
)

// covering is another incident that is open, woke somebody for no less, and has all
// members of this one; nil when there is none.
func (e *Engine) covering(inc *incident) *incident {
	for _, o := range e.incidents.list {
		if o != inc && !o.closed && o.woke && o.paged >= inc.severity &&
			!slices.ContainsFunc(inc.members, func(id string) bool { return !slices.Contains(o.members, id) }) {
			return o
		}
	}
	return nil
}

// standsFor reports whether an incident woke those who a member's page of a
// severity would wake: nobody else's, and no less.
func (e *Engine) standsFor(inc *incident, p *Profile, severity int) bool {
	f, of := e.store.facts[p.self], e.commonFacts(inc.members)
	return inc.woke && !inc.closed && inc.paged >= severity && of != nil && of.route == f.route && of.team == f.team
}

// folds tells that a member's alert, which had paged before the incident was there,
// is part of it: whoever is on call sees one thing.
func (e *Engine) folds(inc *incident, s *sighted) {
	p, _ := e.store.find(s.identity)
	if p == nil || s.alert == "" || e.dossiers[p.self] == nil {
		return
	}
	for _, a := range e.dossiers[p.self].alerts {
		if a.id != s.alert || a.partOf != "" || !e.standsFor(inc, p, a.severity) {
			continue
		}
		a.partOf = inc.id
		if !slices.Contains(a.links, inc.id) && len(a.links) < 8 {
			a.links = append(a.links, inc.id)
		}
		if e.takesBack(p, a) {
			continue
		}
		e.emit(p, a, max(a.emitted, inc.last), false)
	}
}

// takesBack drops the page of a member whose alert opened in the same closing of
// panes as its incident: nobody has been told of it yet. It reports whether it did.
func (e *Engine) takesBack(p *Profile, a *openAlert) bool {
	if !e.finishing || a.version != 1 || !a.page {
		return false
	}
	for i := e.toldBefore; i < len(e.out.Alerts); i++ {
		if e.out.Alerts[i].ID() != a.id {
			continue
		}
		a.woke, a.page = false, false
		if n := &e.tables.at(hourOf(paneOf(a.emitted - 1))).pages[a.way]; *n > 0 {
			*n--
		}
		e.stats.Paged[a.way]--
		e.out.Alerts[i] = e.build(p, a, a.emitted, schemas.ActivityCreate, "")
		return true
	}
	return false
}
