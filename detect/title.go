package detect

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

// display is what a person calls the identity.
func display(id string, f *facts) string {
	if f.name != "" {
		return f.name
	}
	return shortID(id)
}

// shortID is an identity's id without the provider and account before it:
// "role/ci-deploy". What a path does not follow stays whole: an API key's hash
// is cut, and of a web identity only the subject tells one from another.
func shortID(id string) string {
	if rest, ok := strings.CutPrefix(id, "anonymous:"); ok {
		if _, network, ok := strings.Cut(rest, "/"); ok && network != "" {
			return "anonymous caller in " + network
		}
	}
	if _, web, ok := strings.Cut(id, ":web/"); ok {
		// PROVIDER:AUDIENCE:SUBJECT, where the provider has a path of its own.
		if _, rest, ok := strings.Cut(web, ":"); ok {
			if _, subject, ok := strings.Cut(rest, ":"); ok && subject != "" {
				return subject
			}
		}
	}
	path := strings.IndexByte(id, '/')
	if path < 0 || strings.HasPrefix(id[path:], "//") {
		const whole = 48
		if len(id) > whole {
			return clip(id, 24)
		}
		return id
	}
	return id[strings.LastIndexByte(id[:path], ':')+1:]
}

// Bounds of a title: what fits a phone's lock screen, and what none exceeds,
// however long names are.
const (
	titleWanted = 100
	titleMost   = 160
)

// leads is the place in parts of the finding that an alert is about: the one that
// opened it, gravest of its call. It heads every version, so that no version reads
// like another alert.
func leads(a *openAlert, parts []part) int {
	for i := range a.parts {
		q := &a.parts[i]
		if q.meta == &riskCard && len(a.parts) > 1 {
			continue // a sum heads nothing: what it adds up does
		}
		return max(0, slices.IndexFunc(parts, func(o part) bool {
			return o.meta == q.meta && o.Value == q.Value && o.Refused == q.Refused
		}))
	}
	return 0
}

// title says who did what, and the gravest of what was added since.
func title(id string, f *facts, lead *part, parts []part) string {
	name := clip(display(id, f), 64)
	if f.name != "" && !f.managed {
		name = `"` + name + `"` // nobody but the caller says that it is called so
	}
	return clip(titleWords(name, lead, parts), titleMost)
}

func titleWords(name string, lead *part, parts []part) string {
	did := lead.Did
	if did == "" {
		did = ": " + strings.ToLower(lead.meta.Title[:1]) + lead.meta.Title[1:]
	} else {
		did = " " + did
	}
	q := added(lead, parts)
	if q == nil {
		if more := furtherDeeds(lead, parts); utf8.RuneCountInString(name+did+more) <= titleMost {
			did += more
		}
		return name + did
	}
	and := " and "
	switch {
	case q.first > lead.first:
		and = ", then "
	default:
		did = onceSaid(did, q.Did)
		if strings.ContainsAny(did, ",:") {
			and = ", and "
		}
	}
	whole := name + did + and + q.Did
	switch n := utf8.RuneCountInString(whole); {
	case q.severity <= lead.severity && n > titleWanted && q.Way < WayConsequence:
		return name + did // no graver: told below
	case n > titleMost:
		did = clip(did, max(24, titleMost-len(name)-len(and)-len(q.Did)-3))
	}
	return name + did + and + q.Did
}

// furtherDeeds says what else of its grave class the identity did after the deed that leads:
// ", then s3:DeleteBucket on orders and 2 more", or nothing. Deeds of one name are one.
func furtherDeeds(lead *part, parts []part) string {
	if lead.Way != WayConsequence || lead.sums() || !lead.Capability.Any(capability.Grave) {
		return ""
	}
	var next *part
	n := 0
	for i := range parts {
		q := &parts[i]
		if q.meta != lead.meta || q.Way != WayConsequence || q.Value == lead.Value || strings.HasPrefix(lead.Did, q.Did) || q.sums() || q.Refused && !lead.Refused {
			continue
		}
		if n++; next == nil || q.first < next.first {
			next = q
		}
	}
	if next == nil {
		return ""
	}
	did := next.Did
	if i := strings.Index(did, ": "); i >= 0 && !next.Refused {
		did = did[i+2:] // the class is said
	}
	out := ", then " + did
	if next.first == lead.first {
		out = ", and " + did
	}
	if n > 1 {
		out += " and " + thousands(n-1) + " more"
	}
	return out
}

// deedOf names a deed for a title: the operation, and the thing that it was done to:
// "s3:DeleteBucket on orders".
func deedOf(ev *schemas.Event) string {
	op, thing := shortOperation(ev.Operation), titledTarget(ev)
	if thing == "" || isUUID(thing) || strings.Contains(op, thing) {
		return op
	}
	return op + onThing + clipMiddle(thing, titledThing*2/3)
}

// onThing stands before the thing in deedOf.
const onThing = " on "

// onceSaid leaves out at the end of what was done what another deed of the same call
// ends with: the operation, and that it was the first.
func onceSaid(did, other string) string {
	i, k := strings.LastIndex(did, ": "), strings.LastIndex(other, ": ")
	if i < 0 || k < 0 {
		return did
	}
	if op, _, _ := strings.Cut(did[i:], onThing); op != other[k:] && did[i:] != other[k:] {
		return did
	}
	did, other = did[:i], other[:k]
	const first = " for the first time"
	if strings.HasSuffix(other, first) {
		did = strings.TrimSuffix(did, first)
	}
	return did
}

// added is the finding that a title names beside the one that leads: the gravest that
// is graver, a deed of another kind, or beside a statistic one of another family; of weak
// evidence the strongest of another family. More of the same is no news.
func added(lead *part, parts []part) *part {
	for i := range parts {
		q := &parts[i]
		if q.Did == "" || strings.HasPrefix(lead.Did, q.Did) || q.meta == &riskCard || q.meta == lead.meta && lead.Way < WayConsequence {
			continue
		}
		other := q.meta.Family.evidence() != lead.meta.Family.evidence()
		switch {
		case q.severity > lead.severity && q.Way > WayFused:
		case q.Way >= WayConsequence && (q.Capability&^lead.Capability != 0 || q.meta.Basis == Declared && q.meta != lead.meta):
		case other && q.Way == WayStrong && lead.Way == WayStrong && q.severity == lead.severity:
		case other && q.Way == WayFused && lead.Way == WayFused:
		default:
			continue
		}
		return q
	}
	return nil
}
