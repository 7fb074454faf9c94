package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

var deadCredentialCard = Meta{
	Name: "dead-credential", Title: "A dead credential is used", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityCritical, Wake: OnViolation,
	MinSample: "none", Floor: "one call",
	Kept:    "nothing of its own",
	Model:   "the inventory, at the time of the event",
	Attacks: []schemas.Technique{{UID: "T1078.004", Name: "Cloud Accounts"}},
	NHI:     []string{"NHI1:2025"}, API: []string{"API2:2023"}, NIST: nistActivity, PCI: []string{"8.2.5", "8.6.1", "10.4.1.1"},
	FirstChecks: []string{
		"If the call was accepted, the revocation did not take hold: revoke the credential where it is checked, now.",
		"Find out who still holds it: a forgotten deployment, or a stranger.",
		"List what it did since it was declared dead.",
	},
}

// deadCredential finds any use of a credential that the inventory calls
// revoked or expired, or whose owner has left. A refused use says that somebody
// still holds it; an accepted one that it still works.
type deadCredential struct{ arrivalOnly }

// Meta implements Detector.
func (deadCredential) Meta() *Meta { return &deadCredentialCard }

// Observe implements Detector.
func (deadCredential) Observe(_ *Cell, _ *Profile, call *Call, out *Findings) {
	ev := call.Event
	violations(ev, deadCredentialCard.Name, func(v *schemas.Violation) {
		f := policyFinding(call, v, or(ev.CredentialId, ev.IdentityId), tried(call, "used a dead credential", "use a dead credential"), or(v.GetObserved(), "its credential is dead"))
		f.Observed, f.Expected = v.GetObserved(), or(v.GetExpected(), "no call with it")
		f.Severity = schemas.SeverityCritical
		gone := strings.HasPrefix(v.GetObserved(), "the identity was offboarded")
		if gone {
			f.Did = tried(call, "was used though it is offboarded", "act though it is offboarded")
		}
		switch {
		case call.Denied:
			f.Severity = schemas.SeverityHigh // one lower by the refusal: medium
		case call.Success:
			f.Did = "used a dead credential that still works"
			if gone {
				f.Did = "is offboarded, and its access still works"
			}
			f.Sentence += " It still works."
		}
		out.Add(f)
	})
}
