package ingest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

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
	// The key's text in the source, quotes included; zero without a key.
	keyStart, keyEnd int32
	next             int32
	parent           int32
	kind             kind
	// used says that a parser has read the node, and what is below it.
	used bool
	look look
}

// look says how much of redaction a string needs, by its bytes.
type look uint8

const (
	lookAll   look = iota // it may be spelled in another way
	lookPlain             // as it is spelled
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
	names interner
	known keyCache
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
	if cap(d.nodes) > 1<<12 {
		return false
	}
	clear(d.nodes)
	clear(d.edits)
	d.src, d.nodes, d.edits, d.raw, d.secrets, d.place = "", d.nodes[:0], d.edits[:0], nil, nil, 0
	return true
}

var (
	errTruncated = errors.New("ends in the middle of a value")
	errTrailing  = errors.New("text after the end of the value")
)

// parse reads exactly one JSON value, strictly after RFC 8259, but lets raw
// control characters stand in strings, which some loggers write.
func (d *document) parse(src string) error {
	if len(src) > 1<<31-1 {
		return errors.New("longer than 2 GiB")
	}
	d.src, d.raw, d.pos, d.nodes, d.edits, d.secrets = src, nil, 0, d.nodes[:0], d.edits[:0], nil
	d.space()
	if err := d.value(none, 0, "", 0, 0); err != nil {
		return fmt.Errorf("not JSON at byte %d: %w", d.pos, err)
	}
	d.space()
	if d.pos != len(src) {
		return fmt.Errorf("not JSON at byte %d: %w", d.pos, errTrailing)
	}
	return nil
}

func (d *document) space() {
	if d.pos < len(d.src) && d.src[d.pos] > ' ' {
		return
	}
	for d.pos < len(d.src) {
		switch d.src[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

func (d *document) value(parent, depth int, key string, keyStart, keyEnd int) error {
	if d.pos >= len(d.src) {
		return errTruncated
	}
	if len(d.nodes) >= maxNodes {
		return fmt.Errorf("more than %d values", maxNodes)
	}
	at := len(d.nodes)
	//nolint:gosec // parse bounds the source to 2 GiB and nodes to maxNodes
	d.nodes = append(d.nodes, node{key: key, start: int32(d.pos), keyStart: int32(keyStart), keyEnd: int32(keyEnd), parent: int32(parent)})
	var err error
	switch c := d.src[d.pos]; {
	case c == '"':
		n := &d.nodes[at]
		n.kind = kindString
		n.str, n.look, err = d.string()
		n.end, n.next = int32(d.pos), int32(len(d.nodes)) //nolint:gosec // as above
		return err
	case c == '{':
		d.nodes[at].kind = kindObject
		err = d.object(at, depth+1)
	case c == '[':
		d.nodes[at].kind = kindArray
		err = d.array(at, depth+1)
	case c == '-' || c >= '0' && c <= '9':
		d.nodes[at].kind = kindNumber
		d.nodes[at].str, err = d.number()
	case c == 't':
		d.nodes[at].kind = kindTrue
		d.nodes[at].str, err = d.literal("true")
	case c == 'f':
		d.nodes[at].kind = kindFalse
		d.nodes[at].str, err = d.literal("false")
	case c == 'n':
		d.nodes[at].kind = kindNull
		_, err = d.literal("null")
	default:
		err = fmt.Errorf("unexpected %q", c)
	}
	//nolint:gosec // as above
	d.nodes[at].end, d.nodes[at].next = int32(d.pos), int32(len(d.nodes))
	return err
}

func (d *document) literal(word string) (string, error) {
	if !strings.HasPrefix(d.src[d.pos:], word) {
		return "", fmt.Errorf("expected %s", word)
	}
	d.pos += len(word)
	return word, nil
}

func (d *document) number() (string, error) {
	start, s, i := d.pos, d.src, d.pos
	digits := func() bool {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if s[i] == '-' {
		i++
	}
	zero := i < len(s) && s[i] == '0'
	from := i
	ok := digits() && (!zero || i == from+1)
	if ok && i < len(s) && s[i] == '.' {
		i++
		ok = digits()
	}
	if ok && i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		ok = digits()
	}
	if !ok {
		return "", errors.New("bad number")
	}
	d.pos = i
	return s[start:i], nil
}

// Classes of bytes in a string.
const (
	classEnd     = 1 << iota // ends the quick scan
	classCover               // a secret may be spelled with it
	classTrigger             // a secret may be recognised here
	classToken               // the same, and with its prefix it is minToken bytes or longer
)

// minToken is the least length of what is recognised by its own prefix.
const minToken = 16

var classes = func() (t [256]uint8) {
	t['"'], t['\\'], t['%'] = classEnd, classEnd, classCover
	for c, trigger := range triggers {
		if trigger {
			t[c] |= classTrigger
		}
	}
	for _, c := range []byte("._-zJ") {
		t[c] = classToken
	}
	return t
}()

// string reads the string at pos and returns its unescaped text.
func (d *document) string() (text string, l look, err error) {
	s, i := d.src, d.pos+1
	start, seen := i, uint8(0)
	for i < len(s) {
		if seen |= classes[s[i]]; seen&classEnd != 0 {
			break
		}
		i++
	}
	if i < len(s) && s[i] == '"' {
		d.pos = i + 1
		switch {
		case seen&classCover != 0:
			l = lookAll
		case seen&classTrigger != 0 || seen&classToken != 0 && i-start >= minToken:
			l = lookPlain
		default:
			l = lookNever
		}
		return s[start:i], l, nil
	}
	escaped := i
	for i < len(s) && s[i] != '"' {
		if s[i] == '\\' {
			i++
		}
		i++
	}
	if i >= len(s) {
		d.pos = len(s)
		return "", lookAll, errors.New("string without an end")
	}
	if text, err = unescape(s[start:i], escaped-start); err != nil {
		return "", lookAll, err
	}
	d.pos = i + 1
	return text, lookAll, nil
}

// unescape resolves JSON escapes in s, whose first one is at i. Halves of
// surrogate pairs become U+FFFD.
func unescape(s string, i int) (string, error) {
	b := make([]byte, 0, len(s))
	b = append(b, s[:i]...)
	for i < len(s) {
		if s[i] != '\\' {
			b = append(b, s[i])
			i++
			continue
		}
		if i+1 >= len(s) {
			return "", errors.New("bad escape")
		}
		c := s[i+1]
		i += 2
		switch c {
		case '"', '\\', '/':
			b = append(b, c)
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r, ok := hex4(s, i)
			if !ok {
				return "", errors.New("bad \\u escape")
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if strings.HasPrefix(s[i:], `\u`) {
					low, ok = hex4(s, i+2)
				}
				if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
					i += 6
				}
			}
			b = utf8.AppendRune(b, r)
		default:
			return "", fmt.Errorf("bad escape \\%c", c)
		}
	}
	return decodedHashes(string(b), s), nil
}

func hex4(s string, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	v, err := strconv.ParseUint(s[i:i+4], 16, 16)
	return rune(v), err == nil
}

func (d *document) object(at, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	d.pos++
	d.space()
	if d.pos < len(d.src) && d.src[d.pos] == '}' {
		d.pos++
		return nil
	}
	for {
		if d.pos >= len(d.src) {
			return errTruncated
		}
		if d.src[d.pos] != '"' {
			return fmt.Errorf("expected a key, found %q", d.src[d.pos])
		}
		keyStart := d.pos
		key, _, err := d.string()
		if err != nil {
			return err
		}
		keyEnd := d.pos
		if d.pos < len(d.src) && d.src[d.pos] != ':' {
			d.space()
		}
		if d.pos >= len(d.src) {
			return errTruncated
		}
		if d.src[d.pos] != ':' {
			return fmt.Errorf("expected ':', found %q", d.src[d.pos])
		}
		d.pos++
		d.space()
		if err := d.value(at, depth, key, keyStart, keyEnd); err != nil {
			return err
		}
		if d.pos+1 < len(d.src) && d.src[d.pos] == ',' && d.src[d.pos+1] == '"' {
			d.pos++
			continue
		}
		done, err := d.separator('}')
		if done || err != nil {
			return err
		}
	}
}

func (d *document) array(at, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	d.pos++
	d.space()
	if d.pos < len(d.src) && d.src[d.pos] == ']' {
		d.pos++
		return nil
	}
	for {
		if err := d.value(at, depth, "", 0, 0); err != nil {
			return err
		}
		done, err := d.separator(']')
		if done || err != nil {
			return err
		}
	}
}

// separator reads what follows a member: a comma, or the end of the block.
func (d *document) separator(end byte) (done bool, err error) {
	d.space()
	if d.pos >= len(d.src) {
		return false, errTruncated
	}
	switch d.src[d.pos] {
	case end:
		d.pos++
		return true, nil
	case ',':
		d.pos++
		d.space()
		return false, nil
	default:
		return false, fmt.Errorf("expected ',' or %q, found %q", end, d.src[d.pos])
	}
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
func (d *document) uint(n int) uint64 {
	whole, _, _ := strings.Cut(d.text(n), ".")
	return count(whole)
}
