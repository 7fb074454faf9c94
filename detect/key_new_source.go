package detect

import "github.com/lapwing-sec/lapwing/schemas"

var keyNewSourceCard = Meta{
	Name: "key-new-source", Title: "A key is used where it never was", Basis: Learned, Family: FamilyPlace, Way: WayFused,
	Severity: schemas.SeverityLow, Wake: OnNew(CredentialPlace),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty)", Floor: "one call with a long-lived key",
	Kept:    "one slot of 8 bytes for each (key, network), 10 at most",
	Model:   "Good-Turing novelty rate of the identity's pairs of key and network; a network that its peers use is new to the key as well",
	Attacks: []schemas.Technique{{UID: "T1552.001", Name: "Credentials In Files"}},
	NHI:     []string{"NHI7:2025"}, API: []string{"API2:2023"}, NIST: nistNetwork, PCI: pciAccounts,
	FirstChecks: []string{
		"Find out which deployment each key was made for: did one copy the other's?",
		"Give each place a key of its own, so that one can be revoked alone.",
	},
}

// keyNewSource finds a long-lived key where it was never used: in a network where
// the identity is known by another key, or in one of the fleet's own, which is no
// news of itself, where its first call is one that the identity never made, or comes
// with a client that it never had: a copy of it went there. A service that moves
// brings its work and its software along. Any other network new to the identity is
// new-network's.
type keyNewSource struct{ arrivalOnly }

// Meta implements Detector.
func (keyNewSource) Meta() *Meta { return &keyNewSourceCard }

// Observe implements Detector.
func (keyNewSource) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if !call.New(CredentialPlace) || call.Sight(Credential).State != Known || !static(ev) {
		return
	}
	if call.New(Prefix) {
		copied(c, p, call, out)
		return
	}
	if call.Sight(Prefix).State != Known || placeless(c, call) || valuesOf(c, p, CredentialPlace) >= CredentialPlace.limit() {
		return
	}
	s, rarity := c.Novelty(p, call, CredentialPlace)
	if s == 0 {
		return
	}
	out.Add(Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: ev.CredentialId + " " + ev.SrcPrefix,
		Did: "used a key from another key's network",
		Sentence: who(ev) + " called " + ev.Operation + origin(ev) + ended(call) + " with key " + clip(ev.CredentialId, 40) +
			"; it calls from there, but this key was " + rarity + " in that network.",
		Observed: "key " + clip(ev.CredentialId, 40) + " in " + ev.SrcPrefix, Expected: "the networks of this key", Rarity: rarity,
	})
}

// copied words a key in a network of the fleet's own that the identity never used.
func copied(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	foreign := call.New(Client) && p.Learned(Client)
	if !foreign && !call.New(Operation) {
		return
	}
	whose := "; others of the fleet call from that network"
	switch have, of := others(c, p, call, Prefix); ev.NetworkClass {
	case "office", "workload", "shared_egress", "vendor":
	case "private", "internal":
		return // machines come and go there
	default:
		if have < usedByPeers {
			return
		}
		if said := inPeers(p, have, of, "call from that network"); said != "" {
			whose = said + since(have, c.lately(p, call, Prefix))
		}
	}
	s, rarity := c.Novelty(p, call, CredentialPlace)
	if s == 0 {
		return
	}
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: ev.CredentialId + " " + ev.SrcPrefix,
		Did: "used its key in a network where it never was",
		Sentence: who(ev) + " called " + ev.Operation + origin(ev) + ended(call) + " with key " + clip(ev.CredentialId, 40) +
			whose + ", but this key was " + rarity + " there.",
		Observed: "key " + clip(ev.CredentialId, 40) + " in " + ev.SrcPrefix, Expected: "the networks of this key", Rarity: rarity,
		dim: Prefix, hash: call.Sight(Prefix).hash,
	}
	if foreign {
		f.Surprise += bothNew
		f.Sentence += " It came with another client, " + clip(ev.Client, 40) + ": who moves a service brings its software along."
	} else {
		f.Sentence += " What it called first there it had never called: who moves a service brings its work along."
	}
	out.Add(f)
}

// static says that a call's credential lives long: what is stolen stays of use.
func static(ev *schemas.Event) bool {
	switch ev.CredentialType {
	case "access_key", "api_key", "pat", "oauth_client", "basic", "password":
		return true
	}
	return false
}
