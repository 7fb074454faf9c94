package detect

import (
	"math"
	"strconv"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var agentSpendCard = Meta{
	Name: "agent-spend", Title: "An agent spends far more than usual, or repeats itself", Basis: Learned, Family: FamilyVolume, Way: WayStrong,
	Severity: schemas.SeverityHigh, Wake: OnSpendLimit, Closes: true,
	MinSample: "60 active panes over three days, or 20 over a week; a declared limit: none",
	Floor:     "5 US dollars or a million tokens in 15 minutes, 5 times what is usual, and twice its own maximum of earlier days; repeats: one call 40 times in 15 minutes and half of an agent's calls, 5 times what is usual, twice its own maximum, as the fleet's other wonders allow; a declared limit: what the inventory allows in a day",
	Kept:      "40 bytes: one level and two maxima; what was spent on the day; of agents a level and two maxima of repeats, 20 bytes",
	Model:     "Student's t on the logarithm, the predictive distribution of a Normal-Gamma prior; repeats: so too, of the fullest of 32 counters of the calls of a pane by tool, arguments as the log tells their shape, resources and size",
	Attacks:   []schemas.Technique{{UID: "T1496.004", Name: "Cloud Service Hijacking"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API4:2023"}, NIST: []string{"DE.CM-01", "DE.CM-09"}, PCI: []string{"10.4.1"},
	FirstChecks: []string{
		"Look whether the same call repeats: an agent in a loop, or a key that somebody else uses.",
		"Compare model and region with its usual ones.",
		"Set a limit of spending on the key before anything else.",
	},
}

// agentSpendLimit is the card of a declared limit that was passed: of the same
// detector, on the other basis.
var agentSpendLimit = Meta{
	Name: agentSpendCard.Name, Rule: "limit", Title: "A declared limit of spending on models is passed", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityMedium, MinSample: "none", Floor: "what the inventory allows in a day",
	Kept: "20 bytes: what was spent on the day", Model: "a sum by day (UTC) against the limit",
	Attacks: agentSpendCard.Attacks, NHI: agentSpendCard.NHI, API: agentSpendCard.API, NIST: agentSpendCard.NIST, PCI: agentSpendCard.PCI,
	FirstChecks: agentSpendCard.FirstChecks,
}

// agentSpend judges what an identity's calls cost in a pane, in money where the
// log tells it, else in tokens, by the model of egress-volume; their sum by day
// against what the inventory allows; and how often an agent makes the same call.
type agentSpend struct{}

// spent is what an identity's calls of models came to on a day.
type spent struct {
	day            uint16
	micros, tokens uint64
}

func (s *spent) visit(c *codec) {
	c.u16(&s.day)
	c.u64(&s.micros)
	c.u64(&s.tokens)
}

// Observe implements Detector: it adds the call to the day, and says so when a
// limit is passed, or ten, a hundred or a thousand times the limit. Calls of an earlier day are left out.
func (agentSpend) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev, d := call.Event, call.Event.GetDeclared()
	if call.Day < p.spent.day || call.Backfill || ev.Anonymous {
		return
	}
	if call.Day > p.spent.day {
		p.spent = spent{day: call.Day}
	}
	before := p.spent
	p.spent.micros = bounded(before.micros, ev.CostMicros)
	p.spent.tokens = bounded(before.tokens, bounded(ev.TokensIn, ev.TokensOut))
	if c.e.lacks(offDeclared) {
		return
	}
	over := func(limit, had, has uint64, unit func(uint64) string) {
		// Ten times the limit is news when the limit itself was passed last week.
		passed := uint64(0)
		for times := uint64(1); times <= 1000; times *= 10 {
			if most := limit * times; limit > 0 && limit <= maxSpent/times && had <= most && has > most {
				passed = times
			}
		}
		if passed == 0 {
			return
		}
		allowed := unit(limit) + " a day"
		value, did := allowed, "passed its limit of "+allowed
		if passed > 1 {
			often := number(float64(passed)) + " times "
			value, did = often+allowed, "passed "+often+"its limit of "+allowed
		}
		out.add(&agentSpendLimit, Finding{
			Value: value, Did: did,
			Sentence: who(ev) + " passed what it may spend in a day, " + unit(limit) + ", with " + ev.Operation + origin(ev) + " at " +
				time.Unix(0, ev.Time).UTC().Format("15:04:05") + " UTC: " + unit(has) + " so far.",
			Observed: unit(has) + " in a day", Expected: "at most " + allowed,
		})
	}
	over(d.GetSpendMicrosPerDay(), before.micros, p.spent.micros, dollars)
	over(d.GetTokensPerDay(), before.tokens, p.spent.tokens, func(n uint64) string { return plural(int(n), "token") }) //nolint:gosec // bounded
}

// bounded adds two counts.
func bounded(a, b uint64) uint64 { return min(a+min(b, maxSpent), maxSpent) }

// maxSpent bounds a day's sum.
const maxSpent = 1 << 60

// Meta implements Detector.
func (agentSpend) Meta() *Meta { return &agentSpendCard }

const (
	spendFloor  = 5e6 // millionths, or five tokens of each
	tokensWorth = 5   // a million tokens count as 5
	spendTimes  = 5
)

// Cost is what the pane's calls cost, in millionths of a US dollar;
// where the log tells no price, by its tokens.
func (p *Pane) Cost() float64 {
	if p.CostMicros > 0 {
		return float64(p.CostMicros)
	}
	return float64(p.Tokens) * tokensWorth
}

// Close implements Detector.
func (agentSpend) Close(c *Cell, p *Profile, pane *Pane, out *Findings) {
	if pane.repeats.calls > 0 {
		repeatsItself(c, p, pane, out)
	}
	s := &p.stats
	cost := pane.Cost()
	if pane.Backfill > 0 || cost == 0 || s.spend.n < coldPanes {
		return
	}
	surprise, usual := s.spend.excess(cost)
	out.Score(Score{
		Signal: SignalSpend, Surprise: surprise, Observed: cost, Expected: usual,
		Faint:   cost < 3*usual || cost < spendFloor/10,
		Strong:  cost >= 2*float64(s.spendBest) && cost >= spendFloor && cost >= spendTimes*usual,
		Explain: explainSpend,
	})
}

// dollars words millionths of a dollar: "5 US dollars", "5.02 US dollars".
func dollars(micros uint64) string {
	x := float64(micros) / 1e6
	if x >= 100 || micros%1e6 == 0 {
		return plural(int(math.Round(x)), "US dollar")
	}
	return strconv.FormatFloat(x, 'f', 2, 64) + " US dollars"
}

func explainSpend(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	spent, usual := dollars(pane.CostMicros), s.Expected/1e6
	words := dollars(uint64(s.Expected))
	if pane.CostMicros == 0 {
		spent, usual = plural(int(pane.Tokens), "token"), s.Expected/tokensWorth //nolint:gosec // a count
		words = plural(int(math.Round(usual)), "token")
	}
	expected := "about " + words
	if usual < 0.05 {
		words, expected = "almost nothing", "almost nothing"
	}
	return Finding{
		Did: "spent " + times(s.Observed, s.Expected) + " what it usually does on models",
		Sentence: "It spent " + spent + " in " + plural(int(pane.Calls), "call") + " within 15 minutes (" + clockTime(pane.Start()) +
			"), where " + words + " is usual.",
		Observed: spent + " in 15 minutes",
		Expected: expected + ofItsOwn(p.stats.spend.n),
		Value:    "spend",
	}
}
