package detect

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// composeIncident words one version of an incident.
func (e *Engine) composeIncident(inc *incident, at int64, activity int, closed string) schemas.Alert {
	f := e.commonFacts(inc.members)
	parts := ordered(inc.parts)
	if k := inc.cause.kind; k == causeSpray || k == causeLog {
		parts[0].Sentence, parts[0].Observed = e.incidentSentence(inc), identitiesWord(len(inc.members)+inc.more)
	}
	slices.SortStableFunc(inc.samples, func(x, y schemas.RelatedEvent) int { return compare(x.Time, y.Time) })
	title, desc := e.incidentWords(inc, parts)
	out := e.compose(inc.cause.actor(), f, &inc.openAlert, parts, &parts[0], title, desc, at, activity, closed)
	out.Actor.User.TypeID, out.Actor.User.Type = 99, "Other"
	l := &out.Unmapped.Lapwing
	l.Identities = slices.Clone(inc.members)
	slices.Sort(l.Identities)
	for _, a := range inc.alerts {
		if !slices.Contains(l.Links, a) {
			l.Links = append(l.Links, a)
		}
	}
	slices.Sort(l.Links)
	return out
}

// incidentWords are its title and its explanation. Members with a finding of
// consequence are named.
func (e *Engine) incidentWords(inc *incident, parts []part) (title, desc string) {
	n, owners := identitiesWord(len(inc.members)+inc.more), e.ownersOf(inc.members)
	switch inc.cause.kind {
	case causeSpray, causeLog:
		x := &parts[0]
		members := slices.Clone(inc.members)
		slices.Sort(members)
		for i := range members {
			members[i] = shortID(members[i])
		}
		who := "They are " + firstOf(members, 8) + "." + owners
		if inc.cause.kind == causeSpray {
			return inc.cause.value + " was refused as " + n + " within 30 minutes",
				x.Sentence + " " + who
		}
		return "The log " + inc.cause.value + " fell silent: " + n + " stopped together",
			x.Sentence + " While it is silent, nothing that happens there is seen. " + who
	case causeSource:
		title = n + " raised alerts from " + inc.cause.value + " within an hour"
	case causeCredential:
		title = n + " raised alerts with credential " + clip(inc.cause.value, 40) + " within an hour"
	default:
		title = n + " within an hour: " + strings.ToLower(inc.meta.Title[:1]) + inc.meta.Title[1:]
		// The value of a statistic is the name of a measure, which tells a reader nothing.
		if _, value, ok := strings.Cut(inc.cause.value, "\x00"); ok && value != "" && !inc.meta.Closes {
			title += " (" + clip(value, 60) + ")"
		}
	}
	var grave, told []string
	var tell teller
	for i := range parts {
		q := &parts[i]
		if q.Way == WayConsequence && q.Did != "" {
			grave = append(grave, q.Did)
		}
		if len(told) < 5 {
			told = append(told, tell.retell(q))
		}
	}
	if members := e.graveMembers(inc); len(grave) > 0 && len(members) > 0 {
		title += "; " + firstOf(members, 3)
	}
	desc = "One cause, or one intruder. " + strings.Join(told, " ")
	if more := len(parts) - len(told); more > 0 {
		desc += " And " + plural(more, "more finding") + "."
	}
	return title, desc + owners + " Each has an alert of its own, which is linked and pages no more."
}

// ownersOf says whom to call about an incident's members: " Owners: a@example.com
// (2), b@example.com; 1 without a declared one.", or nothing of none.
func (e *Engine) ownersOf(members []string) string {
	count := map[string]int{}
	for _, id := range members {
		if p, _ := e.store.find(id); p != nil {
			count[e.store.facts[p.self].owner]++
		}
	}
	nobodys := count[""]
	delete(count, "")
	if len(count) == 0 {
		return ""
	}
	names := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		if n := count[name]; n > 1 {
			names[i] += " (" + thousands(n) + ")"
		}
	}
	out := " Owners: " + firstOf(names, 5)
	if nobodys > 0 {
		out += "; " + thousands(nobodys) + " without a declared one"
	}
	return out + "."
}

// incidentSentence says what an incident with one finding for all has seen.
func (e *Engine) incidentSentence(inc *incident) string {
	n := identitiesWord(len(inc.members) + inc.more)
	if inc.cause.kind == causeSpray {
		return inc.cause.value + " was refused as " + n + " within 30 minutes (" + clockTime(inc.first) +
			"), none of which was ever seen there: somebody tries what credentials open."
	}
	return "In the log " + inc.cause.value + " " + n + " are overdue that called regularly, the last by " + clockTime(inc.last) +
		"; the log itself has all but stopped, so nothing is said of each."
}

// identitiesWord counts identities: "1 identity", "12 identities".
func identitiesWord(n int) string {
	if n == 1 {
		return "1 identity"
	}
	return thousands(n) + " identities"
}

// graveMembers are the members with a finding of consequence, with what they did.
func (e *Engine) graveMembers(inc *incident) (out []string) {
	for _, s := range e.incidents.seen[inc.cause] {
		if s.x.Way != WayConsequence || s.at < inc.first || s.at > inc.last {
			continue
		}
		name := shortID(s.identity)
		if p, _ := e.store.find(s.identity); p != nil {
			name = display(s.identity, e.store.facts[p.self])
		}
		if line := name + " " + s.x.Did; !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}

// firstOf joins the first of a list and counts the others.
func firstOf(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:most], ", ") + " and " + thousands(len(list)-most) + " more"
}

// commonFacts is what is declared alike of all members.
func (e *Engine) commonFacts(members []string) *facts {
	var out *facts
	for _, id := range members {
		p, _ := e.store.find(id)
		if p == nil {
			continue
		}
		f := e.store.facts[p.self]
		if out == nil {
			x := *f
			x.name, x.lastRotation, x.exceptions = "", 0, nil
			x.dependants = slices.Clone(f.dependants)
			out = &x
			continue
		}
		for _, s := range [...]struct {
			to   *string
			from string
		}{
			{&out.kind, f.kind}, {&out.owner, f.owner}, {&out.team, f.team}, {&out.environment, f.environment},
			{&out.criticality, f.criticality}, {&out.vendor, f.vendor}, {&out.route, f.route}, {&out.runbook, f.runbook}, {&out.policy, f.policy},
		} {
			if *s.to != s.from {
				*s.to = ""
			}
		}
		out.managed = out.managed && f.managed
		for _, d := range f.dependants {
			if !slices.Contains(out.dependants, d) && len(out.dependants) < 32 {
				out.dependants = append(out.dependants, d)
			}
		}
	}
	if out == nil {
		return &facts{}
	}
	return out
}
