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
			return i+4 < len(s) && s[i+4] == '/' || prefixEnds(s, i)
		case 'o':
			return i+2 < len(s) && s[i+2] == 'f' || prefixEnds(s, i)
		}
		return prefixEnds(s, i)
	case '-':
		if tokenByte(behind) && (i == 0 || isSpace(before) || before == '"' || before == '\'') {
			m.option = i + maxOption
		}
		return behind == '-' || prefixEnds(s, i)
	case 'z':
		return before == 'd' || prefixEnds(s, i)
	case 'J':
		return before == 'y' || before == 'o'
	case '+':
		return before|0x20 == 'c' || before|0x20 == 'r'
	case ' ', '\t':
		return i <= m.option || before|0x20 == 'c' || before|0x20 == 'r' || proseName(s, i)
	case ':':
		switch behind {
		case '/', ' ', '\t', '\r', '\n', '"', '\'', '\\', '=':
			return true
		}
		return i+1 < len(s) && (before == '"' || before == '\'' || namesValue(s, i))
	}
	return true
}

// A first look at a trigger: the kinds of triggers, and by kind the bytes before
// one and behind one of which possible may think something. It rules most of them
// out with two loads and no call.
var triggerKind, nearBefore, nearBehind = func() (kind [256]uint8, before, behind [16][256]bool) {
	n := uint8(0)
	for c := range triggers {
		switch {
		case !triggers[c] || kind[c] != 0:
			continue
		case c == ' ' || c == '\t':
			kind[c] = blankKind
		default:
			n++
			kind[c] = blankKind + n
		}
		k := kind[c]
		for b := range 256 {
			b := byte(b)
			switch c {
			case ' ', '\t':
				before[k][b] = b != 0 && strings.IndexByte("crdenty", b|0x20) >= 0
			case '_', '-', '.', 'z':
				for _, p := range tokenPrefixes[c] {
					before[k][b] = before[k][b] || p[len(p)-2] == b
				}
				switch c {
				case '-':
					before[k][b] = before[k][b] || b == 0 || isSpace(b) || b == '"' || b == '\''
					behind[k][b] = b == '-'
				case '.':
					behind[k][b] = b == 's' || b == 'c' || b == 'o'
				case 'z':
					before[k][b] = before[k][b] || b == 'd'
				}
			case 'J':
				before[k][b] = b == 'y' || b == 'o'
			case '+':
				before[k][b] = b|0x20 == 'c' || b|0x20 == 'r'
			case ':':
				before[k][b] = b == '"' || b == '\'' || tokenByte(b)
				behind[k][b] = strings.IndexByte("/ \t\r\n\"'\\=", b) >= 0
			default:
				before[k][b] = true
			}
		}
	}
	return kind, before, behind
}()

// near is the first look at the trigger of kind t at i, behind a byte, or 0 at
// the beginning: it says no only where possible does, and where that has nothing
// to remember.
func (m *memo) near(s string, i int, t uint8, before byte) bool {
	return nearBefore[t][before] || i+1 < len(s) && nearBehind[t][s[i+1]] || t == blankKind && i <= m.option
}

// blankKind is the kind of blanks, before which the name of an option may end.
const blankKind = 1

// prefixEnds reports whether the prefix of a token may end at i, with a token
// behind it.
func prefixEnds(s string, i int) bool {
	return i >= 2 && len(s)-i > minToken && prefixPairs[s[i]][pairOf(s, i)]
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
