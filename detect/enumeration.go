package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/schemas"
)

var enumerationCard = Meta{
	Name: "enumeration", Title: "Far more different operations than usual", Basis: Learned, Family: FamilyOperation, Way: WayStrong,
	Severity: schemas.SeverityHigh, Closes: true, Wake: OnNew(Operation),
	MinSample: "60 active panes over three days, or 20 over a week; of calls never made: " + matureSample,
	Floor:     "15 different operations, 3 times what these calls explain, and twice its own maximum of earlier days; or within a day 5 never made by which one looks around, of which hardly any peer makes one, and more than twice as many as on any earlier day",
	Kept:      "20 bytes: one level and two maxima; one count by day (4 bytes)",
	Model:     "negative binomial about what the calls explain by Heaps' law; of calls never made, about what its novelty rate explains of a day's calls",
	Attacks:   []schemas.Technique{{UID: "T1526", Name: "Cloud Service Discovery"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API9:2023"}, NIST: []string{"DE.CM-01", "DE.AE-02"}, PCI: []string{"10.4.1"},
	FirstChecks: []string{
		"Look at the order of the operations: a scan lists and describes before it touches anything.",
		"Check whether the resources belong to what this identity works on.",
		"Ask the owner whether an inventory or a migration tool runs under this identity.",
	},
}

// enumeration judges how many different operations an identity called, given how
// often it called: distinct values grow with a power of the calls (Heaps' law)
// that the identity's own means tell, so that load alone is no scan.
//
// Who looks around with a stolen credential needs no fifteen: who am I, whom is
// there, what lies where. A few such calls of a day, each never made before, are found
// as they come.
type enumeration struct{}

// Meta implements Detector.
func (enumeration) Meta() *Meta { return &enumerationCard }

const (
	enumerationOperations = 15
	enumerationTimes      = 3
	looksFloor            = 5
	looksTimes            = 2
	// looksTogether is how many new calls come at once: where a release brings one, it
	// brings others.
	looksTogether = 3
)

// Observe implements Detector.
func (enumeration) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	if !call.New(Operation) || stageOf(call.Can.Set) != stageLook || !mature(p, call) || p.Human() || p.broad() ||
		call.Denied || call.Backfill || provider(call.Event) || toolOfAgent(p, call.Event) {
		return // what is refused is denied-probing's
	}
	have, of := others(c, p, call, Operation)
	if have >= readByPeers {
		return // what its like read every day
	}
	call.Tally(TallyLooked, 1)
	today, most := p.TallyToday(TallyLooked, call.Day)+1, p.TallyMax(TallyLooked, call.Day)
	if today < looksFloor || today <= looksTimes*most {
		return
	}
	expected := float64(p.NoveltyRate(Operation, noveltyPrior(Operation)) * p.CallsPerDay())
	ev, before := call.Event, "on no day before any"
	if most > 0 {
		before = "on no day before more than " + thousands(most)
	}
	out.Add(Finding{
		Way: WayStrong, Severity: schemas.SeverityMedium, Value: "never made",
		Surprise: negativeBinomialTail(float64(today), expected, float64(expected*(1+looksTogether))),
		Did:      "looked around with calls that it had never made",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ended(call) + ". It looks around: today it made " + plural(today, "such call") +
			" that it had not made in " + historyOf(p, call.Time) + ", " + before + inPeers(p, have, of, "make this one") + ".",
		Observed: plural(today, "call") + " never made, in a day", Expected: about(expected) + " by its own habit",
		Rarity: before + " in " + historyOf(p, call.Time),
	})
}

// Close implements Detector.
func (enumeration) Close(_ *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	if pane.Backfill > 0 || s.judged < coldPanes {
		return
	}
	load := max(1, float64(pane.Calls)/max(float64(s.rate.mean), 1))
	seen := pane.Operations.Count()
	if seen == 0 {
		return
	}
	mean, variance := s.operations.predictive(s.broader(&s.operations, load), 0.1)
	// Breadth comes with volume: for the fused way they are one family.
	out.Score(Score{
		Signal: SignalOperations, Family: FamilyVolume, Surprise: negativeBinomialTail(seen, mean, variance), Observed: seen, Expected: mean,
		Faint: seen < 2*mean || seen < enumerationOperations/2.0,
		Strong: s.beyond(SignalOperations, seen) && seen >= enumerationOperations && seen >= enumerationTimes*mean &&
			// Where most were refused, denied-probing names it.
			2*pane.DeniedOperations.Count() < pane.Operations.Count(),
		Explain: explainBreadth,
	})
}

// broader is how many times more distinct values a load of so many times the usual
// calls brings.
func (s *statistics) broader(of *level, load float64) float64 {
	if load == 1 {
		return 1
	}
	return math.Pow(load, heaps(float64(of.mean), float64(s.rate.mean)))
}

// heaps is the exponent by which distinct values grow with calls: 1 where every
// call touches something else, never below a half.
func heaps(distinct, calls float64) float64 {
	return min(max(math.Log1p(distinct)/math.Log1p(max(calls, 1)), 0.5), 1)
}

func explainBreadth(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	const what = "operation"
	seen := approx(s.Observed, pane.Calls, "different "+what)
	return Finding{
		Did: "touched " + seen,
		Sentence: "It touched " + seen + " in " + plural(int(pane.Calls), "call") + " within 15 minutes (" +
			clockTime(pane.Start()) + "), where so many calls usually touch " + some(s.Expected) + ": it looks like a scan" + refusedPart(pane) + ".",
		Observed: seen,
		Expected: about(s.Expected) + ofItsOwn(p.stats.judged),
		Value:    what + "s", Trigger: pane.call("Newly touched, for one", sampleNew),
	}
}
