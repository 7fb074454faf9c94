package detect

import (
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var staleCredentialCard = Meta{
	Name: "stale-credential", Title: "A credential is past its rotation", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityMedium, Wake: OnViolation,
	MinSample: "none", Floor: "one call; pages only for criticality high or critical, and by day (Monday to Friday, 07:00 to 19:00 UTC); else reported, never paged",
	Kept:    "nothing of its own",
	Model:   "the inventory, at the time of the event",
	Attacks: []schemas.Technique{{UID: "T1078.004", Name: "Cloud Accounts"}},
	NHI:     []string{"NHI7:2025"}, API: []string{"API2:2023"}, NIST: nistActivity, PCI: []string{"8.6.3", "8.3.9"},
	FirstChecks: []string{
		"Rotate the credential, or correct its dates in the inventory.",
		"Look for holders of the old one before it is switched off.",
	},
}

// staleCredential reports a credential older than its declared rotation
// interval: once a credential until something changes (the hunt stale-credentials,
// which the daily report asks, lists it each day), and never paged unless the
// identity is critical. Even then nobody is woken for it: dates without a time lapse
// at midnight, and what is found by night waits for the first call by day. What calls
// by night only is in the daily report.
type staleCredential struct{ arrivalOnly }

// Meta implements Detector.
func (staleCredential) Meta() *Meta { return &staleCredentialCard }

// Observe implements Detector.
func (staleCredential) Observe(_ *Cell, _ *Profile, call *Call, out *Findings) {
	ev := call.Event
	violations(ev, staleCredentialCard.Name, func(v *schemas.Violation) {
		f := policyFinding(call, v, or(ev.CredentialId, ev.IdentityId), "uses a credential past its rotation",
			v.GetObserved()+", but it is to be "+or(v.GetExpected(), "rotated"))
		f.Severity, f.Refused = schemas.SeverityMedium, false
		f.Expected = v.GetExpected()
		if ev.Criticality != "high" && ev.Criticality != "critical" {
			f.Way, f.Severity = WayReport, schemas.SeverityLow
		} else if !byDay(call.Time) {
			return // the next call by day says it
		}
		out.Add(f)
	})
}

// byDay says that people are at work at an event time: on a weekday, within hours
// that are day in Europe, and from morning on in America.
func byDay(t int64) bool {
	at := time.Unix(0, t).UTC()
	return at.Weekday() != time.Saturday && at.Weekday() != time.Sunday && at.Hour() >= 7 && at.Hour() < 19
}
