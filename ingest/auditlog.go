package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// What the audit logs of services share. Their fields are read by name, not in
// one pass: there are few of them a second, and each has its own shape.

// fold returns the member of object n with that key in any case: collectors
// and warehouses write keys in lower case or with a capital.
func (d *document) fold(n int, keys ...string) int {
	for _, key := range keys {
		if n < 0 || d.nodes[n].kind != kindObject {
			return none
		}
		found := d.get(n, key)
		for c := d.first(n); found == none && c != none; c = d.after(n, c) {
			if len(d.nodes[c].key) == len(key) && strings.EqualFold(d.nodes[c].key, key) {
				found = c
			}
		}
		n = found
	}
	return n
}

// scalars lists the scalars of array n, or the one that it is.
func (d *document) scalars(n int) (list []string) {
	if n == none {
		return nil
	}
	if d.nodes[n].kind != kindArray {
		if d.nodes[n].str == "" {
			return nil
		}
		return []string{d.nodes[n].str}
	}
	for c := d.first(n); c != none; c = d.after(n, c) {
		if d.nodes[c].str != "" {
			list = append(list, d.nodes[c].str)
		}
	}
	return list
}

// takeAll takes the scalars of a list as read; what else stands in the list
// stays for rest.
func (r *record) takeAll(n int) []string {
	if n == none {
		return nil
	}
	list := r.doc.scalars(n)
	if r.doc.nodes[n].kind != kindArray {
		r.doc.nodes[n].used = r.doc.nodes[n].kind != kindObject
		return list
	}
	for c := r.doc.first(n); c != none; c = r.doc.after(n, c) {
		r.doc.nodes[c].used = r.doc.nodes[c].kind != kindObject && r.doc.nodes[c].kind != kindArray
	}
	return list
}

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

// setID keeps the source's own id of the record, if it can be one.
func (r *record) setID(id string) {
	if id != "" && len(id) <= maxEventID {
		r.ev.Id = id
	}
}

// setSource keeps the caller's address, and what stands in its place.
func (r *record) setSource(name, v string) {
	if r.ev.SrcIp = address(v); r.ev.SrcIp == "" {
		attribute(r.ev, name, v)
	}
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

// restOf keeps what is left below node n, under its names after a prefix.
func (r *record) restOf(n int, prefix string) {
	if n == none {
		return
	}
	for c := r.doc.first(n); c != none; c = r.doc.after(n, c) {
		r.doc.attributes(r.ev, c, prefix+r.doc.nodes[c].key, nil)
	}
	r.doc.nodes[n].used = true
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
