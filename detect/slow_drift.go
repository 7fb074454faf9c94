package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/schemas"
)

var slowDriftCard = Meta{
	Name: "slow-drift", Title: "Calls more from day to day", Basis: Learned, Family: FamilyVolume, Way: WayFused,
	Severity: schemas.SeverityLow, Closes: true,
	MinSample: "500 active panes", Floor: "a summed excess of 0.4 beyond 5% a day: never alone",
	Kept:    "16 bytes: the slow anchor, the day's mean and its weight, the sum",
	Model:   "CUSUM (Page 1954) of each day's mean against an anchor that grows at most 1% a day",
	Attacks: []schemas.Technique{{UID: "T1020", Name: "Automated Exfiltration"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API4:2023"}, NIST: []string{"DE.CM-01", "DE.AE-02"}, PCI: []string{"10.4.1"},
	FirstChecks: []string{
		"Ask the owner whether its work grows: customers, data, retries.",
		"Look at what grew: reads of the same things are a job, reads of ever more things are a copy being made.",
	},
}

// slowDrift watches what no single pane shows: a level that rises a little every
// day, as one does that is taught to look normal.
type slowDrift struct{ paneOnly }

// Meta implements Detector.
func (slowDrift) Meta() *Meta { return &slowDriftCard }

const driftFaint = 0.4

// Close implements Detector.
func (slowDrift) Close(_ *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	if pane.Backfill > 0 || s.judged < coldPanes || s.dayWeight != 0 { // once a day
		return
	}
	out.Score(Score{
		Signal: SignalDrift, Surprise: float64(s.sum) * 4, Faint: s.sum < driftFaint, Observed: float64(s.dayMean), Expected: float64(s.anchor),
		Explain: explainDrift,
	})
}

func explainDrift(_ *Cell, _ *Profile, pane *Pane, s *Score) Finding {
	return Finding{
		Did:      "calls more from day to day",
		Sentence: "Its calls have risen for days beyond its slow anchor of " + number(s.Expected) + " a pane (" + clockTime(pane.Start()) + ").",
		Observed: "a rise over days", Expected: "about " + number(s.Expected) + " a pane", Value: "drift",
	}
}

// Drift: the day's mean against an anchor that grows at most 1% a day, summed
// by CUSUM (Page 1954) with a slack of 5%.
const (
	driftSlack  = 0.05
	anchorSpeed = 0.01
)

func (s *statistics) learnDrift(x, weight float64) {
	s.dayMean += float32(x * weight)
	s.dayWeight += float32(weight)
}

func (s *statistics) newDriftDay() {
	// A day on which every pane alarmed has little weight, and counts: it is what
	// drift ends in.
	if s.dayWeight < 0.1 {
		return
	}
	m := s.dayMean / s.dayWeight
	s.dayMean, s.dayWeight = 0, 0
	if s.anchor == 0 {
		s.anchor = m
		return
	}
	lift := math.Log(float64(max(m, 0.01)) / float64(max(s.anchor, 0.01)))
	s.sum = float32(math.Min(math.Max(0, float64(s.sum)+lift-driftSlack), 20))
	speed := math.Min(math.Max(lift, -anchorSpeed), anchorSpeed)
	if s.judged < 500 { // the anchor settles first
		speed = lift / 4
		s.sum = 0
	}
	s.anchor = float32(float64(s.anchor) * math.Exp(speed))
}
