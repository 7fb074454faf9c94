package detect

import (
	"math"
	"time"
)

// seriesSeason is what a series shows at each time of day.
type seriesSeason struct {
	mean, seen    [seasonSlots]float64
	scale         float64   // mean distance of a value from its slot's mean
	centre, width float64   // mean of all values, and mean distance from it
	since         time.Time // when a slot first told something
}

const (
	// seasonSlots cut the day into half hours.
	seasonSlots = 48
	// seasonSeen is how many values of a slot make it tell something.
	seasonSeen = 12
	// seasonSure is how many make it be taken out of the value.
	seasonSure = 18
	// seasonHeard is for how long deviations from the time of day are learned
	// before the first is believed: a night alone does not show what a morning
	// brings.
	seasonHeard = 48 * time.Hour
)

func seasonSlot(t time.Time) int {
	hour, minute, _ := t.Clock()
	return 2*hour + minute/30
}

// explained is how far the time of day lets the value lie from its mean: all of
// it where days are alike, nothing where they are not.
func (s *seriesSeason) explained(slot int) float64 {
	if s.seen[slot] < seasonSure || s.width <= 0 {
		return 0
	}
	return float64(max(0, 1-s.scale/s.width) * (s.mean[slot] - s.centre))
}

// see takes the series' n-th value into the mean of all.
func (s *seriesSeason) see(v float64, n int) {
	s.centre += float64(atLeast(n, seriesMemory) * (v - s.centre))
	s.width += float64(atLeast(n, seriesWidth) * (math.Abs(v-s.centre) - s.width))
}

// deviation is how far the value lies from what the time of day showed, whether
// enough was seen to tell, and whether for long enough to be believed.
func (s *seriesSeason) deviation(t time.Time, slot int, v, floor float64) (x float64, tells, sure bool) {
	if s.seen[slot] < seasonSeen {
		return 0, false, false
	}
	if s.since.IsZero() {
		s.since = t
	}
	return math.Abs(v-s.mean[slot]) / max(s.scale, floor), true, t.Sub(s.since) >= seasonHeard
}

// learn takes a value of weight w into its slot; slow is the weight of a value in
// the scale.
func (s *seriesSeason) learn(slot int, v, slow, w float64) {
	if s.seen[slot] > 0 {
		s.scale += float64(slow * w * (math.Abs(v-s.mean[slot]) - s.scale))
	}
	s.seen[slot]++
	s.mean[slot] += float64(max(1/s.seen[slot], 0.1) * w * (v - s.mean[slot]))
}
