package detect

import (
	"regexp"
	"strings"
	"time"
)

// stampFormat begins what is said of a call: "At 2026-07-05 14:01 UTC, ". It is the
// event's own time.
const stampFormat = "At 2006-01-02 15:04 UTC, "

// stamped is a sentence about a call, which begins with a caller's name, with when it
// happened and the name that is shown of him.
func stamped(at int64, name, shown, sentence string) string {
	if sentence == "" {
		return sentence
	}
	stamp := time.Unix(0, at).UTC().Format(stampFormat)
	if rest, ok := after(sentence, name); ok {
		return stamp + shown + rest
	}
	return strings.TrimSuffix(stamp, ", ") + ": " + sentence
}

// after is what a sentence says after a name that it begins with.
func after(sentence, name string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(sentence, name)
	return rest, ok && (strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, ", "))
}

// unstamped parts a sentence from its stamp, which is the zero time where it has none.
func unstamped(sentence string) (at time.Time, rest string) {
	if len(sentence) < len(stampFormat) {
		return at, sentence
	}
	at, err := time.Parse(stampFormat, sentence[:len(stampFormat)])
	if err != nil {
		return time.Time{}, sentence
	}
	return at, sentence[len(stampFormat):]
}

// teller puts the sentences of an alert's findings one after the other: what one has
// said (whose call, which day, from where) the next does not say again.
type teller struct {
	name  string // as sentences begin with it; empty where several callers have done it
	at    time.Time
	place string
	did   []*part
	said  []string // of this minute
}

// origins finds where a sentence says that a call came from.
var origins = regexp.MustCompile(` from (?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+)(?: \((?:[^()]|\([^()]*\))*\))?`)

// lately begins what firstUse.finding says of a class that an identity has not used
// for long.
const lately = ". It began to "

// retell is the sentence of a part, after those told before.
func (t *teller) retell(q *part) string {
	at, s := unstamped(q.Sentence)
	if i := strings.Index(s, lately); i > 0 && q.Capability != 0 && t.name != "" {
		for _, o := range t.did {
			if o.Capability == q.Capability {
				s = s[:i+1] // said of the first
				break
			}
		}
	}
	switch rest, ok := after(s, t.name); {
	case ok && len(t.did) > 0:
		s = "it" + rest
	case !ok && len(t.did) == 0 && t.name != "":
		if rest, ok := after(s, "It"); ok {
			s = t.name + rest // what is said first has a subject
		}
	}
	if place := origins.FindString(s); place != "" {
		if place == t.place {
			s = strings.Replace(s, place, " from there", 1)
		}
		t.place = place
	}
	if !at.Equal(t.at) {
		t.said = t.said[:0]
	}
	s = t.briefly(s)
	t.did = append(t.did, q)
	switch {
	case at.IsZero():
	case at.Equal(t.at):
	case at.Format(time.DateOnly) == t.at.Format(time.DateOnly):
		s = at.Format("At 15:04 UTC, ") + s
	default:
		s = at.Format(stampFormat) + s
	}
	if !at.IsZero() {
		t.at = at
	}
	if rest, ok := after(s, "it"); ok {
		s = "It" + rest
	}
	return s
}

// briefly leaves out which call it was where the minute's sentences have said it: "it
// called s3:ListBuckets from there. Country DE was not seen" is about the country.
func (t *teller) briefly(s string) string {
	whole := s
	if rest, ok := after(s, t.name); ok {
		whole = "it" + rest
	}
	if call, rest, ok := strings.Cut(whole, " from there. "); ok {
		for _, o := range t.said {
			if _, ok := after(o, call); ok && strings.HasPrefix(call, "it called ") {
				s = rest
				break
			}
		}
	}
	t.said = append(t.said, whole)
	return s
}
