package detect

import (
	"slices"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Verdicts of an analyst.
const (
	verdictAcknowledged  = "acknowledged"
	verdictExpected      = "expected"
	verdictFalsePositive = "false_positive"
)

// feedback takes in an analyst's word at its event time. Acknowledged closes
// the alert. Expected and false_positive do so too, silence (identity,
// detector, value) for 30 days, and let that value join the baseline; without a
// detector they hold for every finding of the alert. What other findings hold
// stays held.
func (e *Engine) feedback(c *schemas.Control) {
	p, _ := e.store.find(c.IdentityId)
	if p == nil {
		e.stats.Unusable++
		return
	}
	at := max(c.Time, p.last)
	d := e.dossiers[p.self]
	var alert *openAlert
	if d != nil {
		for _, a := range d.alerts {
			if a.id == c.AlertId {
				alert = a
			}
		}
	}
	switch c.Verdict {
	case verdictAcknowledged:
	case verdictExpected, verdictFalsePositive:
		grave := false
		if c.Detector != "" {
			e.bind(p, c.Detector, c.Value, at)
			e.slots.trust(&p.slots, c.Value)
			m := metaOf(c.Detector)
			grave = m != nil && m.Family == FamilyConsequence
		}
		for i := 0; alert != nil && i < len(alert.parts); i++ {
			q := &alert.parts[i]
			switch {
			case c.Detector == "":
				e.bind(p, q.meta.Name, q.Value, at)
			case c.Detector != q.meta.Name || c.Value != "" && c.Value != q.Value:
				continue
			}
			e.confirm(p, q)
			grave = grave || q.Way == WayConsequence
		}
		if grave && !d.grave(alert) {
			p.consequence = 0
		}
	default:
		e.stats.Unusable++
		return
	}
	if alert != nil {
		e.emitClose(p, alert, at, c.Verdict+by(c.By))
		d.alerts = slices.DeleteFunc(d.alerts, func(a *openAlert) bool { return a == alert })
		if len(d.notes) == 0 && len(d.alerts) == 0 {
			delete(e.dossiers, p.self)
		}
	}
}

// confirm takes what a finding is about into the baseline: its value, and the
// consequence's class.
func (e *Engine) confirm(p *Profile, q *part) {
	e.slots.trust(&p.slots, q.Value)
	for rest := q.Capability; rest != 0; rest &= rest - 1 {
		if s := e.slots.find(&p.slots, CapabilityBit, capabilityHash(rest.First())); s != nil {
			s.set(s.weight(), 0)
		}
	}
}

// grave reports whether an open alert other than one has a consequence finding.
func (d *dossier) grave(but *openAlert) bool {
	if d == nil {
		return false
	}
	return slices.ContainsFunc(d.alerts, func(a *openAlert) bool {
		return a != but && slices.ContainsFunc(a.parts, func(q part) bool { return q.Way == WayConsequence })
	})
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return " by " + clone(who)
}

// bind silences a detector and value for this identity.
func (e *Engine) bind(p *Profile, detector, value string, at int64) {
	today := dayOf(at)
	h := ruleHash(Verdict, detector, value, false)
	s := e.slots.find(&p.slots, Verdict, h)
	if s == nil {
		s, _ = e.slots.insert(&p.slots, Verdict, h, today)
	}
	if s != nil {
		s.day = max(s.day, today)
	}
}
