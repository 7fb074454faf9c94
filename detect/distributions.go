package detect

import "math"

// negativeBinomialTail is -log10 P(X >= x) for counts with a mean and a
// variance: negative binomial where the variance exceeds the mean, close to
// Poisson where it does not. By the identity P(X >= x) = I_q(x, r) with
// r = mean^2/(variance-mean) and q = mean/(mean+r) (Abramowitz and Stegun 26.5.26).
func negativeBinomialTail(x, mean, variance float64) float64 {
	if x <= 0 || mean <= 0 {
		if x > 0 {
			return maxSurprise
		}
		return 0
	}
	excess := math.Max(variance-mean, mean*0.02)
	r := mean * mean / excess
	return surpriseOf(logBeta(x, r, mean/(mean+r)))
}

// studentTail is -log10 P(T >= t) of Student's t with df degrees of freedom.
func studentTail(t, df float64) float64 {
	if t <= 0 {
		return 0
	}
	return surpriseOf(logBeta(df/2, 0.5, df/(df+t*t)) - math.Ln2)
}

// maxSurprise bounds every surprise: beyond it p is 0 in a float64.
const maxSurprise = 300

// surpriseOf turns ln p into -log10 p, within [0, maxSurprise].
func surpriseOf(lnP float64) float64 {
	s := -lnP / math.Ln10
	if math.IsNaN(s) || s < 0 {
		return 0
	}
	return math.Min(s, maxSurprise)
}

// logBeta is ln I_x(a, b), the regularised incomplete beta function, by its
// continued fraction (modified Lentz).
func logBeta(a, b, x float64) float64 {
	switch {
	case x <= 0:
		return math.Inf(-1)
	case x >= 1:
		return 0
	}
	lnA, _ := math.Lgamma(a)
	lnB, _ := math.Lgamma(b)
	lnAB, _ := math.Lgamma(a + b)
	front := lnAB - lnA - lnB + float64(a*math.Log(x)) + float64(b*math.Log1p(-x))
	if x < (a+1)/(a+b+2) {
		return math.Min(0, front-math.Log(a)+math.Log(betaFraction(a, b, x)))
	}
	q := math.Exp(front-math.Log(b)) * betaFraction(b, a, 1-x)
	if q >= 1 {
		return math.Inf(-1)
	}
	return math.Log1p(-q)
}

// betaFraction is the continued fraction of I_x(a, b) without its front factor.
func betaFraction(a, b, x float64) float64 {
	const tiny = 1e-300
	c, d := 1.0, 1-float64((a+b)*x)/(a+1)
	if math.Abs(d) < tiny {
		d = tiny
	}
	d = 1 / d
	h := d
	for m := 1.0; m <= 300; m++ {
		n := float64(m*(b-m)*x) / ((a + 2*m - 1) * (a + 2*m))
		d, c = 1+float64(n*d), 1+n/c
		d, c = guard(d, tiny), guard(c, tiny)
		d = 1 / d
		h *= float64(d * c)
		n = -float64((a+m)*(a+b+m)*x) / ((a + 2*m) * (a + 2*m + 1))
		d, c = 1+float64(n*d), 1+n/c
		d, c = guard(d, tiny), guard(c, tiny)
		d = 1 / d
		step := float64(d * c)
		h *= step
		if math.Abs(step-1) < 1e-10 {
			break
		}
	}
	return h
}

func guard(x, tiny float64) float64 {
	if math.Abs(x) < tiny {
		return tiny
	}
	return x
}
