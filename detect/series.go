package detect

import (
	"math"
	"time"
)

// Series scores any metric, value by value, without look-ahead: the call-rate
// detector's ideas for numbers that need not be counts. Several deviations are
// judged: of the value and of two moving means from the slow level, of the
// value from what this time of day showed before, and of the recent dispersion
// from the usual one. What the time of day explains is taken out of the value
// first, as far as it does. Each becomes a share of what the series itself has shown:
// above its 90% quantile a generalised Pareto distribution, drawn towards a
// mild one while the series is short. The rarest speaks. What alarms teaches
// little (weight 1 at p >= 1e-3 down to 0.01), and the bound rises with the
// length of the series, so that the expected number of false alarms stays the
// same however long it runs. An alarm that goes on is one alarm: what does not
// exceed it is damped for a while.
//
// A Series takes about 16 KB. It is not safe for concurrent use.
type Series struct {
	n                      int
	level, scale           float64 // slow mean and mean absolute deviation
	fast, middle           float64 // moving means over about 4 and 20 values
	fastScale, middleScale float64
	recent, usual          float64 // steps: the recent ones, the usual ones
	before                 float64
	span                   float64 // mean distance from the level, alarms included
	centre, width          float64 // mean, and mean distance from it, season included
	season                 [seasonSlots]float64
	seen                   [seasonSlots]float64
	seasonScale            float64
	tails                  [seriesFeatures]seriesTail
	peak                   float64 // excess of the last alarm, fading
}

const (
	seriesFeatures = 5
	// seriesLearn is how many values pass before anything is scored.
	seriesLearn = 100
	// seasonSlots cut the day into half hours.
	seasonSlots = 48
	// seasonSeen is how many values of a slot make it speak.
	seasonSeen = 12
	// seasonSure is how many make it be taken out of the value.
	seasonSure = 18
	// seriesMemory is how many values the slow level remembers.
	seriesMemory = 400
	// seriesFade and seriesStep say for how long, and by how much, an alarm must
	// be exceeded to be another one.
	seriesFade, seriesStep = 0.995, 0.5
	// seriesFloor is the least scale, as a share of the series' span: a series
	// without noise is not surprised by a trifle.
	seriesFloor = 0.2
)

// NewSeries makes a scorer for one series.
func NewSeries() *Series { return &Series{} }

// Score takes the next value and returns how anomalous it is, 0 to 1; 0.5 is
// about what chance brings once in a series of this length. A value that is no
// number scores 0 and teaches nothing. The time tells the time of day only.
func (s *Series) Score(t time.Time, v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	if s.n == 0 {
		s.level, s.fast, s.middle, s.before = v, v, v, v
	}
	s.n++
	slot := (t.Hour()*60 + t.Minute()) / 30 % seasonSlots
	raw := v
	v -= s.explained(slot)
	s.centre += float64(math.Max(1/float64(s.n), 1.0/seriesMemory) * (raw - s.centre))
	s.width += float64(math.Max(1/float64(s.n), 1.0/2000) * (math.Abs(raw-s.centre) - s.width))
	s.span += math.Max(1/float64(s.n), 1.0/2000) * (math.Abs(v-s.level) - s.span)
	floor := 1e-9 + float64(seriesFloor*s.span)
	fast := s.fast + (v-s.fast)/4
	middle := s.middle + (v-s.middle)/20
	recent := s.recent + (math.Abs(v-s.before)-s.recent)/10
	x := [seriesFeatures]float64{
		math.Abs(v-s.middle) / math.Max(s.scale, floor),
		math.Abs(fast-s.level) / math.Max(s.fastScale, floor),
		math.Abs(middle-s.level) / math.Max(s.middleScale, floor),
		math.Abs(math.Log((recent + floor) / (s.usual + floor))),
		0,
	}
	if s.seen[slot] >= seasonSeen {
		x[4] = math.Abs(raw-s.season[slot]) / math.Max(s.seasonScale, floor)
	}
	c, n := 0.0, float64(s.n)
	var each [seriesFeatures]float64
	for i := range x {
		each[i] = s.tails[i].surprise(x[i])
		c = math.Max(c, each[i])
	}
	for i := range x {
		if i < 4 || s.seen[slot] >= seasonSeen {
			s.tails[i].learn(x[i], learningWeight(each[i]))
		}
	}
	s.learn(v, fast, middle, recent, learningWeight(c), floor)
	s.learnSeason(raw, slot, learningWeight(c))
	if s.n <= seriesLearn {
		return 0
	}
	// The surprise beyond what a series of this length shows by chance.
	excess := c - math.Log10(n)
	s.peak *= seriesFade
	if excess <= s.peak+seriesStep {
		excess = math.Min(excess, 0) - 1
	} else if excess > 0 {
		s.peak = excess
	}
	return 0.5 + excess/(2*(1+math.Abs(excess)))
}

// explained is how far the time of day lets the value lie from its mean: all of
// it where days are alike, nothing where they are not.
func (s *Series) explained(slot int) float64 {
	if s.seen[slot] < seasonSure || s.width <= 0 {
		return 0
	}
	return math.Max(0, 1-s.seasonScale/s.width) * (s.season[slot] - s.centre)
}

func (s *Series) learnSeason(v float64, slot int, w float64) {
	slow := math.Max(1/float64(s.n), 1.0/seriesMemory)
	if s.n <= seriesLearn {
		w = 1
	}
	if s.seen[slot] > 0 {
		s.seasonScale += float64(slow * w * (math.Abs(v-s.season[slot]) - s.seasonScale))
	}
	s.seen[slot]++
	s.season[slot] += float64(math.Max(1/s.seen[slot], 0.1) * w * (v - s.season[slot]))
}

func (s *Series) learn(v, fast, middle, recent, w, floor float64) {
	slow := math.Max(1/float64(s.n), 1.0/seriesMemory)
	if s.n <= seriesLearn {
		w = 1
	}
	// Winsorised: one wild value moves the level by what four deviations would.
	limit := 4 * math.Max(s.scale, floor)
	d := v - s.level
	if s.n > seriesLearn {
		d = math.Min(math.Max(d, -limit), limit)
	}
	s.level += float64(slow * math.Max(w, 0.2) * d)
	s.scale += float64(slow * w * (math.Abs(v-s.middle) - s.scale))
	s.fastScale += float64(slow * w * (math.Abs(fast-s.level) - s.fastScale))
	s.middleScale += float64(slow * w * (math.Abs(middle-s.level) - s.middleScale))
	s.usual += float64(slow * w * (recent - s.usual))
	s.fast, s.middle, s.recent, s.before = fast, middle, recent, v
}

// seriesTail is the tail of one feature of one series.
type seriesTail struct {
	h                       histogram
	u, share, shape, spread float64
	n, age                  int
	known                   bool
}

// Sixteenths of a bin's width: features are dimensionless and mostly below 10.
const seriesBins = 4

func (t *seriesTail) learn(x, w float64) {
	t.h[binOf(x*seriesBins)] += uint64(math.Max(math.Round(wholePoint*w), 1))
	t.n++
	if t.age++; t.age >= 25+t.n/40 {
		t.age = 0
		t.fit()
	}
}

// fit estimates the tail above the 90% quantile by probability-weighted
// moments, drawn by 20 points towards a scale of a third of the quantile and a
// shape of 0.1.
func (t *seriesTail) fit() {
	var n, above uint64
	for _, c := range t.h {
		n += c
	}
	if n < 50*wholePoint {
		return
	}
	start := bins
	for start > 1 && (above+t.h[start-1])*10 <= n {
		start--
		above += t.h[start]
	}
	t.u = binStart(start) / seriesBins
	t.share = (float64(above) + wholePoint) / (float64(n) + 10*wholePoint)
	var a0, a1, sum float64
	rest := above
	for i := start; i < bins && above > 0; i++ {
		rest -= t.h[i]
		x := (binStart(i)+binStart(min(i+1, bins)))/(2*seriesBins) - t.u
		w := float64(t.h[i]) / float64(above)
		a0 += float64(w * x)
		a1 += float64(w * x * (float64(rest) + float64(t.h[i])/2) / float64(above))
		sum += w
	}
	points := float64(above) / wholePoint
	shape := 0.1
	if d := a0 - 2*a1; d > 1e-9 && points >= 10 {
		shape = math.Min(math.Max(2-a0/d, -0.2), 0.6)
	}
	const weight = 20
	t.shape = math.Max((float64(shape*points)+0.1*weight)/(points+weight), 0.02)
	t.spread = math.Max((float64(a0*(1-shape)*points)+float64(math.Max(t.u, 0.1)/3*weight))/(points+weight), 1e-3)
	t.known = true
}

func (t *seriesTail) surprise(x float64) float64 {
	if !t.known || x <= t.u {
		return 0
	}
	z := (x - t.u) / t.spread
	return -math.Log10(t.share) + math.Log1p(float64(t.shape*z))/(t.shape*math.Ln10)
}
