package detect

import (
	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var newRegionCard = Meta{
	Name: "new-region", Title: "Works in a region that nobody uses", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnNew(Region),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); alone: " + matureSample + ", and a fleet watched for a week",
	Floor:     "alone: a region that no identity of the cell uses, and a call that changes something there, or reads in three such regions in a day",
	Kept:      "one slot of 8 bytes a region, one count by day",
	Model:     "first use of a region by the identity and by the whole cell",
	Attacks:   []schemas.Technique{{UID: "T1535", Name: "Unused/Unsupported Cloud Regions"}},
	NHI:       []string{"NHI8:2025"}, API: []string{"API8:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: []string{
		"List what runs in that region now; nothing should.",
		"Look at the same identity's calls in other regions within the hour: a walk over all of them is a search.",
		"Forbid regions that you don't use, by the organisation's policy.",
	},
}

// newRegion finds calls in a cloud region where the identity never worked. Where
// nobody of the cell works either, what changes something is a consequence: it
// is where machines are hidden.
type newRegion struct{ arrivalOnly }

const (
	regionsWalked = 3
	weightRegion  = 0.6
)

// Meta implements Detector.
func (newRegion) Meta() *Meta { return &newRegionCard }

// Observe implements Detector.
func (newRegion) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if !call.New(Region) || provider(ev) || call.Failed {
		return
	}
	s, rarity := c.Novelty(p, call, Region)
	if s == 0 {
		return
	}
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: float64(s * weightRegion), Value: ev.Region, Capability: call.Can.Set.Verb(),
		Did:      tried(call, "worked", "work") + " in a new region, " + ev.Region,
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + " in " + ev.Region + origin(ev) + ended(call) + ". That region was " + rarity + ".",
		Observed: ev.Region, Expected: "the regions seen before", Rarity: rarity,
	}
	if c.fleetUses(call, Region) == 0 && fleetKnown(c, call) && mature(p, call) && !call.Backfill && !p.Human() &&
		int(p.observed[Region]) >= matureCalls/2 {
		call.Tally(TallyRegions, 1)
		changes := changesSomething(call)
		walked := p.TallyToday(TallyRegions, call.Day) + 1
		if changes || walked >= regionsWalked {
			f.Way, f.Severity, f.Refused = WayConsequence, schemas.SeverityMedium, call.Denied
			f.Sentence += " No other identity was ever seen there."
			if call.Can.Set.Has(capability.SpawnsCompute) {
				f.Severity = schemas.SeverityHigh
			}
		}
	}
	out.Add(f)
}
