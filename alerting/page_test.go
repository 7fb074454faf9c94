package alerting

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

// paged is an alert with all that a page can show.
func paged() schemas.Alert {
	a := alert("9f2c41d8a07b", 2)
	a.Actor.User.CredentialUID = "AKIAIOSFODNN7EXAMPLE"
	a.FindingInfo.LastSeenTime = a.FindingInfo.FirstSeenTime + 90_000
	a.FindingInfo.RelatedEvents = []schemas.RelatedEvent{
		{UID: "1", Desc: "from 203.0.113.9 (FR) by aws-cli: success"}, {UID: "2", Desc: "from 203.0.113.9 (FR) by aws-cli: refused"},
		{UID: "3", Desc: "from 2001:db8::1: failed"}, {UID: "4", Desc: "by curl"},
	}
	a.Confidence = 85
	l := &a.Unmapped.Lapwing
	l.Identity.Environment = "production"
	l.Findings = []schemas.Finding{{Detector: "secret-access", Value: "prod/db", Count: 7}, {Detector: "new-network", Value: "203.0.113.0/24", Count: 1}}
	l.Identity.Policy = []schemas.AlertPolicy{{Key: "countries", Allows: "DE, US", Source: "identity"}, {Key: "rate", Allows: "60 a minute", Source: "team=platform"}}
	l.Identity.Exceptions = []schemas.AlertException{{Detector: "region-policy", Until: 1767225600000}}
	l.Identity.Issuance = &schemas.Issuance{
		Source: schemas.IssuanceDeclared, Issued: 1764547200000, Expires: 1767139200000, RotateEvery: 90 * 24 * 3600 * 1000,
		MintedBy: "aws:1:role/ci", MintedWith: "iam:CreateAccessKey", MintedTime: 1764547200000,
	}
	l.Links, l.FirstChecks = []string{"11aa", "22bb"}, []string{"one", "two", "three", "four", "five"}
	return a
}

func TestAPageCarriesWhatAResponderAsksFirst(t *testing.T) {
	a := paged()
	want := map[string]string{
		"credential": "AKIAIOSFODNN7EXAMPLE", "source": "203.0.113.9 (FR) by aws-cli, 2001:db8::1", "network": "203.0.113.0/24",
		"policy":          "countries DE, US; rate 60 a minute (policy for team=platform)",
		"exceptions":      "region-policy until 2026-01-01T00:00:00Z",
		"credential_life": "issued 2025-12-01T00:00:00Z, expired 2025-12-31T00:00:00Z, to be rotated every 90 days (inventory); made by aws:1:role/ci with iam:CreateAccessKey at 2025-12-01T00:00:00Z",
		"first_seen":      "2025-12-31T23:58:20Z", "last_seen": "2025-12-31T23:59:50Z", "calls": "secret-access 7 times, 4 sample calls",
		"linked_alerts": "11aa, 22bb", "command_show": "lapwing alert show 9f2c41d8a07b",
		"command_calls":     "lapwing hunt run alert-events -p alert=9f2c41d8a07b",
		"command_history":   "lapwing hunt run identity-history -p alert=9f2c41d8a07b",
		"command_addresses": "lapwing hunt run address-history -p alert=9f2c41d8a07b",
		"command_expected":  "lapwing alert expected 9f2c41d8a07b --dry-run",
		"who":               "owner alice@example.com, team platform, production, in no inventory",
		"how_sure":          "certain that it happened and is new, not that it is bad (confidence 85 of 100)",
	}
	pd := (&pagerDutySink{}).event(&a).Payload.CustomDetails
	am := (&alertmanagerSink{now: time.Now}).convert(&a)
	for name, value := range want {
		require.Equal(t, value, pd[name], name)
		require.Equal(t, value, am.Annotations[name], name)
	}
	require.Equal(t, a.Unmapped.Lapwing.FirstChecks, pd["first_checks"], "every one")
	for _, m := range []any{pd["breaks_if_disabled"], am.Annotations["breaks"]} {
		require.Equal(t, "unknown: the inventory names no dependants", m)
	}
	a.Unmapped.Lapwing.Breaks = []string{"checkout", "invoices"}
	require.Equal(t, "checkout, invoices", (&pagerDutySink{}).event(&a).Payload.CustomDetails["breaks_if_disabled"])
}

func TestAPageShowsALongPolicyByItsKeys(t *testing.T) {
	a := paged()
	a.Unmapped.Lapwing.Identity.Policy[0].Allows = strings.Repeat("x", shownPolicy)
	require.Equal(t, "countries, rate are limited", (&pagerDutySink{}).event(&a).Payload.CustomDetails["policy"])
}

func TestWhatIsKnownOfACredentialsLife(t *testing.T) {
	for _, c := range []struct {
		name, want string
		of         *schemas.Issuance
	}{
		{"nothing", "", nil},
		{"as logged", "issued 2025-12-01T00:00:00Z, expires 2026-01-31T00:00:00Z (log)", &schemas.Issuance{Source: schemas.IssuanceLogged, Issued: 1764547200000, Expires: 1769817600000}},
		{"its maker only", "made by aws:1:role/ci", &schemas.Issuance{MintedBy: "aws:1:role/ci"}},
		{"an interval that is no whole days", "to be rotated every 36h0m0s (inventory)", &schemas.Issuance{Source: schemas.IssuanceDeclared, RotateEvery: 36 * 3600 * 1000}},
		{"a day", "to be rotated every day (inventory)", &schemas.Issuance{Source: schemas.IssuanceDeclared, RotateEvery: 24 * 3600 * 1000}},
	} {
		a := paged()
		a.Unmapped.Lapwing.Identity.Issuance = c.of
		require.Equal(t, c.want, Issuance(&a), c.name)
	}
}

func TestAPageLeavesOutWhatIsNotThere(t *testing.T) {
	a := alert("a", 1)
	a.Evidences = nil
	b, err := json.Marshal((&pagerDutySink{}).event(&a).Payload.CustomDetails)
	require.NoError(t, err)
	for _, name := range []string{"credential", "source", "network", "last_seen", "calls", "linked_alerts", "part_of", "members", "observed", "null"} {
		require.NotContains(t, string(b), `"`+name+`":`)
	}
}

func TestAPageOfManyMembersIsBounded(t *testing.T) {
	a := alert("incident", 1)
	for i := range 200 {
		a.Unmapped.Lapwing.Identities = append(a.Unmapped.Lapwing.Identities, fmt.Sprintf("id-%d", i))
	}
	members, ok := (&pagerDutySink{}).event(&a).Payload.CustomDetails["members"].(string)
	require.True(t, ok)
	require.True(t, strings.HasSuffix(members, "id-19 and 180 more"), members)
}

func TestAPhonesFirstLineSaysWhatWhereAndWhose(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*schemas.Alert)
		want  string
	}{
		{"a first page", nil, "CI deployer read a secret (production, team platform)"},
		{"one that pages again says so", func(a *schemas.Alert) { a.Unmapped.Lapwing.Version = 3 }, "CI deployer read a secret (production, team platform, update 3)"},
		{"without a team its owner", func(a *schemas.Alert) { a.Unmapped.Lapwing.Identity.Team = "" }, "CI deployer read a secret (production, owner alice@example.com)"},
		{"of which nothing is declared", func(a *schemas.Alert) { a.Unmapped.Lapwing.Identity = schemas.AlertIdentity{} }, "CI deployer read a secret"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := alert("a", 1)
			a.FindingInfo.Title, a.Unmapped.Lapwing.Identity.Environment = "CI deployer read a secret", "production"
			if c.spoil != nil {
				c.spoil(&a)
			}
			require.Equal(t, c.want, (&pagerDutySink{}).event(&a).Payload.Summary)
			require.Equal(t, c.want, (&alertmanagerSink{now: time.Now}).convert(&a).Annotations["summary"])
		})
	}
}

func TestAPageSaysHowSureItIs(t *testing.T) {
	for _, c := range []struct {
		family, way string
		learning    bool
		confidence  int
		want        string
	}{
		{"declared", "declared", false, 99, "certain: it breaks what is declared (confidence 99 of 100)"},
		{"declared", "report", false, 99, "certain: it breaks what is declared (confidence 99 of 100)"},
		{"learned", "consequence", false, 85, "certain that it happened and is new, not that it is bad (confidence 85 of 100)"},
		{"learned", "strong", false, 75, "rare, not proven: one sign far beyond its own past (confidence 75 of 100)"},
		{"learned", "fused", false, 65, "rare, not proven: several things that are each unusual, together (confidence 65 of 100)"},
		{"learned", "consequence", true, 45, "certain that it happened and is new, not that it is bad; its history is still short (confidence 45 of 100)"},
		{"declared", "declared", true, 99, "certain: it breaks what is declared (confidence 99 of 100)"},
		{"learned", "report", false, 65, "worth knowing, not worth a page (confidence 65 of 100)"},
	} {
		a := alert("a", 1)
		a.Confidence = c.confidence
		l := &a.Unmapped.Lapwing
		l.Family, l.Way, l.Learning = c.family, c.way, c.learning
		require.Equal(t, c.want, HowSure(&a))
	}
}

func TestWhoOfAnIncidentIsWhatItsMembersShare(t *testing.T) {
	a := alert("incident", 1)
	l := &a.Unmapped.Lapwing
	l.Identities, l.Identity = []string{"a", "b", "c"}, schemas.AlertIdentity{Team: "platform"}
	require.Equal(t, "3 identities, team platform, not all of them in the inventory", Who(&a))
	l.Identity.Managed = true
	require.Equal(t, "3 identities, team platform", Who(&a))
	for _, c := range Commands(&a) {
		require.NotEqual(t, "history", c.What, "an incident is no identity")
	}
}
