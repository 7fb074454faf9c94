package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var mintsCredentialCard = Meta{
	Name: "mints-credential", Title: "Creates keys, tokens or users for the first time", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityHigh, Wake: OnCapability,
	MinSample: matureSample + "; for another than ever: 3 credentials made before",
	Floor:     "one call; for another than ever: by one that made credentials for no more than 2, of high severity",
	Kept:      "one slot for the class, one for each operation, one of 8 bytes for each for whom it made one, 16 at most",
	Model:     "first use of a class; creator edges by operation; Good-Turing novelty rate of for whom it makes credentials",
	Attacks:   []schemas.Technique{{UID: "T1098.001", Name: "Additional Cloud Credentials"}},
	NHI:       []string{"NHI7:2025"}, API: []string{"API2:2023"}, NIST: nistActivity, PCI: pciAccounts,
	FirstChecks: consequenceChecks(
		"Find the credential that was made, and disable it until it is explained: disabling its maker is not enough.",
		"Look for its first use, above all from another network."),
}

// mintsCredential finds the first time that an identity creates a key, token,
// password or user, a new way of doing so, and the first credential for somebody
// else by one that made them for itself, or for the same one or two, until now. A
// rotation that falls due by the inventory is evidence only.
type mintsCredential struct{ arrivalOnly }

// Meta implements Detector.
func (mintsCredential) Meta() *Meta { return &mintsCredentialCard }

// Observe implements Detector.
func (mintsCredential) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	if !call.Can.Set.Has(capability.MintsCredential) {
		return
	}
	ev := call.Event
	whom := beneficiary(ev)
	sight := call.See(p, MintedFor, whom)
	u, ok := judgeClass(c, p, call, capability.MintsCredential)
	if !ok {
		forAnother(c, p, call, whom, sight, out)
		return
	}
	if rotates(ev) {
		u.way = WayFused
	}
	out.Add(u.finding(p, call, ev.Operation, tried(call, "minted a credential", "mint a credential")+mintedFor(ev, whom)+first(u)+": "+shortOperation(ev.Operation),
		tried(call, "created", "create")+" a credential with "+ev.Operation+touched(ev)))
}

const (
	// mintedBefore is how many credentials it must have made for what it says of
	// for whom to count, mintsForFew for how many at most.
	mintedBefore = 3
	mintsForFew  = 2
	itself       = "itself"
)

// beneficiary is for whom a call makes a credential: the user, role or account
// that gets it, else what is touched; the caller itself where the log names
// nobody.
func beneficiary(ev *schemas.Event) string {
	for _, list := range [...][]string{ev.Grantees, ev.Resources} {
		for i, r := range list {
			if i == maxEdges {
				break
			}
			if n := lastName(r); n != "" && !strings.HasPrefix(r, "policy:") {
				if n == lastName(ev.IdentityId) {
					return itself
				}
				return clip(n, 120)
			}
		}
	}
	return itself
}

// mintedFor says for whom a credential is made, where the log names one who gets it.
func mintedFor(ev *schemas.Event, whom string) string {
	if whom == itself || len(ev.Grantees) == 0 {
		return ""
	}
	return " for " + clipMiddle(or(listed(grantOf(ev).whom, titledThing), whom), titledThing)
}

// forAnother finds a credential for somebody for whom the identity never made one,
// where it always made them for the same one or two. What makes credentials for
// ever new ones has a novelty rate that says so.
func forAnother(c *Cell, p *Profile, call *Call, whom string, sight Sight, out *Findings) {
	ev := call.Event
	if sight.State != Unseen || whom == itself || provider(ev) || p.Human() || call.Backfill || p.Observations(MintedFor) < mintedBefore {
		return
	}
	s, rarity := c.NoveltyOf(p, call, MintedFor, sight)
	if s == 0 {
		return
	}
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: "for " + whom, Capability: capability.MintsCredential,
		Did: tried(call, "minted a credential for another, ", "mint a credential for another, ") + clip(whom, 60),
		Sentence: who(ev) + " " + tried(call, "created", "create") + " a credential for " + whom + " with " + ev.Operation + touched(ev) + origin(ev) + ended(call) +
			". It makes credentials, but one for " + clip(whom, 60) + " was " + rarity + ".",
		Observed: "a credential for " + whom, Expected: "credentials for those for whom it made them before", Rarity: rarity,
	}
	severity := call.Can.Severity(capability.MintsCredential)
	if have, _ := c.peers(p, sight, MintedFor); s >= strongSurprise && severity >= schemas.SeverityHigh && have < usedByPeers && mature(p, call) &&
		valuesOf(c, p, MintedFor) <= mintsForFew {
		f.Way, f.Severity, f.Refused = WayConsequence, severity, call.Denied || call.Failed
	}
	out.Add(f)
}

// rotates says that an identity changes its own keys while its declared
// rotation is due (three quarters of the interval are over) or was just done (a
// week ago at most).
func rotates(ev *schemas.Event) bool {
	cred := ev.GetDeclared().GetCredential()
	if cred.GetRotateEvery() <= 0 || cred.GetIssued() <= 0 {
		return false
	}
	if age := ev.Time - cred.GetIssued(); age < cred.GetRotateEvery()/4*3 && age > 7*day {
		return false
	}
	own := ev.Principal[strings.LastIndexByte(ev.Principal, '/')+1:]
	if own == "" {
		return false
	}
	for _, r := range ev.Resources {
		if r[strings.LastIndexByte(r, '/')+1:] == own {
			return true
		}
	}
	return false
}
