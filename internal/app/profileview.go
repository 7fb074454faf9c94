package app

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/detect"
)

// shades draw a number from nothing to the most.
var shades = []rune(" ·░▒▓█")

// heat draws a row of numbers as shades, in relation to the largest.
func heat(row []float64) string {
	most := 0.0
	for _, x := range row {
		most = math.Max(most, x)
	}
	var b strings.Builder
	for _, x := range row {
		i := 0
		if x > 0 && most > 0 {
			i = 1 + int(math.Round(x/most*float64(len(shades)-2)))
		}
		b.WriteRune(shades[i])
	}
	return b.String()
}

// levelBar draws a level within its bound.
func levelBar(level, high float64) string {
	const width = 24
	if high <= 0 {
		return strings.Repeat("·", width)
	}
	at := int(math.Round(math.Min(level/high, 1) * (width - 1)))
	return strings.Repeat("━", at) + "┃" + strings.Repeat("╌", width-1-at)
}

// profileText is a profile for people, with small charts.
func profileText(v *detect.ProfileView, top int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", oneLine(v.Identity))
	fact := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-13s %s\n", name, fmt.Sprintf(format, args...))
	}
	kind := oneLine(strings.ReplaceAll(v.Kind, "_", " "))
	if kind == "" {
		kind = "unknown kind"
	}
	state := "still learned: its own history is too short for a strong finding"
	if v.Mature {
		state = "learned"
	}
	if v.Pinned {
		state += ", and pinned: it learns nothing more"
	}
	fact("state", "%s; %s, %s", state, kind, map[bool]string{true: "in the inventory", false: "in no inventory"}[v.Managed])
	fact("seen", "%s to %s UTC", v.FirstSeen.Format("2006-01-02 15:04"), v.LastSeen.Format("2006-01-02 15:04"))
	fact("calls", "%d on %s, in %s", v.Calls, count(v.ActiveDays, "day"), count(v.ActivePanes, "quarter hour"))
	if v.GapMedian > 0 {
		fact("gaps", "half are %s, 99 in a hundred %s; a range of a factor of two", gapText(v.GapMedian), gapText(v.GapRare))
	}
	if v.Drift > 0 {
		fact("drift", "%.2f above its long-term level, %.2f calls in 15 minutes", v.Drift, v.Anchor)
	}
	fact("memory", "%s", count(v.MemoryBytes, "byte"))
	for i, id := range v.OpenAlerts {
		fact([]string{"open alerts", ""}[min(i, 1)], "%s", oneLine(id))
	}
	if v.ActivePanes == 0 {
		b.WriteString("\nNo 15 minutes of it were judged yet: they are when their time has passed.\n")
	} else {
		writeCharts(&b, v)
	}
	b.WriteString("\nWhat it is known by (days above 1 are an estimate in powers of two)\n")
	for i := range v.Sets {
		writeSet(&b, &v.Sets[i], top)
	}
	return b.String()
}

// gapText says what is known of a quantile of gaps: the end of a range that holds it, of
// which the last has none.
func gapText(end time.Duration) string {
	if end > detect.LongestGap {
		return "at " + detect.LongestGap.String() + " or more"
	}
	return "below " + end.String()
}

// writeCharts draws levels and hours.
func writeCharts(b *strings.Builder, v *detect.ProfileView) {
	b.WriteString("\nLevels, in 15 minutes with calls: expected ┃, and what one in a thousand exceeds at the right end\n")
	for _, l := range v.Levels {
		if l.Panes > 0 {
			fmt.Fprintf(b, "  %-22s %s %10s %10s\n", l.Name, levelBar(l.Level, l.High), shortNumber(l.Level), shortNumber(l.High))
		}
	}
	b.WriteString("\nHours (UTC), calls against the level\n")
	fmt.Fprintf(b, "  %-10s 0     6     12    18\n", "")
	fmt.Fprintf(b, "  %-10s %s\n", "weekdays", heat(v.Weekday[:]))
	fmt.Fprintf(b, "  %-10s %s\n", "weekends", heat(v.Weekend[:]))
}

// writeSet lists the values of one dimension, the newest first.
func writeSet(b *strings.Builder, s *detect.SetView, top int) {
	note := "new values are still learned"
	if s.Learned {
		note = fmt.Sprintf("the next one is new with a chance of %.2g%%", 100*s.NoveltyRate)
	}
	fmt.Fprintf(b, "  %-22s %s; %s\n", s.Dimension, count(len(s.Values), "value"), note)
	for k := range s.Values {
		if k == top {
			fmt.Fprintf(b, "    and %d more\n", len(s.Values)-k)
			break
		}
		x := &s.Values[k]
		name := oneLine(x.Name)
		if name == "" {
			name = fmt.Sprintf("#%08x", x.Fingerprint)
		}
		line := fmt.Sprintf("    %-44s last %s, %s", clipText(name, 44), x.LastSeen.Format(time.DateOnly), daysText(x.Days))
		if x.State != detect.ValueKnown {
			line += ", " + x.State
		}
		b.WriteString(line + "\n")
	}
}

// daysText says on how many days a value was seen: one is exact, more are estimated by a
// counter of powers of two.
func daysText(days int) string {
	if days <= 1 {
		return "on 1 day"
	}
	return fmt.Sprintf("on about %d days", days)
}

// shortNumber writes a number with at most three digits that matter.
func shortNumber(x float64) string {
	switch {
	case x >= 1e6:
		return fmt.Sprintf("%.1fM", x/1e6)
	case x >= 1e4:
		return fmt.Sprintf("%.1fk", x/1e3)
	case x >= 100 || x == math.Trunc(x):
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.2f", x)
}
