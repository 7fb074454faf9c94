package alerting

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Bounds of what a page shows. The alert itself has the rest.
const (
	shownSources = 5
	shownIDs     = 20
)

// unknownBreaks is told where nothing is declared: that is not "nothing breaks".
const unknownBreaks = "unknown: the inventory names no dependants"

// Breaks says what stops when the credential is disabled, or that nobody
// declared it. It is never empty.
func Breaks(a *schemas.Alert) string {
	if b := a.Unmapped.Lapwing.Breaks; len(b) > 0 {
		return strings.Join(b, ", ")
	}
	return unknownBreaks
}

// Sources are the places that an alert's sample calls came from, as
// "203.0.113.9 (FR) by aws-cli", in the order of the samples, five at most.
func Sources(a *schemas.Alert) string {
	var out []string
	for _, e := range a.FindingInfo.RelatedEvents {
		from, ok := strings.CutPrefix(e.Desc, "from ")
		if !ok {
			continue
		}
		// The outcome stands behind the last colon followed by a space: an IPv6
		// address has none.
		if i := strings.LastIndex(from, ": "); i >= 0 {
			from = from[:i]
		}
		if !slices.Contains(out, from) {
			out = append(out, from)
		}
	}
	for _, e := range a.Evidences {
		if s := e.SrcEndpoint; s != nil && s.IP != "" && !slices.ContainsFunc(out, func(x string) bool { return x == s.IP || strings.HasPrefix(x, s.IP+" ") }) {
			out = append(out, s.IP)
		}
	}
	return some(out, shownSources)
}

// Networks are those that a finding of the alert is about.
func Networks(a *schemas.Alert) string {
	var out []string
	for _, f := range a.Unmapped.Lapwing.Findings {
		if (f.Detector == "new-network" || f.Detector == "network-policy") && f.Value != "" && !slices.Contains(out, f.Value) {
			out = append(out, f.Value)
		}
	}
	return some(out, shownSources)
}

// Calls is how much of the identity's traffic the alert speaks of: the headline
// finding's count (of calls on arrival, of quarter hours at their close) and the
// samples at hand.
func Calls(a *schemas.Alert) string {
	var parts []string
	l := &a.Unmapped.Lapwing
	head := max(0, slices.IndexFunc(l.Findings, func(f schemas.Finding) bool { return f.Detector == l.Headline }))
	if head < len(l.Findings) && l.Findings[head].Count > 0 {
		times := "once"
		if n := l.Findings[head].Count; n > 1 {
			times = strconv.Itoa(n) + " times"
		}
		parts = append(parts, l.Findings[head].Detector+" "+times)
	}
	if n := len(a.FindingInfo.RelatedEvents); n == 1 {
		parts = append(parts, "1 sample call")
	} else if n > 1 {
		parts = append(parts, strconv.Itoa(n)+" sample calls")
	}
	return strings.Join(parts, ", ")
}

// Headline is the alert's title with what a phone's first line should also say:
// where it is and whose, and that it was told of before. "CI deployer read a
// secret for the first time (production, team platform, update 3)".
func Headline(a *schemas.Alert) string {
	l := &a.Unmapped.Lapwing
	var more []string
	if l.Identity.Environment != "" {
		more = append(more, l.Identity.Environment)
	}
	switch {
	case l.Identity.Team != "":
		more = append(more, "team "+l.Identity.Team)
	case l.Identity.Owner != "":
		more = append(more, "owner "+l.Identity.Owner)
	}
	if a.Version() > 1 {
		more = append(more, "update "+strconv.Itoa(a.Version()))
	}
	if len(more) == 0 {
		return a.FindingInfo.Title
	}
	return a.FindingInfo.Title + " (" + strings.Join(more, ", ") + ")"
}

// Who is what is declared of the identity, in a line: name, kind, owner, team,
// environment, criticality, vendor. Of an incident it is what its members have in
// common.
func Who(a *schemas.Alert) string {
	l := &a.Unmapped.Lapwing
	id := &l.Identity
	var parts []string
	add := func(before, v string) {
		if v != "" {
			parts = append(parts, before+v)
		}
	}
	members := len(l.Identities)
	if members > 0 {
		parts = append(parts, strconv.Itoa(members)+" identities")
	}
	add("", id.Name)
	add("", strings.ReplaceAll(id.Kind, "_", " "))
	add("owner ", id.Owner)
	add("team ", id.Team)
	add("", id.Environment)
	add("criticality ", id.Criticality)
	add("vendor ", id.Vendor)
	if id.LastRotation > 0 {
		add("credential of ", time.UnixMilli(id.LastRotation).UTC().Format(time.DateOnly))
	}
	switch {
	case id.Managed:
	case members > 1:
		parts = append(parts, "not all of them in the inventory")
	default:
		parts = append(parts, "in no inventory")
	}
	return strings.Join(parts, ", ")
}

// HowSure says what kind of claim an alert makes, and how much confidence it has
// in it, of 100.
func HowSure(a *schemas.Alert) string {
	l := &a.Unmapped.Lapwing
	kind := "rare, not proven: one sign far beyond its own past"
	switch {
	case l.Family == "declared" && (l.Way == "declared" || l.Way == "report"):
		kind = "certain: it breaks what is declared"
	case l.Way == "consequence":
		kind = "certain that it happened and is new, not that it is bad"
	case l.Way == "fused":
		kind = "rare, not proven: several things that are each unusual, together"
	case l.Way == "report":
		kind = "worth knowing, not worth a page"
	}
	if l.Learning && l.Family != "declared" {
		kind += "; its history is still short"
	}
	return kind + " (confidence " + strconv.Itoa(a.Confidence) + " of 100)"
}

// Command is what a responder may run next.
type Command struct{ What, Line string }

// Commands are the ready commands about an alert: each runs as it stands and
// changes nothing. They hold nothing but its id.
func Commands(a *schemas.Alert) []Command {
	id := a.ID()
	out := []Command{
		{"show", "lapwing alert show " + id},
		{"calls", "lapwing hunt run alert-events -p alert=" + id},
	}
	if len(a.Unmapped.Lapwing.Identities) == 0 {
		out = append(out, Command{"history", "lapwing hunt run identity-history -p alert=" + id})
	}
	if Sources(a) != "" {
		out = append(out, Command{"addresses", "lapwing hunt run address-history -p alert=" + id})
	}
	return append(out, Command{"expected", "lapwing alert expected " + id + " --dry-run"})
}

// pageFact is one named line of a page.
type pageFact struct{ name, value string }

// pageFacts is what every page carries beside the explanation, the empty left
// out.
func pageFacts(a *schemas.Alert) []pageFact {
	l := &a.Unmapped.Lapwing
	facts := []pageFact{
		{"who", Who(a)}, {"how_sure", HowSure(a)}, {"rarity", l.Rarity},
		{"credential", a.Actor.User.CredentialUID}, {"credential_life", Issuance(a)},
		{"policy", policyOnPage(a)}, {"exceptions", Exceptions(a)}, {"source", Sources(a)}, {"network", Networks(a)},
		{"first_seen", moment(a.FindingInfo.FirstSeenTime)}, {"last_seen", moment(a.FindingInfo.LastSeenTime)}, {"calls", Calls(a)},
		{"linked_alerts", some(l.Links, shownIDs)}, {"part_of", l.PartOf}, {"members", some(l.Identities, shownIDs)},
	}
	for _, c := range Commands(a) {
		facts = append(facts, pageFact{"command_" + c.What, c.Line})
	}
	if c, ok := Contain(a); ok {
		facts = append(facts, pageFact{"contain", c.Do}, pageFact{"contain_stops", c.Stops}, pageFact{"contain_undo", c.Undo})
	}
	return slices.DeleteFunc(facts, func(f pageFact) bool { return f.value == "" })
}

// some joins the first of a list, and says how many more there are.
func some(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:most], ", ") + " and " + strconv.Itoa(len(list)-most) + " more"
}

// moment writes milliseconds in UTC; "" for 0.
func moment(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}
