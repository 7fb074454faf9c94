package simulate

import (
	"math"
	"math/rand/v2"
)

// hash mixes its arguments into 64 well spread bits (the finaliser of
// SplitMix64, applied word by word).
func hash(words ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, w := range words {
		h ^= w
		h += 0x9e3779b97f4a7c15
		h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9
		h = (h ^ (h >> 27)) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// hashString is FNV-1a, for giving names a stream of their own.
func hashString(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// unit maps a hash to [0, 1).
func unit(h uint64) float64 { return float64(h>>11) / (1 << 53) }

// dice is a reseedable generator: one PCG, no allocation on reseeding.
type dice struct {
	pcg rand.PCG
	*rand.Rand
}

func newDice() *dice {
	d := &dice{}
	d.Rand = rand.New(&d.pcg) //nolint:gosec // a simulator must be reproducible
	return d
}

func (d *dice) seed(a, b uint64) { d.pcg.Seed(a, b) }

// between draws an integer from lo to hi, both included.
func (d *dice) between(lo, hi int) int {
	if hi <= lo {
		return lo
	}
	return lo + d.IntN(hi-lo+1)
}

// chance is true with probability p.
func (d *dice) chance(p float64) bool { return d.Float64() < p }

// lognormal draws exp(N(ln median, sigma)).
func (d *dice) lognormal(median, sigma float64) float64 {
	return median * math.Exp(sigma*d.NormFloat64())
}

// poisson draws a Poisson count: by inversion when the mean is small, by a
// rounded normal above 50, where the difference no longer shows.
func (d *dice) poisson(mean float64) int {
	if mean <= 0 {
		return 0
	}
	if mean > 50 {
		n := math.Round(mean + math.Sqrt(mean)*d.NormFloat64())
		return int(max(0, n))
	}
	limit, p, n := math.Exp(-mean), d.Float64(), 0
	for p > limit {
		p *= d.Float64()
		n++
	}
	return n
}
