package detect

import "github.com/lapwing-sec/lapwing/schemas"

var watchedIndicatorCard = Meta{
	Name: "watched-indicator", Title: "Something on the watch list appears", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityHigh, Wake: OnViolation,
	MinSample: "none", Floor: "one call",
	Kept:    "nothing of its own",
	Model:   "the operator's list of addresses, keys, agents and identities",
	Attacks: []schemas.Technique{{UID: "T1078", Name: "Valid Accounts"}},
	NHI:     []string{"NHI2:2025"}, API: []string{"API2:2023"}, NIST: nistNetwork, PCI: pciNetwork,
	FirstChecks: []string{
		"Read why the indicator is on the list, and how old that is.",
		"List every identity that shows the same indicator.",
		"If the call was accepted: rotate the credential.",
	},
}

// watchedIndicator finds an address, key, client or identity that the operator put
// on a list.
type watchedIndicator struct{ arrivalOnly }

// Meta implements Detector.
func (watchedIndicator) Meta() *Meta { return &watchedIndicatorCard }

// Observe implements Detector.
func (watchedIndicator) Observe(_ *Cell, _ *Profile, call *Call, out *Findings) {
	ev := call.Event
	violations(ev, watchedIndicatorCard.Name, func(v *schemas.Violation) {
		f := policyFinding(call, v, v.GetObserved(), "showed "+clip(v.GetObserved(), 60)+", which is watched for", v.GetObserved()+" is on the watch list"+reason(v.GetExpected()))
		f.Expected = "nothing that is on the watch list"
		out.Add(f)
	})
}

// reason words why an indicator is watched, or nothing.
func reason(why string) string {
	if why == "" {
		return ""
	}
	return ": " + clip(why, 160)
}
