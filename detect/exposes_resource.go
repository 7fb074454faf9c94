package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var exposesResourceCard = Meta{
	Name: "exposes-resource", Title: "Shares or opens a resource outside", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityHigh, Wake: OnCapability,
	MinSample: "none for the public or an unseen outside grantee; else " + matureSample, Floor: "one call",
	Kept:    "(operation, grantee) edges, 8 bytes each, 16 at most",
	Model:   "unseen edges; first use of the class where the log names no grantee",
	Attacks: []schemas.Technique{{UID: "T1537", Name: "Transfer Data to Cloud Account"}},
	NHI:     []string{"NHI8:2025"}, API: []string{"API8:2023"}, NIST: nistActivity, PCI: []string{"1.4.4", "7.2.5", "10.4.1.1"},
	FirstChecks: consequenceChecks(
		"Find out whose account the grantee is; if nobody knows it, take the share back at once.",
		"Assume that what was shared has been copied."),
}

// exposesResource finds a resource given to an account outside that this
// identity never shared with, or opened to everybody.
type exposesResource struct{ arrivalOnly }

// Meta implements Detector.
func (exposesResource) Meta() *Meta { return &exposesResourceCard }

// Observe implements Detector.
func (exposesResource) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	if !call.Can.Set.Has(capability.ExposesResource) || provider(call.Event) {
		return
	}
	ev := call.Event
	given, unseen := newEdges(p, call, capability.ExposesResource)
	what := func(g grant) string {
		return tried(call, "opened", "open") + " " + target(ev, "a resource") + g.exposed(shownThing) + " with " + ev.Operation
	}
	thing := or(titledTarget(ev), "a resource")
	if call.Can.Grantee < capability.GranteeOutside {
		// To whom is not known: a first use counts, more of the same does not; nor does
		// another call that may or may not give something away.
		if u, ok := judgeClass(c, p, call, capability.ExposesResource); ok && (u.newClass || !call.Can.Weak.Has(capability.ExposesResource)) {
			g, to := grantOf(ev), ""
			if len(g.whom) > 0 {
				to = " to " + listed(g.whom, titledThing)
			}
			out.Add(u.finding(p, call, ev.Operation, tried(call, "opened", "open")+" "+thing+to+first(u)+": "+shortOperation(ev.Operation), what(g)))
		}
		return
	}
	if !unseen {
		return
	}
	g := grantOf(ev)
	f := Finding{
		Severity: call.Can.Severity(capability.ExposesResource), Refused: call.Denied || call.Failed,
		Value: targetValue(ev) + granted(ev), Capability: capability.ExposesResource,
		Observed: ev.Operation + granted(ev), Expected: "no share with " + given, Rarity: "not seen in " + historyOf(p, call.Time),
	}
	if call.Can.Grantee == capability.GranteePublic {
		f.Did = tried(call, "opened ", "open ") + thing + " to everybody"
		f.Sentence = who(ev) + " " + what(g) + origin(ev) + ended(call) + ": everybody can reach it. In " + historyOf(p, call.Time) + " it never opened anything to everybody."
	} else {
		f.Did = tried(call, "shared ", "share ") + thing + " with " + or(listed(g.whom, titledThing), "an outsider")
		f.Sentence = who(ev) + " " + what(g) + origin(ev) + ended(call) + ". " + strings.TrimPrefix(given, "user:") + " is outside " + accountOf(ev) +
			", and in " + historyOf(p, call.Time) + " it never got anything from this identity."
	}
	out.Add(f)
}

// callersOfOwn is how many identities must live in an account for it to be the
// organisation's, as a project beside the pipelines' is: logs come from one's own
// accounts.
const callersOfOwn = 3

// ownAccount says of an account beside the caller's that identities of this fleet
// live in it. What is given to it stays inside. Who only reaches into an account, as
// into a vendor's bucket or an intruder's, shows nothing.
func (e *Engine) ownAccount(account string) bool {
	h := hashValue(Account, account)
	have, _ := e.prevalenceOfAll(Account, h)
	reached, _ := e.prevalenceOfAll(Account, reachedAccount(h))
	return have-reached >= callersOfOwn
}

// reachedAccount stands for an account that an identity reached from its own.
func reachedAccount(h uint32) uint32 { return hashNumber(Account, uint64(h)<<8|1) }

// accountOf words the caller's own account, which some logs do not name.
func accountOf(ev *schemas.Event) string {
	if ev.Account == "" {
		return "the caller's own account"
	}
	return "account " + ev.Account
}
