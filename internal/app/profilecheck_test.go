package app

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/detect"
)

func TestProfilesWithNumbersThatNoneHasAreRefused(t *testing.T) {
	for _, tc := range []struct{ name, line, want string }{
		{name: "a number that JSON has not", line: `{"identity":"a","anchor":NaN}`, want: "line 2: no profile"},
		{name: "an infinity as text", line: `{"identity":"a","anchor":"Infinity"}`, want: "line 2: anchor: string, want float64"},
		{name: "a number beyond all", line: `{"identity":"a","drift":1e309}`, want: "line 2: drift: number 1e309, want float64"},
		{name: "a number beyond all counts", line: `{"identity":"a","anchor":1e308}`, want: "line 2: anchor: 1e+308: want 9.007199254740992e+15 at most"},
		{name: "a level beyond all counts", line: `{"identity":"a","levels":[{"name":"calls"},{"name":"x","high":-1e308}]}`, want: "line 2: levels[1].high: -1e+308: want "},
		{name: "an hour beyond all counts", line: `{"identity":"a","weekend_hours":[0,1e300]}`, want: "line 2: weekend_hours[1]: 1e+300"},
		{name: "calls below none", line: `{"identity":"a","calls":-1}`, want: "line 2: calls: -1: want 0 to "},
		{name: "days below none", line: `{"identity":"a","sets":[{"dimension":"country","values":[{"days":-3}]}]}`, want: "line 2: sets[0].values[0].days: -3"},
		{name: "a chance above one", line: `{"identity":"a","sets":[{"dimension":"country","novelty_rate":1.5}]}`, want: "line 2: sets[0].novelty_rate: 1.5: want 0 to 1"},
		{name: "a gap below none", line: `{"identity":"a","gap_p99_ns":-5}`, want: "line 2: gap_p99_ns: -5: want 0 to "},
		{name: "the year 9999", line: `{"identity":"a","last_seen":"9999-12-31T23:59:59Z"}`, want: "line 2: last_seen: 9999-12-31T23:59:59Z: want 1970-01-01 to 2149-06-06"},
		{name: "the year 9999 of a value", line: `{"identity":"a","sets":[{"values":[{"last_seen":"9999-01-01T00:00:00Z"}]}]}`, want: "line 2: sets[0].values[0].last_seen: 9999-01-01"},
		{name: "the last before the first", line: `{"identity":"a","first_seen":"2026-01-02T00:00:00Z","last_seen":"2026-01-01T00:00:00Z"}`, want: "line 2: last_seen: 2026-01-01T00:00:00Z: before first_seen"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			seen := 0
			err := eachProfile(stdinName, strings.NewReader("\n"+tc.line+"\n"), func(*detect.ProfileView) error { seen++; return nil })
			require.ErrorContains(t, err, "stdin: "+tc.want)
			code, _ := ExitCode(err)
			require.Equal(t, ExitUsage, code)
			require.Zero(t, seen)
		})
	}
	require.NoError(t, checkProfile(someProfile()))
}
