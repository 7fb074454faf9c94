package detect

import (
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var dormantCard = Meta{
	Name: "dormant", Title: "A dormant identity wakes up", Basis: Learned, Family: FamilyTime, Way: WayStrong,
	Severity: schemas.SeverityMedium, Wake: OnGap,
	MinSample: "8 gaps; alone: 5 active days; alone from elsewhere: 4 gaps and 3 active days; for the first call, the last use that the inventory states", Floor: "a gap above 7 days and 5 times its p99 gap; alone: above 14 days, 10 times its p99 and 3 times its longest; alone from a new country, or a new network of a cloud, hosting provider, VPN or Tor: above 14 days and 3 times its longest of 4 gaps or more",
	Kept:    "a histogram of gaps, 24 bytes",
	Model:   "the gap against its own quantiles and its longest; the inventory's last use stands for the time before",
	Attacks: []schemas.Technique{{UID: "T1078.004", Name: "Cloud Accounts"}},
	NHI:     []string{"NHI1:2025"}, API: []string{"API9:2023"}, NIST: nistActivity, PCI: []string{"8.2.6", "8.6.1", "10.4.1.1"},
	FirstChecks: []string{
		"Ask the owner whether it should still exist, and what woke it.",
		"Compare the first calls after the pause with the last before it: same place, same client, same work?",
		"Disable it if nobody claims it: it was not missed.",
	},
}

// dormant finds an identity that calls again after a pause far beyond its own.
// A monthly job has monthly gaps: they are its own.
type dormant struct{ arrivalOnly }

const (
	dormantFused     = 7 * 24 * time.Hour
	dormantStrong    = 14 * 24 * time.Hour
	dormantSeed      = 14 * 24 * time.Hour
	dormantSeedAlone = 45 * 24 * time.Hour
	dormantDays      = 5
)

// Meta implements Detector.
func (dormant) Meta() *Meta { return &dormantCard }

// Observe implements Detector.
func (dormant) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if call.Backfill || provider(ev) {
		return
	}
	if call.First {
		seed := ev.GetDeclared().GetLastUsed()
		gap := time.Duration(call.Time - seed)
		if seed <= 0 || gap <= dormantSeed {
			return
		}
		way := WayFused
		if gap > dormantSeedAlone && !call.Denied {
			way = WayStrong
		}
		out.Add(dormantFinding(call, gap, way, "the inventory states its last use on "+date(seed), "no use since "+date(seed)))
		return
	}
	if wokeElsewhere(c, p, call) {
		f := dormantFinding(call, call.Gap, WayStrong, "in its "+plural(p.ActiveDays(), "active day")+" before it never paused for longer than "+span(p.longestGap())+", and never came from there",
			"a pause of at most "+span(p.longestGap())+", and a place that it is known in")
		f.Severity, f.Surprise = schemas.SeverityHigh, f.Surprise+bothNew
		out.Add(f)
		return
	}
	usual, longest := p.GapQuantile(0.99), p.GapQuantile(1)
	if usual == 0 || call.Gap <= dormantFused || call.Gap <= 5*usual || call.Gap <= 2*longest {
		return
	}
	way := WayFused
	if call.Gap > dormantStrong && call.Gap > 10*usual && call.Gap > 3*longest && p.ActiveDays() >= dormantDays && !call.Denied {
		way = WayStrong
	}
	pauses := "99% of its pauses were shorter than " + span(usual) + " and none longer than " + span(longest)
	if span(usual) == span(longest) {
		pauses = "none of its pauses was longer than " + span(longest)
	}
	out.Add(dormantFinding(call, call.Gap, way, "over "+plural(p.ActiveDays(), "active day")+" and "+plural(p.Calls(), "call")+", "+pauses,
		"a pause of at most "+span(longest)))
}

// Two strange things at once need less history each.
const (
	elsewhereGapDays = 3
	elsewhereGaps    = 4
	elsewhereTimes   = 3
)

// wokeElsewhere says that a sleeper of little history wakes where it never was: in
// another country, or in a network of a cloud, a hosting provider, a VPN or Tor.
func wokeElsewhere(c *Cell, p *Profile, call *Call) bool {
	elsewhere := call.New(Country) || call.New(NetworkClass) && dubious(call.Event.NetworkClass)
	if call.Gap <= dormantStrong || call.Denied || p.Human() || p.Anonymous() || p.ActiveDays() < elsewhereGapDays || !elsewhere || placeless(c, call) {
		return false
	}
	longest := p.longestGap()
	return longest > 0 && call.Gap > elsewhereTimes*longest && valuesOf(c, p, Country) <= homeCountries
}

// longestGap is the longest pause between two calls so far, to a power of two; 0 with
// less than elsewhereGaps of them.
func (p *Profile) longestGap() time.Duration {
	gaps, last := 0, 0
	for i, n := range p.gaps {
		if gaps += int(n); n > 0 {
			last = i
		}
	}
	if gaps < elsewhereGaps {
		return 0
	}
	return time.Duration(1<<uint(last)) * time.Second //nolint:gosec // below 24
}

// A pause explains itself less when the caller also comes from a new place.
func dormantSeverity(call *Call) int {
	if call.New(Country) || call.New(Prefix) && !ownNetwork(call.Event.NetworkClass) {
		return schemas.SeverityHigh
	}
	return schemas.SeverityMedium
}

func dormantFinding(call *Call, gap time.Duration, way Way, history, expected string) Finding {
	ev := call.Event
	return Finding{
		Way: way, Severity: dormantSeverity(call), Value: "woke",
		Surprise: dormantSurprise(gap),
		Did:      "woke up after " + span(gap),
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ended(call) + " after " + span(gap) + " of silence; " + history + ".",
		Observed: "silent for " + span(gap), Expected: expected, Rarity: "its longest pause so far",
	}
}

// dormantSurprise grows with the pause: 2 at a week, 3 at about 10 weeks. It
// ranks; it is no probability.
func dormantSurprise(gap time.Duration) float64 {
	s := 2.0
	for week := dormantFused; gap >= 2*week && s < 4; week *= 2 {
		s += 0.3
	}
	return s
}
