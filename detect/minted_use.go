package detect

import (
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var mintedUseCard = Meta{
	Name: "minted-use", Title: "A new key is first used by a stranger", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnNew(Credential),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); alone: " + matureSample,
	Floor:     "one accepted call with a long-lived key that neither the identity nor the inventory knows; alone: from a network that is new to it",
	Kept:      "one slot of 8 bytes a key, 16 at most; in the cell who made credentials in the last 7 days",
	Model:     "first use of a key, compared with the identity's own networks; who made it is looked up by the key's id where the log states it, else by whom it is for, and shares the risk",
	Attacks:   []schemas.Technique{{UID: "T1098.001", Name: "Additional Cloud Credentials"}},
	NHI:       []string{"NHI7:2025"}, API: []string{"API2:2023"}, NIST: nistActivity, PCI: pciAccounts,
	FirstChecks: consequenceChecks(
		"Find out who made this key: the alert names it where the log showed it, else look for its creation in the last days.",
		"If nobody can explain it: look at everything else that its maker did since.",
		"Compare the address and the client with those of the identity's other key."),
}

// mintedUse finds the first use of a long-lived key that the identity never had,
// from a network where it never was: a key that somebody made for himself. From
// its own network it is a rotation, and evidence only.
type mintedUse struct{ arrivalOnly }

const (
	fewKeys      = 4
	weightNewKey = 0.5
)

// Meta implements Detector.
func (mintedUse) Meta() *Meta { return &mintedUseCard }

// Observe implements Detector.
func (mintedUse) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if !call.New(Credential) || !static(ev) || !call.Success || provider(ev) || p.Human() || ev.GetDeclared().GetCredential() != nil ||
		valuesOf(c, p, Credential) > fewKeys {
		return
	}
	s, rarity := c.Novelty(p, call, Credential)
	if s == 0 {
		return
	}
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: float64(s * weightNewKey), Value: clip(ev.CredentialId, 60),
		Did: "used a key that it never had",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + " with key " + clip(ev.CredentialId, 40) + ". This key was " + rarity +
			", and the inventory does not list it.",
		Observed: "key " + clip(ev.CredentialId, 40), Expected: "the keys seen before, or one that the inventory lists", Rarity: rarity,
	}
	place, _ := c.Novelty(p, call, Prefix)
	have, _ := others(c, p, call, Prefix)
	if call.New(Prefix) && place >= 2 && have < usedByPeers && !placeless(c, call) && mature(p, call) && !call.Backfill &&
		int(p.observed[Credential]) >= matureCalls/2 {
		f.Way, f.Severity = WayConsequence, schemas.SeverityMedium
		f.Sentence += " Nor was it ever seen in that network."
		c.sharesRisk(p, call, &f)
		if call.New(Country) || call.New(ASN) || dubious(ev.NetworkClass) {
			f.Severity = schemas.SeverityHigh
		}
	}
	out.Add(f)
}

// sharesRisk names who made a key that a stranger uses, and adds to his risk.
func (c *Cell) sharesRisk(p *Profile, call *Call, f *Finding) {
	e, ev := c.e, call.Event
	id := e.store.ids[p.self]
	if x := e.minterOf(id, ev.CredentialId, call.Time); x != nil {
		ago := span(time.Duration(call.Time - x.at))
		if x.by == id {
			f.Sentence += " It made a credential itself, " + ago + " before."
			return
		}
		f.Sentence += " A credential for it was made by " + shortID(x.by) + " with " + x.operation + ", " + ago + " before (" + clockTime(x.at) + ")."
		f.Observed += ", made by " + shortID(x.by)
		e.charge(&mintedUseCard, x, id, call.Time, relatedOf(ev))
		return
	}
	u := use{moment: e.momentOf(call), identity: id, operation: clone(ev.Operation)}
	e.awaits(deedKeyMade, "", lastName(ev.CredentialId), u)
	e.awaits(deedMadeFor, realm(id), lastName(id), u)
}
