package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/schemas"
)

var enumerationCard = Meta{
	Name: "enumeration", Title: "Far more different operations than usual", Basis: Learned, Family: FamilyOperation, Way: WayStrong,
	Severity: schemas.SeverityHigh, Closes: true,
	MinSample: "60 active panes over three days, or 20 over a week",
	Floor:     "15 different operations, 3 times what these calls explain, and twice its own maximum of earlier days",
	Kept:      "20 bytes: one level and two maxima",
	Model:     "negative binomial about what the calls explain by Heaps' law",
	Attacks:   []schemas.Technique{{UID: "T1526", Name: "Cloud Service Discovery"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API9:2023"}, NIST: []string{"DE.CM-01", "DE.AE-02"}, PCI: []string{"10.4.1"},
	FirstChecks: []string{
		"Look at the order of the operations: a scan lists and describes before it touches anything.",
		"Check whether the resources belong to what this identity works on.",
		"Ask the owner whether an inventory or a migration tool runs under this identity.",
	},
}

// enumeration judges how many different operations an identity called, given how
// often it called: distinct values grow with a power of the calls (Heaps' law)
// that the identity's own means tell, so that load alone is no scan.
type enumeration struct{ paneOnly }

// Meta implements Detector.
func (enumeration) Meta() *Meta { return &enumerationCard }

const (
	enumerationOperations = 15
	enumerationTimes      = 3
)

// Close implements Detector.
func (enumeration) Close(_ *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	if pane.Backfill > 0 || s.judged < coldPanes {
		return
	}
	load := max(1, float64(pane.Calls)/max(float64(s.rate.mean), 1))
	seen := pane.Operations.Count()
	if seen == 0 {
		return
	}
	mean, variance := s.operations.predictive(s.broader(&s.operations, load), 0.1)
	// Breadth comes with volume: for the fused way they are one family.
	out.Score(Score{
		Signal: SignalOperations, Family: FamilyVolume, Surprise: negativeBinomialTail(seen, mean, variance), Observed: seen, Expected: mean,
		Faint: seen < 2*mean || seen < enumerationOperations/2.0,
		Strong: s.beyond(SignalOperations, seen) && seen >= enumerationOperations && seen >= enumerationTimes*mean &&
			// Where most were refused, denied-probing names it.
			2*pane.DeniedOperations.Count() < pane.Operations.Count(),
		Explain: explainBreadth,
	})
}

// broader is how many times more distinct values a load of so many times the usual
// calls brings.
func (s *statistics) broader(of *level, load float64) float64 {
	if load == 1 {
		return 1
	}
	return math.Pow(load, heaps(float64(of.mean), float64(s.rate.mean)))
}

// heaps is the exponent by which distinct values grow with calls: 1 where every
// call touches something else, never below a half.
func heaps(distinct, calls float64) float64 {
	return min(max(math.Log1p(distinct)/math.Log1p(max(calls, 1)), 0.5), 1)
}

func explainBreadth(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	const what = "operation"
	seen := approx(s.Observed, pane.Calls, "different "+what)
	return Finding{
		Did: "touched " + seen,
		Sentence: "It touched " + seen + " in " + plural(int(pane.Calls), "call") + " within 15 minutes (" +
			clockTime(pane.Start()) + "), where so many calls usually touch " + some(s.Expected) + ": it looks like a scan" + refusedPart(pane) + ".",
		Observed: seen,
		Expected: about(s.Expected) + ofItsOwn(p.stats.judged),
		Value:    what + "s", Trigger: pane.call("Newly touched, for one", sampleNew),
	}
}
