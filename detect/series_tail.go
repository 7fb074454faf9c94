package detect

import "math"

// seriesTail is the tail of one deviation of one series: a histogram of what it
// was, of which the last seriesForget values count most, and above its 90%
// quantile a generalised Pareto distribution, drawn towards a mild one while the
// series is short. A deviation of over seriesWild is learned as that: a wild
// one must not stretch the tail so far that nothing is wild any more.
type seriesTail struct {
	h                       [bins]float64 // weights
	total, unit             float64       // all weights, and what a value of weight one adds
	u, share, shape, spread float64       // of what lies above u
	start                   float64       // surprise at u
	top                     int           // the highest bin with a weight
	n, age                  int           // values, those since the last fit
	calm                    int           // values since the last rare one
	known                   bool
	without                 seriesPart
}

const (
	// seriesBins is how many bins of a histogram of surprise, a sixteenth wide,
	// make one here: deviations are mostly below four.
	seriesBins = 4
	// seriesWild is the last edge of the histogram.
	seriesWild = 20
	// seriesCalm is after how many values without a rare one a rare one is an
	// episode's first, which counts seriesFirst.
	seriesCalm, seriesFirst = 20, 0.5
	// seriesFit is after how many values the tail is fitted again at the latest.
	seriesFit = 400
	// seriesPrior is how many points the mild tail weighs: a shape of 0.1, a
	// scale of a third of the quantile.
	seriesPrior, seriesPriorShape = 20, 0.1
	// seriesLeast is the least shape, next to an exponential tail.
	seriesLeast = 0.02
	// seriesGrowth is how much more than the last a value weighs, which is how the
	// earlier ones fade; seriesHeavy is when all weights are made small again.
	seriesGrowth, seriesHeavy = 1 + math.Ln2/seriesForget, 1e100
)

// learn takes a deviation of surprise c.
func (t *seriesTail) learn(x, c float64) {
	w := 1.0
	if t.calm++; c > 3 && !t.without.lacks(noRobust) {
		w = learningWeight(c)
		if t.calm > seriesCalm && !t.without.lacks(noFirst) {
			w = max(w, seriesFirst)
		}
		t.calm = 0
	}
	if t.n == 0 {
		t.unit = 1
	}
	bin := binOf(min(x, seriesWild) * seriesBins)
	w *= t.unit
	t.h[bin] += w
	t.total += w
	t.top = max(t.top, bin)
	if !t.without.lacks(noForgetting) {
		t.unit *= seriesGrowth
	}
	t.n++
	if t.age++; t.age >= min(25+t.n/40, seriesFit) {
		t.age = 0
		t.lighten()
		t.fit()
	}
}

// lighten keeps the weights finite.
func (t *seriesTail) lighten() {
	if t.unit < seriesHeavy {
		return
	}
	for i := range t.h {
		t.h[i] /= t.unit
	}
	t.total /= t.unit
	t.unit = 1
}

// fit estimates the tail above the 90% quantile by probability-weighted moments
// (Hosking and Wallis 1987).
func (t *seriesTail) fit() {
	n := t.total / t.unit
	if n < 50 {
		return
	}
	var sum float64
	start := t.top + 1
	for start > 1 && (sum+t.h[start-1])*10 <= t.total {
		start--
		sum += t.h[start]
	}
	above := sum / t.unit
	t.u = binStart(start) / seriesBins
	t.share = (above + 1) / (n + 10)
	t.start = -math.Log10(t.share)
	var a0, a1 float64
	rest := sum
	for i := start; i <= t.top; i++ {
		rest -= t.h[i]
		x := (binStart(i)+binStart(min(i+1, bins)))/(2*seriesBins) - t.u
		w := t.h[i] / sum
		a0 += float64(w * x)
		a1 += float64(w * x * (rest + t.h[i]/2) / sum)
	}
	shape := seriesPriorShape
	if d := a0 - 2*a1; d > 1e-9 && above >= 10 {
		shape = min(max(2-a0/d, -0.2), 0.6)
	}
	if t.without.lacks(noPareto) {
		shape = 0
	}
	t.shape = max((float64(shape*above)+seriesPriorShape*seriesPrior)/(above+seriesPrior), seriesLeast)
	if t.without.lacks(noPareto) {
		t.shape = 1e-6
	}
	t.spread = max((float64(a0*(1-shape)*above)+float64(max(t.u, 0.1)/3*seriesPrior))/(above+seriesPrior), 1e-3)
	t.known = true
}

// surprise is -log10 of the share of values that deviate by at least x; 0 below
// the 90% quantile.
func (t *seriesTail) surprise(x float64) float64 {
	if !t.known || x <= t.u {
		return 0
	}
	z := (x - t.u) / t.spread
	return t.start + math.Log1p(float64(t.shape*z))/(t.shape*math.Ln10)
}
