package ingest

// Bounds of one JSON record. The nesting of real records is below ten, their
// number of values below a thousand.
const (
	maxDepth = 64
	maxNodes = 1 << 16
)

// kind is the type of a JSON value.
type kind uint8

const (
	kindString kind = iota
	kindNumber
	kindTrue
	kindFalse
	kindNull
	kindObject
	kindArray
)

// none is the node that is not there.
const none = -1

// node is one value of a document. A node's subtree is the run of nodes up to
// next, so that siblings are reached without pointers.
type node struct {
	key string // of a member: unescaped, and redacted once redact ran
	str string // of a scalar: unescaped text of a string, else the literal
	// The value's text in the source, quotes included.
	start, end int32
	// The key's text in the source, quotes included; zero without a key, and of
	// one that has a slot.
	keyStart, keyEnd int32
	next             int32
	parent           int32
	// slot is the key's place in the cache of keys and one; zero without one.
	slot uint16
	kind kind
	// used says that a parser has read the node, and what is below it.
	used bool
	// same says that str is text of the source as it stands.
	same  bool
	look  look
	level secrecy // of the value by its key, where that has a slot
	is    traits
}

// look says how much of redaction a string needs, by its bytes.
type look uint8

const (
	lookAll   look = iota // it may be spelled in another way
	lookPlain             // as it is spelled
	lookRun               // only base64 may be in it
	lookNever             // nothing can be recognised in it
)

// document is one JSON text as a flat list of nodes in source order. All
// strings without an escape are parts of src: reading a record costs one
// allocation, the source's own.
type document struct {
	src   string
	nodes []node
	edits []edit
	pos   int
	raw   []byte // what src is a copy of, where that is known
	// arrival is whose record it is while a source is read as it came.
	arrival *parser
	names   interner
	known   keyCache
	// shapes have nodes of their own, which stand in nodes while shaped is set; own
	// keeps those of the document.
	shapes shapeCache
	shaped bool
	own    []node
	// planned is the plan of a record that has no shape.
	planned plan
	// traits are those of all keys together.
	traits traits
	clean  cleanTexts
	// place is that of a record in the list that its format splits.
	place int
	// secrets remembers which objects are Secrets of Kubernetes.
	secrets map[int]bool
}

// edit replaces part of the source by text that hides a secret.
type edit struct {
	start, end int32
	text       string
}

// reset empties the document and reports whether it is fit for reuse: the
// memory of one huge record must not stay for good.
func (d *document) reset() bool {
	if d.shaped {
		d.nodes, d.shaped = d.own[:0], false // those of a shape stay, of which the texts are few and short
	}
	if cap(d.nodes) > 1<<12 {
		return false
	}
	clear(d.nodes)
	clear(d.edits)
	d.src, d.nodes, d.edits, d.raw, d.secrets, d.place = "", d.nodes[:0], d.edits[:0], nil, nil, 0
	return true
}

// first returns the first child of n, or none.
func (d *document) first(n int) int {
	if n < 0 || int(d.nodes[n].next) == n+1 {
		return none
	}
	return n + 1
}

// after returns the sibling that follows child c of n, or none.
func (d *document) after(n, c int) int {
	if next := d.nodes[c].next; next < d.nodes[n].next {
		return int(next)
	}
	return none
}

// get returns the member of object n with that key, or none. Of equal keys
// the first wins.
func (d *document) get(n int, key string) int {
	if n < 0 || d.nodes[n].kind != kindObject {
		return none
	}
	for c := d.first(n); c != none; c = d.after(n, c) {
		if d.nodes[c].key == key {
			return c
		}
	}
	return none
}

// plan is what a parser has worked out of the keys and brackets of a record, which
// are the same in all records of a shape.
type plan struct {
	root int // the record's node and one
	made any
}

// plan returns the place of the plan for the record at node root, in the shape or,
// where the record has none, in the document, and whether it is made already.
func (d *document) plan(root int) (p *plan, made bool) {
	p = &d.planned
	if d.shaped {
		p = &d.shapes.all[d.shapes.last].plan
		made = p.root == root+1
	}
	p.root = root + 1
	return p, made
}

// pick is get for three keys in one pass.
func (d *document) pick(n int, a, b, c string) (found [3]int) {
	found = [3]int{none, none, none}
	if n < 0 || d.nodes[n].kind != kindObject {
		return found
	}
	end := int(d.nodes[n].next)
	for i := n + 1; i < end; i = int(d.nodes[i].next) {
		at := 0
		switch d.nodes[i].key {
		case a:
		case b:
			at = 1
		case c:
			at = 2
		default:
			continue
		}
		if found[at] == none {
			found[at] = i
		}
	}
	return found
}

// beside returns the member of object n with that key where it stands among the
// first 16: for what is asked of each member of an object that has a few only,
// unless somebody writes thousands to keep us busy.
func (d *document) beside(n int, key string) int {
	for c, i := d.first(n), 0; c != none && i < 16; c, i = d.after(n, c), i+1 {
		if d.nodes[c].key == key {
			return c
		}
	}
	return none
}

// path follows keys from n.
func (d *document) path(n int, keys ...string) int {
	for _, k := range keys {
		if n = d.get(n, k); n == none {
			return none
		}
	}
	return n
}

// text returns the scalar at n as text; null, blocks and none are "".
func (d *document) text(n int) string {
	if n < 0 {
		return ""
	}
	return d.nodes[n].str
}

// uint returns the non-negative number at n, which may stand in quotes and
// may have a fraction, which is cut off; anything else is 0.
func (d *document) uint(n int) (v uint64) {
	s := d.text(n)
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			return v
		case !isDigit(c) || i >= maxCount:
			return 0
		default:
			v = v*10 + uint64(c-'0')
		}
	}
	return v
}
