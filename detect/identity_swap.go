package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var identitySwapCard = Meta{
	Name: "identity-swap", Title: "Acts as somebody it never acted as", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnNew(ActingAs, ContextKept),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); alone: " + matureSample + "; a credential's context: 100 calls that kept it",
	Floor:     "one call outside the context of its credential; alone: no more than 2 identities impersonated before, and fewer than 3 peers that act as this one",
	Kept:      "one slot of 8 bytes for each identity that it acted as, 16 at most; the contexts of its newest 8 temporary credentials, as far as its log tells them, 24 bytes each",
	Model:     "Good-Turing novelty rate of whom it acts as, drawn towards its peers; of a credential's context, whether calls with a known credential kept it",
	Attacks:   []schemas.Technique{{UID: "T1550.001", Name: "Application Access Token"}},
	NHI:       []string{"NHI9:2025"}, API: []string{"API5:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: consequenceChecks(
		"Find the grant that lets it act as the other, and when it was made.",
		"Read what was done under the other's name; the other's own baseline will not show who it was."),
}

// identitySwap finds a credential that acts as another identity for the first
// time: impersonation, act-as, on behalf of. And it finds a temporary credential in
// a call whose context is not that which it was issued for: another person behind
// it, another client, job or issuer.
type identitySwap struct{ arrivalOnly }

const swapHome = 2

// Meta implements Detector.
func (identitySwap) Meta() *Meta { return &identitySwapCard }

// Observe implements Detector.
func (identitySwap) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if call.New(ContextKept) {
		anotherContext(c, p, call, out)
	}
	if !call.New(ActingAs) || provider(ev) {
		return
	}
	// Before anything of the kind was seen there is nothing to learn from: the
	// identity's other calls stand for it.
	s, rarity := c.Novelty(p, call, ActingAs)
	if s == 0 {
		return
	}
	have, of := others(c, p, call, ActingAs)
	as := clip(ev.ActingAs, 120)
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: as,
		Did: tried(call, "acted", "act") + " as " + as,
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ended(call) + " as " + as + ". It was " + rarity +
			" in that role" + inPeers(p, have, of, "act as it") + ".",
		Observed: "acting as " + as, Expected: "itself, or whom it acted as before", Rarity: rarity,
	}
	own := -math.Log10(p.NoveltyRate(ActingAs, noveltyPrior(ActingAs)))
	if own >= strongSurprise && have < readByPeers && valuesOf(c, p, ActingAs) <= swapHome && mature(p, call) && !call.Backfill && !p.Human() {
		f.Way, f.Severity, f.Refused = WayConsequence, schemas.SeverityMedium, call.Denied || call.Failed
		if call.Can.Set.Any(capability.Grave | capability.Deletes | capability.Administers) {
			f.Severity = schemas.SeverityHigh
		}
	}
	out.Add(f)
}
