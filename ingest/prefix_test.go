package ingest

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPrefixesAreThoseOfTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SampledFrom([]string{"a", "b", `","`, "\x00", "abcdefgh", "abcdefgi"})
		text := strings.Join(rapid.SliceOfN(part, 0, 6).Draw(t, "text"), "")
		s := text[:rapid.IntRange(0, len(text)).Draw(t, "alike")] + strings.Join(rapid.SliceOfN(part, 0, 4).Draw(t, "rest"), "")
		p := prefixOf(text)
		for _, s := range []string{s, text, text + s} {
			if got := p.begins(s); got != strings.HasPrefix(s, text) {
				t.Fatalf("%q begins with %q: %t", s, text, got)
			}
		}
	})
}
