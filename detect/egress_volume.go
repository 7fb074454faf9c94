package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/schemas"
)

var egressVolumeCard = Meta{
	Name: "egress-volume", Title: "Far more data out than usual", Basis: Learned, Family: FamilyVolume, Way: WayStrong,
	Severity: schemas.SeverityHigh, Closes: true,
	MinSample: "60 active panes over three days, or 20 over a week",
	Floor:     "10 MB in 15 minutes, 5 times what is usual, and twice its own maximum of earlier days",
	Kept:      "12 bytes: one level",
	Model:     "Student's t on the logarithm, the predictive distribution of a Normal-Gamma prior",
	Attacks:   []schemas.Technique{{UID: "T1530", Name: "Data from Cloud Storage"}},
	NHI:       []string{"NHI2:2025"}, API: []string{"API6:2023"}, NIST: []string{"DE.CM-01", "DE.CM-09"}, PCI: []string{"10.4.1"},
	FirstChecks: []string{
		"Look at which resources were read and where they went.",
		"Ask the owner whether an export or a migration was started.",
		"Check what the data is worth, and whether it may have left the organisation.",
	},
}

// egressVolume judges the bytes that an identity took out in a pane: the
// logarithm against its own mean and variance, by Student's t with as many
// degrees of freedom as it has panes (the predictive distribution of a
// Normal-Gamma prior). Kept: one level.
type egressVolume struct{ paneOnly }

// Meta implements Detector.
func (egressVolume) Meta() *Meta { return &egressVolumeCard }

const (
	egressFloor = 10e6
	egressTimes = 5
	// From here on no criticality makes it less than high.
	egressVastFloor = 1e9
	egressVastTimes = 100
)

// Close implements Detector.
func (egressVolume) Close(_ *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	if pane.Backfill > 0 || pane.BytesOut == 0 || s.bytes.n < coldPanes {
		return
	}
	b := float64(pane.BytesOut)
	n := float64(s.bytes.n)
	mean := float64(s.bytes.mean)
	// A prior of ten panes with a deviation of 0.5 keeps a constant size from
	// making every change a wonder.
	deviation := math.Sqrt((float64(float64(s.bytes.variance)*n) + 10*0.25) / (n + 10) * (1 + 1/n))
	usual := math.Expm1(mean)
	out.Score(Score{
		Signal: SignalBytes, Surprise: studentTail((math.Log1p(b)-mean)/deviation, n), Observed: b, Expected: usual,
		Faint:   b < 3*usual || b < egressFloor/10,
		Strong:  s.beyond(SignalBytes, b) && b >= egressFloor && b >= egressTimes*usual,
		Explain: explainEgress,
	})
}

func explainEgress(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	least := 0
	if s.Observed >= egressVastFloor && s.Observed >= egressVastTimes*s.Expected {
		least = schemas.SeverityHigh
	}
	from := ""
	if n := int(pane.Resources.Count()); n > 0 {
		from = ", from " + plural(n, "resource")
	}
	return Finding{
		Least: least,
		Did:   "took out " + times(s.Observed, s.Expected) + " its usual amount of data",
		Sentence: "It received " + size(s.Observed) + " in " + plural(int(pane.Calls), "call") + " within 15 minutes (" + clockTime(pane.Start()) +
			"), where " + size(s.Expected) + " is usual" + from + ".",
		Observed: size(s.Observed) + " in 15 minutes",
		Expected: "about " + size(s.Expected) + ", by " + plural(int(p.stats.bytes.n), "active pane") + " of its own",
		Value:    "bytes", Trigger: pane.call("Largest call", sampleLargest),
	}
}
