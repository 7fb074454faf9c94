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
	excess := max(variance-mean, mean*0.02)
	r := mean * mean / excess
	q := mean / (mean + r)
	if n := int(min(x, shortTail+1)); n <= shortTail && float64(n) == x {
		if below := binomialBelow(n, r, q, excess/mean); 1-below >= shortTailLeast {
			return surpriseOf(math.Log1p(-below))
		}
	}
	return surpriseOf(logBeta(x, r, q))
}

const (
	// shortTail is up to which count a tail is one less the sum of what lies below:
	// quicker than the continued fraction, and as exact down to shortTailLeast.
	shortTail      = 48
	shortTailLeast = 1e-4
)

// binomialBelow is P(X < n) of a negative binomial, each term by the last:
// P(X = 0) = (1-q)^r = (1+over)^-r, P(X = k) = P(X = k-1) * q * (r+k-1)/k. Where the
// first is too small for a float64 it is 1: such a tail is left to others.
func binomialBelow(n int, r, q, over float64) float64 {
	ln := r * math.Log1p(over)
	if ln > 600 {
		return 1
	}
	term := math.Exp(-ln)
	below := term
	for k := 1; k < n; k++ {
		term = float64(term * ((r + float64(k-1)) * q * reciprocals[k]))
		below += term
	}
	return below
}

// reciprocals are 1/k.
var reciprocals = func() (t [memoryPanes + 1]float64) {
	for k := 1; k < len(t); k++ {
		t[k] = 1 / float64(k)
	}
	return t
}()

// studentTail is -log10 P(T >= t) of Student's t with df degrees of freedom.
func studentTail(t, df float64) float64 {
	if t <= 0 {
		return 0
	}
	return surpriseOf(logBetaOf(studentGammas(df), df/2, 0.5, df/(df+t*t)) - math.Ln2)
}

// studentGammas is lnGammas(df/2, 0.5). Degrees of freedom are counts, of which
// most are below two thousand.
func studentGammas(df float64) float64 {
	if n := int(min(df, studentKnown)); n < studentKnown && float64(n) == df {
		return studentKnownGammas[n]
	}
	return lnGammas(df/2, 0.5)
}

const studentKnown = 2048

var studentKnownGammas = func() (t [studentKnown]float64) {
	for df := 1; df < studentKnown; df++ {
		t[df] = lnGammas(float64(df)/2, 0.5)
	}
	return t
}()

// maxSurprise bounds every surprise: beyond it p is 0 in a float64.
const maxSurprise = 300

// surpriseOf turns ln p into -log10 p, within [0, maxSurprise].
func surpriseOf(lnP float64) float64 {
	s := -lnP / math.Ln10
	if math.IsNaN(s) || s < 0 {
		return 0
	}
	return min(s, maxSurprise)
}

// logBeta is ln I_x(a, b), the regularised incomplete beta function, by its
// continued fraction.
func logBeta(a, b, x float64) float64 {
	return logBetaOf(lnGammas(a, b), a, b, x)
}

// lnGammas is ln(gamma(a+b) / (gamma(a) gamma(b))).
func lnGammas(a, b float64) float64 {
	lnB, _ := math.Lgamma(b)
	lnAB, _ := math.Lgamma(a + b)
	return lnAB - lnGamma(a) - lnB
}

// lnGamma is ln gamma(a), of which most are asked for counts.
func lnGamma(a float64) float64 {
	if n := int(min(a, gammasKnown)); n < gammasKnown && float64(n) == a {
		return knownGammas[n]
	}
	ln, _ := math.Lgamma(a)
	return ln
}

const gammasKnown = 512

var knownGammas = func() (t [gammasKnown]float64) {
	for n := range t {
		t[n], _ = math.Lgamma(float64(n))
	}
	return t
}()

// logBetaOf is logBeta with lnGammas(a, b) at hand.
func logBetaOf(gammas, a, b, x float64) float64 {
	switch {
	case x <= 0:
		return math.Inf(-1)
	case x >= 1:
		return 0
	}
	front := gammas + float64(a*math.Log(x)) + float64(b*math.Log1p(-x))
	if x < (a+1)/(a+b+2) {
		return min(0, front-math.Log(a)+math.Log(betaFraction(a, b, x)))
	}
	q := math.Exp(front-math.Log(b)) * betaFraction(b, a, 1-x)
	if q >= 1 {
		return math.Inf(-1)
	}
	return math.Log1p(-q)
}

// betaFraction is the continued fraction of I_x(a, b) without its front factor, by
// its convergents (Abramowitz and Stegun 26.5.8 and 3.10.1). Each level is multiplied
// by a + its number, which takes every division out of it; so they grow, and are
// made smaller now and then.
func betaFraction(a, b, x float64) float64 {
	const large, enough = 1e100, 1e-10
	above0, below0 := 0.0, 1/a
	above, below := 1.0, 1.0
	for m := 0.0; m < 300; m++ {
		n, k := -(a+m)*(a+b+m)*x, a+2*m+1
		above0, below0 = float64(k*above)+float64(n*above0), float64(k*below)+float64(n*below0)
		n, k = (m+1)*(b-m-1)*x, k+1
		above, below = float64(k*above0)+float64(n*above), float64(k*below0)+float64(n*below)
		if p := float64(above * below0); math.Abs(p-float64(above0*below)) < enough*math.Abs(p) {
			break
		}
		if math.Abs(below) > large {
			above0, below0, above, below = above0/large, below0/large, above/large, below/large
		}
	}
	return above / below
}
