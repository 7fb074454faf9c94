package enrich

import (
	"bytes"
	"unsafe"

	"go.yaml.in/yaml/v3"
)

// plainReader reads the notation that inventories are made of: block mappings
// and lists, flow lists and mappings on one line, plain and quoted texts without
// escapes, comments, in ASCII. It gives up on anything else, so that what it
// accepts is exactly what the YAML library would read. Its nodes live until
// the next read, and their texts alias the piece.
type plainReader struct {
	nodes []*yaml.Node
	used  int
	lines []plainLine
	at    int
}

type plainLine struct {
	indent int
	text   []byte
	number int
}

func (r *plainReader) node(kind yaml.Kind, line int) *yaml.Node {
	if r.used == len(r.nodes) {
		r.nodes = append(r.nodes, new(yaml.Node))
	}
	n := r.nodes[r.used]
	r.used++
	*n = yaml.Node{Kind: kind, Line: line, Content: n.Content[:0]}
	return n
}

func (r *plainReader) text(b []byte, line int, quoted bool) *yaml.Node {
	n := r.node(yaml.ScalarNode, line)
	if len(b) > 0 {
		n.Value = unsafe.String(&b[0], len(b)) //nolint:gosec // the decoder copies what it keeps
	}
	n.Tag = "!!str"
	if !quoted {
		switch n.Value {
		case "", "~", "null", "Null", "NULL":
			n.Tag = "!!null"
		}
	}
	return n
}

// read gives the mapping of one entry of a block list.
func (r *plainReader) read(piece []byte, first int) (*yaml.Node, bool) {
	r.used, r.at, r.lines = 0, 0, r.lines[:0]
	for number := first; len(piece) > 0; number++ {
		line := piece
		if i := bytes.IndexByte(piece, '\n'); i >= 0 {
			line, piece = piece[:i], piece[i+1:]
		} else {
			piece = nil
		}
		line = bytes.TrimSuffix(line, []byte("\r"))
		for _, c := range line {
			if c < ' ' || c > '~' {
				return nil, false
			}
		}
		line = bytes.TrimRight(line, " ")
		body := bytes.TrimLeft(line, " ")
		if len(body) > 0 && body[0] != '#' {
			r.lines = append(r.lines, plainLine{len(line) - len(body), body, number})
		}
	}
	if len(r.lines) == 0 || !r.enter() {
		return nil, false
	}
	n, ok := r.mapping(r.lines[0].indent)
	return n, ok && r.at == len(r.lines)
}

// enter turns the line of "- x" into a line of x, further in.
func (r *plainReader) enter() bool {
	l := &r.lines[r.at]
	if len(l.text) < 3 || l.text[0] != '-' || l.text[1] != ' ' {
		return false
	}
	body := bytes.TrimLeft(l.text[1:], " ")
	l.indent += len(l.text) - len(body)
	l.text = body
	return body[0] != '#' && body[0] != '-'
}

func (r *plainReader) mapping(indent int) (*yaml.Node, bool) {
	m := r.node(yaml.MappingNode, r.lines[r.at].number)
	for r.at < len(r.lines) && r.lines[r.at].indent == indent {
		l := r.lines[r.at]
		end := nameLength(l.text)
		if end == 0 || end == len(l.text) || l.text[end] != ':' || (end+1 < len(l.text) && l.text[end+1] != ' ') {
			return nil, false
		}
		key := r.text(l.text[:end], l.number, false)
		r.at++
		v, ok := r.value(bytes.TrimLeft(l.text[end+1:], " "), indent, l.number)
		if !ok {
			return nil, false
		}
		m.Content = append(m.Content, key, v)
	}
	// A line further in belongs to no key of this mapping.
	return m, r.at == len(r.lines) || r.lines[r.at].indent < indent
}

// value reads what follows "key:": a value on the line, or a block below it.
func (r *plainReader) value(rest []byte, indent, line int) (*yaml.Node, bool) {
	if len(rest) > 0 && rest[0] != '#' {
		v, ok := r.inline(rest, line)
		// A line further in would continue this value.
		return v, ok && (r.at == len(r.lines) || r.lines[r.at].indent <= indent)
	}
	if r.at == len(r.lines) {
		return r.text(nil, line, false), true
	}
	below := r.lines[r.at]
	listed := below.text[0] == '-'
	switch {
	case below.indent > indent && listed, below.indent == indent && listed:
		return r.sequence(below.indent)
	case below.indent > indent:
		return r.mapping(below.indent)
	}
	return r.text(nil, line, false), true
}

func (r *plainReader) sequence(indent int) (*yaml.Node, bool) {
	s := r.node(yaml.SequenceNode, r.lines[r.at].number)
	for r.at < len(r.lines) && r.lines[r.at].indent == indent && r.lines[r.at].text[0] == '-' {
		if !r.enter() {
			return nil, false
		}
		l := r.lines[r.at]
		var v *yaml.Node
		var ok bool
		if end := nameLength(l.text); end > 0 && end < len(l.text) && l.text[end] == ':' && (end+1 == len(l.text) || l.text[end+1] == ' ') {
			v, ok = r.mapping(l.indent)
		} else {
			r.at++
			v, ok = r.inline(l.text, l.number)
			ok = ok && (r.at == len(r.lines) || r.lines[r.at].indent <= indent)
		}
		if !ok {
			return nil, false
		}
		s.Content = append(s.Content, v)
	}
	return s, r.at == len(r.lines) || r.lines[r.at].indent <= indent
}

// inline reads a value that ends with its line.
func (r *plainReader) inline(b []byte, line int) (*yaml.Node, bool) {
	var v *yaml.Node
	var ok bool
	switch b[0] {
	case '[', '{':
		v, b, ok = r.flow(b, line, 0)
	case '"', '\'':
		v, b, ok = r.quoted(b, line)
	default:
		end := len(b)
		if i := bytes.Index(b, []byte(" #")); i >= 0 {
			end = i
		}
		plain := bytes.TrimRight(b[:end], " ")
		if !plainStart(plain) || bytes.Contains(plain, []byte(": ")) || plain[len(plain)-1] == ':' {
			return nil, false
		}
		return r.text(plain, line, false), true
	}
	if !ok {
		return nil, false
	}
	rest := bytes.TrimLeft(b, " ")
	return v, len(rest) == 0 || (rest[0] == '#' && len(rest) < len(b))
}

func (r *plainReader) quoted(b []byte, line int) (*yaml.Node, []byte, bool) {
	end := bytes.IndexByte(b[1:], b[0]) + 1
	if end == 0 || (b[0] == '"' && bytes.IndexByte(b[:end], '\\') >= 0) || (b[0] == '\'' && end+1 < len(b) && b[end+1] == '\'') {
		return nil, nil, false
	}
	return r.text(b[1:end], line, true), b[end+1:], true
}

// flow reads "[a, b]" or "{k: v}", at most three deep.
func (r *plainReader) flow(b []byte, line, depth int) (*yaml.Node, []byte, bool) {
	kind, closing := yaml.SequenceNode, byte(']')
	if b[0] == '{' {
		kind, closing = yaml.MappingNode, '}'
	}
	n := r.node(kind, line)
	b = bytes.TrimLeft(b[1:], " ")
	if len(b) > 0 && b[0] == closing {
		return n, b[1:], true
	}
	for depth < 3 {
		if kind == yaml.MappingNode {
			end := nameLength(b)
			if end == 0 || end+1 >= len(b) || b[end] != ':' || b[end+1] != ' ' {
				return nil, nil, false
			}
			n.Content = append(n.Content, r.text(b[:end], line, false))
			b = bytes.TrimLeft(b[end+1:], " ")
		}
		if len(b) == 0 {
			return nil, nil, false
		}
		var v *yaml.Node
		var ok bool
		switch b[0] {
		case '[', '{':
			v, b, ok = r.flow(b, line, depth+1)
		case '"', '\'':
			v, b, ok = r.quoted(b, line)
		default:
			end := bytes.IndexAny(b, ",[]{}?#")
			if end < 0 {
				return nil, nil, false
			}
			plain := bytes.TrimRight(b[:end], " ")
			ok = plainStart(plain) && !bytes.Contains(plain, []byte(": ")) && plain[len(plain)-1] != ':' && !bytes.Contains(plain, []byte(" -"))
			v, b = r.text(plain, line, false), b[end:]
		}
		if !ok {
			return nil, nil, false
		}
		n.Content = append(n.Content, v)
		b = bytes.TrimLeft(b, " ")
		if len(b) == 0 {
			return nil, nil, false
		}
		if b[0] == closing {
			return n, b[1:], true
		}
		if b[0] != ',' {
			return nil, nil, false
		}
		b = bytes.TrimLeft(b[1:], " ")
	}
	return nil, nil, false
}

// nameLength is the length of the word at the beginning, as keys are made of.
func nameLength(b []byte) int {
	for i, c := range b {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(b)
}

// plainStart reports whether a text may stand without quotes, judging by a
// cautious choice of first characters.
func plainStart(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	c := b[0]
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '~'
}
