package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var riskCard = Meta{
	Name: "risk", Title: "Findings of one identity add up", Basis: Learned, Family: FamilyConsequence, Way: WayStrong,
	Severity: schemas.SeverityHigh, Closes: true,
	MinSample: "three detectors of two families within 72 hours, in an alert that is open", Floor: "60 points for high, 100 for critical; weak evidence gives 30 at most",
	Kept:    "nothing of its own: the open alerts and the evidence of 72 hours",
	Model:   "points by severity (5, 20, 40, 60), halved every 24 hours, a quarter more where something grave was touched; the identity's criticality raises or lowers the severity that comes of it",
	Attacks: []schemas.Technique{{UID: "T1078.004", Name: "Cloud Accounts"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API6:2023"}, NIST: []string{"DE.AE-03", "DE.AE-07"}, PCI: []string{"10.4.1.1", "12.10.5"},
	FirstChecks: []string{
		"Read the findings in the order of their times, not of their severity.",
		"Decide now whether the credential can be disabled: the alert lists what that breaks.",
	},
}

// riskOf adds up an identity's findings: several of middling severity, of
// different kinds, are worse than each. It wakes nobody by itself; it raises the
// severity of the alert that is open, and that may.
type riskOf struct{ paneOnly }

// Meta implements Detector.
func (riskOf) Meta() *Meta { return &riskCard }

const (
	riskHigh       = 60
	riskCritical   = 100
	riskWeak       = 10 // points of a weak finding
	riskWeakMost   = 30
	riskDetectors  = 3
	riskFamilies   = 2
	riskPrivileged = 1.25
	riskHalfLife   = 96 // panes
)

var riskPoints = [schemas.SeverityCritical + 1]float64{0, 0, 5, 20, 40, 60}

// Close implements Detector.
func (riskOf) Close(c *Cell, p *Profile, pane *Pane, out *Findings) {
	d := c.e.dossiers[p.self]
	if d == nil || len(d.alerts) == 0 || p.Anonymous() {
		return
	}
	r := d.risk(pane)
	if r.detectors < riskDetectors || r.families < riskFamilies || r.open == 0 {
		return
	}
	f := Finding{Way: WayStrong, Severity: schemas.SeverityHigh, Value: "high"}
	switch {
	case r.points >= riskCritical && r.open < schemas.SeverityCritical:
		f.Severity, f.Value = schemas.SeverityCritical, "critical"
	case r.points >= riskHigh && r.open < schemas.SeverityHigh:
	default:
		return
	}
	f.Did = "has findings that add up to " + f.Value + " risk"
	f.Sentence = "Its findings of the last 72 hours add up: " + plural(r.detectors, "detector") + " on " + plural(r.families, "kind") + " of evidence, " + number(math.Round(r.points)) + " points where " + number(riskHigh) + " are high and " + number(riskCritical) + " critical."
	f.Observed = number(math.Round(r.points)) + " points of risk"
	f.Expected = "below " + number(riskHigh)
	out.Add(f)
}

// sumOfRisk is what an identity's findings come to.
type sumOfRisk struct {
	points              float64
	detectors, families int
	open                int // severity of the gravest open alert that may page
}

// risk adds up what was found up to a pane: of each detector the most, halved
// for each day since. What came for later panes does not count, so that the
// order of topics changes nothing.
func (d *dossier) risk(pane *Pane) (r sumOfRisk) {
	type most struct {
		meta   *Meta
		points float64
	}
	var found []most
	var fams [families]bool
	add := func(m *Meta, points float64) {
		if m == &riskCard || points == 0 {
			return
		}
		fams[m.Family.evidence()] = true
		for i := range found {
			if found[i].meta == m {
				found[i].points = math.Max(found[i].points, points)
				return
			}
		}
		found = append(found, most{m, points})
	}
	privileged := false
	for _, a := range d.alerts {
		if a.lane == laneReport {
			continue
		}
		for i := range a.parts {
			q := &a.parts[i]
			if q.first >= pane.End() || q.Way == WayFused {
				continue
			}
			r.open = max(r.open, q.severity)
			privileged = privileged || !q.Refused && q.Capability.Any(capability.Grave)
			age := float64(max(pane.Number-paneOf(q.first), 0))
			add(q.meta, riskPoints[min(max(q.severity, 0), schemas.SeverityCritical)]*math.Exp2(-age/riskHalfLife))
		}
	}
	for i := range d.notes {
		// What another did with what this one made or gave is no weak sign.
		if n := &d.notes[i]; n.Way == WayConsequence && n.pane <= pane.Number {
			add(n.meta, riskPoints[n.Severity]*math.Exp2(-float64(pane.Number-n.pane)/riskHalfLife))
		}
	}
	hard := len(found)
	for i := range d.notes {
		if n := &d.notes[i]; n.Way != WayConsequence && n.pane <= pane.Number && n.tail >= 1 {
			add(n.meta, riskWeak*math.Exp2(-float64(pane.Number-n.pane)/riskHalfLife))
		}
	}
	for _, x := range found[:hard] {
		r.points += math.Round(x.points)
	}
	weak := 0.0
	for _, x := range found[hard:] {
		weak += math.Round(x.points)
	}
	// Whole points: a sum that no order changes.
	r.points += math.Min(weak, riskWeakMost)
	if privileged {
		r.points *= riskPrivileged
	}
	r.detectors = len(found)
	for _, on := range fams {
		r.families += btoi(on)
	}
	return r
}
