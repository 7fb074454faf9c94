package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

var delegationCard = Meta{
	Name: "delegation", Title: "A chain of delegation never seen", Basis: Learned, Family: FamilyClient, Way: WayFused,
	Severity: schemas.SeverityLow, Wake: OnNew(Delegation),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty)", Floor: "one call",
	Kept:    "one slot of 8 bytes for each pair of the first and the last of a chain",
	Model:   "Good-Turing novelty rate of the identity's pairs, drawn towards its peers",
	Attacks: []schemas.Technique{{UID: "T1548.005", Name: "Temporary Elevated Cloud Access"}},
	NHI:     []string{"NHI9:2025"}, API: []string{"API5:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: []string{
		"Ask whoever stands at the head of the chain whether they asked for this.",
		"Look at what stands between: an agent or tool that was added lately?",
	},
}

// delegation finds a call that somebody made through somebody else, in a pair
// that was never seen.
type delegation struct{ arrivalOnly }

// Meta implements Detector.
func (delegation) Meta() *Meta { return &delegationCard }

// Observe implements Detector.
func (delegation) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if !call.New(Delegation) {
		return
	}
	s, rarity := c.Novelty(p, call, Delegation)
	if s == 0 {
		return
	}
	chain := clip(strings.Join(ev.Delegation, " -> "), 200)
	out.Add(Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: ev.Delegation[0] + " -> " + ev.Delegation[len(ev.Delegation)-1],
		Did:      "called through a new chain of delegation",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ended(call) + " through " + chain + ", which was " + rarity + ".",
		Observed: chain, Expected: "the chains seen before", Rarity: rarity,
	})
}
