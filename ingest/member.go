package ingest

import "strings"

// fold returns what stands below keys, in any case: collectors, warehouses and
// sometimes the sources themselves don't agree on it. Of two members the one
// that is spelled as asked counts.
func (d *document) fold(n int, keys ...string) int {
	for _, key := range keys {
		if n < 0 || d.nodes[n].kind != kindObject {
			return none
		}
		found := none
		for c := d.first(n); c != none; c = d.after(n, c) {
			k := d.nodes[c].key
			if k == key {
				found = c
				break
			}
			if found == none && len(k) == len(key) && strings.EqualFold(k, key) {
				found = c
			}
		}
		n = found
	}
	return n
}

// scalars lists the scalars of array n, of which maxScopes are read, or the one
// that it is.
func (d *document) scalars(n int) (list []string) {
	if n == none {
		return nil
	}
	if d.nodes[n].kind != kindArray {
		return addOnce(nil, d.nodes[n].str, 1)
	}
	for c := d.first(n); c != none && len(list) < maxScopes; c = d.after(n, c) {
		if v := d.nodes[c].str; v != "" {
			list = append(list, v)
		}
	}
	return list
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
	return part{p.d, p.d.fold(p.n, names...)}
}

// there reports whether there is something.
func (p part) there() bool { return p.n != none }

// value returns the scalar at p without taking it.
func (p part) value() string {
	if p.n == none {
		return ""
	}
	return p.d.nodes[p.n].str
}

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
	if p.n == none || p.d.nodes[p.n].kind != kindString {
		return p
	}
	text := strings.Trim(p.d.nodes[p.n].str, aroundText)
	if text == "" || text[0] != '{' {
		return p
	}
	inner := &document{}
	if inner.parse(text) != nil {
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

// rests keeps what was not taken of p's members, under their names after a
// prefix.
func (p part) rests(r *record, prefix string) {
	p.each(func(key string, v part) { v.rest(r, prefix+key) })
}

// restOf keeps what is left below node n, under its names after a prefix.
func (r *record) restOf(n int, prefix string) {
	if n != none {
		part{&r.doc, n}.rests(r, prefix)
		r.doc.nodes[n].used = true
	}
}
