package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/schemas"
)

var agentSpendCard = Meta{
	Name: "agent-spend", Title: "Far more spent on models than usual", Basis: Learned, Family: FamilyVolume, Way: WayStrong,
	Severity: schemas.SeverityHigh, Closes: true,
	MinSample: "60 active panes over three days, or 20 over a week",
	Floor:     "5 (in the log's currency) or a million tokens in 15 minutes, 5 times what is usual, and twice its own maximum of earlier days",
	Kept:      "20 bytes: one level and two maxima",
	Model:     "Student's t on the logarithm, the predictive distribution of a Normal-Gamma prior",
	Attacks:   []schemas.Technique{{UID: "T1496.004", Name: "Cloud Service Hijacking"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API4:2023"}, NIST: []string{"DE.CM-01", "DE.CM-09"}, PCI: []string{"10.4.1"},
	FirstChecks: []string{
		"Look whether the same call repeats: an agent in a loop, or a key that somebody else uses.",
		"Compare model and region with its usual ones.",
		"Set a limit of spending on the key before anything else.",
	},
}

// agentSpend judges what an identity's calls cost in a pane, in money where the
// log tells it, else in tokens, by the model of egress-volume.
type agentSpend struct{ paneOnly }

// Meta implements Detector.
func (agentSpend) Meta() *Meta { return &agentSpendCard }

const (
	spendFloor  = 5e6 // millionths, or five tokens of each
	tokensWorth = 5   // a million tokens count as 5
	spendTimes  = 5
)

// Cost is what the pane's calls cost, in millionths of the log's currency;
// where the log tells no price, by its tokens.
func (p *Pane) Cost() float64 {
	if p.CostMicros > 0 {
		return float64(p.CostMicros)
	}
	return float64(p.Tokens) * tokensWorth
}

// Close implements Detector.
func (agentSpend) Close(_ *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	cost := pane.Cost()
	if pane.Backfill > 0 || cost == 0 || s.spend.n < coldPanes {
		return
	}
	n, mean := float64(s.spend.n), float64(s.spend.mean)
	deviation := math.Sqrt((float64(float64(s.spend.variance)*n) + 10*0.25) / (n + 10) * (1 + 1/n))
	usual := math.Expm1(mean)
	out.Score(Score{
		Signal: SignalSpend, Surprise: studentTail((math.Log1p(cost)-mean)/deviation, n), Observed: cost, Expected: usual,
		Faint:   cost < 3*usual || cost < spendFloor/10,
		Strong:  cost >= 2*float64(s.spendBest) && cost >= spendFloor && cost >= spendTimes*usual,
		Explain: explainSpend,
	})
}

func explainSpend(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	spent := number(float64(pane.CostMicros)/1e6) + " (in the log's currency)"
	usual := number(s.Expected / 1e6)
	if pane.CostMicros == 0 {
		spent, usual = plural(int(pane.Tokens), "token"), number(s.Expected/tokensWorth)+" tokens" //nolint:gosec // a count
	}
	return Finding{
		Did: "spent " + times(s.Observed, s.Expected) + " what it usually does on models",
		Sentence: "It spent " + spent + " in " + plural(int(pane.Calls), "call") + " within 15 minutes (" + clockTime(pane.Start()) +
			"), where " + usual + " is usual.",
		Observed: spent + " in 15 minutes",
		Expected: "about " + usual + ", by " + plural(int(p.stats.spend.n), "active pane") + " of its own",
		Value:    "spend",
	}
}
