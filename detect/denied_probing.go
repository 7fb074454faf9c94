package detect

import (
	"math"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

var deniedProbingCard = Meta{
	Name: "denied-probing", Title: "Many different operations refused", Basis: Learned, Family: FamilyDenial, Way: WayStrong,
	Severity: schemas.SeverityHigh, Closes: true,
	MinSample: "60 active panes over three days, or 20 over a week",
	Floor:     "5 different refused operations, and twice its own maximum of earlier days",
	Kept:      "28 bytes: two levels, one decayed sum",
	Model:     "negative binomials about its own means",
	Attacks:   []schemas.Technique{{UID: "T1580", Name: "Cloud Infrastructure Discovery"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API5:2023"}, NIST: []string{"DE.CM-01", "DE.AE-02"}, PCI: []string{"10.2.1.4", "10.4.1"},
	FirstChecks: []string{
		"Read the refused operations in order: do they feel for permissions, or is one deployment missing a grant?",
		"Check whether the policy of the identity was changed shortly before.",
		"Look at what succeeded right after the refusals.",
	},
}

// deniedProbing judges the refusals of a pane, and the distinct operations
// refused within a pane and within a day, by negative binomials about the
// identity's own means. Kept: two levels, one decayed sum.
type deniedProbing struct{ paneOnly }

// Meta implements Detector.
func (deniedProbing) Meta() *Meta { return &deniedProbingCard }

const (
	probingFloor = 5
	// scaleDay marks a score of a day.
	scaleDay = 1
)

// Close implements Detector.
func (deniedProbing) Close(_ *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	if pane.Backfill > 0 || s.judged < coldPanes {
		return
	}
	refused := float64(pane.Denied)
	breadth := pane.DeniedOperations.Count()
	if refused == 0 && breadth == 0 { // nearly always, and no surprise
		out.Score(Score{Signal: SignalDenied, Faint: true, Explain: explainRefusals})
		out.Score(Score{Signal: SignalDeniedBreadth, Faint: true, Explain: explainProbing})
		return
	}
	load := max(1, float64(pane.Calls)/max(float64(s.rate.mean), 1))
	mean, variance := s.denied.predictive(load, 1)
	out.Score(Score{
		Signal: SignalDenied, Surprise: negativeBinomialTail(refused, mean, variance), Observed: refused, Expected: mean,
		Faint:   refused < 5 || refused < aboveUsual(mean),
		Explain: explainRefusals,
	})
	mean, variance = s.breadth.predictive(1, 1)
	surprise := negativeBinomialTail(breadth, mean, variance)
	observed, expected, scale := breadth, mean, 0
	// The same within a day: a patient prober stays under any pane's bound.
	dayMean := 96 * mean
	daily := math.Round(float64(s.breadth24h))
	if slow := negativeBinomialTail(daily, dayMean, dayMean+float64(dayMean*dayMean)); slow > surprise && breadth > 0 {
		surprise, observed, expected, scale = slow, daily, dayMean, scaleDay
	}
	out.Score(Score{
		Signal: SignalDeniedBreadth, Surprise: surprise, Observed: observed, Expected: expected, Scale: scale,
		Faint:   observed < 2 || scale == 0 && observed < aboveUsual(expected),
		Strong:  s.beyond(SignalDeniedBreadth, observed) && observed >= probingFloor && breadth > 0,
		Explain: explainProbing,
	})
}

// aboveUsual is from where on refusals are a sign at all. Few identities of a fleet
// are ever refused anything, so that against them any refusal looks extreme; one that
// always is refused a few calls, as tools that read whole accounts are, is no prober
// for one or two more.
func aboveUsual(mean float64) float64 { return 2*mean + 1 }

func explainProbing(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	among := plural(int(pane.Denied), "refusal") + " among " + plural(int(pane.Calls), "call") + " in the 15 minutes from " + clockTime(pane.Start())
	if s.Scale == scaleDay {
		// A sum that fades: it compares with its usual value and is no count.
		load := times(s.Observed, s.Expected)
		if s.Expected > 0 {
			load = "about " + load
		}
		return Finding{
			Did: "was refused " + load + " as many new operations as usual over 24 hours",
			Sentence: "Over 24 hours (" + window(pane.End()-day, pane.End()) + ", weighted to the newest) operations that were never refused to it before were refused " +
				load + " as often as usual (" + among + "): it looks like feeling for permissions.",
			Observed: load + " as many newly refused operations as usual over 24 hours, weighted to the newest",
			Expected: "its usual refusals" + ofItsOwn(p.stats.judged),
			Value:    "breadth", Trigger: pane.call("Latest refused call", sampleRefused),
		}
	}
	n, usual := approx(s.Observed, pane.Denied, "different operation"), some(s.Expected)
	verb := " were refused to it ("
	if n == "1 different operation" {
		verb = " was refused to it ("
	}
	return Finding{
		Did:      "was refused " + n,
		Sentence: strings.ToUpper(n[:1]) + n[1:] + verb + among + "), where " + usual + agree(usual, " is", " are") + " usual: it looks like feeling for permissions.",
		Observed: n + " refused",
		Expected: about(s.Expected) + ofItsOwn(p.stats.judged),
		Value:    "breadth", Trigger: pane.call("Latest refused call", sampleRefused),
	}
}

func explainRefusals(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	usual := some(s.Expected)
	return Finding{
		Did: "was refused " + thousands(int(s.Observed)) + " times",
		Sentence: thousands(int(s.Observed)) + " of its " + plural(int(pane.Calls), "call") + " were refused in the 15 minutes from " +
			clockTime(pane.Start()) + ", where " + usual + agree(usual, " is", " are") + " usual.",
		Observed: plural(int(s.Observed), "refusal"),
		Expected: about(s.Expected) + ofItsOwn(p.stats.judged),
		Value:    "refusals", Trigger: pane.call("Latest refused call", sampleRefused),
	}
}
