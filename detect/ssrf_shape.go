package detect

import "github.com/lapwing-sec/lapwing/schemas"

var ssrfShapeCard = Meta{
	Name: "ssrf-shape", Title: "A parameter points into the inside", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityMedium, Wake: OnViolation,
	MinSample: "none", Floor: "one call",
	Kept:    "nothing of its own",
	Model:   "metadata and internal addresses, in the spellings that hide them, among the parameters of the call",
	Attacks: []schemas.Technique{{UID: "T1552.005", Name: "Cloud Instance Metadata API"}},
	NHI:     []string{"NHI6:2025"}, API: []string{"API7:2023"}, NIST: nistActivity, PCI: []string{"6.2.4", "10.4.1.1"},
	FirstChecks: []string{
		"Look at what the service answered: did it fetch the address?",
		"If it did: rotate the credentials of the machine that fetched it, then look for their use from elsewhere.",
		"Have the service refuse addresses of its own network.",
	},
}

// ssrfShape finds a call whose parameters hold the address of an instance's
// metadata service or of the inside, in whatever spelling: somebody tries to have
// the service call it.
type ssrfShape struct{ arrivalOnly }

// Meta implements Detector.
func (ssrfShape) Meta() *Meta { return &ssrfShapeCard }

// Observe implements Detector.
func (ssrfShape) Observe(_ *Cell, _ *Profile, call *Call, out *Findings) {
	ev := call.Event
	violations(ev, ssrfShapeCard.Name, func(v *schemas.Violation) {
		f := policyFinding(call, v, ev.Operation, "asked a service to fetch an internal address", "a parameter holds "+or(v.GetObserved(), "an internal address"))
		f.Expected = or(v.GetExpected(), "addresses of the outside")
		if call.Success {
			f.Severity = schemas.SeverityHigh
			f.Sentence += " It was accepted."
		}
		out.Add(f)
	})
}
