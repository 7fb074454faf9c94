package app

import (
	"fmt"
	"math"
	"time"

	"github.com/lapwing-sec/lapwing/detect"
)

// maxProfileNumber bounds the numbers of a profile: beyond it they count nothing exactly.
const maxProfileNumber = 1 << 53

// lastProfileDay is the last day that a profile can name.
var lastProfileDay = time.Unix(math.MaxUint16*24*60*60, 0).UTC()

// checkProfile refuses a profile of a file with a number or a time that none can have; the
// error names the field.
func checkProfile(v *detect.ProfileView) (err error) {
	refuse := func(field, format string, args ...any) {
		if err == nil {
			err = fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...))
		}
	}
	number := func(field string, x float64) {
		if !(math.Abs(x) <= maxProfileNumber) {
			refuse(field, "%g: want %g at most", x, float64(maxProfileNumber))
		}
	}
	counted := func(field string, n int) {
		if n < 0 || n > maxProfileNumber {
			refuse(field, "%d: want 0 to %d", n, maxProfileNumber)
		}
	}
	moment := func(field string, t time.Time) {
		if !t.IsZero() && (t.Before(time.Unix(0, 0)) || t.After(lastProfileDay.AddDate(0, 0, 1))) {
			refuse(field, "%s: want 1970-01-01 to %s", t.UTC().Format(time.RFC3339), lastProfileDay.Format(time.DateOnly))
		}
	}
	gap := func(field string, d time.Duration) {
		if d < 0 || d > 2*detect.LongestGap {
			refuse(field, "%d: want 0 to %d", d, 2*detect.LongestGap)
		}
	}
	moment("first_seen", v.FirstSeen)
	moment("last_seen", v.LastSeen)
	if v.LastSeen.Before(v.FirstSeen) {
		refuse("last_seen", "%s: before first_seen", v.LastSeen.UTC().Format(time.RFC3339))
	}
	counted("calls", v.Calls)
	counted("active_days", v.ActiveDays)
	counted("active_panes", v.ActivePanes)
	counted("memory_bytes", v.MemoryBytes)
	number("anchor", v.Anchor)
	number("drift", v.Drift)
	gap("gap_median_ns", v.GapMedian)
	gap("gap_p99_ns", v.GapRare)
	for h := range v.Weekday {
		number(fmt.Sprintf("weekday_hours[%d]", h), v.Weekday[h])
		number(fmt.Sprintf("weekend_hours[%d]", h), v.Weekend[h])
	}
	for i, l := range v.Levels {
		at := fmt.Sprintf("levels[%d].", i)
		number(at+"level", l.Level)
		number(at+"high", l.High)
		counted(at+"panes", l.Panes)
	}
	for i := range v.Sets {
		s, at := &v.Sets[i], fmt.Sprintf("sets[%d].", i)
		counted(at+"observations", s.Observations)
		if !(s.NoveltyRate >= 0 && s.NoveltyRate <= 1) {
			refuse(at+"novelty_rate", "%g: want 0 to 1", s.NoveltyRate)
		}
		for k := range s.Values {
			at := fmt.Sprintf("%svalues[%d].", at, k)
			moment(at+"last_seen", s.Values[k].LastSeen)
			counted(at+"days", s.Values[k].Days)
		}
	}
	return err
}
