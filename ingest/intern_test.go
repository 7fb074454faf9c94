package ingest

import (
	"fmt"
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

// TestNamesOfOnePlaceAreToldApart: of names that begin and end alike, the last one
// is found without a look into the map, and no other is taken for it.
func TestNamesOfOnePlaceAreToldApart(t *testing.T) {
	var in interner
	middle := []string{"", "a", "b", "ab", "aaaaaaaa", "bbbbbbbb"}
	for i := range 200 {
		m := middle[i*i%len(middle)]
		if got, want := in.join("GET /v1/"+m, "/orders/"), "GET /v1/"+m+"/orders/"; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	if recentPlace([]byte("GET /v1/aaaaaaaa/orders/")) != recentPlace([]byte("GET /v1/bbbbbbbb/orders/")) {
		t.Error("two names of one length, beginning and end are in two places: this tests nothing")
	}
	for range 2 { // the map is emptied in between
		for i := range 2 * maxInterned {
			if got, want := in.dotted("name", fmt.Sprint(i)), fmt.Sprintf("name.%d", i); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	}
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
