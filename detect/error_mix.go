package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/schemas"
)

var errorMixCard = Meta{
	Name: "error-mix", Title: "Fails in another way than usual", Basis: Learned, Family: FamilyDenial, Way: WayFused,
	Severity: schemas.SeverityLow, Closes: true,
	MinSample: "60 active panes", Floor: "8 failures of one kind, a tenth of the calls and 5 times its share; what a server does wrong only while the calls do not rise",
	Kept:    "14 bytes: the decayed share of each of seven kinds of failures",
	Model:   "beta-binomial about the identity's own share of the kind (weight 50), as its negative binomial with the same two moments; the least likely of seven kinds",
	Attacks: []schemas.Technique{{UID: "T1190", Name: "Exploit Public-Facing Application"}},
	NHI:     []string{"NHI3:2025"}, API: []string{"API8:2023"}, NIST: []string{"DE.CM-01", "DE.AE-02"}, PCI: []string{"10.2.1.4", "10.4.1"},
	FirstChecks: []string{
		"Read the failed requests: malformed ones feel for a hole, missing things are guessed names.",
		"Ask whether the API or the client was released today.",
		"See what succeeded after the failures.",
	},
}

// errorMix judges of what kind a pane's failures are: one that never sent a
// malformed request and now sends fifty is feeling for something. It corroborates.
type errorMix struct{ paneOnly }

// Meta implements Detector.
func (errorMix) Meta() *Meta { return &errorMixCard }

const (
	mixFloor  = 8
	mixTimes  = 5
	mixWeight = 50
	mixPanes  = 60
)

// Close implements Detector.
func (errorMix) Close(_ *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	if pane.Backfill > 0 || s.judged < mixPanes || pane.Denied+pane.Errors == 0 {
		return
	}
	n := float64(pane.Calls)
	busy := n > 2*max(float64(s.rate.mean), 1) || pane.ratio > incidentRatio
	var most, seen, usual float64
	kind := 0
	for i, k := range pane.Failures {
		if k == 0 || busy && serverSide(i) {
			continue
		}
		share := (float64(s.codes[i])/codeUnit + 0.002) / 1.01
		mean := n * share
		variance := float64(n*share*(1-share)) * (mixWeight + n) / (mixWeight + 1)
		if x := negativeBinomialTail(float64(k), mean, variance); x > most {
			most, seen, usual, kind = x, float64(k), mean, i
		}
	}
	// The least likely of several is less of a wonder.
	most = max(0, most-math.Log10(failureKinds))
	out.Score(Score{
		Signal: SignalErrors, Surprise: most, Observed: seen, Expected: usual, Scale: kind,
		Faint:   seen < mixFloor || seen < n/10 || seen < mixTimes*usual,
		Explain: explainMix,
	})
}

func explainMix(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	kind := failurePhrases[s.Scale]
	usual := about(s.Expected)
	before := "where " + usual + agree(usual, " is", " are") + " usual"
	if p.stats.codes[s.Scale] == 0 {
		usual, before = "none", "and no call of it had failed like this before"
	}
	return Finding{
		Did: "failed in another way than usual",
		Sentence: "Of its " + plural(int(pane.Calls), "call") + " within 15 minutes (" + clockTime(pane.Start()) + "), " + number(s.Observed) + " " + kind +
			", " + before + ".",
		Observed: number(s.Observed) + " calls that " + kind, Expected: usual + ofItsOwn(p.stats.judged),
		Value: failureNames[s.Scale],
	}
}
