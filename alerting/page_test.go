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
	l := &a.Unmapped.Lapwing
	l.Findings = []schemas.Finding{{Detector: "secret-access", Value: "prod/db", Count: 7}, {Detector: "new-network", Value: "203.0.113.0/24", Count: 1}}
	l.Links, l.FirstChecks = []string{"11aa", "22bb"}, []string{"one", "two", "three", "four", "five"}
	return a
}

func TestAPageCarriesWhatAResponderAsksFirst(t *testing.T) {
	a := paged()
	want := map[string]string{
		"credential": "AKIAIOSFODNN7EXAMPLE", "source": "203.0.113.9 (FR) by aws-cli, 2001:db8::1", "network": "203.0.113.0/24",
		"first_seen": "2025-12-31T23:58:20Z", "last_seen": "2025-12-31T23:59:50Z", "calls": "secret-access 7 times, 4 sample calls",
		"linked_alerts": "11aa, 22bb", "command_show": "lapwing alert show 9f2c41d8a07b",
		"command_calls":    "lapwing hunt run alert-events -p alert=9f2c41d8a07b",
		"command_expected": "lapwing alert expected 9f2c41d8a07b --reason …",
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
