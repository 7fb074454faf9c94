package detect

import "github.com/lapwing-sec/lapwing/schemas"

var networkPolicyCard = Meta{
	Name: "network-policy", Title: "Call from a network that is not allowed", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityHigh, Wake: OnViolation,
	MinSample: "none", Floor: "one call",
	Kept:    "nothing of its own",
	Model:   "the inventory's closed policy, evaluated at the time of the event",
	Attacks: []schemas.Technique{{UID: "T1078.004", Name: "Cloud Accounts"}},
	NHI:     []string{"NHI8:2025"}, API: []string{"API2:2023"}, NIST: nistNetwork, PCI: pciNetwork,
	FirstChecks: []string{
		"Look the address up: an own egress that is missing in the inventory, or a stranger?",
		"See whether the same credential is used from its declared networks at the same time: then it has two holders.",
		"If the network is not yours: rotate the credential.",
	},
}

// networkPolicy finds a call from outside the networks that the inventory
// declares.
type networkPolicy struct{ arrivalOnly }

// Meta implements Detector.
func (networkPolicy) Meta() *Meta { return &networkPolicyCard }

// Observe implements Detector.
func (networkPolicy) Observe(_ *Cell, _ *Profile, call *Call, out *Findings) {
	ev := call.Event
	violations(ev, networkPolicyCard.Name, func(v *schemas.Violation) {
		out.Add(policyFinding(call, v, or(ev.SrcPrefix, v.GetObserved()), "called from a network that is not allowed", v.GetObserved()+" is outside its declared networks ("+v.GetExpected()+")"))
	})
}
