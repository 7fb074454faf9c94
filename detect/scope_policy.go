package detect

import "github.com/lapwing-sec/lapwing/schemas"

var scopePolicyCard = Meta{
	Name: "scope-policy", Title: "Call outside the allowed scope", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityMedium, Wake: OnViolation,
	MinSample: "none", Floor: "one call",
	Kept:    "nothing of its own",
	Model:   "the inventory's closed policy, evaluated at the time of the event",
	Attacks: []schemas.Technique{{UID: "T1548.005", Name: "Temporary Elevated Cloud Access"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API5:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: []string{
		"Was it accepted? Then what is granted is wider than what is declared: narrow it.",
		"Ask the owner whether a release needs this operation.",
		"If not: look at what else the credential did within the hour.",
	},
}

// scopePolicy finds an operation that the inventory does not allow. A refused
// one shows an attempt, an accepted one that more is granted than declared.
type scopePolicy struct{ arrivalOnly }

// Meta implements Detector.
func (scopePolicy) Meta() *Meta { return &scopePolicyCard }

// Observe implements Detector.
func (scopePolicy) Observe(_ *Cell, _ *Profile, call *Call, out *Findings) {
	ev := call.Event
	violations(ev, scopePolicyCard.Name, func(v *schemas.Violation) {
		out.Add(policyFinding(call, v, ev.Operation, "called outside its scope: "+ev.Operation, ev.Operation+" is not among the operations allowed to it ("+clip(v.GetExpected(), 200)+")"))
	})
}
