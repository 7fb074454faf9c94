package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// What the audit logs of services share. Their fields are read by name, not in
// one pass: there are few of them a second, and each has its own shape.

// either takes the first of some members that says something.
func (r *record) either(keys ...string) string {
	for _, key := range keys {
		if n := r.get(key); r.doc.text(n) != "" {
			return r.take(n)
		}
	}
	return ""
}

// scopeList cuts a list of scopes or roles, parted by blanks or commas.
func scopeList(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == ',' })
}

// touch adds what the call touched.
func (r *record) touch(names ...string) {
	for _, name := range names {
		r.ev.Resources = addOnce(r.ev.Resources, clip(name, maxMessage), maxResources)
	}
}

// give adds who gets something by the call.
func (r *record) give(names ...string) {
	for _, name := range names {
		r.ev.Grantees = addOnce(r.ev.Grantees, clip(name, maxMessage), maxGrantees)
	}
}

// behalf records that an application acted for a user: the application is the
// identity, for its rights and its credential are used.
func (r *record) behalf(user, app string) {
	if user != "" && app != "" && user != app {
		r.ev.Delegation = []string{user, app}
	}
}

// when sets the event's time from the first of some nodes that is there.
func (r *record) when(field string, nodes ...int) (err error) {
	s := ""
	for _, n := range nodes {
		if v := r.take(n); s == "" {
			s = v
		}
	}
	if r.ev.Time, err = parseAnyTime(s); err != nil {
		return inField(field, err)
	}
	return nil
}

// moment reads a time that may be absent or wrong, as zero.
func moment(s string) int64 {
	t, err := parseAnyTime(s)
	if err != nil {
		return 0
	}
	return t
}

// refusedWords are parts of the messages by which services refuse a caller, in
// lower case.
var refusedWords = []string{"denied", "unauthorized", "not authorized", "forbidden", "insufficient", "permission", "not allowed", "invalid credentials", "privilege"}

// failure sorts a failed call by what the source says of it.
func failure(reason string) schemas.Outcome {
	reason = strings.ToLower(reason)
	for _, w := range refusedWords {
		if strings.Contains(reason, w) {
			return schemas.Outcome_OUTCOME_DENIED
		}
	}
	return schemas.Outcome_OUTCOME_ERROR
}
