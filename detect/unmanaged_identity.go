package detect

import "github.com/lapwing-sec/lapwing/schemas"

var unmanagedIdentityCard = Meta{
	Name: "unmanaged-identity", Title: "An identity that nobody declared", Basis: Declared, Family: FamilyDeclared, Way: WayReport,
	Severity: schemas.SeverityLow, Wake: OnUnmanaged,
	MinSample: "none", Floor: "one accepted call; reported, never paged",
	Kept:    "the slot by which the engine reports once",
	Model:   "the inventory",
	Attacks: []schemas.Technique{{UID: "T1136.003", Name: "Cloud Account"}},
	NHI:     []string{"NHI1:2025"}, API: []string{"API9:2023"}, NIST: nistActivity, PCI: []string{"7.2.5.1", "8.6.1"},
	FirstChecks: []string{
		"Find its owner: who created it, and which team's resources does it touch?",
		"Put it into the inventory with owner and purpose, or remove it.",
	},
}

// unmanagedIdentity reports an identity that is in no inventory, once, after
// its first accepted call. The cloud's own services and calls without any
// identity are left out.
type unmanagedIdentity struct{ arrivalOnly }

// Meta implements Detector.
func (unmanagedIdentity) Meta() *Meta { return &unmanagedIdentityCard }

// Observe implements Detector.
func (unmanagedIdentity) Observe(_ *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if !call.Success || ev.Anonymous || p.Anonymous() || ev.GetDeclared().GetManaged() || provider(ev) {
		return
	}
	what := "it is in no inventory: nobody is declared to own it"
	if ev.PrincipalType != "" {
		what = "this " + ev.PrincipalType + " (" + clip(or(ev.Principal, ev.IdentityId), 160) + ") is in no inventory: nobody is declared to own it"
	}
	out.Add(Finding{
		Way: WayReport, Severity: schemas.SeverityLow, Value: "unmanaged", Did: "is in no inventory",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + "; " + what + ".",
		Observed: ev.IdentityId, Expected: "an identity with an owner",
	})
}
