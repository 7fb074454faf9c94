package app

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/schemas"
)

// regionLog is a log of one identity that calls us-east-1 every hour for days,
// and eu-west-1 once at noon of each.
func regionLog(days int) string {
	var b strings.Builder
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for h := range days * 24 {
		at, region := start.Add(time.Duration(h)*time.Hour), "us-east-1"
		if h%24 == 12 {
			region = "eu-west-1"
		}
		line := trail(fmt.Sprintf("%08d-1111-4111-8111-111111111111", h), at.Format(time.RFC3339))
		b.WriteString(strings.Replace(line, "us-east-1", region, 1) + "\n")
	}
	return b.String()
}

// regionInventory declares that only one region is allowed.
func regionInventory(t *testing.T, region string) string {
	path := filepath.Join(t.TempDir(), "inventory.yaml")
	require.NoError(t, os.WriteFile(path, []byte("identities:\n  - id: aws:123456789012:user/ci\n    allowed: {regions: ["+region+"]}\n"), 0o600))
	return path
}

// judged runs a backtest and gives its alerts (or differences), its summary and
// its error.
func judged[T any](t *testing.T, log string, o BacktestOptions) (lines []T, s backtestSummary, said string, err error) {
	t.Helper()
	o.Format, o.Files, o.JSON = "cloudtrail", []string{"-"}, true
	var out, errOut strings.Builder
	err = Backtest(t.Context(), Defaults(), o, IO{In: strings.NewReader(log), Out: &out, Err: &errOut})
	d := json.NewDecoder(strings.NewReader(out.String()))
	for d.More() {
		var x T
		require.NoError(t, d.Decode(&x))
		lines = append(lines, x)
	}
	for line := range strings.Lines(errOut.String()) {
		if strings.HasPrefix(line, "{") {
			require.NoError(t, json.Unmarshal([]byte(line), &s))
		}
	}
	return lines, s, errOut.String(), err
}

func TestWhatIsLearnedIsNotWritten(t *testing.T) {
	log, inv := regionLog(4), regionInventory(t, "us-east-1")
	all, s, _, err := judged[schemas.Alert](t, log, BacktestOptions{Inventory: inv})
	require.NoError(t, err)
	require.Len(t, all, 1, "a rule speaks once while it goes on")
	require.Equal(t, 1, s.Pages)
	require.InDelta(t, 3.96, s.Days, 0.01)

	late, s, _, err := judged[schemas.Alert](t, log, BacktestOptions{Inventory: inv, LearnUntil: "2026-01-03"})
	require.NoError(t, err)
	require.Empty(t, late, "it was opened before")
	require.Equal(t, 1, s.LearningAlerts)
	require.Equal(t, 0, s.Pages)
	require.InDelta(t, 1.96, s.Days, 0.01)

	first, _, _, err := judged[schemas.Alert](t, log, BacktestOptions{Inventory: inv, LearnUntil: "2026-01-01T06:00:00Z"})
	require.NoError(t, err)
	require.Equal(t, all, first, "what only teaches changes no alert of later")

	_, _, _, err = judged[schemas.Alert](t, log, BacktestOptions{LearnUntil: "soon"})
	require.ErrorContains(t, err, `--learn-until: "soon" is no time`)
}

func TestFailOnIsACheckForCI(t *testing.T) {
	log := regionLog(2)
	for _, tc := range []struct {
		name   string
		o      BacktestOptions
		failed bool
	}{
		{"an alert that matches fails", BacktestOptions{Inventory: regionInventory(t, "us-east-1"), FailOn: []string{"severity>=low,detector=region-policy"}}, true},
		{"one condition of several is enough", BacktestOptions{Inventory: regionInventory(t, "us-east-1"), FailOn: []string{"detector=scope-policy", "page=true"}}, true},
		{"one that does not match passes", BacktestOptions{Inventory: regionInventory(t, "us-east-1"), FailOn: []string{"detector=scope-policy"}}, false},
		{"no alert, no failure", BacktestOptions{Inventory: regionInventory(t, "'*'"), FailOn: []string{"severity>=low,detector!=unmanaged-identity"}}, false},
		{"in a comparison what is gained fails", BacktestOptions{Inventory: regionInventory(t, "'*'"), CompareInventory: regionInventory(t, "us-east-1"), FailOn: []string{"detector=region-policy"}}, true},
		{"what was there before does not", BacktestOptions{Inventory: regionInventory(t, "us-east-1"), CompareInventory: regionInventory(t, "us-east-1"), FailOn: []string{"detector=region-policy"}}, false},
		{"a check that no event came to fails", BacktestOptions{FailOn: []string{"severity>=low"}, LearnUntil: "2026-02-01"}, true},
		{"nor what is lost", BacktestOptions{Inventory: regionInventory(t, "us-east-1"), CompareInventory: regionInventory(t, "'*'"), FailOn: []string{"detector=region-policy"}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, s, said, err := judged[json.RawMessage](t, log, tc.o)
			require.Equal(t, tc.failed, err != nil, said)
			require.Equal(t, tc.failed, len(s.Failures) > 0)
			require.Equal(t, tc.failed, strings.Contains(said, "lapwing: fail-on"), said)
			if tc.failed {
				code, printIt := ExitCode(err)
				require.Equal(t, ExitFailed, code)
				require.False(t, printIt)
			}
		})
	}
}

func TestComparisonNamesWhatIsGainedLostAndChanged(t *testing.T) {
	log := regionLog(2)
	none, only := regionInventory(t, "'*'"), regionInventory(t, "us-east-1")
	critical := filepath.Join(t.TempDir(), "critical.yaml")
	require.NoError(t, os.WriteFile(critical, []byte("identities:\n  - id: aws:123456789012:user/ci\n    criticality: critical\n    allowed: {regions: [us-east-1]}\n"), 0o600))
	feedback := filepath.Join(t.TempDir(), "feedback.ndjson")
	require.NoError(t, os.WriteFile(feedback, []byte(`{"time":"2026-01-01T10:00:00Z","identity":"arn:aws:iam::123456789012:user/ci","verdict":"expected","detector":"region-policy","by":"ana","reason":"moving"}`), 0o600))
	for _, tc := range []struct {
		name   string
		o      BacktestOptions
		change string
		why    string
	}{
		{"a rule added", BacktestOptions{Inventory: none, CompareInventory: only}, diffGained, "region-policy: "},
		{"a rule taken away", BacktestOptions{Inventory: only, CompareInventory: none}, diffLost, "region-policy: "},
		{"more at stake", BacktestOptions{Inventory: only, CompareInventory: critical}, diffChanged, "becomes"},
		{"what a verdict costs", BacktestOptions{Inventory: only, CompareFeedback: feedback}, diffLost, `silenced by "expected" of 2026-01-01, ana: moving`},
		{"verdicts on both sides change nothing", BacktestOptions{Inventory: only, Feedback: feedback, CompareInventory: only}, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			list, s, said, err := judged[difference](t, log, tc.o)
			require.NoError(t, err, said)
			require.NotNil(t, s.Compare)
			if tc.change == "" {
				require.Empty(t, list)
				return
			}
			require.Len(t, list, 1)
			require.Equal(t, tc.change, list[0].Change)
			require.Contains(t, strings.Join(list[0].Why, "\n"), tc.why)
			require.NotNil(t, list[0].Alert)
			require.Equal(t, 1, s.Compare.Gained+s.Compare.Lost+s.Compare.Changed)
		})
	}
	cfg := Defaults()
	cfg.Detect.Disabled = []string{"region-policy"}
	list, _, _, err := judged[difference](t, log, BacktestOptions{Inventory: only, Compare: &cfg})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, diffLost, list[0].Change)
}

func TestLabelsAreScored(t *testing.T) {
	log := regionLog(3)
	labels := filepath.Join(t.TempDir(), "labels.csv")
	require.NoError(t, os.WriteFile(labels, []byte("identity,from,to,name,event_ids\n"+
		"aws:123456789012:user/ci,2026-01-01T12:00:00Z,2026-01-01T12:00:00Z,moved,00000012-1111-4111-8111-111111111111\n"+
		"aws:123456789012:user/ci,2026-01-01T11:30:00Z,2026-01-01T12:30:00Z,by time,\n"+
		"aws:123456789012:user/ci,2026-01-02T03:00:00Z,2026-01-02T03:10:00Z,missed,\n"+
		"aws:123456789012:user/other,2026-01-02,2026-01-02,of a log not given,\n"+
		"aws:123456789012:user/ci,2025-12-31T22:00:00Z,2026-01-01T01:00:00Z,from before the first call on,\n"+
		"aws:123456789012:user/ci,2025-01-02,2025-01-02,long ago,\n"+
		"aws:123456789012:user/ci,2026-02-01,2026-02-02,later,\n"), 0o600))
	_, s, _, err := judged[schemas.Alert](t, log, BacktestOptions{Inventory: regionInventory(t, "us-east-1"), Labels: labels})
	require.NoError(t, err)
	c := s.Scorecard
	require.Equal(t, 4, c.Attacks)
	require.Equal(t, 2, c.Found)
	require.InDelta(t, 0.5, c.Recall, 1e-9, "what these logs don't have lowers nothing")
	unjudged := map[string]string{}
	for _, u := range c.Unjudged {
		unjudged[u.Label.Name] = u.Why
	}
	require.Equal(t, map[string]string{
		"of a log not given": "no call of this identity in these logs",
		"long ago":           "before the first call in these logs (2026-01-01 00:00:00)",
		"later":              "after the last call in these logs (2026-01-03 23:00:00)",
	}, unjudged)
	require.Equal(t, time.Duration(0), c.Rows[0].Delay)
	require.Equal(t, 30*time.Minute, c.Rows[1].Delay)
	require.Equal(t, 0, c.False)
	require.Equal(t, "region-policy", c.Detectors[0].Detector)

	var out, errOut strings.Builder
	require.NoError(t, Backtest(t.Context(), Defaults(), BacktestOptions{Format: "cloudtrail", Files: []string{"-"}, Labels: labels}, IO{In: strings.NewReader(log), Out: &out, Err: &errOut}))
	require.Contains(t, errOut.String(), "│ 2026-01-02 00:00 │ of a log not given │ aws:123456789012:user/other │ no call of this identity in these logs ")

	_, s, _, err = judged[schemas.Alert](t, log, BacktestOptions{Inventory: regionInventory(t, "us-east-1"), Labels: labels, LearnUntil: "2026-01-02"})
	require.NoError(t, err)
	require.Equal(t, 1, s.Scorecard.Attacks)
	require.Equal(t, "it began before --learn-until", s.Scorecard.Unjudged[0].Why)

	_, s, _, err = judged[schemas.Alert](t, "", BacktestOptions{Labels: labels})
	require.NoError(t, err)
	require.Zero(t, s.Scorecard.Attacks)
	require.Len(t, s.Scorecard.Unjudged, 7)
}

// An incident is in these logs where they have a call of its identities in its time, or
// one of its events; a silence, where they have its identity and its beginning.
func TestLabelsThatTheLogsLackAreNotMissed(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 7, 1, hour, 0, 0, 0, time.UTC) }
	label := func(change func(l *simulate.Label)) simulate.Label {
		l := simulate.Label{Kind: simulate.KindAttack, Identity: "a", Start: at(10), End: at(11)}
		change(&l)
		return l
	}
	same := func(*simulate.Label) {}
	for _, tc := range []struct {
		name  string
		label simulate.Label
		row   simulate.Row
		who   string
		hours []int
		ids   []string
		want  string
	}{
		{name: "a call in its time", label: label(same), who: "a", hours: []int{1, 10, 20}},
		{name: "a call soon after it, by which it may be found", label: label(same), who: "a", hours: []int{1, 12, 20}},
		{name: "calls before and long after only", label: label(same), who: "a", hours: []int{1, 20}, want: "no call of this identity at that time in these logs"},
		{name: "another's calls only", label: label(same), who: "b", hours: []int{1, 10, 20}, want: "no call of this identity in these logs"},
		{name: "one of its identities is enough", label: label(func(l *simulate.Label) { l.Identities = []string{"x", "b"} }), who: "b", hours: []int{1, 10, 20}},
		{name: "one of its events is enough", label: label(func(l *simulate.Label) { l.Events = []string{"e0"} }), who: "b", hours: []int{1, 20}},
		{name: "what was found is judged", label: label(same), row: simulate.Row{ByTime: true}, who: "b", hours: []int{1, 20}},
		{name: "a silence has no call", label: label(func(l *simulate.Label) { l.Silence = true }), who: "a", hours: []int{1, 20}},
		{name: "a silence of one that was never heard", label: label(func(l *simulate.Label) { l.Silence = true }), who: "b", hours: []int{1, 20}, want: "no call of this identity in these logs"},
		{name: "before the first call", label: label(same), who: "a", hours: []int{15, 20}, want: "before the first call in these logs (2026-07-01 15:00:00)"},
		{name: "after the last call", label: label(same), who: "a", hours: []int{1, 2}, want: "after the last call in these logs (2026-07-01 02:00:00)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			labels := []simulate.Label{tc.label}
			c := newLabelCover(labels)
			for i, h := range tc.hours {
				c.see(&schemas.Event{IdentityId: tc.who, Id: fmt.Sprintf("e%d", i)}, at(h).UnixNano())
			}
			v := &verdict{events: len(tc.hours), from: at(tc.hours[0]), to: at(tc.hours[len(tc.hours)-1])}
			require.Equal(t, tc.want, c.unjudged(&labels[0], &tc.row, v))
		})
	}
}

// The example of the guide is a file of verdicts as it says: one that silences, one that
// takes back, and one on an alert, which is said where there is none of that name.
func TestTheFeedbackFileOfTheGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/backtest.md")
	require.NoError(t, err)
	_, text, ok := strings.Cut(string(guide), "## Feedback\n")
	require.True(t, ok)
	_, text, ok = strings.Cut(text, "```json\n")
	require.True(t, ok)
	text, _, ok = strings.Cut(text, "```")
	require.True(t, ok)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	require.Len(t, lines, 3)
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "feedback.ndjson")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	log, inv := regionLog(4), regionInventory(t, "us-east-1")
	alerts, _, _, err := judged[schemas.Alert](t, log, BacktestOptions{Inventory: inv})
	require.NoError(t, err)
	require.Len(t, alerts, 1)
	opened, id := alerts[0].ID(), "9f2c41d8a07b6e53c1d24b7e90aa"
	require.Contains(t, lines[2], id)

	list, s, _, err := judged[difference](t, log, BacktestOptions{Inventory: inv, CompareFeedback: file(lines[0])})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, diffLost, list[0].Change)
	require.Contains(t, list[0].Why[0], "ana: the move, CHG-1423")
	require.Empty(t, s.StrayAlerts)

	late, _, _, err := judged[schemas.Alert](t, log, BacktestOptions{Inventory: inv, Feedback: file(lines[1] + "\n" + lines[0])})
	require.NoError(t, err)
	require.Len(t, late, 1)
	require.Equal(t, alerts[0].FindingInfo.FirstSeenTime+24*time.Hour.Milliseconds(), late[0].FindingInfo.FirstSeenTime, "it speaks again once that was taken back")

	alerts, s, _, err = judged[schemas.Alert](t, log, BacktestOptions{Inventory: inv, Feedback: file(text)})
	require.NoError(t, err)
	require.Equal(t, []string{id}, s.StrayAlerts)
	require.NotEmpty(t, alerts)
	var errOut strings.Builder
	require.NoError(t, Backtest(t.Context(), Defaults(), BacktestOptions{Format: "cloudtrail", Files: []string{"-"}, Inventory: inv, Feedback: file(text)}, IO{In: strings.NewReader(log), Out: io.Discard, Err: &errOut}))
	require.Contains(t, errOut.String(), "warning: feedback: no alert of this run is called "+id+"; of such a verdict only detector and value count")
	_, s, _, err = judged[difference](t, log, BacktestOptions{Inventory: inv, CompareInventory: inv, Feedback: file(lines[2])})
	require.NoError(t, err)
	require.Equal(t, []string{id}, s.StrayAlerts, "also where two sides are compared")

	alerts, s, _, err = judged[schemas.Alert](t, log, BacktestOptions{Inventory: inv, Feedback: file(strings.ReplaceAll(lines[2], id, opened))})
	require.NoError(t, err)
	require.Empty(t, s.StrayAlerts)
	require.Contains(t, alerts[0].Unmapped.Lapwing.CloseReason, "acknowledged by bo")
}

func TestFeedbackThatIsAboutNothingIsSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "feedback.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(`{"time":"2026-01-01T00:00:00Z","identity":"aws:123456789012:user/ci","verdict":"expected","detector":"region-polcy"}
{"time":"2026-01-01T00:00:00Z","identity":"aws:123456789012:user/c1","verdict":"expected","detector":"region-policy"}
{"time":"2026-01-01T00:00:00Z","identity":"arn:aws:iam::123456789012:user/ci","verdict":"expected","detector":"region-policy"}
{"time":"2026-01-01T00:00:00Z","identity":"kong:consumer/nobody","verdict":"expected","detector":"no such detector"}
{"time":"2026-11-27T00:00:00Z","identity":"aws:123456789012:user/ci","verdict":"expected","detector":"region-policy"}
`), 0o600))
	o := BacktestOptions{Feedback: file}
	_, s, _, err := judged[schemas.Alert](t, regionLog(2), o)
	require.NoError(t, err)
	require.Equal(t, []string{"region-polcy", "no such detector"}, s.StrayDetectors)
	require.Equal(t, []string{"aws:123456789012:user/c1", "kong:consumer/nobody"}, s.StrayIdentities)
	o.Format, o.Files = "cloudtrail", []string{"-"}
	var said strings.Builder
	require.NoError(t, Backtest(t.Context(), Defaults(), o, IO{In: strings.NewReader(regionLog(2)), Out: io.Discard, Err: &said}))
	require.Contains(t, said.String(), "warning: feedback: no detector is called region-polcy (did you mean region-policy?), no such detector; such a verdict silences nothing\n")
	require.Contains(t, said.String(), "warning: feedback: no identity of this run is called aws:123456789012:user/c1 (did you mean aws:123456789012:user/ci?), kong:consumer/nobody; such a verdict counts for nothing; aliases are not resolved\n")
	require.Contains(t, said.String(), "warning: feedback: 1 verdict given after the last call: a verdict takes effect at its time")
}

// Which identities are in no inventory does not depend on what was announced of them: one
// whose calls were all refused is never announced.
func TestTheSummaryCountsAllThatAreInNoInventory(t *testing.T) {
	refused := strings.ReplaceAll(regionLog(1), `"eventName"`, `"errorCode":"AccessDenied","eventName"`)
	for _, tc := range []struct{ name, log string }{
		{name: "calls that were made", log: regionLog(1)},
		{name: "calls that were refused", log: refused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, s, _, err := judged[schemas.Alert](t, tc.log, BacktestOptions{})
			require.NoError(t, err)
			require.Equal(t, 1, s.Identities)
			require.Equal(t, 1, s.Unmanaged)
			_, s, _, err = judged[schemas.Alert](t, tc.log, BacktestOptions{Inventory: regionInventory(t, "us-east-1")})
			require.NoError(t, err)
			require.Zero(t, s.Unmanaged)
		})
	}
}

func TestProfilesAreWrittenAtTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "profiles.ndjson")
	_, _, _, err := judged[schemas.Alert](t, regionLog(9), BacktestOptions{ProfilesOut: path})
	require.NoError(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var v detect.ProfileView
	require.NoError(t, json.Unmarshal(data, &v))
	require.Equal(t, "aws:123456789012:user/ci", v.Identity)
	require.Equal(t, 216, v.Calls)
	require.Equal(t, 9, v.ActiveDays)
	for _, set := range v.Sets {
		if set.Dimension == "region" {
			require.True(t, set.Learned)
			require.Len(t, set.Values, 2)
			require.Contains(t, []uint32{set.Values[0].Fingerprint, set.Values[1].Fingerprint}, detect.FingerprintOf("region", "us-east-1"))
		}
	}
}

func TestFeedbackFilesAreReadOrRefused(t *testing.T) {
	for _, tc := range []struct{ name, text, problem string }{
		{"a verdict on a detector", `{"time":"2026-01-01T10:00:00Z","identity":"a","verdict":"expected","detector":"call-rate"}`, ""},
		{"what list writes", `{"time":"2026-01-01T10:00:00Z","alert_id":"x","identity":"a","verdict":"undone","until":"2026-02-01T00:00:00Z"}`, ""},
		{"no identity", `{"time":"2026-01-01T10:00:00Z","verdict":"expected","detector":"call-rate"}`, "line 1: identity is missing"},
		{"no time", "\n" + `{"identity":"a","verdict":"expected","detector":"call-rate"}`, "line 2: time is missing"},
		{"an unknown verdict", `{"time":"2026-01-01T10:00:00Z","identity":"a","verdict":"fine","detector":"call-rate"}`, `verdict "fine": want`},
		{"about nothing", `{"time":"2026-01-01T10:00:00Z","identity":"a","verdict":"expected"}`, "what is it about?"},
		{"no JSON", `expected`, "line 1: invalid character"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			require.NoError(t, os.WriteFile(path, []byte(tc.text), 0o600))
			list, err := loadFeedback("--feedback", path)
			if tc.problem == "" {
				require.NoError(t, err)
				require.Len(t, list, 1)
				return
			}
			require.ErrorContains(t, err, tc.problem)
		})
	}
}
