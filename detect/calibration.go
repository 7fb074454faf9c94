package detect

import "math"

// The bins of a histogram of surprise: sixteenths up to 16, units up to 80.
const (
	fineBins   = 256
	coarseBins = 64
	binWidth   = 1.0 / 16
	bins       = fineBins + coarseBins
)

// wholePoint is the weight of an ordinary pane. Of the panes of one identity
// that lie in the tail on one day, the first counts whole and the others a
// hundredth: an attack that lasts for hours must not teach the tail that it is
// normal, nor must one restless identity, and alerts are counted the same way.
const wholePoint = 100

// histogram pools the surprises of one signal over a group's panes.
type histogram [bins]uint64

func (h *histogram) add(o *histogram) {
	for i, n := range o {
		h[i] += n
	}
}

func binOf(s float64) int {
	switch {
	case !(s > 0):
		return 0
	case s < fineBins*binWidth:
		return int(s / binWidth)
	default:
		return fineBins + int(min(s-fineBins*binWidth, coarseBins-1))
	}
}

// binStart is the lower edge of a bin.
func binStart(i int) float64 {
	if i <= fineBins {
		return float64(i) * binWidth
	}
	return fineBins*binWidth + float64(i-fineBins)
}

// tailFrom is the calibrated surprise from which a pane counts as tail.
const tailFrom = 2.5

// record adds one pane's surprise to the tail of a signal in the layer of its
// hour; c is its calibrated surprise.
func (e *Engine) record(l *layer, p *Profile, signal Signal, s, c float64) {
	h := l.tails[p.group][signal]
	if h == nil {
		h = new(histogram)
		l.tails[p.group][signal] = h
	}
	weight := uint64(wholePoint)
	if c >= tailFrom {
		if p.stats.inTail&(1<<signal) != 0 && !e.lacks(offRobust) {
			weight = 1
		}
		p.stats.inTail |= 1 << signal
	} else if signal == SignalPeers {
		p.stats.inTail &^= 1 << signal
	}
	h[binOf(s)] += weight
}

// learningWeight is how much a pane of calibrated surprise c teaches: 1 at
// p >= 1e-3, 0.01 at p <= 1e-5.
func learningWeight(c float64) float64 {
	switch {
	case c <= 3:
		return 1
	case c >= 5:
		return 0.01
	default:
		return math.Pow(10, 3-c)
	}
}

// Minimum sizes of a pool that speaks for itself.
const (
	poolIdentities  = 50
	poolPanes       = 20_000
	fleetIdentities = 10
	tailShare       = 0.02
	tailPoints      = 3_000
	// maxShape bounds the fitted shape: what attacks and one-off changes leave in
	// the tail would else make every wonder ordinary.
	maxShape = 0.5
)

// tail turns a surprise into a calibrated one: -log10 of the share of the
// pool's panes that are at least as surprising.
type tail struct {
	above [bins + 1]uint64 // points in bin i and all above
	n     uint64
	// Above u a generalised Pareto distribution holds: share of the points
	// beyond u, shape and scale.
	u, share, shape, scale float64
	pareto                 bool
	from                   string
}

// tail is the pool that calibrates a signal for a group: its own, else that of
// all kinds. A pool speaks for itself once it has enough identities and enough
// panes that gave the signal; alone says so. Until then what was shipped stands
// beside it.
func (v *view) tail(group uint8, signal Signal) (t *tail, alone bool) {
	if v.off&offTails != 0 {
		return nil, false
	}
	if v.identities[group] >= poolIdentities {
		if t := v.pool(int(group), signal); t.points() >= poolPanes {
			return t, true
		}
	}
	t = v.pool(groups, signal)
	return t, v.identities[groups] >= fleetIdentities && t.points() >= poolPanes
}

// pool is the tail of one group, fitted when first asked for.
func (v *view) pool(g int, signal Signal) *tail {
	if t := v.tails[g][signal]; t != nil {
		return t
	}
	var h histogram
	v.t.each(v.upTo, func(l *layer) {
		for i := range groups {
			if (g == groups || i == g) && l.tails[i][signal] != nil {
				h.add(l.tails[i][signal])
			}
		}
	})
	t := fit(&h)
	if g == groups {
		t.from = "all identities of this fleet"
	} else {
		t.from = "its kind (" + kindTitle(uint8(g)) + ")" //nolint:gosec // nine kinds
	}
	v.tails[g][signal] = t
	return t
}

func kindTitle(group uint8) string {
	if group == 0 {
		return "discovered"
	}
	return kindNames[group]
}

// fit builds a tail from a histogram. The generalised Pareto distribution is
// fitted above the top 2%, at most 3,000 points, by probability-weighted
// moments (Hosking and Wallis 1987), which need only sums over the bins.
func fit(h *histogram) *tail {
	t := &tail{}
	for i := bins - 1; i >= 0; i-- {
		t.above[i] = t.above[i+1] + h[i]
	}
	t.n = t.above[0]
	limit := uint64(min(float64(t.n)*tailShare, tailPoints*wholePoint))
	start := 0
	for start < bins && t.above[start] > limit {
		start++
	}
	points := float64(t.above[start])
	if start >= bins || points < 30*wholePoint {
		return t
	}
	t.u, t.share = binStart(start), points/float64(t.n)
	var a0, a1 float64
	for i := start; i < bins; i++ {
		if h[i] == 0 {
			continue
		}
		x := (binStart(i)+binStart(min(i+1, bins)))/2 - t.u
		w := float64(h[i]) / points
		rank := (float64(t.above[i+1]) + float64(h[i])/2) / points // share above
		a0 += float64(w * x)
		a1 += float64(w * x * rank)
	}
	if d := a0 - 2*a1; d > 1e-9 {
		t.shape = min(max(2-a0/d, 0), maxShape)
		t.scale = max(a0*(1-t.shape), binWidth/4)
		t.pareto = true
	}
	return t
}

// priorPanes is what the shipped prior weighs beside the panes of a young or
// small fleet.
const priorPanes = 1_000

// calibrate gives the calibrated surprise of s, and the name of the pool. A pool
// that is too small to speak for itself is drawn towards the shipped prior, which
// counts as so many panes more: its share of panes beyond s is the mean of both,
// so that a small fleet leaves the prior step by step. Fewer than twice as many
// panes say nothing yet.
func (v *view) calibrate(group uint8, signal Signal, s float64) (c float64, from string) {
	if s != 0 {
		return v.weigh(group, signal, s)
	}
	m := &v.calm[group][signal]
	if !m.known {
		m.c, m.from = v.weigh(group, signal, 0)
		m.known = true
	}
	return m.c, m.from
}

// least is calibrate where only what lies in the tail matters: 0 for a surprise that
// one pane in fifty of the pool goes beyond. Calibrated that is below 1.9, whoever
// else is asked, and so below tailFrom and any bound.
func (v *view) least(group uint8, signal Signal, s float64) (c float64, from string) {
	if t, _ := v.tail(group, signal); t != nil && t.points() >= 2*priorPanes && t.above[binOf(s)+1]*ordinary > t.n {
		return 0, ""
	}
	return v.calibrate(group, signal, s)
}

// ordinary is how many panes one of those is that least leaves out.
const ordinary = 50

// weigh is calibrate, worked out.
func (v *view) weigh(group uint8, signal Signal, s float64) (c float64, from string) {
	t, alone := v.tail(group, signal)
	if t == nil || t.n == 0 {
		return priorTail(signal, s), shippedPrior
	}
	if alone {
		return t.calibrated(s), t.from
	}
	n := float64(t.points())
	if n < 2*priorPanes {
		return priorTail(signal, s), shippedPrior
	}
	prior := math.Pow(10, -priorTail(signal, s))
	p := (float64(n*t.beyond(s)) + float64(priorPanes*prior)) / (n + priorPanes)
	return -math.Log10(min(p, 1)), smallFleet
}

// smallFleet names the pool of a fleet that is too small to speak for itself.
const smallFleet = "this small fleet and " + shippedPrior

// beyond is the share of panes seen at s or beyond.
func (t *tail) beyond(s float64) float64 {
	i := binOf(s)
	within := 1.0
	if w := binStart(i+1) - binStart(i); s > binStart(i) && w > 0 {
		within = 1 - min((s-binStart(i))/w, 1)
	}
	in := float64(t.above[i] - t.above[i+1])
	return (float64(t.above[i+1]) + float64(in*within)) / float64(t.n)
}

func (t *tail) calibrated(s float64) float64 {
	var p float64
	if t.pareto && s > t.u {
		z := (s - t.u) / t.scale
		if t.shape < 1e-6 {
			p = t.share * math.Exp(-z)
		} else {
			p = t.share * math.Pow(1+float64(t.shape*z), -1/t.shape)
		}
	} else {
		p = (float64(t.beyond(s)*float64(t.n)) + wholePoint) / (float64(t.n) + wholePoint)
	}
	// No claim beyond ten times what the pool has seen.
	least := wholePoint / (float64(t.n) * 10)
	return -math.Log10(min(max(p, least), 1))
}

// points is how many panes the pool of a signal rests on.
func (t *tail) points() uint64 { return t.n / wholePoint }
