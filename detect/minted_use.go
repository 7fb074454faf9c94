package detect

import "github.com/lapwing-sec/lapwing/schemas"

var mintedUseCard = Meta{
	Name: "minted-use", Title: "A new key is first used by a stranger", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnNew(Credential),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); alone: " + matureSample,
	Floor:     "one accepted call with a long-lived key that neither the identity nor the inventory knows; alone: from a network that is new to it",
	Kept:      "one slot of 8 bytes a key, 16 at most",
	Model:     "first use of a key, compared with the identity's own networks",
	Attacks:   []schemas.Technique{{UID: "T1098.001", Name: "Additional Cloud Credentials"}},
	NHI:       []string{"NHI7:2025"}, API: []string{"API2:2023"}, NIST: nistActivity, PCI: pciAccounts,
	FirstChecks: consequenceChecks(
		"Find out who made this key: look for its creation in the last days.",
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
		if call.New(Country) || call.New(ASN) || dubious(ev.NetworkClass) {
			f.Severity = schemas.SeverityHigh
		}
	}
	out.Add(f)
}
