package ingest

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestDecimalsAreThoseOfTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.StringMatching(`[0-9]{0,9}(\.[0-9]{0,9})?`), rapid.StringMatching(`[0-9.eE+_-]{0,6}`)).Draw(t, "s")
		if got, ok := decimal(s); ok {
			if want, err := strconv.ParseFloat(s, 64); err != nil || got != want {
				t.Fatalf("%q: got %v, want %v (%v)", s, got, want, err)
			}
		}
	})
	for _, s := range []string{"0.057", "12", "0", "999999999999999", "0.0000000000001"} {
		if _, ok := decimal(s); !ok {
			t.Errorf("%q is no decimal", s)
		}
	}
}
