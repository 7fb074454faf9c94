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
		if Steers(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// Steers reports whether r is obeyed instead of shown, or shows nothing.
func Steers(r rune) bool {
	switch r {
	case 0x115F, 0x1160, 0x3164, 0xFFA0: // Hangul fillers
		return true
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}
