package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

var tokenReplayCard = Meta{
	Name: "token-replay", Title: "One token in two hands", Basis: Learned, Family: FamilyPlace, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnNew(Prefix, Operation) | OnDenied,
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); a refresh token used twice: none, alone: " + matureSample,
	Floor:     "one accepted call from a network that is new to the identity, with a token seen elsewhere; a refresh token that its issuer saw used twice, alone: from a network that is new to the identity",
	Kept:      "the slots of key-new-source",
	Model:     "a token's first network; Good-Turing novelty rate of the identity's networks; the issuer's own word that a refresh token was used again (Okta, Auth0, Keycloak)",
	Attacks:   []schemas.Technique{{UID: "T1528", Name: "Steal Application Access Token"}},
	NHI:       []string{"NHI4:2025"}, API: []string{"API2:2023"}, NIST: nistNetwork, PCI: pciAccounts,
	FirstChecks: []string{
		"Compare the clients of both networks: the same machine behind a new exit, or another machine?",
		"Revoke the session: a new one costs its owner nothing.",
		"Find out where the token could be read: logs, a metadata service, a build's environment.",
	},
}

// tokenReplay finds a temporary credential that was seen in one network and
// comes from another one, where the identity was never seen. A machine does not
// take its token along; an exit that changed does, and then for several
// identities at once. A refresh token that is used twice is in two hands, or in
// those of a client that lost the answer: its issuer tells, and where the second
// use came from decides.
type tokenReplay struct{ arrivalOnly }

const (
	// replayWeighs is what the token adds to a new network's surprise.
	replayWeighs = 0.7
	// reusedWeighs is the surprise of a refresh token used again at home.
	reusedWeighs = 1.5
)

// Meta implements Detector.
func (tokenReplay) Meta() *Meta { return &tokenReplayCard }

// Observe implements Detector.
func (tokenReplay) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	token := call.Sight(Credential)
	if refreshedTwice(ev) {
		reused(c, p, call, out)
		return
	}
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
	// Peers who came along must have come as far.
	far := Prefix
	switch {
	case call.New(Country):
		far = Country
	case call.New(ASN):
		far = ASN
	}
	out.Add(Finding{
		Way: WayFused, Severity: schemas.SeverityMedium, Surprise: s, Value: ev.SrcPrefix, dim: far, hash: call.Sight(far).hash,
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

// reused words a refresh token that was used again.
func reused(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if call.Backfill || p.Human() {
		return
	}
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: reusedWeighs, Value: "refresh token",
		Did:      "used a refresh token twice",
		Sentence: who(ev) + " used a refresh token that had been used before" + origin(ev) + " (" + ev.Operation + "): somebody else has a copy, or its client lost an answer.",
		Observed: "a refresh token used again", Expected: "each refresh token used once",
		Rarity: "its issuer reports it",
	}
	s, rarity := c.Novelty(p, call, Prefix)
	if have, _ := others(c, p, call, Prefix); s >= placeSurprise && have < usedByPeers && !placeless(c, call) && mature(p, call) {
		f.Way, f.Severity = WayConsequence, schemas.SeverityHigh
		f.Surprise, f.Rarity = s, rarity
		f.Sentence += " That network was " + rarity + "."
	}
	out.Add(f)
}

// refreshedTwice says that the issuer of a refresh token saw it used again: Okta's
// event of that name, Auth0's failed exchange of a rotating token, Keycloak's.
func refreshedTwice(ev *schemas.Event) bool {
	switch op := ev.Operation; {
	case strings.HasPrefix(op, "okta:app.oauth2."):
		return strings.HasSuffix(op, "token.detect_reuse")
	case op == "auth0:ferrt", strings.HasPrefix(op, "keycloak:REFRESH_TOKEN_ERROR"):
		return strings.Contains(strings.ToLower(ev.ErrorMessage), "reuse")
	}
	return false
}
