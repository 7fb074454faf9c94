package detect

import "github.com/lapwing-sec/lapwing/schemas"

var shadowAPICard = Meta{
	Name: "shadow-api", Title: "An endpoint that no document describes", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityLow, Wake: OnViolation,
	MinSample: "none", Floor: "one call; one alert for each endpoint",
	Kept:    "nothing of its own",
	Model:   "the API's OpenAPI document",
	Attacks: []schemas.Technique{{UID: "T1190", Name: "Exploit Public-Facing Application"}},
	NHI:     []string{"NHI1:2025"}, API: []string{"API9:2023"}, NIST: nistActivity, PCI: []string{"6.3.2", "10.4.1.1"},
	FirstChecks: []string{
		"Ask who serves this endpoint, and whether it should be reachable.",
		"See who else calls it, and since when.",
		"Add it to the document, or take it down.",
	},
}

// shadowAPI finds a call to an endpoint that the API's own document does not have.
// A read that is answered is for the daily report; one that is refused or missing
// says only that somebody asked.
type shadowAPI struct{ arrivalOnly }

// Meta implements Detector.
func (shadowAPI) Meta() *Meta { return &shadowAPICard }

// Observe implements Detector.
func (shadowAPI) Observe(_ *Cell, _ *Profile, call *Call, out *Findings) {
	ev := call.Event
	violations(ev, shadowAPICard.Name, func(v *schemas.Violation) {
		f := policyFinding(call, v, or(v.GetObserved(), ev.Operation), "called an endpoint that no document describes",
			or(v.GetObserved(), ev.Operation)+" is not in "+or(v.GetExpected(), "the API's document"))
		f.Expected = "an endpoint of " + or(v.GetExpected(), "the API's document")
		if !call.Success || !changesSomething(call) {
			f.Way = WayReport
		} else {
			f.Severity = max(f.Severity, schemas.SeverityMedium)
		}
		out.Add(f)
	})
}
