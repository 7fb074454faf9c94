package detect

import "github.com/lapwing-sec/lapwing/schemas"

var bindingMismatchCard = Meta{
	Name: "binding-mismatch", Title: "A token comes without the certificate it is bound to", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityHigh, Wake: OnViolation,
	MinSample: "none", Floor: "one call",
	Kept:    "nothing of its own",
	Model:   "the token's declared or stated binding to a client certificate (RFC 8705), evaluated at the time of the event",
	Attacks: []schemas.Technique{{UID: "T1550.001", Name: "Application Access Token"}},
	NHI:     []string{"NHI4:2025"}, API: []string{"API2:2023"}, NIST: nistActivity, PCI: pciAccounts,
	FirstChecks: []string{
		"Find out whether the certificate was renewed and the inventory not told.",
		"Compare address and client with those of earlier calls: a stolen token comes from elsewhere.",
		"If nobody renewed anything: revoke the token, not only the certificate.",
	},
}

// bindingMismatch finds a token that is used with another client certificate than
// the one it belongs to, or with none.
type bindingMismatch struct{ arrivalOnly }

// Meta implements Detector.
func (bindingMismatch) Meta() *Meta { return &bindingMismatchCard }

// Observe implements Detector.
func (bindingMismatch) Observe(_ *Cell, _ *Profile, call *Call, out *Findings) {
	ev := call.Event
	violations(ev, bindingMismatchCard.Name, func(v *schemas.Violation) {
		f := policyFinding(call, v, or(ev.CredentialId, or(v.GetObserved(), "none")), "used a token without its certificate",
			"it came with "+or(v.GetObserved(), "no client certificate")+", but belongs to "+or(v.GetExpected(), "another"))
		f.Observed, f.Expected = or(v.GetObserved(), "no client certificate"), v.GetExpected()
		out.Add(f)
	})
}
