package ingest

import "bytes"

// confidence is how sure a format is of a record.
type confidence uint8

const (
	no confidence = iota
	// possible: nothing speaks against it, and little for it.
	possible
	// likely: names or a layout that others share now and then.
	likely
	// certain: what no other format has.
	certain
)

// probe is a record that is looked at, before anyone knows what it is: a JSON
// object, perhaps cut off, or a line of text without its wrapping.
type probe struct {
	doc  *document // nil for text
	root int
	line string
	// fields is the #Fields line above it.
	fields string
}

// has reports whether the object has all of these members.
func (p *probe) has(keys ...string) bool {
	if p.doc == nil {
		return false
	}
	for _, k := range keys {
		if p.doc.get(p.root, k) == none {
			return false
		}
	}
	return true
}

// count returns how many of these members the object has.
func (p *probe) count(keys ...string) (n int) {
	for _, k := range keys {
		if p.has(k) {
			n++
		}
	}
	return n
}

// text returns the scalar at the end of keys.
func (p *probe) text(keys ...string) string {
	if p.doc == nil {
		return ""
	}
	return p.doc.text(p.doc.path(p.root, keys...))
}

// object reports whether a member is an object.
func (p *probe) object(key string) bool {
	if p.doc == nil {
		return false
	}
	n := p.doc.get(p.root, key)
	return n != none && p.doc.nodes[n].kind == kindObject
}

// Detect names the format of a sample by its content: the start of a file, or
// one record.
func (s *Set) Detect(sample []byte) (format string, ok bool) {
	d := detector{set: s}
	return d.detect(sample, "")
}

// detector holds the memory that looking at records takes.
type detector struct {
	set *Set
	doc document
}

// detect returns the format that is surest of a sample. Of equally sure ones
// it is preferred, if among them, else the first in the table.
func (d *detector) detect(sample []byte, preferred string) (format string, ok bool) {
	body := bytes.TrimSpace(bytes.TrimPrefix(sample, bom))
	fields := ""
	for isDirective(body) {
		directive, rest, _ := bytes.Cut(body, []byte{'\n'})
		if own, ok := ownOrder(bytes.TrimSpace(directive)); ok {
			fields = own
		}
		body = bytes.TrimSpace(rest)
	}
	if len(body) == 0 {
		return "", false
	}
	if body[0] != '{' && !startsArray(body, splitMixed) {
		line, _, _ := bytes.Cut(body, []byte{'\n'})
		return d.line(cleanText(line), fields, preferred, 0)
	}
	// Of what is cut off, the nodes up to there stand.
	_ = d.doc.parse(cleanText(body))
	if len(d.doc.nodes) == 0 {
		return "", false
	}
	return d.value(&d.doc, 0, preferred, 0)
}

func (d *detector) line(text, fields, preferred string, wraps int) (string, bool) {
	text = unwrapLine(text)
	if text == "" || wraps > maxWraps {
		return "", false
	}
	if text[0] == '{' || text[0] == '[' && startsArray([]byte(text[:min(len(text), 64)]), splitMixed) {
		doc := &document{}
		_ = doc.parse(text)
		if len(doc.nodes) == 0 {
			return "", false
		}
		return d.value(doc, 0, preferred, wraps+1)
	}
	return d.set.surest(&probe{line: text, fields: fields}, preferred)
}

func (d *detector) value(doc *document, n int, preferred string, wraps int) (string, bool) {
	if wraps > maxWraps {
		return "", false
	}
	switch doc.nodes[n].kind {
	case kindArray:
		if c := doc.first(n); c != none {
			return d.value(doc, c, preferred, wraps+1)
		}
		return "", false
	case kindString:
		return d.line(doc.nodes[n].str, "", preferred, wraps+1)
	case kindObject:
	default:
		return "", false
	}
	if name, ok := d.set.surest(&probe{doc: doc, root: n}, preferred); ok {
		return name, true
	}
	inner := doc.envelope(n)
	if inner == none {
		return "", false
	}
	if doc.nodes[inner].kind == kindString {
		text, err := doc.enclosed(inner)
		if err != nil {
			return "", false
		}
		return d.line(text, "", preferred, wraps+1)
	}
	return d.value(doc, inner, preferred, wraps+1)
}

func (s *Set) surest(p *probe, preferred string) (format string, ok bool) {
	best := no
	for i := range s.formats {
		c := s.formats[i].match(p)
		if c > best || c == best && c > no && s.formats[i].Name == preferred {
			best, format = c, s.formats[i].Name
		}
	}
	return format, best > no
}
