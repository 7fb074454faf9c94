package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/schemas"
)

var egressVolumeCard = Meta{
	Name: "egress-volume", Title: "Far more data out than usual", Basis: Learned, Family: FamilyVolume, Way: WayStrong,
	Severity: schemas.SeverityHigh, Closes: true,
	MinSample: "60 active panes over three days, or 20 over a week; of who calls too seldom, three days over two weeks",
	Floor:     "10 MB or 1,000 records in 15 minutes, 5 times what is usual, and twice its own maximum of earlier days; of who calls too seldom for a level, 100 MB and ten times its maximum",
	Kept:      "28 bytes: a level of bytes, one of records with its maxima",
	Model:     "Student's t on the logarithm, the predictive distribution of a Normal-Gamma prior; of bytes and records, where the log counts them, the less likely",
	Attacks:   []schemas.Technique{{UID: "T1530", Name: "Data from Cloud Storage"}},
	NHI:       []string{"NHI2:2025"}, API: []string{"API6:2023"}, NIST: []string{"DE.CM-01", "DE.CM-09"}, PCI: []string{"10.4.1"},
	FirstChecks: []string{
		"Look at which resources were read and where they went.",
		"Ask the owner whether an export or a migration was started.",
		"Check what the data is worth, and whether it may have left the organisation.",
	},
}

// egressVolume judges the bytes that an identity took out in a pane, and the
// records where the log counts them: the logarithm against its own mean and
// variance, by Student's t with as many degrees of freedom as it has panes (the
// predictive distribution of a Normal-Gamma prior).
type egressVolume struct{ paneOnly }

// Meta implements Detector.
func (egressVolume) Meta() *Meta { return &egressVolumeCard }

const (
	egressFloor  = 10e6
	recordsFloor = 1000
	egressTimes  = 5
	// From here on no criticality makes it less than high.
	egressVastFloor  = 1e9
	recordsVastFloor = 1e5
	egressVastTimes  = 100
)

// What a score of egress-volume is about.
const (
	egressBytes = iota
	egressRecords
)

const (
	valueBytes   = "bytes"
	valueRecords = "records"
)

// Close implements Detector.
func (egressVolume) Close(c *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	if pane.Backfill > 0 {
		return
	}
	c.takesVastly(p, pane, out)
	var found Score
	if b := float64(pane.BytesOut); b > 0 && s.bytes.n >= coldPanes {
		surprise, usual := s.bytes.excess(b)
		found = Score{
			Signal: SignalBytes, Surprise: surprise, Observed: b, Expected: usual, Scale: egressBytes,
			Faint:   b < 3*usual || b < egressFloor/10,
			Strong:  s.beyond(SignalBytes, b) && b >= egressFloor && b >= egressTimes*usual,
			Explain: explainEgress,
		}
	}
	if n := float64(pane.Records); n > 0 && s.records.n >= coldPanes {
		surprise, usual := s.records.excess(n)
		of := Score{
			Signal: SignalBytes, Surprise: surprise, Observed: n, Expected: usual, Scale: egressRecords,
			Faint:   n < 3*usual || n < recordsFloor/10,
			Strong:  n >= 2*float64(s.recordsBest) && n >= recordsFloor && n >= egressTimes*usual,
			Explain: explainEgress,
		}
		if found.Explain == nil {
			found = of
		} else {
			// The less likely of two is less of a wonder. One that is too small to
			// speak of does not stand before the other.
			if found.Faint && !of.Faint || found.Faint == of.Faint && of.Surprise > found.Surprise {
				found = of
			}
			found.Surprise = max(0, found.Surprise-math.Log10(2))
		}
	}
	if found.Explain != nil {
		out.Score(found)
	}
}

// tookFarMore says what a pane took of beyond the floors of egress-volume, less
// likely than one in ten thousand, and what is usual; nothing where it did not.
func tookFarMore(p *Profile, pane *Pane) (took, usual string) {
	s := &p.stats
	if b := float64(pane.BytesOut); b >= egressFloor && s.bytes.n >= coldPanes && s.beyond(SignalBytes, b) {
		if surprise, mean := s.bytes.excess(b); surprise >= 4 && b >= egressTimes*mean {
			return size(b), size(mean)
		}
	}
	if n := float64(pane.Records); n >= recordsFloor && s.records.n >= coldPanes && n >= 2*float64(s.recordsBest) {
		if surprise, mean := s.records.excess(n); surprise >= 4 && n >= egressTimes*mean {
			return plural(int(n), "record"), number(mean)
		}
	}
	return "", ""
}

// excess is how unlikely a size is beside a level of logarithms, and what is usual.
func (l *level) excess(x float64) (surprise, usual float64) {
	n, mean := float64(l.n), float64(l.mean)
	// A prior of ten panes with a deviation of 0.5 keeps a constant size from
	// making every change a wonder.
	deviation := math.Sqrt((float64(float64(l.variance)*n) + 10*0.25) / (n + 10) * (1 + 1/n))
	return studentTail((math.Log1p(x)-mean)/deviation, n), math.Expm1(mean)
}

func explainEgress(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	vast, n, seen, usual, value := egressVastFloor, p.stats.bytes.n, size(s.Observed), size(s.Expected), valueBytes
	trigger := pane.call("Largest call, "+size(float64(pane.largest)), sampleLargest)
	if s.Scale == egressRecords {
		vast, n, seen, usual, value = recordsVastFloor, p.stats.records.n, plural(int(pane.Records), "record"), some(s.Expected), valueRecords //nolint:gosec // a count
		trigger = pane.call("Call of most records, "+thousands(int(pane.most)), sampleRecords)                                                 //nolint:gosec // a count
	}
	expected := "about " + usual
	if s.Expected < 0.05 {
		expected, usual = "none", "none"
	}
	least := 0
	if s.Observed >= vast && s.Observed >= egressVastTimes*s.Expected {
		least = schemas.SeverityHigh
	}
	from := ""
	if pane.Resources.Count() > 0 {
		from = ", from " + resourcesOf(pane)
	}
	return Finding{
		Least: least,
		Did:   "took out " + seen + ", " + times(s.Observed, s.Expected) + " its usual amount",
		Sentence: "It received " + seen + " in " + plural(int(pane.Calls), "call") + " within 15 minutes (" + clockTime(pane.Start()) +
			"), where " + usual + " is usual" + from + ".",
		Observed: seen + " in 15 minutes",
		Expected: expected + ofItsOwn(n),
		Value:    value, Trigger: trigger,
	}
}
