package detect

import (
	"math"
	"slices"
	"time"
	"unsafe"
)

// dataDays are how much one identity took out on each of its last days, and its
// slow anchor: what shows that a little more leaves every day, which no pane, no
// day and no week shows by itself.
type dataDays struct {
	day   uint16 // the newest with a closed pane
	since uint16 // the first
	told  uint16 // on which it was told last; 0 for never
	begun bool   // a day has just begun: those before it are to be judged
	// anchor is ln(1+x) of a usual day, above how far the median of the last week
	// lies beyond it; known says that there is an anchor.
	known         bool
	anchor, above float32
	today         uint64
	days          [keptDays]uint16 // by number of the day, as dayCode
}

// What is counted by day.
const (
	daysOfBytes = iota
	daysOfRecords
	dayMeasures
)

const (
	keptDays = 28
	week     = 7
	// risingDays are compared each with the same day of the week before: a release
	// or a new customer makes 7 of them higher, two make 14.
	risingDays = 17
	leastPairs = 10
	// leastRise is by how much a day must exceed the same day of the week before,
	// as a logarithm: half of what 2% a day makes.
	leastRise = 0.07
	// anchorDays is after how many days, of which leastActive were active, there
	// is an anchor; judgedDays after how many it is believed, and youngDays of an
	// identity that came after the log began: who is new grows by being taken into use.
	anchorDays  = 7
	leastActive = 5
	judgedDays  = 21
	youngDays   = 56
	// dayUnit makes codes of logarithms: steps of 0.07%.
	dayUnit = 1400
)

var (
	// driftLevel is how far above its anchor the last week must lie, driftSpan how
	// much of that came in the last three weeks.
	driftLevel = math.Log(2.5)
	driftSpan  = math.Log(1.6)
	// dayFloors are what the last week must have more than its anchor says;
	// dayTraces from which amount in a pane on days are kept at all.
	dayFloors = [dayMeasures]float64{35e6, 7000}
	dayTraces = [dayMeasures]uint64{50_000, 20}
)

func dayCode(x uint64) uint16 {
	if x == 0 {
		return 0
	}
	return uint16(1 + math.Round(math.Log1p(float64(x))*dayUnit)) //nolint:gosec // at most 62,107
}

// at is the logarithm of a day's amount; false for a day with none, or one that is
// not kept.
func (t *dataDays) at(day int) (float64, bool) {
	if day > int(t.day) || day <= int(t.day)-keptDays || day < int(t.since) {
		return 0, false
	}
	c := t.days[day%keptDays]
	return float64(c-min(c, 1)) / dayUnit, c != 0
}

// roll ends the days before another; pinned says that the anchor stays.
func (t *dataDays) roll(day uint16, pinned bool) {
	if day <= t.day {
		return
	}
	t.days[t.day%keptDays] = dayCode(t.today)
	t.today, t.begun = 0, true
	over := int(t.day)
	for d := over + 1; d <= int(day) && d <= over+keptDays; d++ {
		t.days[d%keptDays] = 0
	}
	t.day = day
	x, active := t.at(over)
	switch {
	case !t.known:
		if int(day)-int(t.since) >= anchorDays {
			var n int
			var m float64
			if m, n = t.median(over-keptDays, over); n >= leastActive {
				t.anchor, t.known = float32(m), true
			}
		}
	case active && !pinned:
		t.anchor += float32(math.Min(math.Max(x-float64(t.anchor), -anchorSpeed), anchorSpeed))
	}
	if t.known {
		if m, n := t.median(over-week, over); n > 0 {
			t.above = float32(m - float64(t.anchor))
		}
	}
}

// median is that of the active days after one up to another, and their number.
func (t *dataDays) median(after, to int) (float64, int) {
	var x [keptDays]float64
	n := 0
	for d := after + 1; d <= to; d++ {
		if v, ok := t.at(d); ok && n < len(x) {
			x[n] = v
			n++
		}
	}
	if n == 0 {
		return 0, 0
	}
	slices.Sort(x[:n])
	return x[n/2], n
}

// increase is the median of how much the days of a week exceed the same days of
// the week before; to is the week's last.
func (t *dataDays) increase(to int) (float64, bool) {
	var x [week]float64
	n := 0
	for d := to - week + 1; d <= to; d++ {
		now, ok := t.at(d)
		before, had := t.at(d - week)
		if ok && had {
			x[n] = now - before
			n++
		}
	}
	if n < 3 {
		return 0, false
	}
	slices.Sort(x[:n])
	return x[n/2], true
}

// drifted is what a sustained drift has come to.
type drifted struct {
	surprise    float64 // -log10 p of so many rises by a fair coin
	weeks       float64 // how much the last seven days held
	usual       float64 // and how much seven days hold by the anchor
	rises, days int
}

// drift tells a large rise that is spread over weeks from a step, a season, noise
// and growth of about 1% a day. shared is what others of the topic rose by.
func (t *dataDays) drift(measure int, shared float64) (x drifted, ok bool) {
	last := int(t.day) - 1
	level := float64(t.above)
	if !t.known || level-math.Max(shared, 0) < driftLevel || t.told != 0 && int(t.day)-int(t.told) < keptDays {
		return x, false
	}
	// Most days are higher than the same day of the week before (sign test): a day
	// of the week and a weekend are their own.
	for d := last - risingDays + 1; d <= last; d++ {
		now, is := t.at(d)
		before, had := t.at(d - week)
		if is && had {
			x.days++
			x.rises += btoi(now-before >= leastRise)
		}
	}
	if x.days < leastPairs || (x.days-x.rises)*8 > x.days {
		return x, false
	}
	// The rise is spread: no week brought nearly all of it.
	span, most, weeks := 0.0, 0.0, 0
	for i := range 3 {
		if up, known := t.increase(last - i*week); known {
			span, most, weeks = span+up, math.Max(most, up), weeks+1
		}
	}
	if weeks < 2 || span < driftSpan || most > 0.75*span {
		return x, false
	}
	active := 0
	for d := last - week + 1; d <= last; d++ {
		if v, is := t.at(d); is {
			active++
			x.weeks += math.Expm1(v)
		}
	}
	x.usual = float64(active) * math.Expm1(float64(t.anchor))
	if x.weeks-x.usual < dayFloors[measure] {
		return x, false
	}
	x.surprise = signTail(x.rises, x.days)
	return x, true
}

// signTail is -log10 of the chance that a fair coin shows at least so many heads.
func signTail(heads, of int) float64 {
	ways, sum := 1.0, 0.0 // of tails = 0
	for tails := 0; tails <= of-heads; tails++ {
		sum += ways
		ways = ways * float64(of-tails) / float64(tails+1)
	}
	return float64(float64(of)*math.Log10(2)) - math.Log10(sum)
}

// beginDay ends the days before that of a pane, before it is judged.
func (e *Engine) beginDay(p *Profile, pane *Pane) {
	a := e.asides[p.self]
	if a == nil || pane.Backfill > 0 {
		return
	}
	for _, t := range a.days {
		if t != nil {
			t.roll(dayOf(pane.Start()), p.pinned())
		}
	}
	if a.calls != nil {
		a.calls.roll(dayOf(pane.Start()))
	}
}

// learnDay adds what a pane took out to its day.
func (e *Engine) learnDay(p *Profile, pane *Pane) {
	if pane.Backfill > 0 {
		return
	}
	day := dayOf(pane.Start())
	for i, n := range [dayMeasures]uint64{pane.BytesOut, pane.Records} {
		a := e.asides[p.self]
		if a == nil || a.days[i] == nil {
			if n < dayTraces[i] {
				continue
			}
			a = e.aside(p)
			a.days[i] = &dataDays{day: day, since: day}
		}
		t := a.days[i]
		t.begun = false
		if day == t.day {
			t.today += min(n, math.MaxUint64-t.today)
		}
	}
}

// risen is how far beyond its anchor an identity's last week is.
func (e *Engine) risen(p *Profile) (above float32, known bool) {
	a := e.asides[p.self]
	if a == nil {
		return 0, false
	}
	for _, t := range a.days {
		if t != nil && t.known {
			above, known = max(above, t.above), true
		}
	}
	return above, known
}

// sharedRise is what the sample of a topic has risen by: the median, or that of
// those who rose together, where they are some.
func (t *topicClock) sharedRise() float32 {
	var space [windowSample]float32
	x := t.inOrder(&space, func(w *windowLoad) (float32, bool) { return w.risen, w.risenKnown })
	if len(x) == 0 {
		return 0
	}
	first, _ := slices.BinarySearch(x, float32(driftSpan))
	if together := len(x) - first; together >= max(4, len(x)/8) {
		return x[first+together/2]
	}
	return max(x[len(x)/2], 0)
}

// inOrder is what the sample of a topic knows of a measure, ascending; nothing where
// too few know it.
func (t *topicClock) inOrder(space *[windowSample]float32, of func(*windowLoad) (float32, bool)) []float32 {
	n := 0
	for i := range t.windows {
		if v, known := of(&t.windows[i]); known && n < len(space) {
			space[n] = v
			n++
		}
	}
	if n < enoughSolid {
		return nil
	}
	slices.Sort(space[:n])
	return space[:n]
}

// tooYoung says of an identity whose days are known for so many that it came after
// the log began and is still being taken into use.
func (e *Engine) tooYoung(p *Profile, age int) bool {
	return age < youngDays && p.first > e.tables.first*int64(time.Hour)+3*day
}

// driftOf finds a drift that pages by itself, once a day at most: of bytes, or of
// records.
func (c *Cell) driftOf(p *Profile, pane *Pane) (x drifted, t *dataDays, measure int) {
	a := c.e.asides[p.self]
	if a == nil {
		return x, nil, 0
	}
	for i, t := range a.days {
		if t == nil || !t.begun {
			continue
		}
		age := int(t.day) - int(t.since)
		if age < judgedDays || c.e.tooYoung(p, age) {
			continue
		}
		if x, ok := t.drift(i, float64(pane.shared)); ok {
			return x, t, i
		}
	}
	return x, nil, 0
}

func (t *dataDays) bytes() int {
	if t == nil {
		return 0
	}
	return int(unsafe.Sizeof(*t))
}

// visitDays writes or reads what format 12 keeps of days.
func (e *Engine) visitDays(c *codec, p *Profile) {
	for i := range dayMeasures {
		a := e.asides[p.self]
		has := a != nil && a.days[i] != nil
		c.bool(&has)
		if !has || c.err != nil {
			continue
		}
		a = e.aside(p)
		if a.days[i] == nil {
			a.days[i] = &dataDays{}
		}
		t := a.days[i]
		c.u16(&t.day)
		c.u16(&t.since)
		c.u16(&t.told)
		c.bool(&t.begun)
		c.bool(&t.known)
		c.f32(&t.anchor)
		c.f32(&t.above)
		c.within(float64(t.anchor), 0, maxDayLog)
		c.within(float64(t.above), -maxDayLog, maxDayLog)
		c.u64(&t.today)
		for d := range t.days {
			c.u16(&t.days[d])
		}
	}
}

// maxDayLog bounds the logarithm of an amount.
const maxDayLog = 100
