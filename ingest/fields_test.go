package ingest

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lapwing-sec/lapwing/schemas"
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

func TestOfTwoAttributesOfOneNameTheFirstCounts(t *testing.T) {
	ev := &schemas.Event{}
	for i := range 3 * maxAttributes {
		attribute(ev, "name"+index(i%(maxAttributes+5)), "value"+strconv.Itoa(i))
		attribute(ev, "name0", strings.Repeat("x", 2*maxAttributeValue))
	}
	if len(ev.Attributes) != maxAttributes {
		t.Errorf("%d attributes are kept, want %d", len(ev.Attributes), maxAttributes)
	}
	for i := range maxAttributes {
		if got, want := ev.Attributes["name"+index(i)], "value"+strconv.Itoa(i); got != want {
			t.Errorf("attribute %d is %q, want %q", i, got, want)
		}
	}
}

// TestPlainAddressesAreThoseOfTheStandardLibrary: net/netip takes no leading zeros,
// either.
func TestPlainAddressesAreThoseOfTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.StringMatching(`[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}`), rapid.StringMatching(`([0-9]{0,4}[.:a]?){2,6}`)).Draw(t, "s")
		a, err := netip.ParseAddr(s)
		if got, want := plainIPv4(s), err == nil && a.Is4(); got != want {
			t.Fatalf("%q: got %t, want %t", s, got, want)
		}
	})
	for _, s := range []string{"0.0.0.0", "255.255.255.255", "9.10.200.99"} {
		if !plainIPv4(s) {
			t.Errorf("%s is no address", s)
		}
	}
	for _, s := range []string{"256.1.1.1", "1.1.1.2560", "1.1.1.01", "1.1.1.1.", "1.1.1", "1.1.1.", ".1.1.1.1"} {
		if plainIPv4(s) {
			t.Errorf("%s is an address", s)
		}
	}
}

// TestShortSegmentsAreJudgedAlike: those that a route settles at once, and the rest.
func TestShortSegmentsAreJudgedAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		segment := rapid.StringMatching(`[a-z]{0,5}[0-9]{0,6}[a-zA-Z-]{0,2}`).Draw(t, "segment")
		want := "/v1/" + segment + "/orders"
		switch {
		case segment == "":
			want = "/v1/orders"
		case isID(segment):
			want = "/v1/{id}/orders"
		}
		if got := collapsePath("/v1/" + segment + "/orders"); got != want {
			t.Fatalf("%q becomes %s, want %s", segment, got, want)
		}
	})
}
