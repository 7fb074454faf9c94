package detect

import (
	"math"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var activeHoursCard = Meta{
	Name: "active-hours", Title: "Calls at an hour, or on a weekday, when it never calls", Basis: Learned, Family: FamilyTime, Way: WayStrong,
	Severity: schemas.SeverityLow, Closes: true,
	MinSample: "14 active days",
	Floor:     "an hour never used, and those beside it, or a day of the week never used: corroborates what the same pane shows; for a timer (90% of its activity within 3 hours of the day) a run 3 hours and 3 spreads outside, after one that went well, is reported; it pages alone after 60 active days without another such run; alone 20 calls and more than of late in 15 minutes, at an hour and on a day of the week both never used",
	Kept:      "32 bytes: panes by hour of day, active days by day of the week, and how the newest went",
	Model:     "multinomial of the hours of the day with a prior of half a pane each; that none of its active days fell on this day of the week by chance; the spread of a timer's runs about the middle of its hours",
	Attacks:   []schemas.Technique{{UID: "T1078.004", Name: "Cloud Accounts"}},
	NHI:       []string{"NHI10:2025"}, API: []string{"API2:2023"}, NIST: nistActivity, PCI: pciAccounts,
	FirstChecks: []string{
		"Ask the owner whether the job was started by hand, moved or delayed.",
		"Compare the run with an ordinary one: the same calls, the same place, the same length?",
	},
}

// activeHours finds calls at an hour, or on a day of the week, when the identity
// never calls. Hours alone say little: the finding speaks with other evidence of the same pane. Only a
// timer that runs far from its time is worth a page by itself.
type activeHours struct{ paneOnly }

// Meta implements Detector.
func (activeHours) Meta() *Meta { return &activeHoursCard }

const (
	hoursDays   = 14
	timerShare  = 0.9
	timerWidth  = 3
	timerAway   = 3
	timerSpread = 3
	timerDays   = 60
	hoursMost   = 1.5 // surprise: corroboration, no more
)

// Close implements Detector.
func (activeHours) Close(c *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	if pane.Backfill > 0 || s.days <= hoursDays || p.Human() || pane.ratio > incidentRatio {
		return
	}
	h := int(mod(hourOf(pane.Number), 24))
	total, around := 0, 0
	for i, n := range s.hours {
		total += int(n)
		if d := hoursApart(i, h); d <= 1 {
			around += int(n)
		}
	}
	at := clockTime(pane.First)
	if around <= outOfHoursAround && heavyOutOfHours(c, p, pane, total, at, out) {
		return
	}
	if around > 0 && total >= hoursDays {
		oddWeekday(c, p, pane, out)
		return
	}
	if total < hoursDays {
		return
	}
	middle, spread, inHours := s.timer()
	timer := float64(inHours) >= timerShare*float64(total)
	if away := hoursAway(float64(h)+0.5, middle); timer && s.lastRun == ranWell && away >= timerAway+timerWidth/2.0 && away >= timerSpread*spread+timerWidth/2.0 && p.mature() {
		way := WayReport
		if s.days >= timerDays && inHours == total {
			way = WayStrong // what people start by hand once a month would have shown itself
		}
		out.Add(Finding{
			Way: way, Severity: schemas.SeverityLow, Surprise: math.Log10(float64(total) + 1), Value: "timer",
			Did: "ran far from its hour",
			Sentence: "It ran at " + at + ", " + number(math.Round(away)) + " hours from its time: on " + plural(int(s.days), "active day") +
				" it ran at about " + hourName(middle) + ", and its last run went well.",
			Observed: "a run at " + at, Expected: "about " + hourName(middle), Rarity: "not seen in " + historyOf(p, pane.Last),
		})
		return
	}
	if !c.oddOtherwise(p, pane) {
		return
	}
	out.Add(Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: math.Min(math.Log10((float64(total)+12)/1.5), hoursMost), Value: "hour",
		Did:      "called at an hour when it never calls",
		Sentence: "It called at " + at + "; on " + plural(int(s.days), "active day") + " it never called within an hour of that.",
		Observed: "calls at " + at, Expected: "its own hours of the day", Rarity: "not seen in " + historyOf(p, pane.Last),
	})
}

// The floors of load out of hours: neither few calls, nor a history of few runs.
const (
	outOfHoursCalls = 20
	outOfHoursPanes = 40
	// outOfHoursAround is how many panes at that hour are as good as none: the run that
	// is judged may have begun in the one before.
	outOfHoursAround = 2
)

// heavyOutOfHours finds more calls in a quarter of an hour than at any time of late,
// on a day of the week and at an hour that are both never used: time and load are two
// signs, where a job that is late, or a person who works on a Sunday, shows one.
func heavyOutOfHours(c *Cell, p *Profile, pane *Pane, panes int, at string, out *Findings) bool {
	s := &p.stats
	active, most := 0, float64(max(s.best[SignalRate], s.today[SignalRate]))
	for _, n := range s.weekdays {
		active += int(n)
	}
	if s.counted&(1<<SignalTime) != 0 || s.weekdays[weekday(pane.Number)] > 0 || active < hoursDays || panes < outOfHoursPanes || !p.mature() ||
		pane.Calls < outOfHoursCalls || float64(pane.Calls) <= most || float64(pane.Calls) < rateTimes*float64(s.rate.mean) || pane.withinBudget() {
		return false
	}
	s.counted |= 1 << SignalTime // once a day, as statistics are
	surprise := math.Log10((float64(panes)+12)/1.5) + float64(float64(active)*math.Log10(7.0/6))
	if !c.e.affordableAt(&activeHoursCard, surprise, hourOf(pane.Number)) {
		return false
	}
	name := time.Unix(0, pane.First).UTC().Weekday().String()
	out.Add(Finding{
		Way: WayStrong, Severity: schemas.SeverityMedium, Surprise: surprise, Value: "load out of hours",
		Did: "called much at a time when it never calls",
		Sentence: "It made " + plural(int(pane.Calls), "call") + " within 15 minutes on a " + name + " at " + at + "; in " + plural(int(s.days), "active day") +
			" it hardly ever called within an hour of that, never on that day of the week, and of late not so much in any quarter of an hour.",
		Observed: plural(int(pane.Calls), "call") + " on a " + name + " at " + at, Expected: "its own days and hours, and at most " + plural(int(most), "call") + " in 15 minutes",
		Rarity: "not seen in " + historyOf(p, pane.Last),
	})
	return true
}

// oddOtherwise says that a pane shows something else that is odd.
func (c *Cell) oddOtherwise(p *Profile, pane *Pane) bool {
	d := c.e.dossiers[p.self]
	return d != nil && (d.strongest(pane.Number, FamilyPlace) >= 2 || d.strongest(pane.Number, FamilyClient) >= 2)
}

// oddWeekday finds calls on a day of the week on which the identity never called,
// at an hour that is its own.
func oddWeekday(c *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	today := weekday(pane.Number)
	active := 0
	for _, n := range s.weekdays {
		active += int(n)
	}
	if s.weekdays[today] > 0 || active < hoursDays || !c.oddOtherwise(p, pane) {
		return
	}
	name := time.Unix(0, pane.First).UTC().Weekday().String()
	out.Add(Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: math.Min(float64(active)*math.Log10(7.0/6), hoursMost), Value: "weekday",
		Did:      "called on a " + name + ", when it never calls",
		Sentence: "It called on a " + name + " (" + clockTime(pane.First) + "); none of its last " + plural(active, "active day") + " was one.",
		Observed: "calls on a " + name, Expected: "its own days of the week", Rarity: "not seen in " + historyOf(p, pane.Last),
	})
}

// weekday is the day of the week of a pane, Thursday first, as the epoch began.
func weekday(pane int64) int { return int(mod(hourOf(pane)/24, 7)) }

// timer finds the three hours of the day with the most panes, and how many they
// hold: their middle, and how far the panes spread about it.
func (s *statistics) timer() (middle, spread float64, runs int) {
	best, at := -1, 0
	for i := range s.hours {
		n := int(s.hours[i]) + int(s.hours[(i+1)%24]) + int(s.hours[(i+2)%24])
		if n > best {
			best, at = n, i
		}
	}
	var sum, square float64
	for k := range timerWidth {
		n := float64(s.hours[(at+k)%24])
		x := float64(k) + 0.5
		sum += float64(n * x)
		square += float64(n * x * x)
	}
	mean := sum / float64(best)
	return math.Mod(float64(at)+mean, 24), math.Sqrt(math.Max(0, square/float64(best)-float64(mean*mean))), best
}

// hoursApart is the distance of two hours on the clock.
func hoursApart(a, b int) int {
	d := (a - b + 24) % 24
	return min(d, 24-d)
}

// hoursAway is the same for moments of the day.
func hoursAway(a, b float64) float64 {
	d := math.Mod(math.Abs(a-b), 24)
	return math.Min(d, 24-d)
}

// hourName words a moment of the day: "03:30 UTC".
func hourName(h float64) string {
	m := int(math.Round(h*4)) * 15 % (24 * 60)
	two := func(n int) string {
		if n < 10 {
			return "0" + formatInt(int64(n))
		}
		return formatInt(int64(n))
	}
	return two(m/60) + ":" + two(m%60) + " UTC"
}
