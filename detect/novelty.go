package detect

import (
	"math"
	"strconv"
)

// noveltyPrior is the novelty rate of a dimension before an identity has shown
// its own; the weight is 20 observations.
func noveltyPrior(d Dimension) float64 {
	switch d {
	case Resource, Address, Secret:
		return 0.05
	case Prefix, CredentialPlace, Operation, OperationDenied, Credential, Host:
		return 0.005
	case Service, ASN, Client, Fingerprint, Grantee, Edge, Delegation, Model:
		return 0.001
	default:
		return 0.0005
	}
}

func (c *Cell) novelty(p *Profile, s Sight, d Dimension, at int64) (float64, string) {
	if s.State != Unseen || !p.Learned(d) {
		return 0, ""
	}
	q := p.NoveltyRate(d, noveltyPrior(d))
	if c.e.lacks(offNoveltyRate) {
		return -math.Log10(noveltyPrior(d)), "not seen in " + historyOf(p, at)
	}
	// The same in days: one that comes from somewhere else on each run makes
	// many calls from there, so that its calls tell nothing of its novelty. One
	// stray value in a history is allowed for.
	if once := float64(p.singles[d]) - 1; once > 0 {
		days := math.Max(float64(c.e.slots.valueDays(&p.slots, d)), once)
		q = math.Max(q, once/(days+5))
	}
	// A value that peers have is more likely to be next: the share of the kind,
	// drawn towards nothing by two identities.
	if have, of := c.peers(p, s, d); of > 0 {
		share := float64(have) / float64(of+2)
		q = 1 - float64((1-q)*(1-0.3*share))
	}
	return -math.Log10(math.Min(q, 1)), "not seen in " + historyOf(p, at)
}

// historyOf words the history that a profile rests on.
func historyOf(p *Profile, at int64) string {
	days := int(p.Age(at) / (24 * 3600 * 1e9))
	return plural(days, "day") + " and " + plural(p.Calls(), "call")
}

// plural words a count: "1 day", "40,312 calls".
func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return thousands(n) + " " + unit + "s"
}

// thousands writes n with a comma between each three digits.
func thousands(n int) string {
	s, sign := strconv.Itoa(n), ""
	if n < 0 {
		s, sign = s[1:], "-" // the least number has no positive
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

func (c *Cell) peers(p *Profile, s Sight, d Dimension) (have, of int) { return c.e.prevalence(p, s, d) }
