package detect

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// lentz is the continued fraction of I_x(a, b) by the modified algorithm of Lentz.
func lentz(a, b, x float64) float64 {
	c, d := 1.0, 1/(1-(a+b)*x/(a+1))
	h := d
	for m := 1.0; m <= 2000; m++ {
		n := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d, c = 1/(1+n*d), 1+n/c
		h *= d * c
		n = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d, c = 1/(1+n*d), 1+n/c
		h *= d * c
		if math.Abs(d*c-1) < 1e-14 {
			break
		}
	}
	return h
}

func TestTheFractionIsThatOfLentz(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := math.Exp(rapid.Float64Range(-2, 9).Draw(t, "ln a"))
		b := math.Exp(rapid.Float64Range(-2, 9).Draw(t, "ln b"))
		x := (a + 1) / (a + b + 2) * rapid.Float64Range(1e-6, 0.999999).Draw(t, "x")
		if got, want := betaFraction(a, b, x), lentz(a, b, x); !(math.Abs(got-want) <= 1e-6*want) {
			t.Fatalf("a %v, b %v, x %v: %v, by Lentz %v", a, b, x, got, want)
		}
	})
}

func TestShortTailsAreThoseOfTheFraction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := float64(rapid.IntRange(1, shortTail+20).Draw(t, "x"))
		mean := math.Exp(rapid.Float64Range(-5, 6).Draw(t, "ln mean"))
		variance := mean * rapid.Float64Range(0.5, 100).Draw(t, "dispersion")
		r := mean * mean / max(variance-mean, mean*0.02)
		got, want := negativeBinomialTail(x, mean, variance), surpriseOf(logBeta(x, r, mean/(mean+r)))
		if math.Abs(got-want) > 1e-7*max(1, want) {
			t.Fatalf("P(X >= %v), mean %v, variance %v: 10^-%v by the sum, 10^-%v by the fraction", x, mean, variance, got, want)
		}
	})
}

func TestWhatIsLeftOutOfTheTailLiesBelowIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const group, signal = 3, SignalRate
		// A body with a tail, of a pool of its own or of a small fleet.
		var h histogram
		n := rapid.Uint64Range(1, 60_000).Draw(t, "panes")
		fall := rapid.Float64Range(0.3, 0.99).Draw(t, "fall")
		left := float64(n * wholePoint)
		for i := 0; i < bins && left >= 1; i++ {
			h[i] = uint64(math.Ceil(left * (1 - fall)))
			left *= fall
		}
		v := &view{}
		v.tails[group][signal] = fit(&h)
		v.tails[groups][signal] = fit(&h)
		v.identities[group] = rapid.Uint64Range(0, 2*poolIdentities).Draw(t, "identities")
		v.identities[groups] = v.identities[group]
		s := rapid.Float64Range(0, 30).Draw(t, "surprise")
		got, _ := v.least(group, signal, s)
		if want, _ := v.calibrate(group, signal, s); got != want && (got != 0 || want >= 1.9) {
			t.Fatalf("%v, calibrated %v, of %d panes", got, want, n)
		}
	})
}

func TestALevelIsHalfAnOctave(t *testing.T) {
	for _, base := range []uint32{1, 2, 3, 1 << 8, 46341, 1 << 16, 3_037_000, 1 << 23, 1<<32 - 20_000} {
		for calls := base - min(base, 10_000); calls < base+10_000; calls++ {
			if got, want := levelBin(calls), min(int(2*math.Log2(float64(max(calls, 1)))), levelBins-1); got != want {
				t.Fatalf("%d calls: %d, not %d", calls, got, want)
			}
		}
	}
}

func TestALevelLearnsByItsFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := level{
			mean: rapid.Float32Range(0, 1e6).Draw(t, "mean"), variance: rapid.Float32Range(0, 1e9).Draw(t, "variance"),
			n: uint16(rapid.IntRange(1, 1000).Draw(t, "values")), //nolint:gosec // small
		}
		x := rapid.Float64Range(0, 1e7).Draw(t, "x")
		weight := rapid.SampledFrom([]float64{1, 1, 0.3, 0.01}).Draw(t, "weight")
		m, v := float64(l.mean), float64(l.variance)
		cut := x
		if l.n >= 20 {
			cut = min(x, m+float64(6*math.Sqrt(v))+4)
		}
		gain := weight / min(float64(l.n)+1, memoryPanes)
		delta := cut - m
		mean, variance := float32(m+float64(gain*delta)), float32((1-gain)*(v+float64(gain*delta*delta)))
		if l.learn(x, weight); l.mean != mean || l.variance != variance {
			t.Fatalf("%+v, not %v and %v", l, mean, variance)
		}
	})
}
