package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// context is what a temporary credential was issued for, as the calls with it tell:
// the person or identity behind it, the client (audience), the job, the issuer, by
// their fingerprints; zero where a log says nothing. None of it changes in the life
// of a credential.
type context struct {
	credential uint32
	parts      [4]uint32
	day        uint16 // of the newest call
}

// contextsKept is how many credentials' contexts are known of an identity, the newest:
// 184 bytes beside the profiles of those whose logs tell any.
const contextsKept = 8

// The two values of ContextKept.
const (
	contextKept    = "kept"
	contextChanged = "changed"
)

var contextParts = [len(context{}.parts)]string{"behind it", "as client", "as job", "as issuer"}

// contextOf reads a call's; ok is false where its log tells none.
func contextOf(ev *schemas.Event, call *Call) (x context, said [len(contextParts)]string, ok bool) {
	if call.sights[Credential].hash == 0 || !temporary(ev) {
		return x, said, false
	}
	for _, who := range ev.Delegation {
		if serviceName(who) {
			continue // it spoke for the credential, in this one call
		}
		said[0] = who
		if ev.CloudProvider != "aws" {
			break
		}
		// CloudTrail names the directory's user in some calls of a session, before the
		// source identity that stands in all of them.
	}
	said[1] = ev.OauthClient
	if ev.IdentityKind == "ci_pipeline" {
		said[2] = subject(ev)
	}
	if ev.CredentialType == "jwt" || ev.CredentialType == "id_token" {
		said[3] = ev.PrincipalIssuer
	}
	x = context{credential: call.sights[Credential].hash, day: call.Day}
	for i, s := range said {
		if s != "" {
			x.parts[i] = hashValue(ContextKept, s)
			ok = true
		}
	}
	return x, said, ok
}

// serviceName says that a link of a delegation chain is a service of AWS.
func serviceName(who string) bool {
	return who == "AWS Internal" || strings.HasSuffix(who, ".amazonaws.com") || strings.HasSuffix(who, ".amazonaws.com.cn")
}

// changed is the first part in which a context differs from what was known of its
// credential, or -1. What only one of them tells differs in nothing.
func (x *context) changed(now *context) int {
	for i, h := range now.parts {
		if h != 0 && x.parts[i] != 0 && h != x.parts[i] {
			return i
		}
	}
	return -1
}

// knownContext is what is known of a credential, or nil.
func (e *Engine) knownContext(p *Profile, credential uint32) *context {
	if a := e.asides[p.self]; a != nil {
		for i := range a.contexts {
			if a.contexts[i].credential == credential {
				return &a.contexts[i]
			}
		}
	}
	return nil
}

// context looks up whether a call's credential keeps its context: only of credentials
// that were seen with one.
func (c *Call) context(p *Profile) {
	ev := c.Event
	if len(ev.Delegation) == 0 && ev.OauthClient == "" && ev.IdentityKind != "ci_pipeline" && ev.CredentialType != "jwt" && ev.CredentialType != "id_token" {
		return
	}
	now, _, ok := contextOf(ev, c)
	if !ok {
		return
	}
	c.issuedFor = now
	if had := c.e.knownContext(p, now.credential); had != nil {
		value := contextKept
		if had.changed(&now) >= 0 {
			value = contextChanged
		}
		c.sight(p, ContextKept, value)
	}
}

// learnContext takes a call's context in. The first word of a credential stands.
func (e *Engine) learnContext(p *Profile, call *Call) {
	now := &call.issuedFor
	if now.credential == 0 {
		return
	}
	if had := e.knownContext(p, now.credential); had != nil {
		had.day = max(had.day, now.day)
		for i, h := range now.parts {
			if had.parts[i] == 0 {
				had.parts[i] = h
			}
		}
		return
	}
	a := e.aside(p)
	if len(a.contexts) < contextsKept {
		a.contexts = append(a.contexts, *now)
		return
	}
	oldest := 0
	for i := range a.contexts {
		x, y := &a.contexts[i], &a.contexts[oldest]
		if x.day < y.day || x.day == y.day && x.credential < y.credential {
			oldest = i
		}
	}
	a.contexts[oldest] = *now
}

// anotherContext finds a credential in a context that it was not issued for: the token
// of one person in a call for another, of one job in another's.
func anotherContext(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	now, said, ok := contextOf(ev, call)
	had := c.e.knownContext(p, now.credential)
	if !ok || had == nil {
		return
	}
	i := had.changed(&now)
	s, rarity := c.Novelty(p, call, ContextKept)
	if i < 0 || s == 0 || p.Observations(ContextKept) < matureCalls {
		return
	}
	what := clip(said[i], 120) + " " + contextParts[i]
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityMedium, Surprise: s, Value: what,
		Did: "used a credential outside what it was issued for",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ended(call) + " with credential " + clip(ev.CredentialId, 40) + " and " + what +
			", where the same credential had come with another. A credential does not change what it was issued for; that one did was " + rarity + ".",
		Observed: what, Expected: "what the credential came with before", Rarity: rarity,
	}
	if s >= strongSurprise && mature(p, call) && !call.Backfill && !p.Human() {
		f.Way, f.Refused = WayConsequence, call.Denied || call.Failed
	}
	out.Add(f)
}

// visitContexts writes or reads what format 13 brought of what is kept beside a profile.
func (e *Engine) visitContexts(c *codec, p *Profile) {
	var kept []context
	if a := e.asides[p.self]; a != nil {
		kept = a.contexts
	}
	list(c, &kept, func(x *context) {
		c.u32(&x.credential)
		for i := range x.parts {
			c.u32(&x.parts[i])
		}
		c.u16(&x.day)
	})
	if c.writing() || c.err != nil || len(kept) == 0 {
		return
	}
	if len(kept) > contextsKept {
		c.fail(errDamaged)
		return
	}
	e.aside(p).contexts = kept
}
