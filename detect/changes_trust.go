package detect

import (
	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var changesTrustCard = Meta{
	Name: "changes-trust", Title: "Changes whom the organisation trusts", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityHigh, Wake: OnCapability,
	MinSample: matureSample + "; an outside principal: none", Floor: "one call",
	Kept:    "(class, principal) edges, 8 bytes each",
	Model:   "first use of a class; unseen edges",
	Attacks: []schemas.Technique{{UID: "T1484.002", Name: "Trust Modification"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API2:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: consequenceChecks(
		"Read the new trust policy, identity provider or federation: who can get in by it, from which account or domain?",
		"If that is nobody you know: put the former trust back at once, before anything else; it lets in without a credential of yours.",
		"List who has come in by it since: sessions and tokens that it gave outlive it, end them too."),
}

// changesTrust finds the first change of a trust policy, identity provider,
// trust anchor or federation, and an outside principal never trusted before.
type changesTrust struct{ arrivalOnly }

// Meta implements Detector.
func (changesTrust) Meta() *Meta { return &changesTrustCard }

// Observe implements Detector.
func (changesTrust) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	if !call.Can.Set.Has(capability.ChangesTrust) {
		return
	}
	ev := call.Event
	given, unseen := newEdges(p, call, capability.ChangesTrust)
	what := tried(call, "changed", "change") + " trust with " + ev.Operation + granted(ev) + touched(ev)
	if u, ok := judgeClass(c, p, call, capability.ChangesTrust); ok && (u.way == WayConsequence || call.Can.Grantee < capability.GranteeOutside) {
		did := tried(call, "changed trust", "change trust")
		if call.Can.Grantee >= capability.GranteeOutside {
			did = tried(call, "opened", "open") + " a trust to " + or(listed(grantOf(ev).whom, titledThing), "an outside principal")
		}
		out.Add(u.finding(p, call, ev.Operation+granted(ev), did+first(u)+": "+deedOf(ev), what))
		return
	}
	if !unseen || call.Can.Grantee < capability.GranteeOutside || provider(ev) {
		return
	}
	out.Add(Finding{
		Severity: call.Can.Severity(capability.ChangesTrust), Refused: call.Denied || call.Failed,
		Value: given, Capability: capability.ChangesTrust, Did: tried(call, "opened", "open") + " a trust to " + or(listed(grantOf(ev).whom, titledThing), "an outside principal"),
		Sentence: who(ev) + " " + what + origin(ev) + ended(call) + ". In " + historyOf(p, call.Time) + " it never trusted " + given + ".",
		Observed: ev.Operation + granted(ev), Expected: "the principals that it trusted before", Rarity: "not seen in " + historyOf(p, call.Time),
	})
}
