package detect

import "github.com/lapwing-sec/lapwing/schemas"

var crossEnvironmentCard = Meta{
	Name: "cross-environment", Title: "A non-production identity reaches production", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityHigh, Wake: OnViolation,
	MinSample: "none", Floor: "one call",
	Kept:    "nothing of its own",
	Model:   "the inventory's closed policy, evaluated at the time of the event",
	Attacks: []schemas.Technique{{UID: "T1021.007", Name: "Cloud Services"}},
	NHI:     []string{"NHI8:2025"}, API: []string{"API8:2023"}, NIST: nistActivity, PCI: []string{"6.5.3", "7.2.5", "10.4.1.1"},
	FirstChecks: []string{
		"Find out how a credential of one environment came to be accepted in the other.",
		"Read what it changed there.",
		"Take the grant away; nothing should need it.",
	},
}

// crossEnvironment finds an identity of one environment that touches another,
// as the inventory maps accounts and hosts.
type crossEnvironment struct{ arrivalOnly }

// Meta implements Detector.
func (crossEnvironment) Meta() *Meta { return &crossEnvironmentCard }

// Observe implements Detector.
func (crossEnvironment) Observe(_ *Cell, _ *Profile, call *Call, out *Findings) {
	ev := call.Event
	reached := or(ev.GetDeclared().GetTargetEnvironment(), "another environment")
	where := or(ev.TargetAccount, or(ev.Host, or(ev.Account, "its target")))
	violations(ev, crossEnvironmentCard.Name, func(v *schemas.Violation) {
		out.Add(policyFinding(call, v, reached+" "+where, "reached into "+reached,
			where+" belongs to "+reached+", but this identity is allowed only in "+or(v.GetExpected(), ev.Environment)))
	})
}
