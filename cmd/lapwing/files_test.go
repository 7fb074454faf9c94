package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// kongDay is a log of some days of two consumers, one call every ten minutes.
func kongDay(t *testing.T, dir, name string, from time.Time, days int, paths ...string) string {
	t.Helper()
	var b strings.Builder
	for n, at := 0, from; at.Before(from.AddDate(0, 0, days)); n, at = n+1, at.Add(10*time.Minute) {
		line := strings.Replace(kongLine, "1767225600000", fmt.Sprint(at.UnixMilli()), 1)
		line = strings.ReplaceAll(line, "/v1/orders/17?x=1", paths[n%len(paths)])
		b.WriteString(line + "\n" + strings.Replace(line, "partner-7", "partner-8", 1) + "\n")
	}
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	return path
}

// What a backtest learned is looked at without any service: shown, listed, cut out and
// compared with what it learned of other days.
func TestWhatWasLearnedOfFilesIsReadFromFiles(t *testing.T) {
	t.Setenv("LAPWING_DATA_DIR", filepath.Join(t.TempDir(), "no-data"))
	dir := t.TempDir()
	run := func(args ...string) (stdout, stderr string) {
		t.Helper()
		code, stdout, stderr := lapwing(t, "", args...)
		require.Zero(t, code, "%v: %s", args, stderr)
		return stdout, stderr
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	first := kongDay(t, dir, "first.ndjson", from, 3, "/v1/orders/17")
	second := kongDay(t, dir, "second.ndjson", from.AddDate(0, 0, 3), 2, "/v1/orders/17", "/v1/refunds/3")
	inventory := file("inventory.yaml")
	require.NoError(t, os.WriteFile(inventory, []byte("identities:\n  - {id: kong:consumer/partner-7, owner: ana, kind: integration, aliases: [seven]}\n  - {id: kong:consumer/partner-9}\n"), 0o600))
	monday, friday := file("monday.ndjson"), file("friday.ndjson")
	run("backtest", "--inventory", inventory, "--profiles-out", monday, "--out", file("a"), first)
	run("backtest", "--inventory", inventory, "--profiles-out", friday, "--out", file("b"), first, second)

	shown, _ := run("profile", "show", "kong:consumer/partner-7", "--file", monday)
	for _, part := range []string{
		"integration, in the inventory", "432 on 3 days", "Levels, in 15 minutes", "━", "Hours (UTC)", "weekdays", "█", "GET /v1/orders/{id}", "python-requests", "203.0.113.9",
	} {
		require.Contains(t, shown, part)
	}
	require.NotContains(t, shown, "refunds")
	shown, _ = run("profile", "show", "kong:consumer/partner-8", "--file", monday, "--json")
	require.Contains(t, shown, `"identity":"kong:consumer/partner-8"`)
	require.NotContains(t, shown, `"memory_bytes":0`)
	require.NotRegexp(t, `"state":"[A-Za-z0-9+/=]{20}`, shown, "a state is for import")

	list, said := run("identity", "list", "--file", monday, "--inventory", inventory, "--wide")
	require.Contains(t, list, "│ kong:consumer/partner-7 │ integration │ ana   │")
	require.Contains(t, list, "unmanaged")
	require.Contains(t, list, "2026-01-05")
	require.Equal(t, "3 identities\n", said, "also the one that was never seen")
	list, _ = run("identity", "list", "--file", monday, "--unmanaged", "--json")
	require.Equal(t, 1, strings.Count(list, "\n"), list)
	require.Contains(t, list, `"id":"kong:consumer/partner-8"`)

	one, said := run("profile", "export", "kong:consumer/partner-8", "--file", monday)
	require.Equal(t, 1, strings.Count(one, "\n"))
	require.Equal(t, "1 profile\n", said)
	whole, err := os.ReadFile(monday)
	require.NoError(t, err)
	require.Contains(t, string(whole), one, "byte by byte")

	changes, said := run("profile", "diff", monday, friday)
	require.Contains(t, changes, "kong:consumer/partner-7\n")
	require.Contains(t, changes, "operation: 1 value gained (GET /v1/refunds/{id}), 0 forgotten")
	require.Equal(t, "2 profiles differ\n", said)
	changes, _ = run("profile", "diff", monday, monday)
	require.Empty(t, changes)
	code, changes, _ := lapwing(t, one, "profile", "diff", "-", monday)
	require.Zero(t, code)
	require.Contains(t, changes, "kong:consumer/partner-7\n  new: 432 calls since 2026-01-05 00:00\n")

	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{name: "an identity that is not in the file names those alike", args: []string{"profile", "show", "partner", "--file", monday}, code: 2, want: `monday.ndjson: 2 profiles in it, none of "partner": did you mean kong:consumer/partner-7, kong:consumer/partner-8?`},
		{name: "an export of one that is not there", args: []string{"profile", "export", "a:b", "--file", monday}, code: 1, want: "no profile of a:b"},
		{name: "a file that is not there", args: []string{"profile", "show", "x", "--file", file("nowhere")}, code: 1, want: "nowhere: no such file or directory"},
		{name: "a file of something else", args: []string{"identity", "list", "--file", first}, code: 2, want: "line 1: no profile, as lapwing profile export and lapwing backtest --profiles-out write it"},
		{name: "an empty file", args: []string{"profile", "diff", monday, "-"}, code: 2, want: "stdin: no profile in it"},
		{name: "standard input twice", args: []string{"profile", "diff", "-", "-"}, code: 2, want: "only one of the two files"},
		{name: "nothing runs: it says what works without", args: []string{"profile", "show", "x"}, code: 1, want: "--file"},
		{name: "nothing runs, and identities are asked for", args: []string{"identity", "list"}, code: 1, want: "--file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, stdout, stderr := lapwing(t, "", tc.args...)
			require.Equal(t, tc.code, code, stderr)
			require.Empty(t, stdout)
			require.Contains(t, stderr, tc.want)
		})
	}
}
