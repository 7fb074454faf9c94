package ingest

import "strings"

// member returns the member of object n by its name in any case, or none.
// Some sources, and the lakes between them and Lapwing, don't agree with
// themselves on it.
func (d *document) member(n int, name string) int {
	if n < 0 || d.nodes[n].kind != kindObject {
		return none
	}
	for c := d.first(n); c != none; c = d.after(n, c) {
		if len(d.nodes[c].key) == len(name) && strings.EqualFold(d.nodes[c].key, name) {
			return c
		}
	}
	return none
}

// part is an object of a record, or of JSON inside of one of its strings.
type part struct {
	d *document
	n int
}

// part returns what stands below names, in any case, of the record.
func (r *record) part(names ...string) part { return part{&r.doc, r.root}.at(names...) }

// at follows names, in any case.
func (p part) at(names ...string) part {
	for _, name := range names {
		if p.n == none {
			break
		}
		p.n = p.d.member(p.n, name)
	}
	return p
}

// there reports whether there is something.
func (p part) there() bool { return p.n != none }

// text returns the scalar below names and takes it as read.
func (p part) text(names ...string) string {
	p = p.at(names...)
	if p.n == none {
		return ""
	}
	p.d.nodes[p.n].used = true
	return p.d.nodes[p.n].str
}

// each calls f with every member or element.
func (p part) each(f func(key string, v part)) {
	if p.n == none {
		return
	}
	for c := p.d.first(p.n); c != none; c = p.d.after(p.n, c) {
		f(p.d.nodes[c].key, part{p.d, c})
	}
}

// unpacked returns the object at p: itself, or the one that stands in it as
// JSON text; what is neither stays as it is.
func (p part) unpacked() part {
	if p.n == none || p.d.nodes[p.n].kind != kindString || !strings.HasPrefix(p.d.nodes[p.n].str, "{") {
		return p
	}
	inner := &document{}
	if inner.parse(p.d.nodes[p.n].str) != nil {
		return p
	}
	p.d.nodes[p.n].used = true
	return part{inner, 0}
}

// rest keeps what was not taken of p as attributes below name.
func (p part) rest(r *record, name string) {
	if p.n != none {
		p.d.attributes(r.ev, p.n, name, nil)
	}
}

// rests keeps what was not taken of p's members, under their own names.
func (p part) rests(r *record) {
	p.each(func(key string, v part) { v.rest(r, key) })
}
