package detect

import (
	"math"
	"unsafe"
)

// callDays are how many calls one identity made on each of its last 35 days, less
// what its whole topic did: what shows a load that climbs a little every week,
// which no day shows by itself.
type callDays struct {
	day, since uint16 // the newest with a closed pane, and the first
	told       uint16 // on which it was told last; 0 for never
	begun      bool   // a day has just begun: the weeks before it are to be judged
	known      bool   // there are five weeks with calls enough to tell a trend
	// slope is by how much each of the last five weeks exceeded the one before, as a
	// logarithm.
	slope float32
	today float32
	days  [growthDays]uint8 // by number of the day, as callCode
}

const (
	growthWeeks = 5
	growthDays  = growthWeeks * week
	// growthAfter is after how many active days, and growthCalls from how many calls a
	// day on, days are kept: who has just come is taken into use, and of few calls
	// chance hides any trend. weekCalls is the least of each week that is judged.
	growthAfter = 10
	growthCalls = 15
	weekCalls   = growthCalls * week
	// growthGrace is for how many days nothing is told yet: by then those that came
	// at the same time know their growth as well.
	growthGrace = 3
	// callUnit makes codes of the logarithms of a day's calls: steps of 6%, up to
	// eight million.
	callUnit = 16
	// healthyGrowth is how much a week a business may grow by, as a logarithm.
	healthyGrowth = 0.00995
	// A climb is told from growthSure deviations beyond that on, and where it has
	// come to growthRise (a fifth) and to climbCalls more calls a week.
	growthSure = 3
	climbCalls = 100
	// evenWeek is the least deviation of a week's calls from its level: a job that
	// varies by less is not watched more closely than others.
	evenWeek = 0.05
	// growthFreedom is how many independent values the spread of a week is from:
	// 28 pairs of days, of which each day is in two.
	growthFreedom = 20
)

var growthRise = math.Log(1.2)

func callCode(calls float32) uint8 {
	return uint8(min(math.Round(math.Log1p(float64(calls))*callUnit), math.MaxUint8)) //nolint:gosec // clamped
}

// at is how many calls a day had.
func (t *callDays) at(day int) float64 {
	return math.Expm1(float64(t.days[day%growthDays]) / callUnit)
}

// roll ends the days before another.
func (t *callDays) roll(day uint16) {
	if day <= t.day {
		return
	}
	over := int(t.day)
	t.days[over%growthDays] = callCode(t.today)
	t.today, t.begun = 0, true
	for d := over + 1; d < int(day) && d <= over+growthDays; d++ {
		t.days[d%growthDays] = 0
	}
	t.day = day
	x, ok := t.climb()
	t.known, t.slope = ok, float32(x.slope)
}

// climb is the trend of five weeks.
type climb struct {
	slope     float64 // of the logarithm of a week's calls, a week
	deviation float64 // of slope, by chance
	weeks     [growthWeeks]float64
	stepped   bool // one lift explains the weeks as well as a climb does
}

// climb fits the weeks that end with the day before the newest; false where there
// are not five of them, or one has too few calls.
func (t *callDays) climb() (x climb, ok bool) {
	last := int(t.day) - 1
	if last-growthDays < int(t.since) { // the first day may be a part of one
		return x, false
	}
	var y [growthWeeks]float64
	mean := 0.0
	for w := range x.weeks {
		for d := range week {
			x.weeks[w] += t.at(last - growthDays + 1 + w*week + d)
		}
		if x.weeks[w] < weekCalls {
			return x, false
		}
		y[w] = math.Log(x.weeks[w])
		mean += x.weeks[w] / growthWeeks
	}
	x.slope = float64((y[4]-y[0])*2+(y[3]-y[1])) / 10 // least squares over -2 … 2
	// A week varies as the same days of two weeks do, and no less than chance has it.
	spread := 0.0
	for d := last - growthDays + 1 + week; d <= last; d++ {
		away := math.Log((t.at(d) + 0.5) / (t.at(d-week) + 0.5))
		spread += float64(away*away) / (2 * (growthDays - week))
	}
	variance := max(spread/week, 1/mean, evenWeek*evenWeek)
	x.deviation = math.Sqrt(variance / 10)
	x.stepped = stepLeaves(&y) < lineLeaves(&y, x.slope)
	return x, true
}

// lineLeaves is what a line of a slope leaves unexplained, stepLeaves what one lift
// does within any of the weeks: that week may lie where it will.
func lineLeaves(y *[growthWeeks]float64, slope float64) (left float64) {
	mean := (y[0] + y[1] + y[2] + y[3] + y[4]) / growthWeeks
	for w := range y {
		away := y[w] - mean - float64(slope*float64(w-growthWeeks/2))
		left += float64(away * away)
	}
	return left
}

func stepLeaves(y *[growthWeeks]float64) float64 {
	least := math.Inf(1)
	for at := range y {
		least = min(least, aroundMean(y[:at])+aroundMean(y[at+1:]))
	}
	return least
}

func aroundMean(y []float64) (left float64) {
	mean := 0.0
	for _, v := range y {
		mean += v / float64(len(y))
	}
	for _, v := range y {
		left += float64((v - mean) * (v - mean))
	}
	return left
}

// climbed finds a climb that pages by itself, once a day at most; surprise is
// -log10 p of it by chance beyond what its topic shares, or a business grows by.
func (c *Cell) climbed(p *Profile, pane *Pane) (x climb, t *callDays, surprise float64) {
	a := c.e.asides[p.self]
	if a == nil || a.calls == nil || !a.calls.begun || !a.calls.known {
		return x, nil, 0
	}
	t = a.calls
	if int(t.day)-int(t.since) < growthDays+growthGrace || t.told != 0 && int(t.day)-int(t.told) < growthDays || c.e.tooYoung(p, int(t.day)-int(t.since)) {
		return x, nil, 0
	}
	x, ok := t.climb()
	if surprise = x.tells(float64(pane.growth)); !ok || surprise == 0 {
		return x, nil, 0
	}
	return x, t, surprise
}

// tells is the surprise of a climb of which others share so much; 0 for one that is
// too small, one lift, or not sure.
func (x *climb) tells(shared float64) float64 {
	if x.stepped || float64(x.slope*(growthWeeks-1)) < growthRise || x.weeks[growthWeeks-1]-x.weeks[0] < climbCalls {
		return 0
	}
	sure := (x.slope - max(healthyGrowth, shared)) / x.deviation
	if sure < growthSure {
		return 0
	}
	return studentTail(sure, growthFreedom)
}

// learnCalls adds a pane's calls, less what the topic did, to its day.
func (e *Engine) learnCalls(p *Profile, pane *Pane) {
	if pane.Backfill > 0 || p.Human() {
		return
	}
	s := &p.stats
	day := dayOf(pane.Start())
	a := e.asides[p.self]
	if a == nil || a.calls == nil {
		if s.days < growthAfter || float64(s.rate.mean)*float64(s.judged) < growthCalls*float64(s.days) {
			return
		}
		a = e.aside(p)
		a.calls = &callDays{day: day, since: day}
	}
	t := a.calls
	t.begun = false
	if day == t.day {
		t.today += pane.own()
	}
}

// own is the calls of a pane without what an incident of the whole topic brought.
func (p *Pane) own() float32 {
	if p.ratio > incidentRatio {
		return float32(p.Calls) / p.ratio
	}
	return float32(p.Calls)
}

// growth is by how much a week an identity's calls climb.
func (e *Engine) growth(p *Profile) (slope float32, known bool) {
	a := e.asides[p.self]
	if a == nil || a.calls == nil {
		return 0, false
	}
	return a.calls.slope, a.calls.known
}

// sharedGrowth is the climb that the sample of a topic shares: the median.
func (t *topicClock) sharedGrowth() float32 {
	var space [windowSample]float32
	x := t.inOrder(&space, func(w *windowLoad) (float32, bool) { return w.growth, w.growthKnown })
	if len(x) == 0 {
		return 0
	}
	return max(x[len(x)/2], 0)
}

func (t *callDays) bytes() int {
	if t == nil {
		return 0
	}
	return int(unsafe.Sizeof(*t))
}

// visitCallDays writes or reads what format 13 brought of what is kept beside a
// profile.
func (e *Engine) visitCallDays(c *codec, p *Profile) {
	a := e.asides[p.self]
	has := a != nil && a.calls != nil
	c.bool(&has)
	if !has || c.err != nil {
		return
	}
	a = e.aside(p)
	if a.calls == nil {
		a.calls = &callDays{}
	}
	t := a.calls
	c.u16(&t.day)
	c.u16(&t.since)
	c.u16(&t.told)
	c.bool(&t.begun)
	c.bool(&t.known)
	c.f32(&t.slope)
	c.within(float64(t.slope), -maxDayLog, maxDayLog)
	c.f32(&t.today)
	c.within(float64(t.today), 0, maxDayCalls)
	for d := range t.days {
		c.u8(&t.days[d])
	}
}

// maxDayCalls bounds the calls of a day: 96 panes of as many as a pane counts.
const maxDayCalls = 96 * (1 << 32)
