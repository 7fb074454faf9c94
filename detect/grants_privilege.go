package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var grantsPrivilegeCard = Meta{
	Name: "grants-privilege", Title: "Changes policies or roles in a new way", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityHigh, Wake: OnCapability,
	MinSample: matureSample + "; an administrator policy or an outside grantee: none", Floor: "one call",
	Kept:    "(class, what is granted) edges, 8 bytes each, 16 at most, one of them for grants to itself",
	Model:   "first use of a class; unseen edges",
	Attacks: []schemas.Technique{{UID: "T1098.003", Name: "Additional Cloud Roles"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API5:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: consequenceChecks(
		"Read the policy that was attached or written, and who holds it now.",
		"Take the grant back first; then look for its use."),
}

// grantsPrivilege finds the first grant of an identity, and an administrator
// policy or outside grantee that it never gave anything to, however often it
// grants; and the first grant to itself, by one that grants to others.
type grantsPrivilege struct{ arrivalOnly }

// Meta implements Detector.
func (grantsPrivilege) Meta() *Meta { return &grantsPrivilegeCard }

// Observe implements Detector.
func (grantsPrivilege) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	if !call.Can.Set.Has(capability.GrantsPrivilege) {
		return
	}
	ev := call.Event
	given, unseen := newEdges(p, call, capability.GrantsPrivilege)
	own := givesItself(ev) && call.See(p, Grantee, capability.GrantsPrivilege.String()+"\x00"+itself).State == Unseen
	what := func(g grant) string {
		return tried(call, "granted", "grant") + " " + g.words("privileges", shownThing) + " with " + ev.Operation + touched(ev)
	}
	if u, ok := judgeClass(c, p, call, capability.GrantsPrivilege); ok && (u.way == WayConsequence || !call.Can.Admin) {
		g := grantOf(ev)
		out.Add(u.finding(p, call, ev.Operation+granted(ev), tried(call, "granted", "grant")+" "+g.words("privileges", titledThing)+first(u)+unnamed(g, ev), what(g)))
		return
	}
	if provider(ev) {
		return
	}
	if !unseen || !call.Can.Admin && call.Can.Grantee < capability.GranteeOutside {
		if own {
			grantsItself(p, call, what(grantOf(ev)), out)
		}
		return
	}
	g := grantOf(ev)
	out.Add(Finding{
		Severity: call.Can.Severity(capability.GrantsPrivilege), Refused: call.Denied || call.Failed,
		Value: given, Capability: capability.GrantsPrivilege, Did: tried(call, "granted", "grant") + " " + g.words("administrator rights", titledThing),
		Sentence: who(ev) + " " + what(g) + origin(ev) + ended(call) + ". In " + historyOf(p, call.Time) + " it never gave this to anybody.",
		Observed: ev.Operation + granted(ev), Expected: "the grants that it made before", Rarity: "not seen in " + historyOf(p, call.Time),
	})
}

// unnamed is the call, for a title, where the log does not say what is granted.
func unnamed(g grant, ev *schemas.Event) string {
	if !g.empty() {
		return ""
	}
	return ": " + shortOperation(ev.Operation)
}

// givesItself says that the caller stands among whose rights a call changes. A
// policy that is named like its role is none of them.
func givesItself(ev *schemas.Event) bool {
	own := lastName(ev.IdentityId)
	for _, list := range [...][]string{ev.Grantees, ev.Resources} {
		for i, r := range list {
			if i == maxEdges {
				break
			}
			if own != "" && lastName(r) == own && !strings.Contains(r, "policy") {
				return true
			}
		}
	}
	return false
}

// grantsItself finds rights that an identity gives itself, which until now it only
// gave others. One that touched its own role or user before is its own deployer.
func grantsItself(p *Profile, call *Call, what string, out *Findings) {
	ev := call.Event
	own := grant{what: grantOf(ev).what, whom: []string{itself}}
	severity := max(schemas.SeverityHigh, call.Can.Severity(capability.GrantsPrivilege))
	if p.Human() || call.Backfill || call.Sight(Resource).State == Known || !p.Learned(Grantee) || !mature(p, call) {
		return
	}
	out.Add(Finding{
		Severity: severity, Refused: call.Denied || call.Failed,
		Value: itself, Capability: capability.GrantsPrivilege, Did: tried(call, "granted", "grant") + " " + own.words("privileges", titledThing),
		Sentence: who(ev) + " " + what + origin(ev) + ended(call) + ". It grants to others, but in " + historyOf(p, call.Time) + " it never gave anything to itself.",
		Observed: ev.Operation + granted(ev), Expected: "grants to others", Rarity: "not seen in " + historyOf(p, call.Time),
	})
}

// newEdges looks every grantee of the call up, together with the class, has
// them learned, and tells the first that is unseen.
func newEdges(p *Profile, call *Call, class capability.Set) (value string, unseen bool) {
	for i, g := range call.Event.Grantees {
		if i == maxEdges {
			break
		}
		if call.See(p, Grantee, class.String()+"\x00"+granteeClass(g, call.Can.Grantee)).State != Known && !unseen {
			value, unseen = clip(g, 120), true
		}
	}
	return value, unseen
}

// granteeClass keeps policies, accounts and outside principals apart and takes
// the users, roles and groups of the own account together: who makes them grants
// to a new one each time. far is the furthest grantee of the call; an address is
// of the own account only if none is outside.
func granteeClass(g string, far capability.Grantee) string {
	if strings.IndexByte(g, '@') > 0 && far != capability.GranteeInside {
		return g
	}
	for _, inside := range [...]string{"user:", "role:", "group:", "serviceprincipal:", "principal:"} {
		if strings.HasPrefix(g, inside) {
			return inside
		}
	}
	if strings.IndexByte(g, '@') > 0 {
		return "user:"
	}
	return g
}

// maxEdges is how many grantees of one call are looked at.
const maxEdges = 8

// granted words what is given to whom: " (AdministratorAccess)".
func granted(ev *schemas.Event) string {
	if len(ev.Grantees) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(" (")
	for i, g := range ev.Grantees {
		if i == 3 {
			b.WriteString(" and " + thousands(len(ev.Grantees)-3) + " more")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		g = strings.TrimPrefix(g, "policy:")
		b.WriteString(clip(g, 80))
	}
	b.WriteByte(')')
	return b.String()
}
