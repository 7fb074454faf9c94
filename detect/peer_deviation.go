package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/schemas"
)

var peerDeviationCard = Meta{
	Name: "peer-deviation", Title: "Moves away from its peers", Basis: Learned, Family: FamilyVolume, Way: WayFused,
	Severity: schemas.SeverityLow, Closes: true,
	MinSample: "60 active panes over three days, and 20 peers of its kind", Floor: "3 deviations from the centre of its kind, and twice its own usual distance",
	Kept:    "12 bytes: its usual distance from the centre",
	Model:   "the distance of its levels (calls, operations, resources, refusals, bytes; logarithms) from the centre of its kind in deviations of the kind, once a day, against its own usual distance, which follows slowly, by Student's t",
	Attacks: []schemas.Technique{{UID: "T1078.004", Name: "Cloud Accounts"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API6:2023"}, NIST: []string{"DE.CM-03", "DE.AE-02"}, PCI: []string{"10.4.1"},
	FirstChecks: []string{
		"Look in its profile which level left the others: lapwing profile show.",
		"Ask the owner whether its task has changed, and whether its grants fit the new one.",
	},
}

// peerDeviation compares what an identity does over weeks with its kind: its own
// baseline follows a slow change, its peers do not. It corroborates.
type peerDeviation struct{ paneOnly }

// Meta implements Detector.
func (peerDeviation) Meta() *Meta { return &peerDeviationCard }

const (
	features      = 5
	featureUnit   = 1000 // the centre's sums are in thousandths
	peersForTheir = 20
	peersFar      = 3
	peersFollow   = 0.1 // deviations a day
)

var featureNames = [features]string{"calls", "different operations", "different resources", "refused calls", "bytes"}

// centre sums features over a kind's identities and days.
type centre struct {
	n           uint64
	sum, square [features]int64
}

func (c *centre) add(o *centre) {
	c.n += o.n
	for i := range c.sum {
		c.sum[i] += o.sum[i]
		c.square[i] += o.square[i]
	}
}

// features are an identity's levels on a logarithmic scale.
func (s *statistics) features() [features]float64 {
	return [features]float64{
		math.Log1p(math.Max(0, float64(s.rate.mean))), math.Log1p(math.Max(0, float64(s.operations.mean))), math.Log1p(math.Max(0, float64(s.resources.mean))),
		math.Log1p(math.Max(0, float64(s.denied.mean))), math.Max(0, float64(s.bytes.mean)) / 4,
	}
}

// Close implements Detector.
func (peerDeviation) Close(c *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	if pane.Backfill > 0 || s.judged < 3*coldPanes || s.dayWeight != 0 || p.Anonymous() { // once a day
		return
	}
	x := s.features()
	distance, far := c.view.distance(p.group, x)
	c.e.tables.at(hourOf(pane.Number)).centres[p.group].note(x)
	if distance < 0 {
		return
	}
	surprise := 0.0
	usual := float64(s.distance.mean)
	if n := float64(s.distance.n); n >= 5 {
		sd := math.Sqrt(math.Max(float64(s.distance.variance), 0)+0.1) * math.Sqrt(1+1/n)
		surprise = studentTail((distance-usual)/sd, n-1)
	}
	if s.distance.n >= 5 { // what is usual follows slowly, as the anchor of slow-drift does
		s.distance.learn(math.Min(math.Max(distance, usual-peersFollow), usual+peersFollow), 1)
	} else {
		s.distance.learn(distance, 1)
	}
	out.Score(Score{
		Signal: SignalPeers, Surprise: surprise, Observed: distance, Expected: usual, Scale: far,
		Faint:   distance < peersFar || distance < 2*usual,
		Explain: explainPeers,
	})
}

func (c *centre) note(x [features]float64) {
	c.n++
	for i, v := range x {
		k := int64(math.Round(math.Min(v, 1000) * featureUnit))
		c.sum[i] += k
		c.square[i] += k * k
	}
}

// distance is how far features lie from a kind's centre, as the root mean square
// of deviations, and which of them is furthest; -1 where the kind tells nothing.
func (v *view) distance(group uint8, x [features]float64) (d float64, far int) {
	c := &v.centres[group]
	if v.identities[group] < peersForTheir || c.n < 7*peersForTheir {
		return -1, 0
	}
	n := float64(c.n)
	sum, most := 0.0, 0.0
	for i := range x {
		mean := float64(c.sum[i]) / n / featureUnit
		variance := math.Max(0, float64(c.square[i])/n/featureUnit/featureUnit-float64(mean*mean)) + 0.05
		z := float64((x[i]-mean)*(x[i]-mean)) / variance
		sum += z
		if z > most {
			most, far = z, i
		}
	}
	return math.Sqrt(sum / features), far
}

func explainPeers(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	return Finding{
		Did: "moved away from its peers",
		Sentence: "Its levels lie " + number(s.Observed) + " deviations from those of " + kindPlural(p.Kind()) + ", most of all its " + featureNames[s.Scale] +
			", where " + number(s.Expected) + " are usual for it (" + clockTime(pane.Start()) + ").",
		Observed: number(s.Observed) + " deviations from its peers", Expected: "about " + number(s.Expected), Value: featureNames[s.Scale],
	}
}
