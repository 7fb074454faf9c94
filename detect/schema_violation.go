package detect

import "github.com/lapwing-sec/lapwing/schemas"

var schemaViolationCard = Meta{
	Name: "schema-violation", Title: "A request breaks the API's document", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityMedium, Wake: OnViolation,
	MinSample: "none", Floor: "one accepted call; one alert for each endpoint",
	Kept:    "nothing of its own",
	Model:   "the API's OpenAPI document: unknown parameters, fields and methods; a tool call outside its schema",
	Attacks: []schemas.Technique{{UID: "T1190", Name: "Exploit Public-Facing Application"}},
	NHI:     []string{"NHI3:2025"}, API: []string{"API3:2023"}, NIST: nistActivity, PCI: []string{"6.2.4", "10.4.1.1"},
	FirstChecks: []string{
		"Compare the request with the document: an older client, or somebody who tries fields?",
		"If it was accepted: find out what the extra field changed (roles, prices, owners are what attackers set).",
		"Have the gateway refuse what the document does not allow.",
	},
}

// schemaViolation finds a request that the API's document does not allow. One that
// the API refused is for the daily report: it did its work.
type schemaViolation struct{ arrivalOnly }

// Meta implements Detector.
func (schemaViolation) Meta() *Meta { return &schemaViolationCard }

// Observe implements Detector.
func (schemaViolation) Observe(_ *Cell, _ *Profile, call *Call, out *Findings) {
	ev := call.Event
	violations(ev, schemaViolationCard.Name, func(v *schemas.Violation) {
		f := policyFinding(call, v, ev.Operation, "sent a request that the API's document does not allow", or(v.GetObserved(), "the request")+" is not allowed by "+or(v.GetExpected(), "the document"))
		f.Expected = or(v.GetExpected(), "the API's document")
		if !call.Success {
			f.Way = WayReport
		}
		out.Add(f)
	})
}
