package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/schemas"
)

var objectEnumerationCard = Meta{
	Name: "object-enumeration", Title: "Walks over objects", Basis: Learned, Family: FamilyVolume, Way: WayStrong,
	Severity: schemas.SeverityHigh, Closes: true,
	MinSample: "60 active panes over three days, or 20 over a week",
	Floor:     "30 different objects, 3 times what these calls explain, and twice its own maximum of earlier days; 20 where their numbers follow each other",
	Kept:      "20 bytes: one level and two maxima",
	Model:     "HyperLogLog (Flajolet et al. 2007) of objects; negative binomial about what the calls explain by Heaps' law; how densely the objects' numbers lie",
	Attacks:   []schemas.Technique{{UID: "T1213", Name: "Data from Information Repositories"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API1:2023"}, NIST: []string{"DE.CM-01", "DE.AE-02"}, PCI: []string{"10.2.1.1", "10.4.1"},
	FirstChecks: []string{
		"Look whose objects these are: one customer's, or everybody's?",
		"Check whether the API asks who owns an object before it hands it out.",
		"Ask the owner whether an export or a migration runs under this identity.",
	},
}

// objectEnumeration judges how many different objects an identity touched, given
// how often it called. Numbers that follow each other without a gap are a loop
// over ids: it needs fewer of them.
type objectEnumeration struct{ paneOnly }

// Meta implements Detector.
func (objectEnumeration) Meta() *Meta { return &objectEnumerationCard }

const (
	objectsFloor      = 30
	objectsInSequence = 20
)

// Close implements Detector.
func (objectEnumeration) Close(_ *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	seen := pane.Resources.Count()
	if pane.Backfill > 0 || s.judged < coldPanes || seen == 0 {
		return
	}
	mean, variance := s.expectedObjects(pane)
	floor := float64(objectsFloor)
	if pane.inSequence() {
		floor = objectsInSequence
	}
	out.Score(Score{
		Signal: SignalResources, Surprise: negativeBinomialTail(seen, mean, variance), Observed: seen, Expected: mean,
		Faint: seen < 2*mean || seen < floor/2,
		Strong: s.beyond(SignalResources, seen) && seen >= floor && seen >= enumerationTimes*mean &&
			// Where most were refused, denied-probing names it.
			2*pane.DeniedOperations.Count() < pane.Operations.Count(),
		Explain: explainObjects,
	})
}

// expectedObjects is how many different objects the calls of a pane explain.
func (s *statistics) expectedObjects(pane *Pane) (mean, variance float64) {
	load := max(1, float64(pane.Calls)/max(float64(s.rate.mean), 1))
	return s.resources.predictive(s.broader(&s.resources, load), 0.1)
}

// inSequence says that the numbers of a pane's objects lie next to each other:
// ten or more of them, and four in five numbers of their range were touched.
func (p *Pane) inSequence() bool {
	if p.numbered < 10 {
		return false
	}
	width := float64(p.high-p.low) + 1
	n := min(p.Resources.Count(), float64(p.numbered))
	return width >= 10 && n >= 0.8*width && width >= 0.8*n
}

func explainObjects(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	how := ""
	seen := approx(s.Observed, math.MaxInt32, "different object") // a call may touch several
	if pane.inSequence() {
		how = ", and their numbers follow each other from " + number(float64(pane.low)) + " to " + number(float64(pane.high))
	}
	calls := plural(int(pane.Calls), "call")
	if math.Round(s.Observed) > float64(pane.Calls) {
		calls += ", which may touch several each,"
	}
	return Finding{
		Did: "touched " + seen,
		Sentence: "It touched " + seen + " in " + calls + " within 15 minutes (" +
			clockTime(pane.Start()) + "), where so many calls usually touch " + some(s.Expected) + how + ": it looks like a walk over what is there" + refusedPart(pane) + ".",
		Observed: seen,
		Expected: about(s.Expected) + ofItsOwn(p.stats.judged),
		Value:    "objects", Trigger: pane.call("Newly touched, for one", sampleNew),
	}
}
