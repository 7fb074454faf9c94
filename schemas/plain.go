package schemas

import (
	"strings"
	"unicode"
)

// Plain replaces by U+FFFD what steers a terminal, splits a line, turns the direction
// of writing or shows nothing at all: names in alerts are chosen by whoever calls. It
// does not escape markup, which each output does by its own rules.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
			return unicode.ReplacementChar
		case r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0: // Hangul fillers
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
