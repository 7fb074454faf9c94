package app

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/schemas"
)

// hostile steers a terminal, in the codes of one byte and of C1, ends the line,
// and turns the direction of writing.
const hostile = "x\x1b]0;owned\x07\x1b[2J\u009b31m\r\ny\u202e|=1+1"

func requireHarmless(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		require.False(t, r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r), "%q holds %q", text, r)
	}
}

func TestNothingFromLogsSteersTheTerminalThatShowsAlerts(t *testing.T) {
	a := &schemas.Alert{SeverityID: schemas.SeverityHigh, Time: 1767225600000}
	a.FindingInfo.UID, a.FindingInfo.Title, a.FindingInfo.Desc = "id-1", hostile, hostile+"."
	a.FindingInfo.Analytic.UID, a.Actor.User.UID = "secret-access", "nginx:user/"+hostile
	a.FindingInfo.RelatedEvents = append(a.FindingInfo.RelatedEvents, schemas.RelatedEvent{UID: hostile})
	l := &a.Unmapped.Lapwing
	l.Version, l.Page, l.Observed, l.Expected, l.FirstChecks = 1, true, hostile, hostile, []string{hostile}
	var out strings.Builder
	v := newAlertView(&out)
	v.show(a)
	more := *a
	more.SeverityID, more.Unmapped.Lapwing.Version = schemas.SeverityCritical, 2
	more.Unmapped.Lapwing.Findings = []schemas.Finding{{Detector: "x", Sentence: hostile}}
	v.show(&more)
	quiet := *a
	quiet.FindingInfo.UID, quiet.Unmapped.Lapwing.Page = "id-2", false
	v.show(&quiet)
	require.Contains(t, out.String(), "nginx:user/x")
	requireHarmless(t, out.String())
}

func TestNothingFromLogsSteersTheTerminalThatExplains(t *testing.T) {
	var out strings.Builder
	field := []ingest.ExplainedField{{Field: "principal", From: hostile, Value: hostile}, {From: hostile, Value: hostile}}
	require.NoError(t, explanations(&out, nil, false)(1, ingest.Explanation{Format: "nginx", Fields: field[:1], Attributes: field, Dropped: field}))
	requireHarmless(t, out.String())
	require.Equal(t, 9, strings.Count(out.String(), "\n"))
}
