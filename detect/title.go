package detect

import (
	"slices"
	"strings"
	"unicode/utf8"
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

// onceSaid leaves out at the end of what was done what another deed of the same call
// ends with: the operation, and that it was the first.
func onceSaid(did, other string) string {
	i, k := strings.LastIndex(did, ": "), strings.LastIndex(other, ": ")
	if i < 0 || k < 0 || did[i:] != other[k:] {
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
