package detect

import "math"

// seriesTail is the tail of one deviation of one series: a histogram of what it
// was, of which the last seriesForget values count most, and above its 90%
// quantile a generalised Pareto distribution, drawn towards a mild one while the
// series is short. A deviation of over seriesWild is learned as that: a wild
// one must not stretch the tail so far that nothing is wild any more.
type seriesTail struct {
	h                       [bins]float64 // weights
	u, share, shape, spread float64       // of what lies above u
	n, age                  int           // values, those since the last fit
	calm                    int           // values since the last rare one
	known                   bool
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
)

// learn takes a deviation of surprise c.
func (t *seriesTail) learn(x, c float64) {
	w := learningWeight(c)
	if t.calm++; w < 1 {
		if t.calm > seriesCalm {
			w = math.Max(w, seriesFirst)
		}
		t.calm = 0
	}
	t.h[binOf(math.Min(x, seriesWild)*seriesBins)] += w
	t.n++
	if t.age++; t.age >= min(25+t.n/40, seriesFit) {
		fade := math.Exp2(-float64(t.age) / seriesForget)
		for i := range t.h {
			t.h[i] = float64(t.h[i] * fade)
		}
		t.age = 0
		t.fit()
	}
}

// fit estimates the tail above the 90% quantile by probability-weighted moments
// (Hosking and Wallis 1987).
func (t *seriesTail) fit() {
	var n, above float64
	for _, w := range t.h {
		n += w
	}
	if n < 50 {
		return
	}
	start := bins
	for start > 1 && (above+t.h[start-1])*10 <= n {
		start--
		above += t.h[start]
	}
	t.u = binStart(start) / seriesBins
	t.share = (above + 1) / (n + 10)
	var a0, a1 float64
	rest := above
	for i := start; i < bins && above > 0; i++ {
		rest -= t.h[i]
		x := (binStart(i)+binStart(min(i+1, bins)))/(2*seriesBins) - t.u
		w := t.h[i] / above
		a0 += float64(w * x)
		a1 += float64(w * x * (rest + t.h[i]/2) / above)
	}
	shape := seriesPriorShape
	if d := a0 - 2*a1; d > 1e-9 && above >= 10 {
		shape = math.Min(math.Max(2-a0/d, -0.2), 0.6)
	}
	t.shape = math.Max((float64(shape*above)+seriesPriorShape*seriesPrior)/(above+seriesPrior), 0.02)
	t.spread = math.Max((float64(a0*(1-shape)*above)+float64(math.Max(t.u, 0.1)/3*seriesPrior))/(above+seriesPrior), 1e-3)
	t.known = true
}

// surprise is -log10 of the share of values that deviate by at least x; 0 below
// the 90% quantile.
func (t *seriesTail) surprise(x float64) float64 {
	if !t.known || x <= t.u {
		return 0
	}
	z := (x - t.u) / t.spread
	return -math.Log10(t.share) + math.Log1p(float64(t.shape*z))/(t.shape*math.Ln10)
}
