package sigma

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	"go.yaml.in/yaml/v3"
)

// testOp is how a field's value is tested.
type testOp uint8

const (
	opExact testOp = iota
	opPrefix
	opSuffix
	opContains
	opGlob
	opAny // present and not empty
	opRegexp
	opCIDR
	opNumber
	opTime
	opNull
	opEmpty
	opExists
	opField
)

// test is one value of an item.
type test struct {
	op    testOp
	cased bool
	text  string
	glob  pattern
	re    *regexp.Regexp
	net   netip.Prefix
	num   float64
	cmp   compare
	unit  string // of opTime
	yes   bool   // of opExists
	field int    // of opField
	how   testOp // of opField: opExact, opPrefix, opSuffix, opContains
}

type compare uint8

const (
	equal compare = iota
	less
	lessEqual
	greater
	greaterEqual
)

var compares = map[string]compare{"lt": less, "lte": lessEqual, "gt": greater, "gte": greaterEqual}

func (c compare) holds(a, b float64) bool {
	switch c {
	case less:
		return a < b
	case lessEqual:
		return a <= b
	case greater:
		return a > b
	case greaterEqual:
		return a >= b
	default:
		return a == b
	}
}

// anywhere is the field of keywords: every text of the event.
const anywhere = -1

// item is a field with its tests, of which any holds.
type item struct {
	field int
	tests []test
}

// modifiers are the modifiers of one field, read.
type modifiers struct {
	how                  testOp // opExact, opPrefix, opSuffix, opContains
	match                string // how the value is handled instead: re, cidr, lt…, exists, fieldref, hour…
	all, cased, neq      bool
	windash, expand      bool
	encode               []string // in their order
	insensitive, many, s bool     // of re
}

// parseModifiers reads what follows a field's name.
func parseModifiers(words []string) (m modifiers, err error) {
	set := func(match string) error {
		if m.match != "" && m.match != match {
			return fmt.Errorf("%s and %s exclude each other", m.match, match)
		}
		m.match = match
		return nil
	}
	place := func(how testOp) error {
		if m.how != opExact && m.how != how {
			return errors.New("contains, startswith and endswith exclude each other")
		}
		m.how = how
		return nil
	}
	for _, w := range words {
		err := error(nil)
		switch w {
		case "contains":
			err = place(opContains)
		case "startswith":
			err = place(opPrefix)
		case "endswith":
			err = place(opSuffix)
		case "all":
			m.all = true
		case "cased":
			m.cased = true
		case "neq":
			m.neq = true
		case "windash":
			m.windash = true
		case "expand":
			m.expand = true
		case "base64", "base64offset", "wide", "utf16le", "utf16be", "utf16":
			m.encode = append(m.encode, w)
		case "re", "cidr", "lt", "lte", "gt", "gte", "exists", "fieldref", "minute", "hour", "day", "week", "month", "year":
			err = set(w)
		case "i", "ignorecase":
			m.insensitive = true
		case "m", "multiline":
			m.many = true
		case "s", "dotall":
			m.s = true
		case "":
			err = errors.New("an empty modifier")
		default:
			err = fmt.Errorf("unknown modifier %q: want contains, startswith, endswith, all, cased, neq, exists, re (with i, m, s), cidr, lt, lte, gt, gte, "+
				"windash, base64, base64offset, wide, utf16le, utf16be, utf16, fieldref, expand, minute, hour, day, week, month or year", w)
		}
		if err != nil {
			return m, err
		}
	}
	return m, m.check()
}

func (m *modifiers) check() error {
	placed := m.how != opExact
	switch {
	case (m.insensitive || m.many || m.s) && m.match != "re":
		return errors.New("i, m and s are modifiers of re")
	case m.match != "" && m.match != "fieldref" && (placed || len(m.encode) > 0 || m.windash):
		return fmt.Errorf("%s takes no contains, startswith, endswith, windash or encoding", m.match)
	case m.match == "fieldref" && (len(m.encode) > 0 || m.windash):
		return errors.New("fieldref takes no windash or encoding")
	case m.match == "exists" && (m.all || m.cased || m.neq || m.expand):
		return errors.New("exists stands alone")
	}
	return nil
}

// values compiles the values of a field to tests. More may come out than went
// in; those of one value are alternatives, so that "all" needs each group.
func (m *modifiers) values(nodes []*yaml.Node, field func(name string) int) (groups [][]test, err error) {
	for _, n := range nodes {
		g, err := m.value(n, field)
		if err != nil {
			return nil, fmt.Errorf("value %q: %w", clip(n.Value), err)
		}
		groups = append(groups, g)
	}
	return groups, nil
}

func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

func (m *modifiers) value(n *yaml.Node, field func(name string) int) ([]test, error) {
	s := n.Value
	if n.Tag == "!!null" {
		if m.match != "" || m.how != opExact || len(m.encode) > 0 {
			return nil, errors.New("null goes with no such modifier")
		}
		return []test{{op: opNull}}, nil
	}
	if m.expand {
		if name := placeholder(s); name != "" {
			return nil, fmt.Errorf("the placeholder %%%s%% has no values here: write the list itself into a copy of the rule, or leave the rule out", name)
		}
		s = strings.ReplaceAll(s, `\%`, "%")
	}
	switch m.match {
	case "":
		return m.text(s)
	case "re":
		return m.regexp(s)
	case "cidr":
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, err2 := netip.ParseAddr(s)
			if err2 != nil {
				return nil, errors.New("want a network such as 10.0.0.0/8 or 2001:db8::/32")
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		return []test{{op: opCIDR, net: p.Masked()}}, nil
	case "exists":
		yes, err := strconv.ParseBool(strings.ToLower(s))
		if err != nil {
			return nil, errors.New("exists: want true or false")
		}
		return []test{{op: opExists, yes: yes}}, nil
	case "fieldref":
		if strings.TrimSpace(s) == "" {
			return nil, errors.New("fieldref: want the name of a field")
		}
		return []test{{op: opField, field: field(s), how: m.how, cased: m.cased}}, nil
	case "lt", "lte", "gt", "gte":
		x, ok := number(s)
		if !ok {
			return nil, errors.New("want a number")
		}
		return []test{{op: opNumber, num: x, cmp: compares[m.match]}}, nil
	default:
		x, ok := number(s)
		if !ok {
			return nil, errors.New("want a number")
		}
		return []test{{op: opTime, num: x, unit: m.match}}, nil
	}
}

// text compiles a plain value.
func (m *modifiers) text(s string) ([]test, error) {
	if s == "" {
		if m.how != opExact || len(m.encode) > 0 {
			return nil, errors.New("an empty value goes with no contains, startswith, endswith or encoding: it would match everything")
		}
		return []test{{op: opEmpty}}, nil
	}
	values := []string{s}
	if m.windash {
		var err error
		if values, err = dashes(s); err != nil {
			return nil, err
		}
	}
	var out []test
	for _, v := range values {
		var patterns []pattern
		if len(m.encode) > 0 {
			p := parsePattern(v)
			if _, plain := p.literal(); !plain {
				return nil, errors.New("a value that is encoded can hold no wildcard")
			}
			texts, err := encode(p.unescaped(), m.encode)
			if err != nil {
				return nil, err
			}
			for _, t := range texts {
				patterns = append(patterns, pattern([]rune(t)))
			}
		} else {
			patterns = []pattern{parsePattern(v)}
		}
		for _, p := range patterns {
			if m.how == opContains || m.how == opSuffix {
				p = append(pattern{anyMany}, p...)
			}
			if m.how == opContains || m.how == opPrefix {
				p = append(p, anyMany)
			}
			out = append(out, squeeze(p).compile(m.cased))
		}
	}
	return out, nil
}

// squeeze makes one of stars that follow each other.
func squeeze(p pattern) pattern {
	out := p[:0:0]
	for _, r := range p {
		if r == anyMany && len(out) > 0 && out[len(out)-1] == anyMany {
			continue
		}
		out = append(out, r)
	}
	return out
}

// unsupported are constructs of PCRE that RE2 has not, as they are written.
var unsupported = []struct{ sign, name string }{
	{"(?=", "a lookahead"}, {"(?!", "a negative lookahead"}, {"(?<=", "a lookbehind"}, {"(?<!", "a negative lookbehind"}, {"(?>", "an atomic group"},
	{"(?(", "a conditional group"}, {"(?R", "a recursion"}, {"(?|", "a branch reset"}, {"(?#", "a comment"}, {`\K`, `\K`}, {`\G`, `\G`},
	{"*+", "a possessive quantifier"}, {"++", "a possessive quantifier"}, {"?+", "a possessive quantifier"},
	{`\1`, "a backreference"}, {`\2`, "a backreference"}, {`\3`, "a backreference"}, {`\k`, "a backreference"},
}

func (m *modifiers) regexp(s string) ([]test, error) {
	flags := ""
	if m.insensitive {
		flags += "i"
	}
	if m.many {
		flags += "m"
	}
	if m.s {
		flags += "s"
	}
	expr := s
	if flags != "" {
		expr = "(?" + flags + ")" + s
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		for _, u := range unsupported {
			if strings.Contains(s, u.sign) {
				return nil, fmt.Errorf("%s, %s, is not of the regular expressions that Sigma allows, nor of RE2: write it with a selection and a filter instead", u.name, u.sign)
			}
		}
		return nil, fmt.Errorf("the regular expression is none of RE2: %w", err)
	}
	return []test{{op: opRegexp, re: re}}, nil
}

// placeholder is the first %name% that is not escaped, or nothing.
func placeholder(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i > 0 && s[i-1] == '\\' {
			continue
		}
		end := strings.IndexByte(s[i+1:], '%')
		if end <= 0 {
			return ""
		}
		name := s[i+1 : i+1+end]
		if strings.IndexFunc(name, func(r rune) bool { return !isWord(r) }) < 0 {
			return name
		}
	}
	return ""
}

func isWord(r rune) bool {
	return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// dashSigns are what windash exchanges.
var dashSigns = [...]rune{'-', '/', '–', '—', '―'}

// dashes gives every way to write the flags of a command line: each dash that
// begins a word, by each sign.
func dashes(s string) ([]string, error) {
	runes := []rune(s)
	var at []int
	for i, r := range runes {
		for _, d := range dashSigns {
			if r == d && (i == 0 || !isWord(runes[i-1])) && i+1 < len(runes) && isWord(runes[i+1]) {
				at = append(at, i)
			}
		}
	}
	const most = 4
	if len(at) > most {
		return nil, fmt.Errorf("windash with %d flags in one value: want %d at most", len(at), most)
	}
	out := []string{s}
	for _, i := range at {
		var next []string
		for _, v := range out {
			for _, d := range dashSigns {
				r := []rune(v)
				r[i] = d
				next = append(next, string(r))
			}
		}
		out = next
	}
	return out, nil
}

// encode applies encodings in their order.
func encode(s string, how []string) ([]string, error) {
	values := []string{s}
	for i, h := range how {
		var next []string
		for _, v := range values {
			switch h {
			case "base64":
				next = append(next, base64.StdEncoding.EncodeToString([]byte(v)))
			case "base64offset":
				if len(v) < 3 {
					return nil, errors.New("base64offset: a value below 3 bytes leaves nothing to look for")
				}
				next = append(next, offsets(v)...)
			default:
				next = append(next, wide(v, h))
			}
		}
		if strings.HasPrefix(h, "base64") && i != len(how)-1 {
			return nil, fmt.Errorf("%s comes last", h)
		}
		values = next
	}
	return values, nil
}

// offsets gives the part of a value's Base64 that stays the same wherever it
// stands, for each of the three places within a group of three bytes.
func offsets(s string) []string {
	out := make([]string, 0, 3)
	for shift := range 3 {
		enc := base64.StdEncoding.EncodeToString(append(make([]byte, shift), s...))
		enc = enc[[3]int{0, 2, 3}[shift]:]
		if cut := [3]int{0, 3, 2}[(len(s)+shift)%3]; cut > 0 {
			enc = enc[:len(enc)-cut]
		}
		out = append(out, enc)
	}
	return out
}

func wide(s, how string) string {
	var b strings.Builder
	if how == "utf16" {
		b.WriteString("\xff\xfe")
	}
	for _, u := range utf16.Encode([]rune(s)) {
		if how == "utf16be" {
			b.WriteByte(byte(u >> 8))
			b.WriteByte(byte(u)) //nolint:gosec // cut into bytes
		} else {
			b.WriteByte(byte(u)) //nolint:gosec // cut into bytes
			b.WriteByte(byte(u >> 8))
		}
	}
	return b.String()
}

// number reads a decimal number without allocating where it is none.
func number(s string) (float64, bool) {
	if s == "" || len(s) > 40 {
		return 0, false
	}
	digits, exponent := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			digits = true
		case (c == '-' || c == '+') && (i == 0 || s[i-1]|0x20 == 'e'):
		case c == '.' && !exponent && strings.IndexByte(s, '.') == i:
		case c|0x20 == 'e' && digits && !exponent && i+1 < len(s):
			exponent = true
		default:
			return 0, false
		}
	}
	if !digits || s[len(s)-1] == '+' || s[len(s)-1] == '-' {
		return 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil
}
