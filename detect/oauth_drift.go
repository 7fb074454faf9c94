package detect

import (
	"math"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

var oauthDriftCard = Meta{
	Name: "oauth-drift", Title: "An OAuth app gets a new scope, or takes all from a new place", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnNew(ScopeSet), Closes: true,
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); alone: " + matureSample + "; in bulk: 60 active panes over three days, or 20 over a week",
	Floor:     "one accepted call with a new scope; alone: an OAuth app's; in bulk: an OAuth app's call from a new provider, country or kind of network, and within a day 10 MB, 1,000 records or 30 objects in 15 minutes, 5 (objects 3) times what is usual and twice its own maximum",
	Kept:      "one slot of 8 bytes a scope, 40 at most, and for each of the last 6 sets",
	Model:     "first use of a scope; Good-Turing novelty rate of the identity's sets of scopes; the network's surprise by its own rate, the volume's by the models of egress-volume and object-enumeration, both at least one in a hundred and one in ten thousand",
	Attacks:   []schemas.Technique{{UID: "T1199", Name: "Trusted Relationship"}},
	NHI:       []string{"NHI3:2025"}, API: []string{"API10:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: []string{
		"Find the consent that gave the scope: who agreed to it, when, from where. Of a new place: ask the vendor whether it is his, and revoke the app's tokens if he cannot say.",
		"Ask the vendor whether a release needs it.",
		"Take the consent back if nobody can say what it is for.",
	},
}

// oauthDrift finds a scope that no token of the identity carried before: an
// OAuth app's scopes change by somebody's consent only. And it finds an app that
// takes far more than ever soon after it called from where it never did: tokens
// stolen from its vendor open the doors of all his customers.
type oauthDrift struct{}

const (
	// maxScopes bounds the scopes of one call that are looked at.
	maxScopes = 24
	// widenedWeighs is what it adds that the call was refused without the scope.
	widenedWeighs = 0.7
)

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
	if c.e.refusedLately(p, call) {
		f.Surprise += widenedWeighs
		f.Sentence += " The same call had been refused with fewer scopes."
	}
	if (p.Kind() == "oauth_app" || ev.OauthClient != "") && mature(p, call) && !call.Backfill && !p.Human() {
		f.Way, f.Severity = WayConsequence, schemas.SeverityMedium
		if broad(scopes) || c.e.refusedLately(p, call) {
			f.Severity = schemas.SeverityHigh
		}
	}
	out.Add(f)
}

const (
	// placeSurprise is from which surprise on a place counts as new, bulkSurprise
	// how unlikely the volume must be.
	placeSurprise = 2
	bulkSurprise  = 4
)

// Close implements Detector.
func (oauthDrift) Close(c *Cell, p *Profile, pane *Pane, out *Findings) {
	d := c.e.dossiers[p.self]
	if d == nil || p.Kind() != "oauth_app" || pane.Backfill > 0 || !p.mature() {
		return
	}
	place, at := c.e.newPlace(p, d, pane)
	if place == nil {
		return
	}
	took, usual := bulkOf(p, pane)
	if took == "" {
		return
	}
	out.Add(Finding{
		Way: WayStrong, Severity: schemas.SeverityHigh, Surprise: bulkSurprise, Value: "bulk from " + place.Value,
		Did: "took data in bulk from a new place",
		Sentence: "It took " + took + " in " + plural(int(pane.Calls), "call") + " within 15 minutes (" + clockTime(pane.Start()) + "), where " + usual +
			" is usual, after it had called from a place where it never was: " + place.Observed + " (" + clockTime(at) + ").",
		Observed: took + " in 15 minutes, from " + place.Observed, Expected: "about " + usual + ", from the places seen before", Rarity: place.Rarity,
	})
}

// refusal is what is remembered of refusals of the call's operation.
func (e *Engine) refusal(p *Profile, call *Call) Sight {
	return e.look(p, OperationDenied, hashNumber(OperationDenied, uint64(call.Sight(Operation).hash)), call.Day)
}

// refusedLately says that the call's operation was refused today or yesterday.
func (e *Engine) refusedLately(p *Profile, call *Call) bool {
	s := e.refusal(p, call)
	return s.State > Unseen && int(call.Day)-int(s.Day) <= 1
}

// newPlace is the most surprising sign within a day that an identity called from
// where it never did, weak or strong; nil where there is none, or where others went
// there too.
func (e *Engine) newPlace(p *Profile, d *dossier, pane *Pane) (best *found, at int64) {
	take := func(x *found, when int64) {
		if x.meta.Family == FamilyPlace && x.Surprise >= placeSurprise && when < pane.End() && when >= pane.End()-day && (best == nil || x.Surprise > best.Surprise) {
			best, at = x, when
		}
	}
	for i := range d.notes {
		n := &d.notes[i]
		if n.pane <= pane.Number && n.hash != 0 && e.adopt.others(n.dim, n.hash, n.topic, pane.Number, e.store.ids[p.self]) < adoptedBy {
			take(&n.found, n.time)
		}
	}
	for _, a := range d.alerts {
		for i := range a.parts {
			if q := &a.parts[i]; q.Way == WayStrong && q.meta != &sharedCredentialCard {
				take(&q.found, q.first)
			}
		}
	}
	return best, at
}

// bulkOf says what a pane took far more of than ever, and what is usual; nothing
// where it did not.
func bulkOf(p *Profile, pane *Pane) (took, usual string) {
	s := &p.stats
	if took, usual = tookFarMore(p, pane); took != "" {
		return took, usual
	}
	if n := pane.Resources.Count(); n >= objectsFloor && s.beyond(SignalResources, n) {
		mean, variance := s.expectedObjects(pane)
		if n >= enumerationTimes*mean && negativeBinomialTail(n, mean, variance) >= bulkSurprise {
			return approx(n, math.MaxInt32, "different object"), number(mean)
		}
	}
	return "", ""
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
