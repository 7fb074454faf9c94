package detect

import "github.com/lapwing-sec/lapwing/schemas"

var tokenChurnCard = Meta{
	Name: "token-churn", Title: "Takes far more tokens than its calls need", Basis: Learned, Family: FamilyVolume, Way: WayStrong,
	Severity: schemas.SeverityMedium, Closes: true,
	MinSample: "60 active panes over three days, or 20 over a week",
	Floor:     "20 tokens in 15 minutes, 3 times what these calls explain, and twice its own maximum of earlier days",
	Kept:      "20 bytes: one level and two maxima",
	Model:     "distinct temporary credentials used, or calls that hand one out; negative binomial about what the calls explain by Heaps' law",
	Attacks:   []schemas.Technique{{UID: "T1528", Name: "Steal Application Access Token"}},
	NHI:       []string{"NHI4:2025"}, API: []string{"API2:2023"}, NIST: []string{"DE.CM-03", "DE.AE-02"}, PCI: []string{"8.6.1", "10.2.1.5", "10.4.1"},
	FirstChecks: []string{
		"See where the tokens are used: some may not come back in this log at all.",
		"Ask the owner whether a release stopped keeping its token between calls.",
		"If nobody knows: end all sessions of the identity; a working client takes a new one.",
	},
}

// tokenChurn judges how many tokens or sessions an identity takes, given its
// calls. A client that lost its cache takes one for each call; so does one that
// hands tokens on.
type tokenChurn struct{ paneOnly }

// Meta implements Detector.
func (tokenChurn) Meta() *Meta { return &tokenChurnCard }

const (
	churnFloor = 20
	churnTimes = 3
)

// Close implements Detector.
func (tokenChurn) Close(_ *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	seen := pane.taken()
	if pane.Backfill > 0 || s.judged < coldPanes || seen == 0 {
		return
	}
	load := max(1, float64(pane.Calls)/max(float64(s.rate.mean), 1))
	mean, variance := s.tokens.predictive(s.broader(&s.tokens, load), 0.1)
	out.Score(Score{
		Signal: SignalChurn, Surprise: negativeBinomialTail(seen, mean, variance), Observed: seen, Expected: mean,
		Faint:   seen < churnFloor/2 || seen < 2*mean,
		Strong:  seen >= churnFloor && seen >= churnTimes*mean && seen >= 2*float64(s.most[maxTokens]),
		Explain: explainChurn,
	})
}

func explainChurn(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	seen := approx(s.Observed, pane.Calls, "token")
	most := number(float64(p.stats.most[maxTokens]))
	return Finding{
		Did: "took " + seen,
		Sentence: "It took " + seen + " for " + plural(int(pane.Calls), "call") + " within 15 minutes (" + clockTime(pane.Start()) +
			"), where so many calls usually need " + some(s.Expected) + "; the most on an earlier day " + agree(most, "was ", "were ") + most + ".",
		Observed: seen + " in 15 minutes",
		Expected: about(s.Expected) + ofItsOwn(p.stats.judged),
		Value:    "tokens",
	}
}
