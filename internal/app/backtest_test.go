package app

import (
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

func trail(id, at string) string {
	return fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/ci","accountId":"123456789012","accessKeyId":"AKIAIOSFODNN7EXAMPLE","userName":"ci"},"eventTime":%q,"eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.9","userAgent":"aws-cli/2.15","eventID":%q,"eventType":"AwsApiCall","recipientAccountId":"123456789012"}`, at, id)
}

// trailsOf1999 are records that are bad, each for another reason: its time.
func trailsOf1999(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(trail(fmt.Sprintf("%08d-1111-4111-8111-111111111111", i), fmt.Sprintf("1999-12-%02dT00:00:00Z", i+1)) + "\n")
	}
	return b.String()
}

func TestParseSaysOfEachBadRecordWhy(t *testing.T) {
	parse := func(input string) string {
		var out, errOut strings.Builder
		_ = Parse(t.Context(), Defaults(), ParseOptions{Format: "cloudtrail", Files: []string{"-"}}, IO{In: strings.NewReader(input), Out: &out, Err: &errOut})
		return errOut.String()
	}
	good := trail("11111111-1111-4111-8111-111111111111", "2026-01-01T00:00:00Z") + "\n"
	said := parse(good + "nonsense\n" + "{}\n" + good + "{}\n{}\n" + "nonsense\n")
	require.Regexp(t, `^stdin: record 2: [^\n]+
stdin: record 3: [^\n]+
stdin: record 5: [^\n]+
stdin: record 6: [^\n]+
stdin: record 7: [^\n]+
2 events, 5 bad
`, said)
	said = parse(good + trailsOf1999(12))
	require.Equal(t, 12, strings.Count(said, "stdin: record "))
	require.Contains(t, said, "1 events, 12 bad")
}

func TestEqualReasonsOfBadRecordsAreSaidOnce(t *testing.T) {
	f := &inputFile{name: "f"}
	b := badRecords{}
	for n := range maxReasons + 7 {
		b.add(f, n+1, fmt.Errorf("reason %d", n))
	}
	b.add(f, 9999, errors.New("reason 0"))
	var all strings.Builder
	b.tell(&all, []*inputFile{{name: "g"}, f}, maxReasons, " of other reasons")
	require.Equal(t, maxReasons+1, strings.Count(all.String(), "\n"))
	require.Contains(t, all.String(), "f: record 1 and 1 more: reason 0\n")
	require.Contains(t, all.String(), "f: and 7 more bad records of other reasons\n")
}

func TestBacktestSummary(t *testing.T) {
	const accessLine = `203.0.113.9 - ci [01/Jan/2026:00:00:00 +0000] "GET /v1/orders HTTP/1.1" 200 10 "-" "curl/8"`
	future := time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
	for _, tc := range []struct {
		name, format, input string
		want                []string
		failed              bool
	}{
		{
			name: "an event that its source logged twice is one", format: "cloudtrail",
			input: trail("11111111-1111-4111-8111-111111111111", "2026-01-01T00:00:00Z") + "\n" + trail("11111111-1111-4111-8111-111111111111", "2026-01-01T00:00:00Z") + "\n" + trail("22222222-2222-4222-8222-222222222222", "2026-01-01T00:00:00Z"),
			want:  []string{"1 file, 2 events, 1 duplicate dropped", "1 identity"},
		},
		{
			name: "equal lines of an access log are events of their own", format: "nginx",
			input: strings.Repeat(accessLine+"\n", 3),
			want:  []string{"1 file, 3 events\n"},
		},
		{
			name: "times that no event has are bad records, with the reason", format: "cloudtrail",
			input:  trail("11111111-1111-4111-8111-111111111111", "1999-12-31T23:59:59Z") + "\n" + trail("22222222-2222-4222-8222-222222222222", future) + "\n" + trail("33333333-3333-4333-8333-333333333333", "2026-01-01T00:00:00Z"),
			want:   []string{"stdin: record 1: implausible event time: 1999-12-31T23:59:59Z lies before 2000; --any-time takes it", "record 2: implausible event time: " + future + " is more than 24 h after", "1 file, 1 event, 2 bad"},
			failed: false,
		},
		{
			name: "records may come as one object", format: "auto",
			input: `{"Records":[` + trail("11111111-1111-4111-8111-111111111111", "2026-01-01T00:00:00Z") + "," + trail("22222222-2222-4222-8222-222222222222", "2026-01-03T12:00:00Z") + `]}`,
			want:  []string{"1 file, 2 events", "2026-01-01 00:00 to 2026-01-03 12:00 (2.5 days)"},
		},
		{
			name: "equal reasons are said once", format: "cloudtrail",
			input:  strings.Repeat("{}\n", 30),
			want:   []string{"stdin: record 1 and 29 more: ", "stdin: not one good record among 30"},
			failed: true,
		},
		{
			name: "at most ten reasons of a file are shown", format: "cloudtrail",
			input:  trailsOf1999(12),
			want:   []string{"stdin: record 1: implausible event time: 1999-12-01T", "stdin: record 10: ", "stdin: and 2 more bad records; lapwing parse shows all", "stdin: not one good record among 12"},
			failed: true,
		},
		{name: "nothing is nothing", format: "auto", input: "\n\n", want: []string{"1 file, 0 events", "0 alerts"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, errOut strings.Builder
			err := Backtest(t.Context(), Defaults(), BacktestOptions{Format: tc.format, Files: []string{"-"}}, IO{In: strings.NewReader(tc.input), Out: &out, Err: &errOut})
			require.Equal(t, tc.failed, err != nil, "%v", err)
			for _, part := range tc.want {
				require.Contains(t, errOut.String(), part)
			}
			require.NotContains(t, errOut.String(), "record 11: ")
		})
	}
}

func TestParseSaysWhichFormatsThereWere(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for name, text := range map[string]string{
		"a.json": trail("11111111-1111-4111-8111-111111111111", "2026-01-01T00:00:00Z"),
		"b.json": trail("22222222-2222-4222-8222-222222222222", "2026-01-01T00:00:00Z"),
		"c.log":  `198.51.100.7 - api [01/Jan/2026:00:00:00 +0000] "GET /v1/orders HTTP/1.1" 200 12 "-" "curl/8"` + "\n",
	} {
		files = append(files, filepath.Join(dir, name))
		require.NoError(t, os.WriteFile(files[len(files)-1], []byte(text), 0o600))
	}
	var out, errOut strings.Builder
	require.NoError(t, Parse(t.Context(), Defaults(), ParseOptions{Format: "auto", Files: files}, IO{Out: &out, Err: &errOut}))
	require.Contains(t, errOut.String(), "formats: cloudtrail 2 (2 files), nginx 1 (1 file)\n3 events, 0 bad\n")
}

func TestParseReadsGzip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail.json.gz")
	f, err := os.Create(path)
	require.NoError(t, err)
	z := gzip.NewWriter(f)
	_, err = z.Write([]byte(trail("11111111-1111-4111-8111-111111111111", "2026-01-01T00:00:00Z")))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
	var out, errOut strings.Builder
	require.NoError(t, Parse(t.Context(), Defaults(), ParseOptions{Format: "auto", Files: []string{path}}, IO{Out: &out, Err: &errOut}))
	require.Equal(t, "1 events, 0 bad\n", errOut.String())
	for _, part := range []string{
		`"time":1767225600000`, `"uid":"11111111-1111-4111-8111-111111111111"`, `"log_name":"cloudtrail"`, `"operation":"s3:GetObject"`, `"service":{"name":"s3"}`,
		`"user":{"uid":"aws:123456789012:user/ci","name":"arn:aws:iam::123456789012:user/ci"`, `"credential_uid":"AKIAIOSFODNN7EXAMPLE"`,
		`"src_endpoint":{"ip":"203.0.113.9"`, `"user_agent":"aws-cli/2.15"`, `"cloud":{"provider":"aws","region":"us-east-1","account":{"uid":"123456789012"}}`,
		`"status_id":1`, `"type_uid":600302`,
	} {
		require.Contains(t, out.String(), part)
	}
}

func TestAlertViewShowsTheFirstVersionAndWhatChanges(t *testing.T) {
	alert := func(version, severity int, findings ...string) *schemas.Alert {
		a := &schemas.Alert{SeverityID: severity, Time: 1767225600000}
		a.FindingInfo.UID, a.FindingInfo.Title, a.FindingInfo.FirstSeenTime = "id-1", "ci read a secret", 1767225600000
		a.FindingInfo.Desc = "ci read a secret that it never read before, and the sentence goes on for so long that it has to be broken into several lines on a terminal of a hundred columns."
		a.FindingInfo.Analytic.UID, a.Actor.User.UID = "secret-access", "aws:123456789012:user/ci"
		l := &a.Unmapped.Lapwing
		l.Version, l.Page, l.FirstChecks = version, true, []string{"ask the owner"}
		for _, f := range findings {
			l.Findings = append(l.Findings, schemas.Finding{Detector: f, Sentence: f + " was seen"})
		}
		return a
	}
	var out strings.Builder
	v := newAlertView(&out)
	v.show(alert(1, schemas.SeverityMedium, "secret-access"))
	require.Contains(t, out.String(), "MEDIUM  2026-01-01 00:00:00 UTC  secret-access  aws:123456789012:user/ci")
	require.Contains(t, out.String(), "check first 1. ask the owner")
	require.Contains(t, out.String(), "in no inventory")
	closed := alert(3, schemas.SeverityMedium, "secret-access")
	closed.Unmapped.Lapwing.Page, closed.Unmapped.Lapwing.Paged = false, true
	require.NotContains(t, way(&closed.Unmapped.Lapwing), "no page", "an alert that paged has paged, also once it is closed")
	for line := range strings.Lines(out.String()) {
		require.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), viewWidth, line)
	}
	out.Reset()
	v.show(alert(2, schemas.SeverityMedium, "secret-access"))
	require.Empty(t, out.String(), "a version that only counts on is not worth a line")
	v.show(alert(3, schemas.SeverityHigh, "secret-access", "new-country"))
	require.Equal(t, "  ~ 2026-01-01 00:00:00  aws:123456789012:user/ci version 3  rose to high: new-country: new-country was seen\n", out.String())

	out.Reset()
	quiet := alert(1, schemas.SeverityLow, "stale-credential")
	quiet.FindingInfo.UID, quiet.Unmapped.Lapwing.Page = "id-2", false
	v.show(quiet)
	require.Equal(t, "  · 2026-01-01 00:00:00  low  secret-access: ci read a secret (no page)\n", out.String(), "what pages nobody is a line")
	woke := alert(2, schemas.SeverityHigh, "stale-credential", "secret-access")
	woke.FindingInfo.UID = "id-2"
	v.show(woke)
	require.Contains(t, out.String(), "check first 1. ask the owner", "once it pages it is shown in full")
}

func TestMondayBefore(t *testing.T) {
	for at, want := range map[string]string{"2026-01-05": "2026-01-05", "2026-01-11": "2026-01-05", "2026-01-01": "2025-12-29"} {
		day, err := time.Parse(time.DateOnly, at)
		require.NoError(t, err)
		require.Equal(t, want, mondayBefore(day.Add(5*time.Hour)).Format(time.DateOnly), at)
	}
}
