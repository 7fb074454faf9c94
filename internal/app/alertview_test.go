package app

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestAShownAlertAnswersWhatAResponderAsks(t *testing.T) {
	a := &schemas.Alert{SeverityID: schemas.SeverityHigh}
	a.Actor.User.UID, a.Actor.User.CredentialUID = "partner", "AKIAIOSFODNN7EXAMPLE"
	a.FindingInfo.UID, a.FindingInfo.Title = "9f2c41d8a07b", "It read a secret"
	a.FindingInfo.FirstSeenTime, a.FindingInfo.LastSeenTime = 1767225600000, 1767225660000
	a.FindingInfo.RelatedEvents = []schemas.RelatedEvent{{UID: "e", Desc: "from 203.0.113.9 (FR): success"}}
	l := &a.Unmapped.Lapwing
	l.Identity.Policy = []schemas.AlertPolicy{{Key: "countries", Allows: "DE, US", Source: "identity"}}
	l.Identity.Exceptions = []schemas.AlertException{{Detector: "region-policy", Until: 1767312000000}}
	l.Identity.Issuance = &schemas.Issuance{Source: schemas.IssuanceLogged, Issued: 1764547200000}
	l.Page, l.Links, l.Identities = true, []string{"11aa"}, []string{"one", "two"}
	l.Findings = []schemas.Finding{{Detector: "secret-access", Sentence: "It read a secret.", Count: 2}}
	for i := range 8 {
		l.FirstChecks = append(l.FirstChecks, fmt.Sprintf("check %d", i+1))
	}
	for i := range 30 {
		l.Mappings.NISTCSF = append(l.Mappings.NISTCSF, fmt.Sprintf("DE.CM-%02d", i))
	}
	var out strings.Builder
	newAlertView(&out).inFull(a)
	out.WriteString(alertRest(a))
	text := out.String()
	for _, line := range []string{
		"    credential  AKIAIOSFODNN7EXAMPLE\n    its life    issued 2025-12-01T00:00:00Z (log)\n    policy      countries DE, US\n    exceptions  region-policy until 2026-01-02T00:00:00Z\n", "    source      203.0.113.9 (FR)\n",
		"    seen        2026-01-01 00:00:00 to 2026-01-01 00:01:00 UTC: secret-access 2 times, 1 sample call\n",
		"    breaks      unknown: the inventory names no dependants\n", "                8. check 8\n", "    linked      11aa\n", "    members     one, two\n",
		"    next        lapwing hunt run alert-events -p alert=9f2c41d8a07b\n",
		"                lapwing alert expected 9f2c41d8a07b --dry-run\n",
	} {
		require.Contains(t, text, line)
	}
	require.Contains(t, text, "\nHIGH  2026-01-01 00:00:00 UTC  ", "a time says its zone")
	require.Contains(t, text, ", …\n", "the mappings end behind one of them")
	require.Less(t, strings.Index(text, "check 8"), strings.Index(text, "mappings"))
	_, rest, _ := strings.Cut(text, "    mappings")
	_, rest, _ = strings.Cut(rest, "\n")
	require.True(t, strings.HasPrefix(rest, "    alert "), "the mappings take one line")
}

func TestACommandThatIsShownIsOnOneLine(t *testing.T) {
	a := &schemas.Alert{SeverityID: schemas.SeverityHigh}
	a.FindingInfo.UID, a.Actor.User.UID = "9f2c41d8a07b", "aws:123456789012:role/a-role-whose-name-is-longer-than-most-names-of-roles-are"
	text := alertRest(a)
	require.Contains(t, text, "    stop it     aws iam attach-role-policy --role-name a-role-whose-name-is-longer-than-most-names-of-roles-are --policy-arn arn:aws:iam::aws:policy/AWSDenyAll\n")
	require.Contains(t, text, "    undo        aws iam detach-role-policy --role-name a-role-whose-name-is-longer-than-most-names-of-roles-are --policy-arn arn:aws:iam::aws:policy/AWSDenyAll\n")
}
