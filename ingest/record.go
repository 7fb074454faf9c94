package ingest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// record is one sub-record on its way to an event: what a format's function
// gets. Secrets are replaced already in doc, not in line.
type record struct {
	p  *parser
	ev *schemas.Event
	// doc is the JSON text that holds the record, and root its node there;
	// what stands around it can be reached from its parents.
	doc  document
	root int
	// line is a record of text, without what was wrapped around it.
	line string
	// fields is the #Fields line above it, where it has an order of its own.
	fields string
	// walk is that of a raw record, of which this is the first sub-record.
	walk walk
}

func (p *parser) newRecord() *record {
	r := p.records.Get().(*record)
	r.p = p
	return r
}

func (r *record) free() {
	p, cleared := r.p, r.walk.spare == r // walk.give cleared it
	if r.p, r.walk = nil, (walk{}); cleared || r.clear() {
		p.records.Put(r)
	}
}

// clear empties the record and reports whether it is fit for reuse.
func (r *record) clear() bool {
	r.ev, r.line, r.fields, r.root = nil, "", "", 0
	return r.doc.reset()
}

// get follows keys from the record to a node, or none.
func (r *record) get(keys ...string) int { return r.doc.path(r.root, keys...) }

// text returns the scalar at the end of keys, "" where there is none, and
// takes it as read: rest will not repeat it.
func (r *record) text(keys ...string) string { return r.take(r.get(keys...)) }

// take returns the scalar at node n and takes it as read.
func (r *record) take(n int) string {
	if n == none {
		return ""
	}
	r.doc.nodes[n].used = true
	return r.doc.nodes[n].str
}

// use takes everything below keys as read.
func (r *record) use(keys ...string) {
	if n := r.get(keys...); n != none {
		r.doc.nodes[n].used = true
	}
}

// rest keeps every scalar of the record that was not taken as an attribute,
// under its dotted path.
func (r *record) rest() {
	for n := r.doc.first(r.root); n != none; n = r.doc.after(r.root, n) {
		if !r.doc.nodes[n].used {
			r.doc.attributes(r.ev, n, r.doc.nodes[n].key, nil)
		}
	}
}

// missing is the error for a field without which there is no event.
func missing(field string) error { return errors.New(field + ": missing") }

// inField says in which field an error stands.
func inField(field string, err error) error { return fmt.Errorf("%s: %w", field, err) }

// time sets the event's time from a field in any notation that parseAnyTime
// reads.
func (r *record) time(keys ...string) error { return r.when(strings.Join(keys, "."), r.get(keys...)) }

// item returns the scalar at node n, or the first one of a list.
func (r *record) item(n int) string {
	if n != none && r.doc.nodes[n].kind == kindArray {
		n = r.doc.first(n)
	}
	return r.doc.text(n)
}

// list returns the scalars of a list, or the one that stands in its place, and
// takes them as read; what else stands in the list is left to rest.
func (r *record) list(n int) []string {
	if n == none {
		return nil
	}
	mark := func(n int) {
		if kind := r.doc.nodes[n].kind; kind != kindObject && kind != kindArray {
			r.doc.nodes[n].used = true
		}
	}
	if mark(n); r.doc.nodes[n].kind == kindArray {
		for c := r.doc.first(n); c != none; c = r.doc.after(n, c) {
			mark(c)
		}
	}
	return r.doc.scalars(n)
}

// joined returns the scalars of the list at the end of keys in one text.
func (r *record) joined(keys ...string) string { return strings.Join(r.list(r.get(keys...)), ",") }
