package detect

import (
	"math"
	"math/bits"

	"github.com/lapwing-sec/lapwing/schemas"
)

var peerDeviationCard = Meta{
	Name: "peer-deviation", Title: "Moves away from its peers", Basis: Learned, Family: FamilyVolume, Way: WayFused,
	Severity: schemas.SeverityLow, Closes: true,
	MinSample: "60 active panes over three days, and 10 others of its kind in its team, else 20 of its kind, on one of the last six days",
	Floor:     "3 deviations from the middle of its peers, and twice its own usual distance",
	Kept:      "21 bytes: its usual distance, its newest levels in bins, on which days it noted them",
	Model:     "the distance of its levels (calls, operations, resources, refusals, bytes; logarithms) from the median of its peers without itself, in deviations by their quantiles, once a day, against its own usual distance, which follows slowly, by Student's t; a deviation that lasts for weeks counts once in the tail that calibrates it",
	Attacks:   []schemas.Technique{{UID: "T1078.004", Name: "Cloud Accounts"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API6:2023"}, NIST: []string{"DE.CM-03", "DE.AE-02"}, PCI: []string{"10.4.1"},
	FirstChecks: []string{
		"Look in its profile which level left the others: lapwing profile show IDENTITY.",
		"Ask the owner whether its task has changed, and whether its grants fit the new one.",
	},
}

// peerDeviation compares what an identity does over weeks with its kind in its
// team, or with its kind: its own baseline follows a slow change, its peers do not.
// It corroborates.
type peerDeviation struct{ paneOnly }

// Meta implements Detector.
func (peerDeviation) Meta() *Meta { return &peerDeviationCard }

const (
	peersForTheir = 20 // of a kind
	peersOfTeam   = 10 // of its kind in its team
	peersFar      = 3
	peersFollow   = 0.1 // deviations a day
)

// Against whom levels are held.
const (
	heldToKind = iota + 1
	heldToTeam
)

var featureNames = [features]string{"calls", "different operations", "different resources", "refused calls", "bytes"}

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
	if pane.Backfill > 0 || s.judged < 3*coldPanes || p.Anonymous() || s.notedDay >= s.day { // once a day
		return
	}
	x := s.features()
	f := c.e.store.facts[p.self]
	s.noted <<= min(uint(s.day-s.notedDay), 8)
	distance, far, peers := -1.0, 0, 0
	if held, h := c.heldTo(p, f); held != 0 {
		if held != s.held { // another herd, another distance
			s.held, s.distance = held, level{}
		}
		distance, far = h.distance(x)
		peers = h.most
	}
	s.spots, s.notedDay, s.noted = spotsOf(x), s.day, s.noted|1
	l := c.e.tables.at(hourOf(pane.Number))
	if l.herds == nil {
		l.herds = herds{}
	}
	l.herds.note(uint32(p.group), s.spots)
	if key, named := teamOf(f, p.group); named {
		l.herds.note(key, s.spots)
	}
	if distance < 0 || c.e.lacks(offPeers) {
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
		Explain: func(c *Cell, p *Profile, pane *Pane, s *Score) Finding { return explainPeers(c, p, pane, s, peers) },
	})
}

// heldTo is the herd that an identity is held against: those of its kind in its
// team where they are enough without it, else all of its kind. Once it was held
// against its team, a week in which few of them call judges nothing.
func (c *Cell) heldTo(p *Profile, f *facts) (held uint8, h *pastHerd) {
	s := &p.stats
	// Days as the herd counts them: before today, as far back as it goes.
	times := bits.OnesCount8(s.noted >> 1 & (1<<herdDays - 1))
	if team, named := teamOf(f, p.group); named {
		if h = c.view.herdOf(team).without(s.spots, times); h.most >= peersOfTeam {
			return heldToTeam, h
		}
		if s.held == heldToTeam {
			return 0, nil
		}
	}
	if h = c.view.herdOf(uint32(p.group)).without(s.spots, times); h.most >= peersForTheir {
		return heldToKind, h
	}
	return 0, nil
}

func explainPeers(c *Cell, p *Profile, pane *Pane, s *Score, peers int) Finding {
	whom := kindPlural(p.Kind())
	if p.stats.held == heldToTeam {
		whom += " of " + ownerOf(c.e.store.facts[p.self])
	}
	return Finding{
		Did: "moved away from its peers",
		Sentence: "Its levels lie " + number(s.Observed) + " deviations from those of " + thousands(peers) + " " + whom + ", most of all its " + featureNames[s.Scale] +
			", where " + number(s.Expected) + " are usual for it (" + clockTime(pane.Start()) + ").",
		Observed: number(s.Observed) + " deviations from its peers", Expected: "about " + number(s.Expected), Value: featureNames[s.Scale],
	}
}
