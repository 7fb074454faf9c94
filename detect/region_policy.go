package detect

import "github.com/lapwing-sec/lapwing/schemas"

var regionPolicyCard = Meta{
	Name: "region-policy", Title: "Call from or in a region that is not allowed", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityHigh, Wake: OnViolation,
	MinSample: "none", Floor: "one call",
	Kept:    "nothing of its own",
	Model:   "the inventory's closed policy, evaluated at the time of the event",
	Attacks: []schemas.Technique{{UID: "T1535", Name: "Unused/Unsupported Cloud Regions"}},
	NHI:     []string{"NHI8:2025"}, API: []string{"API8:2023"}, NIST: nistNetwork, PCI: pciNetwork,
	FirstChecks: []string{
		"Ask the owner whether the workload moved; if so, correct the inventory.",
		"Look at what it did there: new machines and new resources are the usual aim.",
		"If nobody moved it: rotate the credential.",
	},
}

// regionPolicy finds a call from a country, or in a cloud region, that the
// inventory does not allow.
type regionPolicy struct{ arrivalOnly }

// Meta implements Detector.
func (regionPolicy) Meta() *Meta { return &regionPolicyCard }

// Observe implements Detector.
func (regionPolicy) Observe(_ *Cell, _ *Profile, call *Call, out *Findings) {
	ev := call.Event
	violations(ev, regionPolicyCard.Name, func(v *schemas.Violation) {
		f := policyFinding(call, v, v.GetObserved(), "broke its region policy: "+v.GetObserved(), v.GetObserved()+" is not among the places allowed to it ("+v.GetExpected()+")")
		f.Sentence = who(ev) + " called " + ev.Operation + touched(ev) + placed(ev) + origin(ev) + ended(call) + ": " +
			v.GetObserved() + " is not among the places allowed to it (" + v.GetExpected() + ")."
		out.Add(f)
	})
}
