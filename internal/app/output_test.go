package app

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/enrich"
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

func TestNothingDeclaredSteersTheTerminalOnWhichItIsApproved(t *testing.T) {
	id := "a:" + hostile
	old := schemas.Identity{ID: id, Owner: hostile + "o", Labels: map[string]string{hostile: hostile}, Exceptions: []schemas.KnownException{{Detector: hostile}}}
	now := schemas.Identity{ID: id, Owner: hostile + strings.Repeat("n", 4000) + "end", Aliases: []string{hostile}, Credentials: []schemas.KnownCredential{{Ref: hostile}}}
	added, removed := now, old
	added.ID, removed.ID = id+"1", id+"2"
	changes, _, err := diffIdentities(
		map[string]schemas.Identity{id: old, removed.ID: removed}, map[string]schemas.Identity{id: now, added.ID: added}, func(string) bool { return true })
	require.NoError(t, err)
	require.Len(t, changes, 3)
	var out strings.Builder
	require.NoError(t, writeDiff(&out, changes))
	requireHarmless(t, out.String())
	require.Contains(t, out.String(), "nnnend\n", "what is approved is seen to its end")
}

func TestNothingInAnExportSteersTheTerminal(t *testing.T) {
	cfg := Defaults()
	cfg.DataDir = t.TempDir()
	export := fileOf(t, "apps.json", `[{"app_id":1,"id":2,"permissions":{"\u001b[2J\u009b31m\u202e":[0]}},{"app_id":"\u202e","id":3}]`)
	_, said, err := imports(t, cfg, IdentityImportOptions{From: "github-apps", Out: "x.yaml"}, export)
	require.Error(t, err)
	require.Contains(t, said, "[0].permissions.?[2J?31m?: want a text, found a list")
	require.Contains(t, said, "[1].app_id: holds a control character, or one that turns the direction of writing")
	requireHarmless(t, said)
}

func TestNothingInADeadLetterSteersTheTerminal(t *testing.T) {
	d := deadLetter{Stage: hostile, Topic: hostile, Error: hostile}
	for _, cell := range d.row() {
		requireHarmless(t, cell)
	}
}

func TestNothingDeclaredMayHoldWhatSteersATerminal(t *testing.T) {
	for _, s := range []string{"\u009b31m", "\u202e", "\u2066", "\u200f", "\u0085", "\x1b", "\x7f"} {
		until := time.Unix(1767225600, 0)
		for _, it := range []schemas.Identity{
			{ID: "a:" + s},
			{ID: "a:b", Labels: map[string]string{"é": "é" + s}},
			{ID: "a:b", Exceptions: []schemas.KnownException{{Detector: s, Until: until}}},
			{ID: "a:b", Exceptions: []schemas.KnownException{{Detector: "x", Until: until, Reason: s}}},
			{ID: "a:b", Exceptions: []schemas.KnownException{{Detector: "x", Until: until, By: s}}},
		} {
			require.ErrorContains(t, enrich.CheckIdentity(&it), "holds a control character")
		}
		_, err := enrich.ParseInventory("i.csv", []byte("id,owner\na:b,\"x"+s+"y\"\n"))
		require.ErrorContains(t, err, "i.csv:2: owner: holds a control character")
	}
	_, err := enrich.ParseInventory("i.yaml", []byte(`identities: [{id: a:b, owner: "x\u202e"}]`))
	require.ErrorContains(t, err, "i.yaml:1: owner: holds a control character")
	many := schemas.Identity{ID: "a:b", Exceptions: make([]schemas.KnownException, enrich.MaxListEntries+1)}
	require.EqualError(t, enrich.CheckIdentity(&many), "exceptions: too many entries, at most 10000")
}
