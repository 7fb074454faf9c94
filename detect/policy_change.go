package detect

import (
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var policyChangeCard = Meta{
	Name: "policy-change", Title: "Rights are widened, then used", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityHigh, Wake: OnCapability | OnNew(Operation),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); of who changes the rights of others, too",
	Floor:     "an accepted change of its own rights, in a way that is new to it, and within a day an accepted call that it never made; or such a call within a day after another, which never changed rights before, changed those of this identity, or its own and made this one's credential or acts through it",
	Kept:      "nothing of each identity; in the cell the unusual changes of a day, four for each name",
	Model:     "a change of permissions followed by its use, by the same or a linked identity; who changed them shares the risk",
	Attacks:   []schemas.Technique{{UID: "T1098", Name: "Account Manipulation"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API5:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: []string{
		"Take the new rights back, then list what was done with them.",
		"Find out why the identity may change its own rights at all: nothing but the deployer of the platform should.",
		"Look for other identities that it gave rights to in the same hour.",
	},
}

// policyChange finds rights that were changed in an unusual way and then used: by
// the identity that changed its own, or by one that is linked with it, because it
// was given the rights, got its credential from it, or acts through it. The change
// itself is grants-privilege's; the two together are an escalation that worked.
type policyChange struct{ arrivalOnly }

const changeWindow = 24 * time.Hour

// Meta implements Detector.
func (policyChange) Meta() *Meta { return &policyChangeCard }

// Observe implements Detector.
func (policyChange) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if !call.Success || provider(ev) || p.Human() {
		return
	}
	if class := call.Can.Set & (capability.GrantsPrivilege | capability.ChangesTrust); class != 0 {
		c.e.noteRights(p, call, class)
		return
	}
	if !call.New(Operation) || call.Backfill || p.Anonymous() {
		return
	}
	novelty, _ := c.Novelty(p, call, Operation)
	u := use{identity: c.e.store.ids[p.self], operation: ev.Operation, learned: novelty > 0, grave: call.Can.Set.Any(escalates)}
	if !u.learned && !u.grave {
		return
	}
	alike, peers := others(c, p, call, Operation)
	u.at, u.rank = call.Time, rankOf(novelty, alike, peers)
	if x, how := c.e.changeBefore(&u, ev); x != nil {
		f := changeFound(&u, x, how, who(ev), touched(ev)+origin(ev), historyOf(p, call.Time))
		out.Add(f)
		if how != ownRights {
			c.e.charge(&policyChangeCard, x, u.identity, u.at, relatedOf(ev))
		}
		return
	}
	u.moment, u.operation, u.said = c.e.momentOf(call), clone(ev.Operation), clone(touched(ev)+origin(ev))
	c.e.awaits(deedRights, realm(u.identity), lastName(u.identity), u)
	links := actsFor(ev)
	if m := c.e.minterOf(u.identity, ev.CredentialId, u.at); m != nil && m.first && m.by != u.identity {
		links = append(links, m.by)
	}
	for _, name := range links {
		c.e.awaits(deedRights, realm(name), lastName(name), u)
	}
}

// escalates are the classes for which rights are stolen: one that nobody knows yet
// and that was given rights in an unusual way is judged by these alone.
const escalates = capability.MintsCredential | capability.ChangesTrust | capability.RunsCode | capability.ExposesResource | capability.DestroysData | capability.DisablesLogging

// How an identity is linked with who changed rights.
const (
	ownRights      = "it changed its own rights"
	givenRights    = "changed the rights of this identity"
	rightsOfMinter = "changed its own rights and made a credential for this identity"
	rightsOfActor  = "changed its own rights, through or for which this identity acts"
)

// noteRights remembers a change of rights that is unusual for who makes it, and
// tells of a use that arrived before. One that edits its own policy every week is
// its own deployer; one that gave others rights before deploys them.
func (e *Engine) noteRights(p *Profile, call *Call, class capability.Set) {
	ev := call.Event
	first := (call.NewCapabilities | call.HeldCapabilities).Any(class)
	if !first && call.Sight(Operation).State == Known {
		return
	}
	id := e.store.ids[p.self]
	x := deed{at: call.Time, by: id, operation: clone(ev.Operation), first: first && p.Learned(Operation)}
	names := namesIn(ev)
	if toItself(ev) {
		names = append(names, lastName(id))
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if name != lastName(id) && !x.first {
			continue // no use of it is a finding
		}
		key := keyOf(deedRights, realm(id), name)
		if e.deeds.add(key, x) {
			e.stats.DeedsRefused++
		}
		for _, u := range e.deeds.since(key, x.at, int64(changeWindow)) {
			how := givenRights
			switch {
			case u.identity == id:
				how = ownRights
			case name != lastName(u.identity):
				how = rightsOfActor
				if m := e.minterOf(u.identity, u.credential, u.at); m != nil && m.by == id && m.first {
					how = rightsOfMinter
				}
			}
			if !x.explains(&u, how) {
				continue
			}
			of, _ := e.store.find(u.identity)
			if of == nil {
				continue
			}
			f := changeFound(&u, &x, how, shortID(u.identity), u.said, historyOf(of, u.at))
			e.raiseLate(u.identity, &u.moment, &found{meta: &policyChangeCard, Finding: f.defaults(&policyChangeCard)}, call)
			e.charge(&policyChangeCard, &x, u.identity, u.at, u.sample)
		}
	}
}

// explains reports whether a change makes a use a finding.
func (x *deed) explains(u *use, how string) bool {
	if how == ownRights || how == rightsOfActor {
		return u.learned
	}
	return x.first
}

// changeBefore is the newest unusual change of rights before a use by an identity
// that is linked with it, and how; nil where there is none.
func (e *Engine) changeBefore(u *use, ev *schemas.Event) (x *deed, how string) {
	own := keyOf(deedRights, realm(u.identity), lastName(u.identity))
	match := func(how string, by string) func(*deed) bool {
		return func(x *deed) bool {
			return (by == "" || x.by == by) && (x.by == u.identity) == (how == ownRights) && x.explains(u, how)
		}
	}
	if x = e.deeds.before(own, u.at, int64(changeWindow), match(ownRights, u.identity)); x != nil {
		return x, ownRights
	}
	if x = e.deeds.before(own, u.at, int64(changeWindow), match(givenRights, "")); x != nil {
		return x, givenRights
	}
	if m := e.minterOf(u.identity, ev.CredentialId, u.at); m != nil && m.by != u.identity && m.first {
		key := keyOf(deedRights, realm(m.by), lastName(m.by))
		if x = e.deeds.before(key, u.at, int64(changeWindow), match(rightsOfMinter, m.by)); x != nil {
			return x, rightsOfMinter
		}
	}
	for _, name := range actsFor(ev) {
		if x = e.deeds.before(keyOf(deedRights, realm(name), lastName(name)), u.at, int64(changeWindow), match(rightsOfActor, name)); x != nil {
			return x, rightsOfActor
		}
	}
	return nil, ""
}

// actsFor are the identities through or for which a call is made.
func actsFor(ev *schemas.Event) []string {
	n := min(len(ev.Delegation), maxEdges)
	names := slices.Clone(ev.Delegation[:n])
	if ev.ActingAs != "" && !slices.Contains(names, ev.ActingAs) {
		names = append(names, ev.ActingAs)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == ev.IdentityId })
}

// changeFound words a use of changed rights.
func changeFound(u *use, x *deed, how, who, what, history string) Finding {
	since := span(time.Duration(u.at - x.at))
	f := Finding{
		Value: u.operation, Observed: u.operation + " " + since + " after the change", Expected: "no use of rights that it gave itself",
		Rarity: "not seen in " + history, Did: "widened its own rights and used them", rank: u.rank,
	}
	after := ownRights
	if how != ownRights {
		f.Did = "used rights that " + shortID(x.by) + " changed"
		f.Expected = "no use of rights that one who never changed any gave"
		after = shortID(x.by) + " " + how
		if how == givenRights {
			after += " with " + x.operation + ", as it had never done for any"
		}
	}
	f.Sentence = who + " called " + u.operation + what + ", which it had never called, " + since + " after " + after + "."
	return f
}

// toItself says that the caller stands among what a call touches or gives
// something to: the user or role by its name, whatever session it is.
func toItself(ev *schemas.Event) bool {
	own := lastName(ev.IdentityId)
	if own == "" {
		return false
	}
	for i, r := range ev.Resources {
		if i == maxEdges {
			break
		}
		if lastName(r) == own {
			return true
		}
	}
	for i, g := range ev.Grantees {
		if i == maxEdges {
			break
		}
		if lastName(g) == own {
			return true
		}
	}
	return false
}

// lastName is what follows the last slash or colon of an id.
func lastName(id string) string { return id[strings.LastIndexAny(id, "/:")+1:] }
