package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/schemas"
)

func someProfile() *detect.ProfileView {
	day := time.Date(2026, 7, 20, 0, 0, 0, 0, time.UTC)
	v := &detect.ProfileView{
		Identity: "aws:123456789012:role/ci-deploy", Kind: "ci_pipeline", Managed: true, FirstSeen: day.AddDate(0, 0, -20), LastSeen: day.Add(17 * time.Hour),
		Calls: 18432, ActiveDays: 15, ActivePanes: 640, Mature: true, Anchor: 27, Drift: 0.12, GapMedian: 8 * time.Second, GapRare: 1 << 16 * time.Second,
		Levels: []detect.LevelView{
			{Name: "calls", Level: 28.8, High: 96, Panes: 400}, {Name: "refused calls", Level: 0.02, High: 3, Panes: 400}, {Name: "resources", Level: 14000, High: 21000, Panes: 400},
			{Name: "never", Panes: 0},
		},
		Sets: []detect.SetView{
			{Dimension: "operation", Learned: true, Observations: 4000, NoveltyRate: 0.0012, Values: []detect.Value{
				{Fingerprint: 1, Name: "s3:PutObject", LastSeen: day, Days: 8, State: detect.ValueKnown},
				{Fingerprint: 2, Name: "sts:AssumeRole\x1b[2J", LastSeen: day, Days: 1, State: detect.ValueQuarantined},
				{Fingerprint: 3, LastSeen: day, Days: 1, State: detect.ValueHeld},
			}},
			{Dimension: "country", Values: []detect.Value{{Fingerprint: 0xabc, LastSeen: day, Days: 16, State: detect.ValueKnown}}},
		},
		OpenAlerts: []string{"a1", "b2"}, MemoryBytes: 1480,
	}
	for h := 8; h < 18; h++ {
		v.Weekday[h] = []float64{0.4, 1, 1.8, 2}[min(h-8, 3)]
	}
	v.Weekend[3] = 0.2
	return v
}

func TestAProfileIsShownWithCharts(t *testing.T) {
	got := profileText(someProfile(), 2)
	want := `aws:123456789012:role/ci-deploy
  state         learned; ci pipeline, in the inventory
  seen          2026-06-30 00:00 to 2026-07-20 17:00 UTC
  calls         18432 on 15 days, in 640 quarter hours
  gaps          half are below 8s, 99 in a hundred below 18h12m16s; a range of a factor of two
  drift         0.12 above its long-term level, 27.00 calls in 15 minutes
  memory        1480 bytes
  open alerts   a1
                b2

Levels, in 15 minutes with calls: expected ┃, and what one in a thousand exceeds at the right end
  calls                  ━━━━━━━┃╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌      28.80         96
  refused calls          ┃╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌       0.02          3
  resources              ━━━━━━━━━━━━━━━┃╌╌╌╌╌╌╌╌      14.0k      21.0k

Hours (UTC), calls against the level
             0     6     12    18
  weekdays           ░▒████████      
  weekends      █                    

What it is known by (days above 1 are an estimate in powers of two)
  operation              3 values; the next one is new with a chance of 0.12%
    s3:PutObject                                 last 2026-07-20, on about 8 days
    sts:AssumeRole?[2J                           last 2026-07-20, on 1 day, quarantined
    and 1 more
  country                1 value; new values are still learned
    #00000abc                                    last 2026-07-20, on about 16 days
`
	require.Equal(t, want, got)
	empty := profileText(&detect.ProfileView{Identity: "x"}, 2)
	require.Contains(t, empty, "No 15 minutes of it were judged yet")
	require.Contains(t, empty, "unknown kind, in no inventory")
	long := profileText(&detect.ProfileView{Identity: "x", GapMedian: time.Hour, GapRare: 2 * detect.LongestGap}, 2)
	require.Contains(t, long, "99 in a hundred at 1165h5m4s or more", "the last range has no end")
}

func TestProfilesAreCompared(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, list ...*detect.ProfileView) string {
		var b strings.Builder
		for _, v := range list {
			require.NoError(t, json.NewEncoder(&b).Encode(v))
		}
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
		return path
	}
	old, now, same, gone := someProfile(), someProfile(), someProfile(), someProfile()
	same.Identity, gone.Identity = "same", "went"
	fresh := someProfile()
	fresh.Identity = "fresh"
	now.Levels[0].Level, now.Mature = 60, false
	now.Sets[0].Values[0].Fingerprint, now.Sets[0].Values[0].Name = 9, "s3:GetObject"
	now.Sets[1].Values = append(now.Sets[1].Values, detect.Value{Fingerprint: 4})
	var out, errOut strings.Builder
	require.NoError(t, ProfileDiff(write("a", old, same, gone), write("b", now, same, fresh), IO{Out: &out, Err: &errOut}))
	require.Equal(t, `aws:123456789012:role/ci-deploy
  is no longer learned
  calls: 28.80 becomes 60
  country: 1 value gained, 0 forgotten
  operation: 1 value gained (s3:GetObject), 1 forgotten (s3:PutObject)
fresh
  new: 18432 calls since 2026-06-30 00:00
went
  gone
`, out.String())
	require.Equal(t, "3 profiles differ\n", errOut.String())
	bad := filepath.Join(dir, "bad")
	require.NoError(t, os.WriteFile(bad, []byte("{}\n"), 0o600))
	require.ErrorContains(t, ProfileDiff(bad, bad, IO{Out: &out, Err: &errOut}), "line 1: no profile")
}

func TestNamesOfValuesAreFoundInTheEvents(t *testing.T) {
	for _, d := range namedDimensions {
		require.NotZero(t, detect.FingerprintOf(d.name, "x"), "no dimension is called %q", d.name)
	}
	profile := func(dimension, value string) *detect.ProfileView {
		return &detect.ProfileView{Identity: "a", Sets: []detect.SetView{{Dimension: dimension, Values: []detect.Value{{Fingerprint: detect.FingerprintOf(dimension, value)}, {Fingerprint: 7}}}}}
	}
	for _, tc := range []struct {
		name, dimension, value string
		ev                     *schemas.Event
		want                   string
	}{
		{name: "by the fingerprint of the same identity's event", dimension: "operation", value: "s3:GetObject", ev: &schemas.Event{IdentityId: "a", Operation: "s3:GetObject"}, want: "s3:GetObject"},
		{name: "what was refused has a fingerprint of its own", dimension: "refused operation", value: "s3:GetObject", ev: &schemas.Event{IdentityId: "a", Operation: "s3:GetObject"}, want: "s3:GetObject"},
		{name: "the account that was called before one's own", dimension: "account", value: "1", ev: &schemas.Event{IdentityId: "a", Account: "2", TargetAccount: "1"}, want: "1"},
		{name: "not by another identity's", dimension: "operation", value: "s3:GetObject", ev: &schemas.Event{IdentityId: "b", Operation: "s3:GetObject"}},
		{name: "not by another value", dimension: "operation", value: "s3:GetObject", ev: &schemas.Event{IdentityId: "a", Operation: "s3:PutObject"}},
		{name: "an event without it names nothing", dimension: "resource", value: "x", ev: &schemas.Event{IdentityId: "a"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newProfileNames()
			n.want(profile(tc.dimension, tc.value))
			n.see(tc.ev)
			v := profile(tc.dimension, tc.value)
			n.name(v)
			require.Equal(t, tc.want, v.Sets[0].Values[0].Name)
			require.Empty(t, v.Sets[0].Values[1].Name)
		})
	}
}
