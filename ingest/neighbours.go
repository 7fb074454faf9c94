package ingest

import "strings"

// maxOption bounds the name of a command's option.
const maxOption = 40

// possible rules most triggers out by the bytes beside them, before the more
// costly search: it says no only where find would find nothing.
func (m *memo) possible(s string, i int) bool {
	var before, behind byte
	if i > 0 {
		before = s[i-1]
	}
	if i+1 < len(s) {
		behind = s[i+1]
	}
	switch s[i] {
	case '_':
		return prefixEnds(s, i)
	case '.':
		switch behind { // of webhooks' hosts
		case 's':
			return i+2 < len(s) && s[i+2] == 'l' || prefixEnds(s, i)
		case 'c':
			return i+5 < len(s) && s[i+4] == '/' && s[i+5] == 'a' || prefixEnds(s, i)
		case 'o':
			return i+2 < len(s) && s[i+2] == 'f' || prefixEnds(s, i)
		}
		return prefixEnds(s, i)
	case '-':
		if tokenByte(behind) && (i == 0 || isSpace(before) || before == '"' || before == '\'') {
			m.option = i + maxOption
			if i+2 < len(s) && strings.IndexByte(joinedOptions, behind) >= 0 {
				return true
			}
		}
		return behind == '-' || before == '=' && strings.HasSuffix(s[:i], execArgument) || prefixEnds(s, i)
	case 'z':
		return before == 'd' || prefixEnds(s, i)
	case 'J':
		return before == 'y' || before == 'o'
	case '+':
		return before|0x20 == 'c' || before|0x20 == 'r' || blankInForm(s, i)
	case ' ', '\t':
		return i <= m.option || before|0x20 == 'c' || before|0x20 == 'r' || phraseEnds(s, i)
	case '=':
		return behind == '>' || !plainName(s, i)
	case '(':
		return before|0x20 == 'd' && (behind == '\'' || behind == '"' || behind|0x20 == 'n')
	case '@':
		return i > 4 && i+1 < len(s)
	case ':':
		switch behind {
		case '/', ' ', '\t', '\r', '\n', '"', '\'', '\\', '=':
			return true
		}
		return i+1 < len(s) && (before == '"' || before == '\'' || namesValue(s, i))
	}
	return true
}

// A first look at a trigger. Of every byte a word says three sets of kinds of
// triggers: in its lowest bits the kind that it is itself, then those before
// which, then those behind which it makes possible think something. So a place
// is ruled out by two shifts and no branch, and four at a time by one.
const (
	kindBits  = 10
	kindsMask = 1<<kindBits - 1
)

// The kinds of triggers. What is always looked into has one.
const (
	blankTrigger uint32 = 1 << iota
	alwaysTrigger
	firstTrigger // of those that have one each: J : _ - z . + (
)

var triggerKind = func() (t [256]uint32) {
	next := firstTrigger
	for c, is := range triggers {
		if !is {
			continue
		}
		kind := alwaysTrigger
		switch c {
		case ' ', '\t':
			kind = blankTrigger
		case 'J', ':', '_', '-', 'z', '.', '+', '(':
			kind, next = next, next<<1
		}
		t[c] |= kind
		for b := range t {
			before, behind := thinkable(byte(c), byte(b))
			if before {
				t[b] |= kind << kindBits
			}
			if behind {
				t[b] |= kind << (2 * kindBits)
			}
		}
	}
	return t
}()

// thinkable reports whether possible may have anything to say of trigger c for a
// byte b before it, 0 at the beginning, and for one behind it.
func thinkable(c, b byte) (before, behind bool) {
	switch c {
	case ' ', '\t':
		return b != 0 && strings.IndexByte("crdenty", b|0x20) >= 0, false
	case '_', '-', '.', 'z':
		for _, p := range tokenPrefixes[c] {
			before = before || p[len(p)-2] == b
		}
		switch c {
		case '-':
			return before || b == 0 || isSpace(b) || b == '"' || b == '\'' || b == '=', b == '-'
		case '.':
			return before, b == 's' || b == 'c' || b == 'o'
		case 'z':
			return before || b == 'd', false
		}
		return before, false
	case 'J':
		return b == 'y' || b == 'o', false
	case '+':
		return isAlnum(b) || b == '\'' || b == '"', false
	case '(':
		return b|0x20 == 'd', false
	case ':':
		return b == '"' || b == '\'' || tokenByte(b), strings.IndexByte("/ \t\r\n\"'\\=", b) >= 0
	}
	return true, false
}

// near is the first look at the trigger at i, of which the table says t, behind a
// byte, or 0 at the beginning: it says no only where find would find nothing, and
// where possible has nothing to remember.
func (m *memo) near(s string, i int, t uint32, before byte) bool {
	behind := uint32(0)
	if i+1 < len(s) {
		behind = triggerKind[s[i+1]]
	}
	return t&(triggerKind[before]>>kindBits|behind>>(2*kindBits))&kindsMask != 0 || t&blankTrigger != 0 && i <= m.option
}

// next returns the first place from i on of which near says yes, or the length
// of s (TestTheNextTriggerIsTheNextOne).
func (m *memo) next(s string, i int) int {
	var last byte
	if i > 0 {
		last = s[i-1]
	}
	for ; i < len(s) && i <= m.option; i++ {
		if m.near(s, i, triggerKind[s[i]], last) {
			return i
		}
		last = s[i]
	}
	if i >= len(s) {
		return len(s)
	}
	before, at := triggerKind[last], triggerKind[s[i]]
	for ; i+4 < len(s); i += 4 {
		five := s[i : i+5]
		b, c, d, e := triggerKind[five[1]], triggerKind[five[2]], triggerKind[five[3]], triggerKind[five[4]]
		near := at&(before>>kindBits|b>>(2*kindBits)) | b&(at>>kindBits|c>>(2*kindBits)) |
			c&(b>>kindBits|d>>(2*kindBits)) | d&(c>>kindBits|e>>(2*kindBits))
		if near&kindsMask != 0 {
			break
		}
		before, at = d, e
	}
	for ; i < len(s); i++ {
		behind := uint32(0)
		if i+1 < len(s) {
			behind = triggerKind[s[i+1]]
		}
		if at&(before>>kindBits|behind>>(2*kindBits))&kindsMask != 0 {
			return i
		}
		before, at = at, behind
	}
	return len(s)
}

// prefixEnds reports whether the prefix of a token may end at i, with a token
// behind it.
func prefixEnds(s string, i int) bool {
	return i >= 2 && len(s)-i > minToken && prefixPairs[s[i]][pairOf(s, i)]
}

// plainName reports whether a name ends at i that says nothing of the value behind
// it, as most in queries do. It says no where pair has to look.
func plainName(s string, i int) bool {
	if i < 2 || !isLetter(s[i-1]) || !isLetter(s[i-2]) {
		return false
	}
	a, b := s[i-2]|0x20, s[i-1]|0x20
	if endings[int(a-'a')*26+int(b-'a')] || a == 'm' && b == 'e' { // name="password"
		return false
	}
	for n := 1; n <= 16; n++ {
		if i-n < 0 || !nameByte(s[i-n]) {
			return true
		}
		if c := s[i-n] | 0x20; c == 'w' || c == 'k' || c == '%'|0x20 { // passw…, cookie…, and what is encoded
			return false
		}
	}
	return false
}

// namesValue reports whether tight may know the name that ends before the colon
// at i: not when there is none, when it is a number, or short and of another
// ending than secrets have.
func namesValue(s string, i int) bool {
	from := i
	for from > 0 && isDigit(s[from-1]) && i-from < maxOption {
		from--
	}
	switch {
	case from == 0 || !tokenByte(s[from-1]):
		return false
	case from < i || i < 2 || !isLetter(s[i-1]) || !isLetter(s[i-2]) || endings[int(s[i-2]|0x20-'a')*26+int(s[i-1]|0x20-'a')]:
		return true
	}
	for n := 3; n <= 6; n++ {
		if i-n < 0 || !tokenByte(s[i-n]) {
			return false
		}
	}
	return true
}
