package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

var oauthDriftCard = Meta{
	Name: "oauth-drift", Title: "A token carries a scope that it never had", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnNew(ScopeSet),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); alone: " + matureSample, Floor: "one accepted call with a new scope; alone: an OAuth app's",
	Kept:    "one slot of 8 bytes a scope, 40 at most, and for each of the last 6 sets",
	Model:   "first use of a scope; Good-Turing novelty rate of the identity's sets of scopes",
	Attacks: []schemas.Technique{{UID: "T1199", Name: "Trusted Relationship"}},
	NHI:     []string{"NHI3:2025"}, API: []string{"API10:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: []string{
		"Find the consent that gave the scope: who agreed to it, when, from where.",
		"Ask the vendor whether a release needs it.",
		"Take the consent back if nobody can say what it is for.",
	},
}

// oauthDrift finds a scope that no token of the identity carried before. An
// OAuth app's scopes change by somebody's consent only.
type oauthDrift struct{ arrivalOnly }

// maxScopes bounds the scopes of one call that are looked at.
const maxScopes = 24

// Meta implements Detector.
func (oauthDrift) Meta() *Meta { return &oauthDriftCard }

// Observe implements Detector.
func (oauthDrift) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if !call.New(ScopeSet) {
		return
	}
	var fresh []string
	for i, x := range ev.Scopes {
		if i == maxScopes {
			break
		}
		if call.See(p, Scope, x).State == Unseen {
			fresh = append(fresh, x)
		}
	}
	s, rarity := c.Novelty(p, call, ScopeSet)
	if s == 0 || len(fresh) == 0 || !call.Success {
		return
	}
	scopes := clip(strings.Join(fresh, ", "), 160)
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: scopes,
		Did:      "used a scope that it never had",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + " with the scope " + scopes + ", which was " + rarity + ".",
		Observed: scopes, Expected: "the scopes seen before", Rarity: rarity,
	}
	// A log that has only begun to tell scopes brings them all at once.
	if p.observed[ScopeSet] < matureCalls/2 {
		return
	}
	if (p.Kind() == "oauth_app" || ev.OauthClient != "") && mature(p, call) && !call.Backfill && !p.Human() {
		f.Way, f.Severity = WayConsequence, schemas.SeverityMedium
		if broad(scopes) {
			f.Severity = schemas.SeverityHigh
		}
	}
	out.Add(f)
}

// broad says that a scope's name speaks of changing, of everything, or of lasting.
func broad(scope string) bool {
	scope = strings.ToLower(scope)
	for _, word := range [...]string{"write", "admin", "manage", "full", ".all", "offline", "delete", "mail", "directory", "*"} {
		if strings.Contains(scope, word) {
			return true
		}
	}
	return false
}
