package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/schemas"
)

var newCountryCard = Meta{
	Name: "new-country", Title: "Call from a new country", Basis: Learned, Family: FamilyPlace, Way: WayStrong,
	Severity: schemas.SeverityMedium, Wake: OnNew(Country),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); alone: 8 days and 100 calls", Floor: "alone: no more than 2 countries known, no more than a quarter of its peers there",
	Kept:    "one slot of 8 bytes a country",
	Model:   "Good-Turing novelty rate of the identity, drawn towards its peers (I. J. Good, 1953)",
	Attacks: []schemas.Technique{{UID: "T1078.004", Name: "Cloud Accounts"}},
	NHI:     []string{"NHI2:2025"}, API: []string{"API2:2023"}, NIST: nistNetwork, PCI: pciNetwork,
	FirstChecks: []string{
		"Ask the owner whether the workload, partner or egress moved to this country.",
		"Look up the address: hosting, VPN and residential proxies have no business here.",
		"List every call of this credential from the new country; rotate it if nobody can explain them.",
	},
}

// newCountry finds a call from a country where the identity was never seen.
// It speaks alone only for an identity that lives in one or two countries, on a
// call that was accepted, and where few of its peers live; else it is evidence.
type newCountry struct{ arrivalOnly }

const (
	strongSurprise = 2.5 // an own novelty rate of about 0.3% or less
	homeCountries  = 2
	peersElsewhere = 4 // at most a quarter of the peers live there
)

// Meta implements Detector.
func (newCountry) Meta() *Meta { return &newCountryCard }

// Observe implements Detector.
func (newCountry) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	if !call.New(Country) || placeless(c, call) {
		return
	}
	s, rarity := c.Novelty(p, call, Country)
	if s == 0 {
		return
	}
	ev := call.Event
	have, of := others(c, p, call, Country)
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityMedium, Surprise: s, Value: ev.Country, Refused: false,
		Did: "called from a new country, " + ev.Country,
		Sentence: who(ev) + " called " + ev.Operation + origin(ev) + ended(call) + ". Country " + ev.Country + " was " + rarity +
			inPeers(p, have, of, "come from there") + since(have, c.lately(p, call, Country)) + ".",
		Observed: ev.Country, Expected: "the countries seen before", Rarity: rarity,
	}
	if call.New(Client) && p.Learned(Client) {
		f.Surprise += bothNew
	}
	// Where peers live says little about where this one does, unless many do.
	own := -math.Log10(p.NoveltyRate(Country, noveltyPrior(Country)))
	if own >= strongSurprise && peersElsewhere*have <= of && call.Success && !ev.Anonymous && !call.Backfill && mature(p, call) &&
		int(p.observed[Country]) >= matureCalls/2 && valuesOf(c, p, Country) <= homeCountries && !p.Human() {
		f.Way, f.Severity = WayStrong, schemas.SeverityHigh
	}
	out.Add(f)
}

// placeless says that the place of a call says nothing: the organisation's own
// or shared egress, or an address that many identities call from. Hosting,
// clouds, VPN and Tor are places that a machine may well be new at.
func placeless(c *Cell, call *Call) bool {
	if ownNetwork(call.Event.NetworkClass) {
		return true
	}
	switch call.Event.NetworkClass {
	case "hosting", "cloud", "vpn", "tor":
		return false
	}
	return c.SharedEgress(call)
}

// ownNetwork says that the inventory knows this network: going there is the
// organisation's own move.
func ownNetwork(class string) bool {
	switch class {
	case "shared_egress", "office", "workload", "vendor", "private", "internal":
		return true
	}
	return false
}

// inPeers words a share of the peers, or nothing when there are too few.
func inPeers(p *Profile, have, of int, do string) string {
	if of < minPeersSaid {
		return ""
	}
	if have == 1 {
		do = ofOne(do)
	}
	return "; " + thousands(have) + " of " + thousands(of) + " " + kindPlural(p.Kind()) + " " + do
}

// since says of those of the peers who do something how many began to only in the day
// before: a stranger who comes with several stolen credentials is no habit of theirs.
func since(have, lately int) string {
	switch {
	case have == 0 || lately == 0:
		return ""
	case lately < have:
		return ", " + thousands(lately) + " of them only since the day before"
	case have == 1:
		return ", but only since the day before"
	}
	return ", all of them only since the day before"
}

// valuesOf counts the values of d that the profile holds.
func valuesOf(c *Cell, p *Profile, d Dimension) (n int) {
	for _, s := range c.e.slots.table(&p.slots) {
		if s.dim == uint8(d)+1 {
			n++
		}
	}
	return n
}
