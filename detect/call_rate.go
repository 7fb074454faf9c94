package detect

import (
	"math"
	"strconv"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var callRateCard = Meta{
	Name: "call-rate", Title: "Far more calls than this hour allows", Basis: Learned, Family: FamilyVolume, Way: WayStrong,
	Severity: schemas.SeverityHigh, Closes: true,
	MinSample: "60 active panes over three days, or 20 over a week; before that, the peers' distribution as weak evidence; of who calls too seldom, three days over two weeks",
	Floor:     "3 times and 40 calls above what the hour allows, and twice its own maximum of earlier days; within a declared rate budget: evidence only; of who calls too seldom for a level, 300 calls and ten times its maximum",
	Kept:      "188 bytes: three levels, 48 seasonal factors, two sums",
	Model:     "negative binomial about level times season times the fleet, its dispersion drawn to the kind",
	Attacks:   []schemas.Technique{{UID: "T1499", Name: "Endpoint Denial of Service"}},
	NHI:       []string{"NHI2:2025"}, API: []string{"API4:2023"}, NIST: []string{"DE.CM-01", "DE.AE-02"}, PCI: []string{"10.4.1"},
	FirstChecks: []string{
		"Look at which operations and source addresses make up the burst.",
		"Ask the owner whether a batch, a retry loop or a load test was started.",
		"If nobody knows it, throttle the credential before revoking it.",
	},
}

// callRate judges the calls of a pane, of 3 hours and of 24 hours. The model:
// the identity's level, times the season of the hour (its own, drawn to its
// kind's), times what the whole topic did in that pane; negative binomial with
// the dispersion drawn to the kind's by 50 panes. Kept: three levels, 48
// seasonal factors. A young identity is compared with its kind's distribution
// of calls a pane instead, as weak evidence. What an owner declared as allowed is
// weak evidence too: rate-budget speaks of what is beyond.
type callRate struct{ paneOnly }

// Meta implements Detector.
func (callRate) Meta() *Meta { return &callRateCard }

// The floors of a strong call rate.
const (
	rateTimes = 3
	rateMore  = 40
	// coldPanes is how many panes make a level of one's own.
	coldPanes = 20
)

// Close implements Detector.
func (callRate) Close(c *Cell, p *Profile, pane *Pane, out *Findings) {
	if pane.Backfill > 0 {
		return
	}
	s := &p.stats
	c.callsVastly(p, pane, out)
	if s.judged < coldPanes {
		if surprise := c.view.coldRate(p.group, pane.Calls); surprise > 1 {
			out.Score(Score{Signal: SignalCold, Surprise: surprise, Observed: float64(pane.Calls), Explain: explainCold})
		}
		return
	}
	x := &c.expected
	calls := float64(pane.Calls)
	family := FamilyVolume
	if pane.oneRefusal(x.mean) {
		family = FamilyDenial // the refusals are the load: one cause
	}
	declared := pane.withinBudget()
	out.Score(Score{
		Signal: SignalRate, Family: family, Surprise: negativeBinomialTail(calls, x.mean, x.variance), Observed: calls, Expected: x.mean,
		Faint: calls < 2*x.mean || calls < x.mean+15,
		// What others of the topic rose by over hours shows in a quarter of an hour of
		// few callers only: it raises the floor.
		Strong:  !declared && s.beyond(SignalRate, calls) && calls >= rateTimes*x.mean*alsoRisen(pane, x) && calls >= x.mean+rateMore,
		Explain: explainRate,
	})
	for i, w := range [windows]struct {
		signal Signal
		sum    float64
		level  *level
		scale  int
	}{
		{SignalRate3h, float64(s.sum3h), &s.rate3h, 1},
		{SignalRate24h, float64(s.sum24h), &s.rate24h, 2},
	} {
		mean, variance := w.level.predictive(max(min(x.ratio, incidentRatio), float64(pane.windows[i])), 0.3)
		out.Score(Score{
			Signal: w.signal, Family: family, Surprise: negativeBinomialTail(math.Round(w.sum), mean, variance), Observed: w.sum, Expected: mean, Scale: w.scale,
			Faint:   w.sum < 1.8*mean || w.sum < mean+rateMore,
			Strong:  !declared && s.beyond(w.signal, w.sum) && w.sum >= rateTimes*mean && w.sum >= mean+2*rateMore,
			Explain: explainRate,
		})
	}
}

// alsoRisen is how much of a pane's load others share over 3 hours beyond what was
// divided out of the pane itself.
func alsoRisen(pane *Pane, x *expectation) float64 {
	if pane.windows[0] < incidentRatio {
		return 1
	}
	return max(1, float64(pane.windows[0])/max(x.ratio, 1))
}

// oneRefusal reports whether a pane is busy only by one call that was refused over
// and over, on one thing. mean is how many calls the hour allows.
func (p *Pane) oneRefusal(mean float64) bool {
	rest := float64(p.Calls - p.Denied)
	return p.Denied > 0 && p.DeniedOperations.Count() <= 1 && p.Resources.Count() <= rest+1 &&
		(rest < 2*mean || rest < mean+15)
}

// coldRate is -log10 of the share of the kind's panes with at least as many
// calls; 0 while the kind has fewer than 2,000.
func (v *view) coldRate(group uint8, calls uint32) float64 {
	var all, above uint64
	b := levelBin(calls)
	for i, n := range v.levels[group] {
		all += n
		if i >= b {
			above += n
		}
	}
	if all < 2000 {
		return 0
	}
	return -math.Log10(float64(above+1) / float64(all+1))
}

// rateHours are the hours of the long windows, by scale.
var rateHours = [...]int64{0, 3, 24}

func explainRate(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	if s.Scale > 0 {
		return explainLoad(p, pane, s)
	}
	usual := about(s.Expected)
	f := Finding{
		Did: "made " + times(s.Observed, s.Expected) + " its usual number of calls",
		Sentence: "It made " + plural(int(s.Observed), "call") + " in 15 minutes (" + window(pane.Start(), pane.End()) +
			"), where " + usual + agree(usual, " was", " were") + " expected at this hour" + over(pane) + refusedPart(pane) + ".",
		Observed: plural(int(s.Observed), "call") + " in 15 minutes",
		Expected: about(s.Expected) + ofItsOwn(p.stats.judged),
		Value:    "scale 0",
	}
	if s.Observed < 1.5*s.Expected {
		f.Did = "made more calls than usual"
	}
	return f
}

// explainLoad words a long window. Its sum fades, and what the fleet did together
// is divided out of it: it compares with its usual value and is no count of calls.
func explainLoad(p *Profile, pane *Pane, s *Score) Finding {
	hours := rateHours[s.Scale]
	within := plural(int(hours), "hour")
	load := times(s.Observed, s.Expected) + " its usual load"
	if s.Expected > 0 {
		load = "about " + load
	}
	f := Finding{
		Did:      "called at " + load + " over " + within,
		Sentence: "It called at " + load + " over " + within + " (" + window(pane.End()-hours*3600*1e9, pane.End()) + "), weighted to the newest.",
		Observed: load + " over " + within + ", weighted to the newest",
		Expected: "its usual load" + ofItsOwn(p.stats.judged),
		Value:    "scale " + strconv.Itoa(s.Scale),
	}
	if s.Observed < 1.5*s.Expected {
		f.Did = "called more than usual"
	}
	return f
}

// over words how broad a pane was: ", over 8 operations and 12 resources".
func over(pane *Pane) string {
	ops := approx(pane.Operations.Count(), pane.Calls, "operation")
	switch resources := pane.Resources.Count(); {
	case pane.Operations.Count() > 0 && resources > 0:
		return ", over " + ops + " and " + resourcesOf(pane)
	case pane.Operations.Count() > 0:
		return ", over " + ops
	default:
		return ""
	}
}

func refusedPart(pane *Pane) string {
	refused, failed := thousands(int(pane.Denied))+" refused", thousands(int(pane.Errors))+" failed"
	switch {
	case pane.Denied > 0 && pane.Errors > 0:
		return "; " + refused + ", " + failed
	case pane.Denied > 0:
		return "; " + refused
	case pane.Errors > 0:
		return "; " + failed
	default:
		return ""
	}
}

func explainCold(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	return Finding{
		Did: "made more calls than its peers ever do",
		Sentence: "It made " + thousands(int(s.Observed)) + " calls in 15 minutes (" + clockTime(pane.Start()) +
			"), more than nearly all quarter hours of " + kindPlural(p.Kind()) + "; it has little history of its own.",
		Observed: thousands(int(s.Observed)) + " calls in 15 minutes", Expected: "as its peers", Value: "peers",
	}
}

// clockTime words a moment of event time.
func clockTime(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02 15:04 UTC") }

// window words a stretch of event time by both ends: "2026-03-23 11:45 to 14:45 UTC".
func window(from, to int64) string {
	a, b := time.Unix(0, from).UTC(), time.Unix(0, to).UTC()
	end := "15:04 UTC"
	if a.YearDay() != b.YearDay() || a.Year() != b.Year() {
		end = "2006-01-02 15:04 UTC"
	}
	return a.Format("2006-01-02 15:04") + " to " + b.Format(end)
}

// resourcesOf words how many different things a pane touched. A call may touch
// several; where the estimate says so little, it is only its own error.
func resourcesOf(pane *Pane) string {
	n := pane.Resources.Count()
	if calls := float64(pane.Calls); n > calls && n <= sketchErrs*calls {
		n = calls
	}
	return approx(n, math.MaxInt32, "resource")
}

// sketchErrs is how far above the truth an estimate may lie: some standard errors.
const sketchErrs = 1.3
