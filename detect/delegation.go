package detect

import (
	"math"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

var delegationCard = Meta{
	Name: "delegation", Title: "A chain of delegation never seen", Basis: Learned, Family: FamilyClient, Way: WayFused,
	Severity: schemas.SeverityLow, Wake: OnNew(Delegation) | OnDeeper,
	MinSample: "learned (7 active days, or 200 calls below 1% novelty)", Floor: "one call",
	Kept:    "one slot of 8 bytes for each pair of the first and the last of a chain, one byte for the longest",
	Model:   "Good-Turing novelty rate of the identity's pairs, drawn towards its peers; a chain longer than any before, by how many there were",
	Attacks: []schemas.Technique{{UID: "T1548.005", Name: "Temporary Elevated Cloud Access"}},
	NHI:     []string{"NHI9:2025"}, API: []string{"API5:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: []string{
		"Ask whoever stands at the head of the chain whether they asked for this.",
		"Look at what stands between: an agent or tool that was added lately?",
	},
}

// delegation finds a call that somebody made through somebody else, in a pair
// that was never seen, or through more hands than ever.
type delegation struct{ arrivalOnly }

// Meta implements Detector.
func (delegation) Meta() *Meta { return &delegationCard }

// Observe implements Detector.
func (delegation) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	n := len(ev.Delegation)
	s, rarity := 0.0, ""
	if call.New(Delegation) {
		s, rarity = c.Novelty(p, call, Delegation)
	}
	chain := clip(strings.Join(ev.Delegation, " -> "), 200)
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: ev.Delegation[0] + " -> " + ev.Delegation[n-1],
		Did:      "called through a new chain of delegation",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ended(call) + " through " + chain + ", which was " + rarity + ".",
		Observed: chain, Expected: "the chains seen before", Rarity: rarity,
	}
	if call.fired&OnDeeper != 0 && p.Learned(Delegation) {
		// One in as many as there were is what the next one longer is, at most.
		longer := math.Log10(float64(p.Observations(Delegation)) + 20)
		f.Surprise, f.Rarity = math.Max(s, longer), "not seen in "+historyOf(p, call.Time)
		f.Did, f.Expected = "called through more hands than ever", "at most "+plural(int(p.depth), "link")
		f.Sentence = who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ended(call) + " through a chain of " + plural(n, "link") + ", " + chain +
			"; none had more than " + thousands(int(p.depth)) + " in " + historyOf(p, call.Time) + "."
	}
	if f.Surprise == 0 {
		return
	}
	out.Add(f)
}
