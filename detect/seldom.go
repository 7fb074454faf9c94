package detect

import (
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Floors for who calls so seldom that it has no levels: far above those of others,
// since its own maximum is all there is to compare with.
const (
	seldomPanes  = 3
	seldomAge    = 14 * 24 * time.Hour
	seldomTimes  = 10
	seldomCalls  = 300
	seldomBytes  = 100e6
	seldomAuth   = 100
	seldomRarity = 3 // one in a thousand panes of its kind
)

// seldom says that an identity has been there for weeks, but calls too seldom for
// levels of its own: partners, webhooks, monthly jobs. Whoever is new is none.
func seldom(p *Profile, pane *Pane) bool {
	s := &p.stats
	return pane.Backfill == 0 && !p.Anonymous() && !p.Human() && !p.mature() && s.judged >= seldomPanes && s.days >= seldomPanes &&
		p.Age(pane.Start()) >= seldomAge
}

// vast says that a count or size of one that seldom calls is far beyond the most that
// it ever had in a pane. What the whole topic did together is divided out.
func vast(p *Profile, pane *Pane, x, most, floor float64) bool {
	return x >= floor && x >= seldomTimes*most*max(1, float64(pane.ratio)) && seldom(p, pane)
}

// vastly words what is vast. It pages within the allowance of rare events; else it is
// evidence.
func (c *Cell) vastly(p *Profile, pane *Pane, m *Meta, severity int, did, seen, usual string) Finding {
	way := WayFused
	if c.e.affordableAt(m, levelSurprise, hourOf(pane.Number)) {
		way = WayStrong
	}
	return Finding{
		Way: way, Severity: severity, Surprise: levelSurprise, Value: "seldom", Did: did,
		Sentence: "Within 15 minutes (" + clockTime(pane.Start()) + ") it " + seen + ". It calls seldom, and the most that it ever had was " + usual + "; it is known for " + historyOf(p, pane.Last) + ".",
		Observed: seen + " within 15 minutes", Expected: "at most " + usual, Rarity: "not seen in " + historyOf(p, pane.Last),
	}
}

// callsVastly finds them of calls, where hardly any pane of its kind has as many.
func (c *Cell) callsVastly(p *Profile, pane *Pane, out *Findings) {
	most := float64(max(p.stats.best[SignalRate], p.stats.today[SignalRate]))
	if pane.withinBudget() || !vast(p, pane, float64(pane.Calls), most, seldomCalls) {
		return
	}
	if kind := c.view.coldRate(p.group, pane.Calls); kind > 0 && kind < seldomRarity {
		return
	}
	n := plural(int(pane.Calls), "call")
	out.Add(c.vastly(p, pane, &callRateCard, schemas.SeverityMedium,
		"made "+n+" within 15 minutes, and seldom calls at all", "made "+n+over(pane)+refusedPart(pane), plural(int(most), "call")))
}

// takesVastly finds them of the bytes that leave.
func (c *Cell) takesVastly(p *Profile, pane *Pane, out *Findings) {
	most := float64(max(p.stats.best[SignalBytes], p.stats.today[SignalBytes]))
	if !vast(p, pane, float64(pane.BytesOut), most, seldomBytes) {
		return
	}
	seen := size(float64(pane.BytesOut))
	f := c.vastly(p, pane, &egressVolumeCard, schemas.SeverityHigh, "took out "+seen+", and seldom calls at all", "received "+seen, size(most))
	f.Trigger = pane.call("Largest call, "+size(float64(pane.largest)), sampleLargest)
	out.Add(f)
}

// failsVastly finds them of refused credentials.
func (c *Cell) failsVastly(p *Profile, pane *Pane, out *Findings) {
	most := float64(max(p.stats.authBest, p.stats.authToday))
	if 3*pane.Unauthenticated < 2*pane.Calls || !vast(p, pane, float64(pane.Unauthenticated), most, seldomAuth) {
		return
	}
	f := c.vastly(p, pane, &authFailuresCard, schemas.SeverityMedium, "had its credential refused "+plural(int(pane.Unauthenticated), "time"),
		"had "+plural(int(pane.Unauthenticated), "refused credential"), plural(int(most), "refused credential"))
	f.Trigger = pane.call("Newest refused call", sampleRefused)
	out.Add(f)
}
