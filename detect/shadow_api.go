package detect

import (
	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var shadowAPICard = Meta{
	Name: "shadow-api", Title: "An endpoint that no document describes", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityLow, Wake: OnViolation | OnNew(Operation),
	MinSample: "none; without a document: a fleet watched for a week", Floor: "one call; one alert for each endpoint; without a document: an accepted call of a path that speaks of debugging or administration, which no identity called before: reported, never paged",
	Kept:    "nothing of its own",
	Model:   "the API's OpenAPI document; the words of a path",
	Attacks: []schemas.Technique{{UID: "T1190", Name: "Exploit Public-Facing Application"}},
	NHI:     []string{"NHI1:2025"}, API: []string{"API9:2023"}, NIST: nistActivity, PCI: []string{"6.3.2", "10.4.1.1"},
	FirstChecks: []string{
		"Ask who serves this endpoint, and whether it should be reachable.",
		"See who else calls it, and since when.",
		"Add it to the document, or take it down.",
	},
}

// shadowAPIUnseen is the card of an endpoint that nobody called before: of the same
// detector, on the other basis.
var shadowAPIUnseen = Meta{
	Name: shadowAPICard.Name, Rule: "unseen", Title: "An endpoint for debugging or administration that nobody called before", Basis: Learned, Family: FamilyOperation, Way: WayReport,
	Severity: schemas.SeverityLow, MinSample: "a fleet watched for a week", Floor: "one accepted call; reported, never paged",
	Kept: shadowAPICard.Kept, Model: "first use of a route by the whole cell; the words of its path",
	Attacks: shadowAPICard.Attacks, NHI: shadowAPICard.NHI, API: shadowAPICard.API, NIST: shadowAPICard.NIST, PCI: shadowAPICard.PCI,
	FirstChecks: shadowAPICard.FirstChecks,
}

// shadowAPI finds a call to an endpoint that the API's own document does not have.
// A read that is answered is for the daily report; one that is refused or missing
// says only that somebody asked. Where no document tells, an endpoint for debugging
// or administration that answers, and that nobody called before, is reported.
type shadowAPI struct{ arrivalOnly }

// Meta implements Detector.
func (shadowAPI) Meta() *Meta { return &shadowAPICard }

// Observe implements Detector.
func (shadowAPI) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	unseenEndpoint(c, p, call, out)
	violations(ev, shadowAPICard.Name, func(v *schemas.Violation) {
		f := policyFinding(call, v, or(v.GetObserved(), ev.Operation), "called an endpoint that no document describes",
			or(v.GetObserved(), ev.Operation)+" is not in "+or(v.GetExpected(), "the API's document"))
		// What is new about the same call joins this alert.
		f.Capability = call.Can.Set.Verb()
		f.Expected = "an endpoint of " + or(v.GetExpected(), "the API's document")
		if !call.Success || !changesSomething(call) {
			f.Way = WayReport
		} else {
			f.Severity = max(f.Severity, schemas.SeverityMedium)
		}
		out.Add(f)
	})
}

// unseenEndpoint reports a route that speaks of debugging or administration and
// that no identity of the cell called before. The grave ones have detectors of
// their own.
func unseenEndpoint(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if !call.New(Operation) || ev.HttpMethod == "" || !call.Success || call.Backfill || p.Human() || len(ev.GetDeclared().GetViolations()) > 0 ||
		!call.Can.Set.Has(capability.Administers) || call.Can.Set.Any(capability.Grave) || call.Can.Severity(capability.Administers) < schemas.SeverityMedium ||
		!fleetKnown(c, call) || c.fleetUses(call, Operation) > 0 {
		return
	}
	out.add(&shadowAPIUnseen, Finding{
		Way: WayReport, Severity: schemas.SeverityLow, Value: ev.Operation, Did: "called an endpoint that nobody called before",
		Sentence: who(ev) + " called " + ev.Operation + origin(ev) + " with success. No identity was ever seen to call it, and its name speaks of debugging or administration.",
		Observed: ev.Operation, Expected: "endpoints that are known", Rarity: "not seen of any identity",
	})
}
