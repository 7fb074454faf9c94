package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/schemas"
)

var slowDriftCard = Meta{
	Name: "slow-drift", Title: "Calls more, or takes more with each call, from day to day", Basis: Learned, Family: FamilyVolume, Way: WayStrong,
	Severity: schemas.SeverityLow, Closes: true,
	MinSample: "500 active panes, or 28 active days; alone 21 days of data or 38 of calls (kept after 10 active days), of an identity that came after the log began 56", Floor: "of calls a summed excess of 0.8 beyond 5% a day, of bytes and different objects a call, and of the calls of one with fewer panes, 9 deviations beyond it: never alone. Alone the data of a week: 2.5 times its anchor, 35 MB or 7,000 records more than it, higher on seven of eight days of the last 17 than a week before; or calls that climb through five weeks: three deviations beyond 1% a week and what the topic shares, to 1.2 times and 100 calls a week more, 105 calls in each week, and no single lift explains it as well",
	Kept:    "76 bytes: the slow anchor, the day's mean and the sum of calls, twice, of bytes a call and of objects a call; of who takes out 50 kB or 20 records in 15 minutes, 88 bytes: 28 days and their anchor; of who calls 15 times a day, 52 bytes: 35 days",
	Model:   "CUSUM (Page 1954) of each day's mean against an anchor that grows at most 1% a day; of bytes, objects and the calls of one that calls seldom in deviations of the own days, with a reference of half of one; alone a sign test of each day against the same day of the week before, and least squares over the logarithms of five weeks, Student's t with the spread of the same days of two weeks",
	Attacks: []schemas.Technique{{UID: "T1020", Name: "Automated Exfiltration"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API4:2023"}, NIST: []string{"DE.CM-01", "DE.AE-02"}, PCI: []string{"10.4.1"},
	FirstChecks: []string{
		"Ask the owner whether its work grows: customers, data, retries.",
		"Look at what grew: reads of the same things are a job, reads of ever more things are a copy being made.",
	},
}

// slowDrift watches what no single pane shows: a level that rises a little every
// day, as one does that is taught to look normal: of calls, and of what each call
// takes out or touches.
type slowDrift struct{ paneOnly }

// Meta implements Detector.
func (slowDrift) Meta() *Meta { return &slowDriftCard }

const driftFaint = 0.8

// Close implements Detector.
func (slowDrift) Close(c *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	if pane.Backfill == 0 && p.mature() {
		sustained(c, p, pane, out)
		climbing(c, p, pane, out)
	}
	if pane.Backfill > 0 || s.judged < coldPanes || s.dayWeight != 0 { // once a day
		return
	}
	found := Score{
		Signal: SignalDrift, Surprise: float64(s.sum) * 4, Faint: s.sum < driftFaint, Observed: float64(s.dayMean), Expected: float64(s.anchor),
		Explain: explainDrift,
	}
	for i := range s.trends {
		t := &s.trends[i]
		if i == trendCalls && s.judged >= settledPanes {
			continue // the sum above knows better
		}
		if surprise := float64(t.sum * perDeviation); t.sum >= trendFaint && surprise > found.Surprise {
			found.Surprise, found.Faint, found.Scale = surprise, false, 1+i
			found.Observed, found.Expected = math.Expm1(float64(t.last)), math.Expm1(float64(t.anchor))
		}
	}
	out.Score(found)
}

// sustained tells of a drift of what leaves in all, which is large, its own, and
// spread over weeks: the one kind that needs no other sign beside it.
func sustained(c *Cell, p *Profile, pane *Pane, out *Findings) {
	x, days, measure := c.driftOf(p, pane)
	if days == nil {
		return
	}
	now, usual, value := size(x.weeks), size(x.usual), "more data every day"
	if measure == daysOfRecords {
		now, usual, value = plural(int(x.weeks), "record"), number(x.usual), "more records every day"
	}
	way := WayFused
	if c.e.affordableAt(&slowDriftCard, x.surprise, hourOf(pane.Number)) {
		way, days.told = WayStrong, days.day
		// What it has come to is the level from which another drift is told.
		days.anchor += days.above
	}
	out.Add(Finding{
		Way: way, Severity: schemas.SeverityMedium, Surprise: x.surprise, Value: value,
		Did: "takes out more every day, " + times(x.weeks, x.usual) + " its usual amount by now",
		Sentence: "What it takes out has risen for weeks: " + now + " in the last seven days, where " + usual + " is its long-term level; " + number(float64(x.rises)) + " of the last " +
			plural(x.days, "active day") + " had more than the same day a week before, and its peers show no such rise (" + clockTime(pane.Start()) + ").",
		Observed: now + " in seven days, rising", Expected: "about " + usual,
		Rarity: "not seen in " + historyOf(p, pane.Last),
	})
}

// climbing tells of calls that climb from week to week beyond what a business and
// the topic grow by, and that no single lift explains.
func climbing(c *Cell, p *Profile, pane *Pane, out *Findings) {
	x, days, surprise := c.climbed(p, pane)
	if days == nil {
		return
	}
	first, last := math.Round(x.weeks[0]), math.Round(x.weeks[growthWeeks-1])
	// What may not page is asked again when another week has been.
	way := WayFused
	days.told = days.day - (growthDays - week)
	if c.e.affordableAt(&slowDriftCard, surprise, hourOf(pane.Number)) {
		way, days.told = WayStrong, days.day
	}
	out.Add(Finding{
		Way: way, Severity: schemas.SeverityLow, Surprise: surprise, Value: "more calls every week",
		Did: "calls more every week, " + times(last, first) + " as much as four weeks ago",
		Sentence: "Its calls have climbed for five weeks: " + plural(int(last), "call") + " in the last seven days, where it made " + thousands(int(first)) +
			" in the seven days four weeks before; no single week brought it, and its peers show no such climb (" + clockTime(pane.Start()) + ").",
		Observed: plural(int(last), "call") + " in seven days, climbing", Expected: "about " + thousands(int(first)),
		Rarity: "not seen in " + historyOf(p, pane.Last),
	})
}

// What drifts beside the number of calls, as Score.Scale counts them.
const (
	trendBytes = iota
	trendObjects
	// trendCalls is of one that calls so seldom that a day's calls are few.
	trendCalls
	trends

	// trendsOfFormat11 is how many a snapshot of format 11 knows.
	trendsOfFormat11 = trendCalls
)

func explainDrift(_ *Cell, _ *Profile, pane *Pane, s *Score) Finding {
	when := " (" + clockTime(pane.Start()) + ")."
	switch s.Scale {
	case 1 + trendBytes:
		return Finding{
			Did:      "takes out more with each call from day to day",
			Sentence: "What it takes out with a call has risen for days, to about " + size(s.Observed) + " on the last, beyond its long-term level, " + size(s.Expected) + when,
			Observed: "about " + size(s.Observed) + " a call", Expected: "about " + size(s.Expected) + " a call", Value: "drift of bytes",
		}
	case 1 + trendCalls:
		return Finding{
			Did: "calls more from day to day",
			Sentence: "Its calls have risen for days, to about " + number(s.Observed) + " in a quarter of an hour with any on the last, beyond its slow anchor of " +
				number(s.Expected) + when,
			Observed: "about " + number(s.Observed) + " calls in a quarter of an hour", Expected: "about " + number(s.Expected), Value: "drift",
		}
	case 1 + trendObjects:
		return Finding{
			Did:      "touches more with each call from day to day",
			Sentence: "How many different objects its calls touch has risen for days, to about " + number(100*s.Observed) + " in a hundred calls on the last, beyond its long-term level, " + number(100*s.Expected) + when,
			Observed: "about " + number(100*s.Observed) + " different objects in a hundred calls", Expected: "about " + number(100*s.Expected), Value: "drift of objects",
		}
	}
	return Finding{
		Did:      "calls more from day to day",
		Sentence: "Its calls have risen for days beyond its long-term level, " + number(s.Expected) + " in 15 minutes" + when,
		Observed: "a rise over days", Expected: "about " + number(s.Expected) + " in 15 minutes", Value: "drift",
	}
}

// Drift: the day's mean against an anchor that grows at most 1% a day, summed
// by CUSUM (Page 1954) with a slack of 5%.
const (
	driftSlack  = 0.05
	anchorSpeed = 0.01
	// The anchor is believed after so many active panes; of trends, which know
	// their own deviation, after so many days, too.
	settledPanes = 500
	settledDays  = 28
)

func (s *statistics) learnDrift(x, weight float64) {
	s.dayMean += float32(x * weight)
	s.dayWeight += float32(weight)
}

func (s *statistics) newDriftDay() {
	// A day on which every pane alarmed has little weight, and counts: it is what
	// drift ends in.
	if s.dayWeight < 0.1 {
		return
	}
	s.learnWeekday()
	for i := range s.trends {
		s.trends[i].next(float64(s.dayWeight), s.judged < settledPanes && s.days < settledDays)
	}
	m := s.dayMean / s.dayWeight
	s.dayMean, s.dayWeight = 0, 0
	if s.anchor == 0 {
		s.anchor = m
		return
	}
	lift := math.Log(float64(max(m, 0.01)) / float64(max(s.anchor, 0.01)))
	s.sum = float32(math.Min(math.Max(0, float64(s.sum)+lift-driftSlack), 20))
	speed := math.Min(math.Max(lift, -anchorSpeed), anchorSpeed)
	if s.judged < settledPanes { // the anchor settles first
		speed = lift / 4
		s.sum = 0
	}
	s.anchor = float32(float64(s.anchor) * math.Exp(speed))
}

// trend is the drift of what calls bring with them: the logarithm of a quantity a
// call, by day. A new customer or a promotion brings more calls, and each of them
// as much as before.
type trend struct {
	anchor, mean, last float32
	deviation          float32 // of a day's mean from the anchor, usually
	sum                float32
}

// A tabular CUSUM in deviations of the identity's own days, with the customary
// reference of half of one: by chance it passes h about once in exp(h) days.
const (
	trendReference = 0.5
	trendFaint     = 9
	perDeviation   = 0.4343
	leastDeviation = 0.05
	deviationDays  = 14
	priorDeviation = 0.5
	// maxTrend bounds what is read of one: logarithms, of which a day sums 96.
	maxTrend = 1e5
)

func (t *trend) learn(x, weight float64) { t.mean += float32(x * weight) }

// next ends a day of a weight; settling says that the anchor is not to be believed yet.
func (t *trend) next(weight float64, settling bool) {
	t.last, t.mean = float32(float64(t.mean)/weight), 0
	if t.anchor == 0 {
		t.anchor = t.last
		if !settling { // of a state that did not know it yet
			t.deviation = priorDeviation
		}
		return
	}
	lift := float64(t.last - t.anchor)
	spread := math.Max(float64(t.deviation)*1.25, leastDeviation)
	speed := math.Min(math.Max(lift, -anchorSpeed), anchorSpeed)
	if settling {
		speed, t.sum = lift/4, 0
	} else {
		t.sum = float32(math.Min(math.Max(0, float64(t.sum)+math.Min((lift-driftSlack)/spread, 4)-trendReference), 50))
	}
	// A day far off is no more than three deviations wide: drift must not hide itself.
	if away := math.Min(math.Abs(lift), 3*spread); t.sum < trendFaint {
		t.deviation += float32((away - float64(t.deviation)) / deviationDays)
	}
	t.anchor += float32(speed)
}
