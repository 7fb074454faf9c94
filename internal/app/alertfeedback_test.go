package app

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

func TestAVerdictNamesWhatTheAlertFound(t *testing.T) {
	a := &schemas.Alert{}
	a.FindingInfo.UID, a.Actor.User.UID = "id-1", "kong:consumer/partner-7"
	a.Unmapped.Lapwing.Findings = []schemas.Finding{{Detector: "new-country", Value: "FR", Way: "strong"}, {Detector: "call-rate", Value: "scale 0", Way: "strong"}, {Detector: "new-country", Value: "FR", Way: "strong"}, {Detector: "egress-volume", Value: "bytes", Way: "fused"}}
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name, verdict string
		o             FeedbackOptions
		want          []string
	}{
		{"expected: the alert, then each thing that it found, but no size", verdictExpected, FeedbackOptions{}, []string{"/", "new-country/FR"}},
		{"acknowledged: the alert alone", verdictAcknowledged, FeedbackOptions{}, []string{"/"}},
		{"undone: the alert alone", verdictUndone, FeedbackOptions{}, []string{"/"}},
		{"chosen: what one detector found", verdictFalsePositive, FeedbackOptions{Detectors: []string{"new-country"}}, []string{"new-country/FR"}},
		{"chosen: what several found, sizes too", verdictExpected, FeedbackOptions{Detectors: []string{"egress-volume", "call-rate"}}, []string{"call-rate/scale 0", "egress-volume/bytes"}},
		{"chosen: one value, were it not in the alert", verdictFalsePositive, FeedbackOptions{Detectors: []string{"new-country"}, Value: "BR"}, []string{"new-country/BR"}},
		{"undone: all of one detector", verdictUndone, FeedbackOptions{Detectors: []string{"new-country"}}, []string{"new-country/"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.o.By, tc.o.Reason = "ana", "moved"
			var got []string
			for _, r := range feedbackRecords(a, tc.verdict, &tc.o, now) {
				got = append(got, r.Detector+"/"+r.Value)
				c, err := r.control()
				require.NoError(t, err)
				require.Equal(t, "id-1", c.AlertId)
				require.Equal(t, "kong:consumer/partner-7", c.IdentityId)
				require.Equal(t, tc.verdict, c.Verdict)
				require.Equal(t, "ana", c.By)
				require.Equal(t, r, recordOf(c), "a file gives back what was sent")
				var batch stream.Batch
				require.NoError(t, batch.AddControl(c))
				rec := batch.Records()[0]
				require.Equal(t, "feedback", string(rec.Header(stream.ControlHeader)))
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func TestAVerdictTellsWhatItSilencesAndWhatNot(t *testing.T) {
	a := &schemas.Alert{}
	a.Actor.User.UID = "partner"
	a.Unmapped.Lapwing.Findings = []schemas.Finding{{Detector: "region-policy", Value: "FR", Way: "declared"}, {Detector: "call-rate", Value: "scale 0", Way: "strong"}}
	for _, c := range []struct {
		name      string
		detectors []string
		want      string
	}{
		{"by itself, what paged", nil, "  region-policy is silent about \"FR\" of partner for 30 days\n  call-rate speaks on about \"scale 0\" (--detector call-rate silences it, whatever the size)\n"},
		{"what was chosen", []string{"call-rate"}, "  call-rate is silent about \"scale 0\" of partner for 30 days, whatever the size\n  region-policy speaks on about \"FR\" (--detector region-policy silences it)\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			tellSilence(&out, a, feedbackRecords(a, verdictExpected, &FeedbackOptions{Detectors: c.detectors}, time.Unix(0, 0)))
			require.Equal(t, c.want, out.String())
		})
	}
}

func TestVerdictsAreListedByWhatTheyAreAbout(t *testing.T) {
	v := &detect.VerdictView{AlertID: "x", Identity: "i", Verdict: verdictExpected, Until: time.Unix(1e9, 0), About: []detect.DetectorValue{{Detector: "a", Value: "1"}, {Detector: "b"}}}
	require.Len(t, recordsOf(v), 2)
	v.Verdict = verdictAcknowledged
	require.Len(t, recordsOf(v), 1)
	require.True(t, recordsOf(v)[0].Until.IsZero(), "it silences nothing")
}

func TestAVerdictWithoutAReasonIsRefused(t *testing.T) {
	for problem, o := range map[string]FeedbackOptions{
		"say why with --reason":        {Word: "expected", AlertID: "abcdef"},
		"say why with --reason \"…\"":  {Word: "expected", AlertID: "abcdef", Reason: "…"},
		"alert false: say why":         {Word: "false", AlertID: "abcdef"},
		"--value needs --detector":     {Word: "expected", AlertID: "abcdef", Reason: "x", Value: "FR"},
		"--reason: 301 bytes, at most": {Word: "ack", AlertID: "abcdef", Reason: string(make([]byte, 301))},
	} {
		err := AlertFeedback(t.Context(), Defaults(), o, IO{})
		require.ErrorContains(t, err, problem)
		code, _ := ExitCode(err)
		require.Equal(t, ExitUsage, code)
	}
}
