package ingest

import "strings"

// Bounds of a shapeCache.
const (
	maxShapes     = 8
	maxShapeNodes = 256
	maxShapeBytes = 16 << 10 // of a record that is kept until the next one of its shape
	shapeEvery    = 64       // records of other shapes before one more is learned
)

// shape is what records have in common that differ in their scalars only: keys,
// brackets, their order, and so all that nodes say of each other. A source writes
// records of a few shapes, or such as begin alike. So the nodes of the last record
// stay, what stands between scalars is compared and not read, and only the
// scalars and places are set anew. A scalar that is the same again is not even
// looked at.
type shape struct {
	steps  []shapeStep
	marks  []shapeMark
	nodes  []node  // as the last record left them
	next   []int32 // of each node
	traits traits
	uses   int
	plan   plan
}

// shapeStep is a gap and the scalar behind it: the text from the end of a scalar,
// or the beginning, to that of the next, or the end.
type shapeStep struct {
	gap   prefix
	marks int   // how many there are up to the end of the gap
	node  int32 // the scalar, or none at the end
	is    traits
	// Where the reader stands before the gap: behind how many nodes and which key,
	// in which block and how deep.
	count, open, depth int
	key                *cachedKey
}

// shapeMark is where a block begins or ends.
type shapeMark struct {
	node, at int32 // the place counts from the gap's beginning
	ends     bool
}

// shapeCache remembers shapes. Which records come is for those to choose who
// attack: so they are few, and learned seldom once there are that many.
type shapeCache struct {
	all   []*shape
	last  int // the one that was read last
	since int // records of other shapes since one was learned
}

// resume is where the reader goes on behind a scalar.
type resume struct{ at, open, depth int }

// begins reports whether the step's gap comes next in s, at byte at.
func (t *shapeStep) begins(s string, at int) bool {
	return t.gap.begins(s[at:]) && (t.node != none || at+len(t.gap.text) == len(s))
}

// again reads the source as a record of a shape that is known. If it is of none,
// the nodes as far as it is alike stand, and from says where to go on.
func (d *document) again() (from resume, done bool) {
	c := &d.shapes
	sh, s := c.all[c.last], d.src
	at, mark := 0, 0
	for k := 0; ; k++ {
		step := &sh.steps[k]
		if !step.begins(s, at) {
			if !d.turn(k, at) {
				return d.asFar(k, at), false
			}
			sh = c.all[c.last]
			if step = &sh.steps[k]; k > 0 {
				mark = sh.steps[k-1].marks
			}
		}
		i := at + len(step.gap.text)
		for ; mark < step.marks; mark++ {
			b := &sh.marks[mark]
			if n := &sh.nodes[b.node]; b.ends {
				n.end = int32(at) + b.at //nolint:gosec // parse bounds the source to 2 GiB
			} else {
				n.start, n.used = int32(at)+b.at, false //nolint:gosec // as above
			}
		}
		if step.node == none {
			break
		}
		m := &sh.nodes[step.node]
		if i >= len(s) {
			return d.asFar(k, at), false
		}
		from := i
		switch s[i] {
		case '"':
			i++
			if end := i + len(m.str); m.same && end < len(s) && s[end] == '"' && s[i:end] == m.str {
				m.str, i = s[i:end], end+1
				break
			}
			if j, seen := quick(s, i); j < len(s) && s[j] == '"' {
				if unsettled(s[i:j], seen) && d.changes(s[i:j]) {
					m.same = false
					return d.asFar(k, at), false
				}
				m.str, m.look, m.same = s[i:j], lookOf(s[i:j], seen), true
				i = j + 1
			} else {
				d.pos = i - 1
				text, look, err := d.string()
				if err != nil {
					return d.asFar(k, at), false
				}
				m.str, m.look, m.same, i = text, look, false, d.pos
				if d.changes(s[from:i]) {
					return d.asFar(k, at), false
				}
			}
			m.kind, m.is = kindString, step.is
			if m.look != lookNever || m.is == isElement {
				m.is |= isSuspect
			}
		case '{', '[':
			return d.asFar(k, at), false
		default:
			m.look, m.same, m.is = lookAll, false, step.is
			if end := wholeNumber(s, i); end > i {
				m.kind, m.str, i = kindNumber, s[i:end], end
				break
			}
			d.pos, m.str = i, ""
			if d.scalar(m) != nil {
				return d.asFar(k, at), false
			}
			i = d.pos
		}
		m.start, m.end, m.used = int32(from), int32(i), false //nolint:gosec // as above
		at = i
	}
	sh.uses++
	d.own = d.nodes
	d.nodes, d.shaped, d.traits, d.pos = sh.nodes, true, sh.traits, len(s)
	return from, true
}

// turn goes on with another shape: one that is alike up to step k, whose gap comes
// next at byte at.
func (d *document) turn(k, at int) bool {
	c := &d.shapes
	was := c.all[c.last]
	for i, sh := range c.all {
		if i == c.last || k >= len(sh.steps) || !sh.steps[k].begins(d.src, at) || !beginAlike(was, sh, k) {
			continue
		}
		step := &sh.steps[k]
		copy(sh.nodes, was.nodes[:step.count])
		for b := step.open; b != none; b = int(sh.nodes[b].parent) {
			sh.nodes[b].next = sh.next[b] // the rest of the block is another one
		}
		c.last = i
		return true
	}
	return false
}

// beginAlike reports whether the first k steps of two shapes are the same.
func beginAlike(a, b *shape, k int) bool {
	for i := range k {
		if a.steps[i].gap.text != b.steps[i].gap.text {
			return false
		}
	}
	return true
}

// asFar keeps the nodes before step k, which begins at byte at.
func (d *document) asFar(k, at int) resume {
	if k == 0 {
		return resume{open: none}
	}
	sh := d.shapes.all[d.shapes.last]
	step := &sh.steps[k]
	d.nodes = append(d.nodes[:0], sh.nodes[:step.count]...)
	d.traits |= sh.traits
	d.known.last = step.key
	return resume{at, step.open, step.depth}
}

// learn takes note of the shape of a record that was of none.
func (d *document) learn() {
	c := &d.shapes
	c.since++
	if !d.known.on || len(c.all) >= maxShapes && c.since < shapeEvery || len(d.src) > maxShapeBytes || len(d.nodes) > maxShapeNodes || d.nodes[0].kind != kindObject {
		return
	}
	c.since = 0
	sh := d.shape()
	if sh == nil {
		return
	}
	if len(c.all) < maxShapes {
		c.last = len(c.all)
		c.all = append(c.all, sh)
		return
	}
	c.last = 0
	for i, other := range c.all {
		if other.uses < c.all[c.last].uses {
			c.last = i
		}
		other.uses /= 2
	}
	c.all[c.last] = sh
}

// shape makes the shape of the record that was read, or nil if it has a key that
// is not kept.
func (d *document) shape() *shape {
	sh := &shape{nodes: append([]node(nil), d.nodes...), next: make([]int32, len(d.nodes)), traits: d.traits}
	step := shapeStep{open: none, key: &d.known.start}
	at := 0 // the end of the last scalar
	var blocks []int
	gap := func(end int) {
		step.gap = prefixOf(d.shapes.gap(len(sh.steps), d.src[at:end]))
		step.marks = len(sh.marks)
		sh.steps = append(sh.steps, step)
	}
	ends := func(n int) {
		for len(blocks) > 0 && int(d.nodes[blocks[len(blocks)-1]].next) <= n {
			b := blocks[len(blocks)-1]
			sh.marks = append(sh.marks, shapeMark{node: int32(b), at: d.nodes[b].end - int32(at), ends: true}) //nolint:gosec // below maxShapeBytes
			blocks = blocks[:len(blocks)-1]
		}
	}
	for i := range d.nodes {
		n := &d.nodes[i]
		sh.next[i] = n.next
		if n.slot == 0 && i > 0 && n.is&^isSuspect != isElement {
			return nil
		}
		ends(i)
		if n.kind == kindObject || n.kind == kindArray {
			sh.marks = append(sh.marks, shapeMark{node: int32(i), at: n.start - int32(at)}) //nolint:gosec // as above
			blocks = append(blocks, i)
		}
		key := step.key
		if n.slot != 0 {
			key = d.known.slots[n.slot-1]
		}
		if n.kind == kindObject || n.kind == kindArray {
			step.key = key
			continue
		}
		step.node, step.is = int32(i), n.is&^isSuspect //nolint:gosec // below maxShapeNodes
		gap(int(n.start))
		at = int(n.end)
		step = shapeStep{count: i + 1, open: int(n.parent), depth: len(blocks), key: key}
	}
	ends(len(d.nodes))
	step.node = none
	gap(len(d.src))
	return sh
}

// gap returns the text of step k as a shape has it already, which makes
// comparisons of two shapes cheap, or else a copy.
func (c *shapeCache) gap(k int, text string) string {
	for _, sh := range c.all {
		if k < len(sh.steps) && sh.steps[k].gap.text == text {
			return sh.steps[k].gap.text
		}
	}
	return strings.Clone(text)
}
