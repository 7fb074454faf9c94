package detect

import (
	"math"
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var newTargetCard = Meta{
	Name: "new-target", Title: "Reaches into an account it never touched", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnNew(Account),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); alone: " + matureSample,
	Floor:     "alone: no more than 2 accounts known, a call that changes something or takes a role there, and fewer than 2 peers that go there",
	Kept:      "one slot of 8 bytes an account",
	Model:     "Good-Turing novelty rate of the identity, drawn towards its peers",
	Attacks:   []schemas.Technique{{UID: "T1530", Name: "Data from Cloud Storage"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API1:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: []string{
		"Find out whose account it is: the organisation's, a partner's, or a stranger's.",
		"If it is a stranger's: read what was written there, data may have left with it.",
		"Ask the owner whether this identity was given work there, and by whom.",
	},
}

// newTarget finds a call into an account, tenant or project that the identity
// never touched. Reading there is evidence: software brings in what others
// publish. Writing there, or taking a role, is a consequence.
type newTarget struct{ arrivalOnly }

const (
	homeAccounts = 2
	targetPeers  = 2
)

// Meta implements Detector.
func (newTarget) Meta() *Meta { return &newTargetCard }

// Observe implements Detector.
func (newTarget) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if !call.New(Account) || provider(ev) || call.Failed {
		return
	}
	s, rarity := c.Novelty(p, call, Account)
	if s == 0 {
		return
	}
	account := or(ev.TargetAccount, ev.Account)
	have, of := others(c, p, call, Account)
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: account, Capability: call.Can.Set.Verb(),
		Did: tried(call, "reached", "reach") + " into account " + account + " for the first time",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ended(call) + " in account " + account + ", which was " + rarity +
			inPeers(p, have, of, "go there") + ".",
		Observed: "account " + account, Expected: "the accounts seen before", Rarity: rarity,
	}
	changes := changesSomething(call) || strings.Contains(ev.Operation, ":AssumeRole")
	own := -math.Log10(p.NoveltyRate(Account, noveltyPrior(Account)))
	if changes && own >= strongSurprise && have < targetPeers && mature(p, call) && !call.Backfill && !p.Human() &&
		int(p.observed[Account]) >= matureCalls/2 && valuesOf(c, p, Account) <= homeAccounts {
		f.Way, f.Severity, f.Refused = WayConsequence, schemas.SeverityMedium, call.Denied
		if call.Can.Set.Any(capability.Grave|capability.Deletes) || c.fleetUses(call, Account) == 0 {
			f.Severity = schemas.SeverityHigh
		}
	}
	out.Add(f)
}

// fleetUses counts the identities of every kind that have the call's value in d,
// by the frozen tables.
func (c *Cell) fleetUses(call *Call, d Dimension) int {
	n, k := 0, c.e.tables.view(call.hour, c.e).hour
	for g := range groups {
		n += c.e.tables.have(k, uint8(g), d, call.sights[d].hash) //nolint:gosec // nine kinds
	}
	return n
}
