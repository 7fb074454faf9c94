package detect

import "github.com/lapwing-sec/lapwing/schemas"

var tokenReplayCard = Meta{
	Name: "token-replay", Title: "One short-lived token from two networks", Basis: Learned, Family: FamilyPlace, Way: WayFused,
	Severity: schemas.SeverityMedium, Wake: OnNew(Prefix),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty)", Floor: "one accepted call from a network that is new to the identity, with a token seen elsewhere",
	Kept:    "the slots of key-new-source",
	Model:   "a token's first network; Good-Turing novelty rate of the identity's networks",
	Attacks: []schemas.Technique{{UID: "T1528", Name: "Steal Application Access Token"}},
	NHI:     []string{"NHI4:2025"}, API: []string{"API2:2023"}, NIST: nistNetwork, PCI: pciAccounts,
	FirstChecks: []string{
		"Compare the clients of both networks: the same machine behind a new exit, or another machine?",
		"Revoke the session: a new one costs its owner nothing.",
		"Find out where the token could be read: logs, a metadata service, a build's environment.",
	},
}

// tokenReplay finds a temporary credential that was seen in one network and
// comes from another one, where the identity was never seen. A machine does not
// take its token along; an exit that changed does, and then for several
// identities at once.
type tokenReplay struct{ arrivalOnly }

// replayWeighs is what the token adds to a new network's surprise.
const replayWeighs = 0.7

// Meta implements Detector.
func (tokenReplay) Meta() *Meta { return &tokenReplayCard }

// Observe implements Detector.
func (tokenReplay) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	token := call.Sight(Credential)
	if !call.New(CredentialPlace) || !call.New(Prefix) || token.State < Quarantined || int(call.Day)-int(token.Day) > 1 ||
		!temporary(ev) || !call.Success || placeless(c, call) {
		return
	}
	if have, _ := others(c, p, call, Prefix); have >= usedByPeers {
		return
	}
	s, rarity := c.Novelty(p, call, Prefix)
	if s == 0 {
		return
	}
	if call.New(ASN) || call.New(Country) {
		s += replayWeighs
	}
	if call.New(Client) && p.Learned(Client) {
		s += bothNew
	}
	out.Add(Finding{
		Way: WayFused, Severity: schemas.SeverityMedium, Surprise: s, Value: ev.SrcPrefix,
		Did: "used one token from two networks",
		Sentence: who(ev) + " called " + ev.Operation + origin(ev) + " with token " + clip(ev.CredentialId, 40) +
			", which had been used from elsewhere. The network was " + rarity + ".",
		Observed: "one token, a second network " + ev.SrcPrefix, Expected: "a token stays in the network where it was issued", Rarity: rarity,
	})
}

// temporary says that a call's credential was issued for one session.
func temporary(ev *schemas.Event) bool {
	switch ev.CredentialType {
	case "session", "jwt", "oauth_token", "bearer", "id_token":
		return true
	}
	return false
}
