package ingest

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestInternedStringsAreEqualToWhatTheyStandFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in interner
		for range rapid.IntRange(1, 50).Draw(t, "n") {
			a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
			if got := in.dotted(a, b); got != a+"."+b {
				t.Fatalf("dotted(%q, %q) = %q", a, b, got)
			}
			if got := in.join(a, b); got != a+b {
				t.Fatalf("join(%q, %q) = %q", a, b, got)
			}
			if got := in.lower(a); got != strings.ToLower(a) {
				t.Fatalf("lower(%q) = %q", a, got)
			}
		}
	})
}

func TestAnInternerIsBounded(t *testing.T) {
	var in interner
	for i := range 3 * maxInterned {
		in.join("name", strings.Repeat("x", i%400)+string(rune('a'+i%26))+index(i))
	}
	if len(in.seen) > maxInterned {
		t.Errorf("%d strings are kept", len(in.seen))
	}
	for s := range in.seen {
		if len(s) > maxInternedSize {
			t.Errorf("%d bytes are kept", len(s))
		}
	}
}
