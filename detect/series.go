package detect

import (
	"math"
	"time"
)

// Series scores any metric, value by value, without look-ahead: the call-rate
// detector's ideas for numbers that need not be counts. Six deviations are
// judged, each for what another does not see:
//
//   - shift: the mean of the last 20 values from the slow level;
//   - spread: the recent steps against the usual ones, larger or smaller;
//   - hour: the value from what this time of day showed before;
//   - peak: the value's distance from the level against the largest so far;
//   - factor: the value as a multiple of its usual size, which shows a fall to
//     next to nothing as it shows a rise;
//   - lasting: the mean of the last 30 distances from the level, none of which
//     counts for more than two deviations: it lasts, however mild it is, and no
//     single wild value makes it. The errors' short mean against their long history
//     after Ahmad et al. 2017 (anomaly likelihood).
//
// What the time of day explains is taken out of the value first, as far as it
// does. Each deviation becomes a share of what the series itself has shown (see
// seriesTail), and the rarest speaks. The bound rises with the length of the
// series, so that the expected number of false alarms hardly grows however long
// it runs. An alarm that goes on is one alarm: it is repeated only where it becomes
// ten times rarer, and what follows it is damped for a while.
//
// What alarms teaches little (weight 1 at p >= 1e-3 down to 0.01), so that it
// does not pass for usual while it lasts; but an episode's first value counts
// half, so that what happens again and again is not rare for ever. What each part
// carries is in the report of `lapwing eval`.
//
// After: probability-weighted moments for the tails (Hosking and Wallis 1987), and
// peaks over a threshold fitted as a stream goes by (Siffer et al. 2017, SPOT).
//
// A Series takes about 17 KB. It is not safe for concurrent use.
type Series struct {
	n                   int
	level, scale        float64 // slow mean and mean absolute deviation
	middle, middleScale float64 // moving mean over about 20 values, and its distance from the level
	recent, usual       float64 // steps: the recent ones, the usual ones
	size                float64 // mean size of a value
	factor, factorScale float64 // slow mean of its logarithm, and the distance from it
	lasting             float64 // moving mean of bounded deviations
	before              float64
	highest             float64 // largest distance from the level, fading
	span                float64 // mean distance from the level, alarms included
	season              seriesSeason
	tails               [seriesFeatures]seriesTail
	peak                float64 // what the next alarm must exceed
	chance              float64 // surprise that comes about once
	renew               int     // the length at which that is told anew
	without             seriesPart
}

// The deviations that a Series judges.
const (
	seriesShift = iota
	seriesSpread
	seriesHour
	seriesPeak
	seriesFactor
	seriesLasting
	seriesFeatures
)

const (
	// seriesLearn is how many values pass before anything is scored.
	seriesLearn = 100
	// seriesMemory is how many values the slow level remembers.
	seriesMemory = 500
	// seriesWidth is how many values its span does.
	seriesWidth = 2000
	// seriesForget is after how many values a tail's points, and the largest
	// distance so far, count half.
	seriesForget = 4000
	// seriesStep is by how many powers of ten an alarm must be rarer than the last
	// to be another one, and seriesFade what is left of that value by value once it is over.
	seriesStep, seriesFade = 1, 0.99
	// seriesFloor is the least scale, as a share of the series' span: a series
	// without noise is not surprised by a trifle.
	seriesFloor = 0.2
	// seriesTrifle is as much as rounding may leave of what the time of day
	// explains, as a share of the values' width.
	seriesTrifle = 1e-9
	// seriesMost bounds a value, so that no difference overflows.
	seriesMost = 1e150
	// seriesWhole is where the largest distance so far lies on the scale of a
	// tail, whose bins are fine to four and end at 20.
	seriesWhole = 4
	// seriesLast is how many values what lasts is the mean of, and seriesBound
	// how many deviations one of them counts for at most.
	seriesLast, seriesBound = 30, 2
	// seriesNothing is what counts as next to nothing, as a share of a usual
	// value's size, and seriesEven the least scale of its logarithm.
	seriesNothing, seriesEven = 0.003, 0.02
)

// NewSeries makes a scorer for one series.
func NewSeries() *Series { return &Series{} }

// Score takes the next value and returns how anomalous it is, 0 to 1; 0.5 is
// about what chance brings once in a series of this length. A value that is no
// number scores 0 and teaches nothing; one beyond 1e150 is taken as that. The time
// tells the time of day, in its own zone, and how long a day is; it need not be
// regular. The unit of the values makes no difference, nor does their sign.
func (s *Series) Score(t time.Time, v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	raw := min(max(v, -seriesMost), seriesMost)
	slot := seasonSlot(t)
	v = raw
	if !s.without.lacks(noDay) {
		v -= s.season.explained(slot)
	}
	if s.n == 0 {
		s.level, s.middle, s.before = v, v, v
	}
	s.n++
	far := math.Abs(v - s.level)
	s.span += float64(atLeast(s.n, seriesWidth) * (far - s.span))
	s.season.see(raw, s.n)
	floor := max(float64(seriesFloor*s.span)+float64(seriesTrifle*s.season.width), math.SmallestNonzeroFloat64)
	middle := s.middle + (v-s.middle)/20
	recent := s.recent + (math.Abs(v-s.before)-s.recent)/10
	if !s.without.lacks(noForgetting) {
		s.highest = float64(s.highest * (1 - math.Ln2/seriesForget))
	}
	s.size += float64(atLeast(s.n, seriesWidth) * (math.Abs(raw) - s.size))
	nothing := max(seriesNothing*s.size, math.SmallestNonzeroFloat64)
	factor := math.Log((math.Abs(raw) + nothing) / nothing)
	if s.n == 1 {
		s.factor = factor
	}
	s.lasting += (min(max((v-s.level)/max(s.scale, floor), -seriesBound), seriesBound) - s.lasting) / seriesLast
	x := [seriesFeatures]float64{
		seriesShift:   math.Abs(middle-s.level) / max(s.middleScale, floor),
		seriesSpread:  math.Abs(math.Log((recent + floor) / (s.usual + floor))),
		seriesPeak:    seriesWhole * far / max(s.highest, 2*floor),
		seriesFactor:  math.Abs(factor-s.factor) / max(s.factorScale, seriesEven),
		seriesLasting: seriesWhole * math.Abs(s.lasting) / seriesBound,
	}
	s.highest = max(s.highest, far)
	learned := s.n > seriesLearn
	tells := [seriesFeatures]bool{seriesShift: true, seriesSpread: true, seriesPeak: learned, seriesFactor: true, seriesLasting: true}
	var sure bool
	x[seriesHour], tells[seriesHour], sure = s.season.deviation(t, slot, raw, floor)
	c := 0.0
	for i := range x {
		if !tells[i] {
			continue
		}
		own := s.tails[i].surprise(x[i])
		s.tails[i].learn(x[i], own)
		if (i != seriesHour || sure) && !s.without.lacks(1<<i) {
			c = max(c, own)
		}
	}
	w := 1.0
	if learned && !s.without.lacks(noRobust) {
		w = learningWeight(c)
	}
	s.learn(v, middle, recent, w, floor)
	slow := atLeast(s.n, seriesMemory)
	s.factor += float64(slow * (factor - s.factor))
	s.factorScale += float64(slow * (math.Abs(factor-s.factor) - s.factorScale))
	s.middle, s.recent, s.before = middle, recent, v
	s.season.learn(slot, raw, slow, w)
	if !learned {
		return 0
	}
	s.expect()
	return s.damped(c - s.chance)
}

// expect renews what surprise a series of this length shows about once, when it
// is a hundredth longer than at the last time.
func (s *Series) expect() {
	if s.n < s.renew {
		return
	}
	s.chance, s.renew = math.Log10(float64(s.n)), s.n+s.n/128+1
	if s.without.lacks(noRise) {
		s.chance = 3.5
	}
}

// atLeast is the weight of the n-th value in a mean over at most memory values.
func atLeast(n int, memory float64) float64 {
	if float64(n) >= memory {
		return 1 / memory
	}
	return 1 / float64(n)
}

// damped turns the surprise beyond what a series of this length shows by chance
// into a score: over 0.5 where it exceeds that, and the last alarm by as much as
// still holds. An alarm does not fade before it is over.
func (s *Series) damped(excess float64) float64 {
	if excess <= 0 {
		s.peak = float64(s.peak * seriesFade)
	}
	if excess > s.peak || s.without.lacks(noOnce) {
		s.peak = excess + seriesStep
	} else {
		excess = min(excess, 0) - 1
	}
	return 0.5 + excess/(2*(1+math.Abs(excess)))
}

// learn moves the level and the scales by a value of weight w; middle and recent
// are what the moving means become with it.
func (s *Series) learn(v, middle, recent, w, floor float64) {
	slow := atLeast(s.n, seriesMemory)
	d := v - s.level
	if s.n > seriesLearn && !s.without.lacks(noLimit) {
		// Winsorised: one wild value moves the level by what four deviations would.
		limit := 4 * max(s.scale, floor)
		d = min(max(d, -limit), limit)
	}
	s.level += float64(slow * max(w, 0.2) * d)
	s.scale += float64(slow * w * (math.Abs(v-s.middle) - s.scale))
	s.middleScale += float64(slow * w * (math.Abs(middle-s.level) - s.middleScale))
	s.usual += float64(slow * w * (recent - s.usual))
}
