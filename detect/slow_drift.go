package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/schemas"
)

var slowDriftCard = Meta{
	Name: "slow-drift", Title: "Does more from day to day", Basis: Learned, Family: FamilyVolume, Way: WayStrong,
	Severity: schemas.SeverityMedium, Closes: true,
	MinSample: "500 active panes; for one that calls seldom (in fewer than 24 panes a day, or fewer than 4 calls in one), 14 days",
	Floor:     "a summed excess of 0.4 beyond 5% a day; alone, of one that calls seldom: 1.5, half as many calls again in a week as its anchor, and 70 more",
	Kept:      "62 bytes: the slow anchor, the day's mean and the sum of calls, bytes and different objects; the calls of seven days with an anchor and a sum",
	Model:     "CUSUM (Page 1954) of each day's mean against an anchor that grows at most 1% a day; of one that calls seldom, of its last seven days together",
	Attacks:   []schemas.Technique{{UID: "T1020", Name: "Automated Exfiltration"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API4:2023"}, NIST: []string{"DE.CM-01", "DE.AE-02"}, PCI: []string{"10.4.1"},
	FirstChecks: []string{
		"Ask the owner whether its work grows: customers, data, retries.",
		"Look at what grew: reads of the same things are a job, reads of ever more things are a copy being made.",
	},
}

// slowDrift watches what no single pane shows: a level of calls, bytes or
// different objects that rises a little every day, as one does that is taught to
// look normal. Of one that calls seldom a pane tells nothing, so that its calls
// are summed by week: a rise that no pane will ever show pages by itself.
type slowDrift struct{ paneOnly }

// Meta implements Detector.
func (slowDrift) Meta() *Meta { return &slowDriftCard }

const (
	driftFaint = 0.4
	// A seldom caller's rise pages from here on.
	driftAlone  = 1.5
	driftGrown  = 1.5
	driftExcess = 70
)

// What drifts.
const (
	driftCalls = iota
	driftBytes
	driftObjects
	driftWeek
)

// Close implements Detector.
func (slowDrift) Close(_ *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	if pane.Backfill > 0 || s.judged < coldPanes || s.dayWeight != 0 { // once a day
		return
	}
	found := Score{Surprise: float64(s.sum), Observed: float64(s.lastMean), Expected: float64(s.anchor), Scale: driftCalls}
	for i := range s.drifts {
		if d := &s.drifts[i]; float64(d.sum) > found.Surprise {
			found = Score{Surprise: float64(d.sum), Observed: math.Expm1(float64(d.last)), Expected: math.Expm1(float64(d.anchor)), Scale: driftBytes + i}
		}
	}
	if w := &s.week; float64(w.sum) > found.Surprise && s.seldom() {
		n := w.calls()
		found = Score{Surprise: float64(w.sum), Observed: n, Expected: float64(w.anchor), Scale: driftWeek}
		found.Strong = found.Surprise >= driftAlone && n >= driftGrown*found.Expected && n >= found.Expected+driftExcess
	}
	found.Signal, found.Faint, found.Explain = SignalDrift, found.Surprise < driftFaint, explainDrift
	found.Surprise *= 4
	out.Score(found)
}

func explainDrift(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	f := Finding{Did: "calls more from day to day", Value: "drift"}
	what, per, usual := "calls", "a pane of 15 minutes", number(s.Expected)
	seen := number(s.Observed)
	switch s.Scale {
	case driftBytes:
		f.Did, f.Value, what = "takes out more from day to day", "drift of bytes", "data"
		seen, usual = size(s.Observed), size(s.Expected)
	case driftObjects:
		f.Did, f.Value, what = "touches more from day to day", "drift of objects", "different objects"
	case driftWeek:
		per = "a week"
	}
	f.Sentence = "Its " + what + " have risen for days: " + seen + " " + per + " of late, where its slow level, which follows by 1% a day, is " + usual +
		" (" + clockTime(pane.Start()) + ", by " + plural(int(p.stats.days), "day") + " of its own)."
	f.Observed, f.Expected = seen+" "+per, "about "+usual+" "+per
	return f
}

// Drift: the day's mean against an anchor that grows at most 1% a day, summed
// by CUSUM (Page 1954) with a slack of 5%.
const (
	driftSlack  = 0.05
	anchorSpeed = 0.01
)

// trend is what one more signal's mean did: logarithms, by day.
type trend struct{ anchor, mean, last, sum float32 }

// learnDrift adds a pane to the day. x are its calls, weight how far it is
// believed.
func (s *statistics) learnDrift(p *Pane, x, weight float64) {
	s.dayMean += float32(x * weight)
	s.dayWeight += float32(weight)
	s.drifts[0].mean += float32(math.Log1p(float64(p.BytesOut)) * weight)
	s.drifts[1].mean += float32(math.Log1p(p.Resources.Count()) * weight)
	s.week.add(dayOf(p.Start()), float64(p.Calls)/math.Max(float64(p.ratio), 0.1))
}

// newDriftDay ends a day of drift.
func (s *statistics) newDriftDay(today uint16) {
	s.week.next(s.day, today, int(s.days))
	// A day on which every pane alarmed has little weight, and counts: it is what
	// drift ends in.
	if s.dayWeight < 0.1 {
		return
	}
	m, n := s.dayMean/s.dayWeight, s.dayWeight
	s.dayMean, s.dayWeight, s.lastMean = 0, 0, m
	settling := s.judged < 500 // the anchor settles first
	spread := [len(s.drifts)]float64{
		math.Sqrt(math.Max(0, float64(s.bytes.variance))),
		math.Sqrt(math.Max(0, float64(s.resources.variance))) / (1 + math.Max(0, float64(s.resources.mean))),
	}
	for i := range s.drifts {
		s.drifts[i].next(float64(n), spread[i], settling)
	}
	if s.anchor == 0 {
		s.anchor = m
		return
	}
	lift := math.Log(float64(max(m, 0.01)) / float64(max(s.anchor, 0.01)))
	s.sum = float32(math.Min(math.Max(0, float64(s.sum)+lift-driftSlack), 20))
	speed := math.Min(math.Max(lift, -anchorSpeed), anchorSpeed)
	if settling {
		speed = lift / 4
		s.sum = 0
	}
	s.anchor = float32(float64(s.anchor) * math.Exp(speed))
}

// next ends the day of a signal: weight panes, that usually lie spread apart.
func (d *trend) next(weight, spread float64, settling bool) {
	d.last, d.mean = float32(float64(d.mean)/weight), 0
	if d.anchor == 0 {
		d.anchor = d.last
		return
	}
	lift := float64(d.last - d.anchor)
	speed := math.Min(math.Max(lift, -anchorSpeed), anchorSpeed)
	if settling {
		d.sum, speed = 0, lift/4
	} else {
		// What few panes happen to show is no drift.
		slack := driftSlack + spread/math.Sqrt(math.Max(weight, 1))
		d.sum = float32(math.Min(math.Max(0, float64(d.sum)+lift-slack), 20))
	}
	d.anchor += float32(speed)
}

// weekOf is what an identity called on the last seven days, with a slow anchor of
// their sum.
type weekOf struct {
	anchor, sum float32
	days        [7]uint16
}

// One calls seldom that is active in fewer than seldomPanes of a day, or makes
// fewer than seldomCalls in an active one; settleDays is how long the anchor of
// its week settles.
const (
	seldomPanes = 24
	seldomCalls = 4
	settleDays  = 14
)

// seldom says that panes tell too little of an identity.
func (s *statistics) seldom() bool {
	return float64(s.judged) < seldomPanes*float64(s.days) || s.rate.mean < seldomCalls
}

func (w *weekOf) add(day uint16, calls float64) {
	n := &w.days[day%7]
	*n = uint16(min(float64(*n)+math.Round(calls), 1<<16-1)) //nolint:gosec // clamped
}

func (w *weekOf) calls() (n float64) {
	for _, x := range w.days {
		n += float64(x)
	}
	return n
}

// next ends a day and begins another, which may lie days ahead; days is on how
// many the identity called. A wild day counts as half as much again as the
// busiest of the others: it is no drift.
func (w *weekOf) next(day, today uint16, days int) {
	most := 0.0
	for i, n := range w.days {
		if i != int(day%7) {
			most = max(most, float64(n))
		}
	}
	n := &w.days[day%7]
	if days > 1 {
		*n = uint16(min(float64(*n), most*1.5+10)) //nolint:gosec // below what it was
	}
	calls := w.calls()
	switch {
	case w.anchor == 0 || days < settleDays:
		w.anchor, w.sum = float32(calls), 0
	case calls > 0:
		lift := math.Log(calls / math.Max(float64(w.anchor), 1))
		// A week of few calls varies by its square root.
		slack := driftSlack + 1/math.Sqrt(math.Max(float64(w.anchor), 1))
		w.sum = float32(math.Min(math.Max(0, float64(w.sum)+lift-slack), 20))
		w.anchor = float32(float64(w.anchor) * math.Exp(math.Min(math.Max(lift, -anchorSpeed), anchorSpeed)))
	}
	for d := range min(today-day, 7) {
		w.days[(day+1+d)%7] = 0
	}
}

func (w *weekOf) visit(c *codec) {
	c.f32(&w.anchor)
	c.f32(&w.sum)
	for i := range w.days {
		c.u16(&w.days[i])
	}
}
