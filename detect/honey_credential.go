package detect

import "github.com/lapwing-sec/lapwing/schemas"

var honeyCredentialCard = Meta{
	Name: "honey-credential", Title: "A planted credential is used", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityCritical, Wake: OnViolation,
	MinSample: "none", Floor: "one call, refused ones too",
	Kept:    "nothing of its own",
	Model:   "the inventory marks the credential as one that nothing uses",
	Attacks: []schemas.Technique{{UID: "T1078", Name: "Valid Accounts"}},
	NHI:     []string{"NHI2:2025"}, API: []string{"API9:2023"}, NIST: nistActivity, PCI: pciAccounts,
	FirstChecks: []string{
		"Treat it as a break-in: nobody has an honest use for this credential.",
		"Find out where the copy that was used had been planted: that place has been read.",
		"List everything else that the same source address did: lapwing hunt run address-history -p alert=ID.",
	},
}

// honeyCredential finds any use of a credential that was planted to be found.
// Whether the call was accepted changes nothing: somebody has it.
type honeyCredential struct{ arrivalOnly }

// Meta implements Detector.
func (honeyCredential) Meta() *Meta { return &honeyCredentialCard }

// Observe implements Detector.
func (honeyCredential) Observe(_ *Cell, _ *Profile, call *Call, out *Findings) {
	ev := call.Event
	did := "was used, though it is a trap"
	if ev.CredentialId != "" {
		did = "used a planted credential, a trap"
	}
	violations(ev, honeyCredentialCard.Name, func(v *schemas.Violation) {
		f := policyFinding(call, v, or(ev.CredentialId, ev.IdentityId), did, "this credential was planted, and nothing has a reason to use it")
		f.Refused, f.Severity, f.Least = false, schemas.SeverityCritical, schemas.SeverityCritical
		f.Observed, f.Expected = or(v.GetObserved(), "a call with it"), "no call with it, ever"
		out.Add(f)
	})
}
