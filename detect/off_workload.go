package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/schemas"
)

var offWorkloadCard = Meta{
	Name: "off-workload", Title: "A workload's credential is used outside it", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityHigh, Wake: OnNew(Attested, Prefix),
	MinSample: matureSample + ", 100 calls of them from attested workloads or declared networks and none from elsewhere",
	Floor:     "one accepted call",
	Kept:      "one slot of 8 bytes for each kind of network, two for the attestation",
	Model:     "an attestation, or a declared network, that every call had so far",
	Attacks:   []schemas.Technique{{UID: "T1552.005", Name: "Cloud Instance Metadata API"}},
	NHI:       []string{"NHI6:2025"}, API: []string{"API2:2023"}, NIST: nistNetwork, PCI: pciAccounts,
	FirstChecks: consequenceChecks(
		"Find the machine, pod or job that the credential was issued to: it has been read.",
		"Replace it with a new one before you look further; its credential expires, the hole stays."),
}

// offWorkload finds the credential of an instance, pod or job elsewhere: without
// the attestation that all its calls carried, or from outside the declared
// networks that it never left, at another provider or in another country.
type offWorkload struct{ arrivalOnly }

// attestedShare is how many of its calls a declared network or an attestation
// must have covered.
const attestedShare = 0.98

// Meta implements Detector.
func (offWorkload) Meta() *Meta { return &offWorkloadCard }

// Observe implements Detector.
func (offWorkload) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if !call.Success || call.Backfill || provider(ev) || p.Human() || !mature(p, call) {
		return
	}
	of := float64(p.observed[Operation])
	what, where, always := "", "", ""
	switch {
	case ev.Workload == "" && call.New(Attested) && p.Learned(Attested) && p.observed[Attested] >= matureCalls &&
		float64(p.observed[Attested]) >= attestedShare*of:
		what, where, always = "without any attested workload", " without any attested workload", "every call so far came from one"
	case call.New(Prefix) && !ownNetwork(ev.NetworkClass) && !placeless(c, call) && p.Learned(Prefix) &&
		(call.New(ASN) || call.New(Country) || dubious(ev.NetworkClass)) &&
		p.observed[NetworkClass] >= matureCalls && float64(p.observed[NetworkClass]) >= attestedShare*of && c.keepsToItsNetworks(p):
		what, where, always = "from outside", ", which is none of its networks", "every call so far came from declared networks of the organisation"
	default:
		return
	}
	severity := schemas.SeverityHigh
	if !call.New(Prefix) && !call.New(Client) {
		severity = schemas.SeverityMedium // perhaps only the log changed
	}
	out.Add(Finding{
		Severity: severity, Surprise: math.Log10(of + 1), Value: what,
		Did:      "was used outside its workload",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + where + "; " + always + ", in " + historyOf(p, call.Time) + ".",
		Observed: what, Expected: "a call from where the credential was issued to", Rarity: "not seen in " + historyOf(p, call.Time),
	})
}

// keepsToItsNetworks says that no class of network is known of the identity but
// those that the inventory or the address itself calls the organisation's own.
func (c *Cell) keepsToItsNetworks(p *Profile) bool {
	for _, s := range c.e.slots.table(&p.slots) {
		if s.dim == uint8(NetworkClass)+1 && s.hash != workloadClass && s.hash != privateClass && s.hash != internalClass {
			return false
		}
	}
	return true
}

var (
	workloadClass = hashValue(NetworkClass, "workload")
	privateClass  = hashValue(NetworkClass, "private")
	internalClass = hashValue(NetworkClass, "internal")
)
