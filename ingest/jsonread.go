package ingest

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

var (
	errTruncated = errors.New("ends in the middle of a value")
	errTrailing  = errors.New("text after the end of the value")
	errDeep      = fmt.Errorf("nested deeper than %d", maxDepth)
	errMany      = fmt.Errorf("more than %d values", maxNodes)
)

// parse reads exactly one JSON value, strictly after RFC 8259, but lets raw
// control characters stand in strings, which some loggers write. After an error
// the nodes up to it stand.
func (d *document) parse(src string) error {
	if len(src) > 1<<31-1 {
		return errors.New("longer than 2 GiB")
	}
	d.begin(src)
	if len(src) > maxShapeBytes || len(d.shapes.all) == 0 {
		return d.readFrom(resume{open: none})
	}
	from, done := d.again()
	if done {
		return nil
	}
	return d.readFrom(from)
}

// begin makes the document ready for a source.
func (d *document) begin(src string) {
	if d.shaped {
		d.nodes, d.shaped = d.own, false
	}
	d.src, d.raw, d.pos, d.nodes, d.edits, d.secrets, d.traits = src, nil, 0, d.nodes[:0], d.edits[:0], nil, 0
	if d.known.begin() {
		d.shapes = shapeCache{} // they know keys by their slots
	}
}

// readFrom reads the source from a place on, and learns its shape.
func (d *document) readFrom(from resume) error {
	open, err := d.read(from)
	if err != nil {
		for ; open != none; open = int(d.nodes[open].parent) {
			d.close(open)
		}
		return fmt.Errorf("not JSON at byte %d: %w", d.pos, err)
	}
	d.learn()
	return nil
}

// close ends the block at node n where the document has been read to.
func (d *document) close(n int) {
	//nolint:gosec // parse bounds the source to 2 GiB and nodes to maxNodes
	d.nodes[n].end, d.nodes[n].next = int32(d.pos), int32(len(d.nodes))
}

func skipSpace(s string, i int) int {
	for i < len(s) && s[i] <= ' ' && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') {
		i++
	}
	return i
}

// read reads the value of the whole source, or what is left of it. open is the
// innermost block that was not closed when there is an error. One loop without
// calls is what makes it quick.
//
//nolint:gosec // as in close
func (d *document) read(from resume) (open int, err error) {
	s, i, depth := d.src, from.at, from.depth
	open = from.open
	var m *node // the value that is being read, in its place: a copy of each costs as much as its key
	if i == 0 {
		m, i = d.add(), skipSpace(s, 0)
	}
	for {
		// Without a value to read, one has ended at i, or an empty block ends there.
		for m == nil {
			if i = skipSpace(s, i); open == none {
				if d.pos = i; i != len(s) {
					return open, errTrailing
				}
				return open, nil
			}
			if i >= len(s) {
				d.pos = i
				return open, errTruncated
			}
			b, end := &d.nodes[open], byte('}')
			if b.kind == kindArray {
				end = ']'
			}
			if s[i] == end {
				i++
				b.end, b.next = int32(i), int32(len(d.nodes))
				open = int(b.parent)
				depth--
				continue
			}
			if s[i] != ',' {
				d.pos = i
				return open, fmt.Errorf("expected ',' or %q, found %q", end, s[i])
			}
			i = skipSpace(s, i+1)
			m = d.add()
			if end == ']' {
				m.is = isElement
			} else if i, err = d.member(i, m); err != nil {
				d.nodes = d.nodes[:len(d.nodes)-1]
				return open, err
			}
		}
		// A value begins at i.
		at := len(d.nodes) - 1
		if i >= len(s) {
			d.pos, d.nodes = i, d.nodes[:at]
			return open, errTruncated
		}
		if at >= maxNodes {
			d.pos, d.nodes = i, d.nodes[:at]
			return open, errMany
		}
		m.start, m.parent = int32(i), int32(open)
		switch c := s[i]; c {
		case '"':
			start := i + 1
			j, seen := quick(s, start)
			if j < len(s) && s[j] == '"' {
				m.str, m.look = s[start:j], lookOf(s[start:j], seen)
				i = j + 1
			} else {
				d.pos = i
				m.str, m.look, err = d.string()
				i = d.pos
			}
			m.kind, m.end, m.next = kindString, int32(i), int32(at+1)
			if m.look != lookNever || m.is == isElement {
				m.is |= isSuspect
			}
			if err != nil {
				return open, err
			}
		case '{', '[':
			m.kind = kindObject
			if c == '[' {
				m.kind = kindArray
			}
			open = at
			if depth++; depth > maxDepth {
				d.pos = i
				return open, errDeep
			}
			i = skipSpace(s, i+1)
			if i < len(s) && s[i] == c+2 {
				break // an empty block is closed below
			}
			m = d.add()
			if c == '[' {
				m.is = isElement
				continue
			}
			if i, err = d.member(i, m); err != nil {
				d.nodes = d.nodes[:at+1]
				return open, err
			}
			continue
		default:
			d.pos = i
			err = d.scalar(m)
			i = d.pos
			m.end, m.next = int32(i), int32(at+1)
			if err != nil {
				return open, err
			}
		}
		m = nil
	}
}

// add appends an empty node.
func (d *document) add() *node {
	d.nodes = append(d.nodes, node{})
	return &d.nodes[len(d.nodes)-1]
}

// member reads a key and the colon behind it into m, and returns where its
// value begins.
func (d *document) member(i int, m *node) (int, error) {
	s := d.src
	// Records of one source have the same keys in the same order.
	if k := d.known.expect(s[i:]); k != nil {
		m.key, m.level, m.is, m.slot = k.key, k.level, k.is, k.slot
		d.traits |= k.is
		return skipSpace(s, i+len(k.quoted.text)), nil
	}
	d.pos = i
	if i >= len(s) {
		return i, errTruncated
	}
	if s[i] != '"' {
		return i, fmt.Errorf("expected a key, found %q", s[i])
	}
	key, _, err := d.string()
	if err != nil {
		return d.pos, err
	}
	end := d.pos
	d.pos = skipSpace(s, d.pos)
	if d.pos >= len(s) {
		return d.pos, errTruncated
	}
	if s[d.pos] != ':' {
		return d.pos, fmt.Errorf("expected ':', found %q", s[d.pos])
	}
	if k := d.known.look(key); k != nil {
		m.key, m.level, m.is, m.slot = k.key, k.level, k.is, k.slot
		d.traits |= k.is
		d.known.learn(k)
	} else {
		m.key, m.is = key, isAny
		d.traits |= isAny
		m.keyStart, m.keyEnd = int32(i), int32(end) //nolint:gosec // parse bounds the source to 2 GiB
	}
	return skipSpace(s, d.pos+1), nil
}

// scalar reads a number or a literal at pos.
func (d *document) scalar(m *node) (err error) {
	switch c := d.src[d.pos]; {
	case c == '-' || c >= '0' && c <= '9':
		m.kind = kindNumber
		m.str, err = d.number()
	case c == 't':
		m.kind = kindTrue
		m.str, err = d.literal("true")
	case c == 'f':
		m.kind = kindFalse
		m.str, err = d.literal("false")
	case c == 'n':
		m.kind = kindNull
		_, err = d.literal("null")
	default:
		err = fmt.Errorf("unexpected %q", c)
	}
	return err
}

func (d *document) literal(word string) (string, error) {
	if !strings.HasPrefix(d.src[d.pos:], word) {
		return "", fmt.Errorf("expected %s", word)
	}
	d.pos += len(word)
	return word, nil
}

// wholeNumber returns where the number ends that begins at i, where it is one of
// digits alone, as most are, else i.
func wholeNumber(s string, i int) int {
	end := i
	for end < len(s) && s[end]-'0' <= 9 {
		end++
	}
	if s[i] == '0' && end > i+1 || end < len(s) && (s[end] == '.' || s[end]|0x20 == 'e') {
		return i
	}
	return end
}

func (d *document) number() (string, error) {
	start, s, i := d.pos, d.src, d.pos
	if end := wholeNumber(s, i); end > i {
		d.pos = end
		return s[start:end], nil
	}
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
	classBreak               // no base64 is made of it
	classHigh                // is no ASCII
	classWord                // is not in times, addresses and hex, in which no secret can be recognised by its surroundings
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
	for c := range t {
		if c >= utf8.RuneSelf {
			t[c] |= classHigh
		}
		if !runByte[c] {
			t[c] |= classBreak
		}
		if !isDigit(byte(c)) && strings.IndexByte("abcdefABCDEFTZ.:-+", byte(c)) < 0 {
			t[c] |= classWord
		}
	}
	return t
}()

// lookOf judges a string by the classes of its bytes. Ids of hex and UUIDs are as
// long as what base64 is sought in: but of three bytes of text, one of base64 in
// twenty has no other digits than theirs, and of 18 bytes none.
func lookOf(s string, seen uint8) look {
	switch {
	case seen&classCover != 0:
		return lookAll
	case seen&classWord != 0 && (seen&classTrigger != 0 || seen&classToken != 0 && len(s) >= minToken):
		return lookPlain
	case len(s) < minRun || len(s) != awsSecretSize && (seen&classWord == 0 || seen&classBreak == 0 && !startsText(s)):
		return lookNever
	}
	return lookRun
}

// quick goes on from i to the first quote or backslash, or to the end, and returns
// the classes of the bytes before it. Those of eight bytes stand beside each other
// in a word: so the last ones, too, are judged by one branch.
func quick(s string, i int) (end int, seen uint8) {
	const ends = 0x0101010101010101 * classEnd
	all := uint64(0)
	for ; i+8 <= len(s); i += 8 {
		b := s[i : i+8]
		word := uint64(classes[b[0]]) | uint64(classes[b[1]])<<8 | uint64(classes[b[2]])<<16 | uint64(classes[b[3]])<<24 |
			uint64(classes[b[4]])<<32 | uint64(classes[b[5]])<<40 | uint64(classes[b[6]])<<48 | uint64(classes[b[7]])<<56
		if word&ends != 0 {
			at := bits.TrailingZeros64(word & ends)
			return i + at/8, together(all | word&(1<<at-1))
		}
		all |= word
	}
	for seen = together(all); i < len(s) && classes[s[i]]&classEnd == 0; i++ {
		seen |= classes[s[i]]
	}
	return i, seen
}

// together joins the classes of eight bytes.
func together(word uint64) uint8 {
	word |= word >> 32
	word |= word >> 16
	return uint8(word | word>>8) //nolint:gosec // the others are in it
}

// string reads the string at pos and returns its unescaped text.
func (d *document) string() (text string, l look, err error) {
	s, i := d.src, d.pos+1
	start := i
	i, seen := quick(s, i)
	if i < len(s) && s[i] == '"' {
		d.pos = i + 1
		return s[start:i], lookOf(s[start:i], seen), nil
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
