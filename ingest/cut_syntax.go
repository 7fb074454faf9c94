package ingest

import "bytes"

// maxAhead bounds in bytes how much of a line is looked at to tell whether it goes
// on with the JSON value above.
const maxAhead = 256

// want is what the JSON grammar (RFC 8259) has next.
type want uint8

const (
	wantValue want = iota // or the end of an array
	wantKey               // or the end of an object
	wantColon
	wantComma  // or the end of either
	wantScalar // more of a number or a word
)

// syntax follows a JSON value byte by byte until it breaks the grammar, which it
// takes loosely: any word is a scalar, and a comma may stand before an end.
type syntax struct {
	balance
	want   want
	broken bool
	// objects has a bit for each level that is an object's.
	objects uint64
}

// behindArray is the state behind the array in {"Records":[…]}.
func behindArray() syntax {
	return syntax{balance: balance{depth: 1}, want: wantComma, objects: 1}
}

// read takes several bytes.
func (s *syntax) read(text []byte) {
	for _, c := range text {
		s.step(c)
	}
}

// step takes the next byte and reports whether it closes the outermost block.
func (s *syntax) step(c byte) (closed bool) {
	quoted, depth := s.quoted, s.depth
	closed = s.balance.step(c)
	switch {
	case s.broken:
	case quoted:
		s.broken = c == '\n'
	default:
		s.follow(c, depth)
	}
	return closed
}

// follow takes a byte outside a string; depth is that before it.
func (s *syntax) follow(c byte, depth int) {
	switch c {
	case ' ', '\t', '\r', '\n':
		if s.want == wantScalar {
			s.want = wantComma
		}
	case '"':
		switch s.want {
		case wantKey:
			s.want = wantColon
		case wantValue:
			s.want = wantComma
		default:
			s.broken = true
		}
	case '{', '[':
		if s.want != wantValue || depth >= 64 {
			s.broken = true
			return
		}
		if s.objects &^= 1 << depth; c == '{' {
			s.objects |= 1 << depth
			s.want = wantKey
		}
	case '}', ']':
		object := c == '}'
		if depth == 0 || object != s.inObject(depth) || s.want == wantColon || object && s.want == wantValue {
			s.broken = true
		}
		s.want = wantComma
	case ',':
		switch {
		case depth == 0 || s.want != wantComma && s.want != wantScalar:
			s.broken = true
		case s.inObject(depth):
			s.want = wantKey
		default:
			s.want = wantValue
		}
	case ':':
		s.broken = s.want != wantColon
		s.want = wantValue
	default:
		word := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '+' || c == '.'
		s.broken = !word || s.want != wantValue && s.want != wantScalar
		s.want = wantScalar
	}
}

// inObject reports whether the innermost block of so many is an object.
func (s *syntax) inObject(depth int) bool { return depth > 0 && s.objects>>(depth-1)&1 == 1 }

// goesOn reports whether a line can be the next of the value: by the grammar or,
// where that is broken, by looking like the inside of an indented document.
func (s *syntax) goesOn(line []byte) bool {
	line = firstLine(line[:min(len(line), maxAhead)])
	text := bytes.TrimLeft(line, " \t\r")
	if len(text) == 0 {
		return true
	}
	if !s.broken {
		if line[0] == '{' && s.want == wantValue && s.inObject(s.depth) {
			return false // the line above is torn behind a colon
		}
		ahead := *s
		for _, c := range line {
			if ahead.step(c) {
				return true
			}
		}
		if !ahead.broken {
			return true
		}
	}
	switch text[0] {
	case '}', ']', ',':
		return true
	case '"', '{', '[':
		return len(text) < len(line)
	}
	return false
}

// leavesArray reports whether an array of objects is given up together with an
// element of it, at the line next.
func leavesArray(element, next []byte) bool {
	return len(next) == 0 || next[0] != '{' || !bytes.HasSuffix(bytes.TrimRight(element, " \t\r\n"), []byte{','})
}

// firstLine returns what stands before the first line's end.
func firstLine(text []byte) []byte {
	line, _, _ := bytes.Cut(text, []byte{'\n'})
	return line
}
