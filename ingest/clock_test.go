package ingest

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestInstantsAreThoseOfTheStandardLibrary on every day and over all ranges.
func TestInstantsAreThoseOfTheStandardLibrary(t *testing.T) {
	for day := time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() <= 2250; day = day.AddDate(0, 0, 1) {
		if got, ok := instant(day.Year(), int(day.Month()), day.Day(), 0, 0, 0, 0, 0); !ok || got != day.Unix()*1e9 {
			t.Fatalf("%s: %d %t, want %d", day, got, ok, day.Unix()*1e9)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, from, to int) int { return rapid.IntRange(from, to).Draw(t, name) }
		year, month, day := draw("year", 1700, 2250), draw("month", 0, 13), draw("day", 0, 32)
		hour, minute, second, nanos, offset := draw("hour", 0, 23), draw("minute", 0, 59), draw("second", 0, 60), draw("nanos", 0, 999999999), draw("offset", -86400, 86400)
		want := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
		first := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
		got, ok := instant(year, month, day, hour, minute, second, nanos, offset)
		if valid := first.Day() == day && int(first.Month()) == month; ok != valid {
			t.Fatalf("%d-%d-%d: %t, want %t", year, month, day, ok, valid)
		}
		if ok && got != (want.Unix()-int64(offset))*1e9+int64(nanos) {
			t.Fatalf("got %d, want %s", got, want)
		}
	})
}

// TestTimesOfTheCommonLogAreThoseOfTheStandardLibrary in every zone and month.
func TestTimesOfTheCommonLogAreThoseOfTheStandardLibrary(t *testing.T) {
	const layout = "02/Jan/2006:15:04:05 -0700"
	rapid.Check(t, func(t *rapid.T) {
		zone := time.FixedZone("", 60*rapid.IntRange(-23*60, 23*60).Draw(t, "zone"))
		want := time.Unix(rapid.Int64Range(-8e9, 8e9).Draw(t, "time"), 0)
		for _, in := range []string{want.In(zone).Format(layout), want.UTC().Format(layout)} {
			if got, err := parseCommonLog(in); err != nil || got != want.UnixNano() {
				t.Fatalf("%s: got %d (%v), want %d", in, got, err, want.UnixNano())
			}
		}
	})
	for _, in := range []string{"01/mar/2026:10:00:00 +0000", "01/Foo/2026:10:00:00 +0000", "01/Mar/2026:10:00:00 +00:0", "31/Apr/2026:10:00:00 +0000"} {
		if _, err := parseCommonLog(in); err == nil {
			t.Errorf("%s is read", in)
		}
	}
}
