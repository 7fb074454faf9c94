package detect

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestACredentialsLifeIsTheDeclaredOneElseTheLoggedOne(t *testing.T) {
	logged := schemas.Event{CredentialIssued: 5e6, CredentialExpires: 9e6}
	with := func(c *schemas.Credential) *schemas.Event {
		return &schemas.Event{CredentialIssued: 5e6, CredentialExpires: 9e6, Declared: &schemas.Declared{Credential: c}}
	}
	for _, c := range []struct {
		name string
		ev   *schemas.Event
		want *schemas.Issuance
	}{
		{"nothing is known", &schemas.Event{}, nil},
		{"the log says it", &logged, &schemas.Issuance{Source: "log", Issued: 5, Expires: 9}},
		{"the inventory lists it without a date", with(&schemas.Credential{Ref: "k"}), &schemas.Issuance{Source: "log", Issued: 5, Expires: 9}},
		{"the inventory stands before the log", with(&schemas.Credential{Issued: 2e6, Expires: 3e6, RotateEvery: 7e6}), &schemas.Issuance{Source: "inventory", Issued: 2, Expires: 3, RotateEvery: 7}},
		{"the log completes it", with(&schemas.Credential{Issued: 2e6}), &schemas.Issuance{Source: "inventory", Issued: 2, Expires: 9}},
	} {
		a := &openAlert{credential: "k", issued: issuanceOf(c.ev)}
		if diff := cmp.Diff(c.want, newEngine(t).issuance(a, 1)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestAMakerIsNamedByTheCredentialsIDOnly(t *testing.T) {
	e := newEngine(t)
	e.deeds.add(keyOf(deedKeyMade, "", "AKIA1"), deed{at: 4e6, by: "aws:1:role/ci", operation: "iam:CreateAccessKey"})
	e.deeds.add(keyOf(deedMadeFor, "aws:1", "bot"), deed{at: 4e6, by: "aws:1:role/ci", operation: "iam:CreateAccessKey"})
	want := &schemas.Issuance{MintedBy: "aws:1:role/ci", MintedWith: "iam:CreateAccessKey", MintedTime: 4}
	if diff := cmp.Diff(want, e.issuance(&openAlert{credential: "AKIA1"}, 9e6)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, a := range []*openAlert{{credential: "AKIA2"}, {}} {
		if got := e.issuance(a, 9e6); got != nil {
			t.Errorf("credential %q: %+v", a.credential, got)
		}
	}
}

func TestAPolicyIsReadAsEventsCarryIt(t *testing.T) {
	f := &facts{policy: "countries\tidentity\tDE, US\nno fields\nrate\tteam=a\t60 a minute\twith a tab", exceptions: []exception{{"dormant", 5e6}, {"call-rate", 9e6}}}
	want := []schemas.AlertPolicy{{Key: "countries", Source: "identity", Allows: "DE, US"}, {Key: "rate", Source: "team=a", Allows: "60 a minute\twith a tab"}}
	if diff := cmp.Diff(want, f.policies()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]schemas.AlertException{{Detector: "call-rate", Until: 9}}, f.inForce(5e6)); diff != "" {
		t.Errorf("an exception ends (-want +got):\n%s", diff)
	}
	f.policy = strings.Repeat("a\tb\tc\n", 100)
	if n := len(f.policies()); n != maxPolicyKeys {
		t.Errorf("%d keys", n)
	}
}

func TestAPolicyOfAnotherProducerIsBounded(t *testing.T) {
	var s store
	s.init()
	long := strings.Repeat("ü", 4000)
	f := &facts{policy: s.policyText(long)}
	if len(f.policy) > maxPolicyText || !f.samePolicy(long) || f.samePolicy("ü") {
		t.Errorf("%d bytes", len(f.policy))
	}
}
