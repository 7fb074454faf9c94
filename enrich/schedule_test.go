package enrich

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestWindows(t *testing.T) {
	for _, c := range []struct {
		name, window string
		in, out      []string // times of the week in UTC
	}{
		{"working days", "Mon-Fri 01:00-05:00", []string{"Mon 01:00", "Fri 04:59"}, []string{"Mon 00:59", "Mon 05:00", "Sat 02:00"}},
		{"over midnight", "Sat 22:00-02:00", []string{"Sat 22:00", "Sat 23:59", "Sun 01:59"}, []string{"Sat 21:59", "Sun 02:00", "Fri 23:00"}},
		{"days over the end of the week", "Fri-Mon 08:00-09:00", []string{"Fri 08:30", "Sun 08:30", "Mon 08:30"}, []string{"Tue 08:30", "Thu 08:30"}},
		{"every day", "08:00-09:00", []string{"Sun 08:00", "Wed 08:59"}, []string{"Wed 09:00"}},
		{"chosen days", "Mon,Wed 08:00-09:00", []string{"Mon 08:00", "Wed 08:00"}, []string{"Tue 08:00"}},
		{"a whole day", "Sun 00:00-24:00", []string{"Sun 00:00", "Sun 23:59"}, []string{"Mon 00:00", "Sat 23:59"}},
		{"one stretch over the weekend", "Fri 18:00-Mon 06:00", []string{"Fri 18:00", "Sun 03:00", "Mon 05:59"}, []string{"Fri 17:59", "Mon 06:00"}},
		{"names written out, in any case", "monday 08:00-09:00", []string{"Mon 08:30"}, []string{"Tue 08:30"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := compileSchedule(&schemas.Schedule{Windows: []string{c.window}}, make(zones))
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range c.in {
				if !s.allows(ofWeek(t, x)) {
					t.Errorf("%s is inside", x)
				}
			}
			for _, x := range c.out {
				if s.allows(ofWeek(t, x)) {
					t.Errorf("%s is outside", x)
				}
			}
		})
	}
}

// ofWeek finds "Mon 01:00" in one week of 2026.
func ofWeek(t *testing.T, s string) int64 {
	t.Helper()
	d, ok1 := dayOf(s[:3])
	m, ok2 := clock(s[4:])
	if !ok1 || !ok2 {
		t.Fatalf("%q is no time of the week", s)
	}
	sunday := time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC)
	return sunday.AddDate(0, 0, d).Add(time.Duration(m) * time.Minute).UnixNano()
}

func TestBadWindows(t *testing.T) {
	for _, w := range []string{"", "Mon", "Mon-Fri", "Mon 5:00-6:00", "Xyz 05:00-06:00", "Mon 05:00", "Mon 05:00-05:00", "Mon 24:00-01:00", "Mon 05:60-06:00", "Mon 05:00-06:00 UTC", "Mon- 05:00-06:00"} {
		if _, err := parseWindow(w); err == nil {
			t.Errorf("%q was accepted", w)
		}
	}
}

// A window of one day from a to b holds exactly the minutes that a clock read
// aloud would say it holds.
func TestWindowsEqualTheNaiveReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := rapid.IntRange(0, 6).Draw(t, "day")
		from := rapid.IntRange(0, 1439).Draw(t, "from")
		length := rapid.IntRange(1, 1439).Draw(t, "length")
		minute := rapid.IntRange(0, minutesPerWeek-1).Draw(t, "minute")
		to := (from + length) % 1440
		at := func(m int) string { return time.Unix(int64(m)*60, 0).UTC().Format("15:04") }
		spans, err := parseWindow(days[day] + " " + at(from) + "-" + at(to))
		if err != nil {
			t.Fatal(err)
		}
		got := false
		for _, s := range spans {
			got = got || (minute >= s.from && minute < s.to)
		}
		since := (minute - day*1440 - from + 2*minutesPerWeek) % minutesPerWeek
		if want := since < length; got != want {
			t.Fatalf("%s %s-%s at minute %d: got %v, want %v", days[day], at(from), at(to), minute, got, want)
		}
	})
}
