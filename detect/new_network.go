package detect

import (
	"strconv"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

var newNetworkCard = Meta{
	Name: "new-network", Title: "Call from a new network", Basis: Learned, Family: FamilyPlace, Way: WayFused,
	Severity: schemas.SeverityLow, Wake: OnNew(Prefix, ASN, NetworkClass),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty)", Floor: "one call",
	Kept:    "one slot of 8 bytes for each prefix (16 at most), provider and class",
	Model:   "Good-Turing novelty rate of the identity, drawn towards its peers",
	Attacks: []schemas.Technique{{UID: "T1090.003", Name: "Multi-hop Proxy"}},
	NHI:     []string{"NHI2:2025"}, API: []string{"API2:2023"}, NIST: nistNetwork, PCI: pciNetwork,
	FirstChecks: []string{
		"Ask the owner or the network team whether egress changed (a new NAT, region or runner pool).",
		"See whether other identities moved to the same network in the same hour (lapwing hunt run address-history -p alert=ID): then it was the network.",
		"If it is Tor, a VPN or a hosting provider that you don't use: rotate the credential.",
	},
}

// newNetwork finds a call from a network where the identity was never seen, on
// the highest rung of the ladder that is new: /24 or /48, provider, class of
// network. A new country has a detector of its own. A neighbouring network is
// weak evidence: that is what a change of NAT looks like.
type newNetwork struct{ arrivalOnly }

// Meta implements Detector.
func (newNetwork) Meta() *Meta { return &newNetworkCard }

// Observe implements Detector.
func (newNetwork) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if call.New(Country) || placeless(c, call) {
		return
	}
	var s float64
	var rarity, value, what string
	switch {
	case call.New(NetworkClass) && dubious(ev.NetworkClass):
		s, rarity = c.Novelty(p, call, NetworkClass)
		value, what = ev.NetworkClass, dubiousWords(ev.NetworkClass)
		if s > 0 {
			s += dubiousWeighs
		}
	case call.New(ASN):
		s, rarity = c.Novelty(p, call, ASN)
		value = "AS" + strconv.FormatUint(uint64(ev.Asn), 10)
		what = strings.TrimSpace(value + " " + ev.AsOrg)
	case call.New(Prefix):
		if have, _ := others(c, p, call, Prefix); have >= usedByPeers {
			return // a network of the fleet's own
		}
		s, rarity = c.Novelty(p, call, Prefix)
		s = float64(s * 0.5) // a neighbour, as far as we can tell
		value, what = ev.SrcPrefix, "network "+ev.SrcPrefix
	}
	if s == 0 {
		return
	}
	if call.New(Client) && p.Learned(Client) {
		s += bothNew // a move brings its software along; a thief brings his own
	}
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: value,
		Did:      "called from a new network",
		Sentence: who(ev) + " called " + ev.Operation + origin(ev) + ended(call) + "; " + what + " was " + rarity + ".",
		Observed: what, Expected: "the networks seen before", Rarity: rarity,
	}
	if !call.New(Prefix) { // a network that it knows, under another class, is no other place
		f.dim, f.hash = Prefix, call.Sight(Prefix).hash
	}
	out.Add(f)
}

// usedByPeers is how many peers make a network the fleet's own.
const usedByPeers = 2

// What a new network weighs more, in powers of ten: when its class is dubious,
// and when the client is new as well.
const (
	dubiousWeighs = 0.7
	bothNew       = 0.7
)

func dubiousWords(class string) string {
	switch class {
	case "tor":
		return "the Tor network"
	case "vpn":
		return "a VPN"
	case "cloud":
		return "a cloud provider's network"
	}
	return "a hosting provider's network"
}

// dubious are the classes of network that a machine rarely has reason to use.
func dubious(class string) bool {
	return class == "tor" || class == "vpn" || class == "hosting" || class == "cloud"
}
