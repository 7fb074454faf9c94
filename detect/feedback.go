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
// the alert. Expected and false_positive do so too, and silence (identity,
// detector, value) for 30 days; without a detector they hold for every finding
// of the alert, and what was held joins the baseline.
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
		if c.Detector != "" {
			e.bind(p, c.Detector, c.Value, at)
		} else if alert != nil {
			for i := range alert.parts {
				e.bind(p, alert.parts[i].meta.Name, alert.parts[i].Value, at)
			}
		}
		e.slots.trust(&p.slots)
		p.consequence = 0
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
