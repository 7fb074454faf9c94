package sigma

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Elements of a pattern that are no characters.
const (
	anyOne  rune = -1 - iota // ?
	anyMany                  // *
)

// pattern is a value with wildcards, as runes.
type pattern []rune

// parsePattern reads a value's wildcards and escapes: a backslash escapes * and
// ?, and itself where one of these follows or where it stands doubled.
func parsePattern(s string) pattern {
	out := make(pattern, 0, len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\\' && i+1 < len(s) && (s[i+1] == '*' || s[i+1] == '?' || s[i+1] == '\\'):
			out = append(out, rune(s[i+1]))
			i += 2
			continue
		case r == '*':
			if len(out) == 0 || out[len(out)-1] != anyMany {
				out = append(out, anyMany)
			}
		case r == '?':
			out = append(out, anyOne)
		default:
			out = append(out, r)
		}
		i += n
	}
	return out
}

// literal is the pattern as text, ok when it has no wildcard.
func (p pattern) literal() (text string, ok bool) {
	for _, r := range p {
		if r < 0 {
			return "", false
		}
	}
	return string(p), true
}

// unescaped drops nothing but escapes: wildcards stand for themselves.
func (p pattern) unescaped() string {
	var b strings.Builder
	for _, r := range p {
		switch r {
		case anyMany:
			b.WriteByte('*')
		case anyOne:
			b.WriteByte('?')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (p pattern) lower() pattern {
	out := make(pattern, len(p))
	for i, r := range p {
		if out[i] = r; r >= 0 {
			out[i] = unicode.ToLower(r)
		}
	}
	return out
}

// match reports whether the pattern covers all of s. It is linear in s for
// each star that the pattern has.
func (p pattern) match(s string) bool {
	i, star, back := 0, -1, 0
	for at := 0; at < len(s); {
		r, n := utf8.DecodeRuneInString(s[at:])
		switch {
		case i < len(p) && p[i] == anyMany:
			star, back = i, at
			i++
			continue
		case i < len(p) && (p[i] == anyOne || p[i] == r):
			i++
			at += n
			continue
		case star < 0:
			return false
		}
		_, step := utf8.DecodeRuneInString(s[back:])
		back += step
		at, i = back, star+1
	}
	for i < len(p) && p[i] == anyMany {
		i++
	}
	return i == len(p)
}

// compile chooses the cheapest test for the pattern.
func (p pattern) compile(cased bool) test {
	if !cased {
		p = p.lower()
	}
	t := test{op: opGlob, glob: p, cased: cased}
	core := p
	front, back := len(core) > 0 && core[0] == anyMany, false
	if front {
		core = core[1:]
	}
	if n := len(core); n > 0 && core[n-1] == anyMany {
		core, back = core[:n-1], true
	}
	text, ok := core.literal()
	switch {
	case !ok:
		return t
	case front && text == "":
		t.op = opAny
	case front && back:
		t.op = opContains
	case front:
		t.op = opSuffix
	case back:
		t.op = opPrefix
	default:
		t.op = opExact
	}
	t.text, t.glob = text, nil
	return t
}

// appendLower appends s in lower case.
func appendLower(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			for _, r := range s[i:] {
				b = utf8.AppendRune(b, unicode.ToLower(r))
			}
			return b
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// isLower reports whether lower case changes nothing.
func isLower(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}
