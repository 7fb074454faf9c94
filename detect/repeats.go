package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

// repeatsKept is how many counters tell a pane's calls apart: one row of a count-min
// sketch (Cormode and Muthukrishnan 2005), of which only the fullest counter is
// asked, and only where it holds half of the calls: the others' share of it is a
// sixty-fourth of the pane.
const repeatsKept = 32

// repeats counts the calls of an agent in a pane by what they ask for: the same
// tool with the same arguments, as far as the log tells them. They are sums, so that
// no order of arrival changes them.
type repeats struct {
	calls uint32
	same  [repeatsKept]uint16
}

// add counts one call. Calls of machines that are no agents repeat by nature; of
// calls whose log tells nothing of what they ask for, none can be called the same.
func (r *repeats) add(ev *schemas.Event, call *Call) {
	if !agentic(ev, call) || ev.BytesIn|ev.TokensIn == 0 && (call.Can.Set.Has(capability.InvokesModel) || len(ev.Resources) == 0 && ev.Attributes["arguments"] == "") {
		return
	}
	h := uint64(call.sights[Operation].hash)
	mix := func(x uint64) { h = (h ^ x) * 0x9E3779B97F4A7C15 }
	mix(ev.BytesIn)
	mix(ev.TokensIn)
	for i := range min(len(ev.Resources), maxResources) {
		mix(uint64(hashValue(Resource, ev.Resources[i])))
	}
	if len(ev.Attributes) > 0 {
		for _, name := range [...]string{"tool", "arguments", "domains"} {
			mix(uint64(hashValue(Edge, ev.Attributes[name])))
		}
	}
	r.calls++
	if n := &r.same[fold(h)%repeatsKept]; *n < math.MaxUint16 {
		*n++
	}
}

// agentic says that a call is an AI agent's: of one that is declared or taken for
// one, of a tool of an MCP server, or of a model.
func agentic(ev *schemas.Event, call *Call) bool {
	return ev.IdentityKind == "ai_agent" || ev.Format == "mcp" || call.Can.Set.Has(capability.InvokesModel)
}

// most is how often the call was made that was made most.
func (r *repeats) most() (n int) {
	for _, x := range r.same {
		n = max(n, int(x))
	}
	return n
}

func (r *repeats) visit(c *codec) {
	c.u32(&r.calls)
	if r.calls == 0 {
		return
	}
	for i := range r.same {
		c.u16(&r.same[i])
	}
}

// looping is how often an agent repeats itself, kept beside its profile: 20 bytes.
type looping struct {
	usual       level // of ln(1+repeats of the call made most in a pane)
	best, today uint16
	day         uint16
}

const (
	repeatsFloor = 40
	repeatsTimes = 5
)

// learn takes in a pane. What is far beyond the usual teaches a hundredth.
func (l *looping) learn(n int, day uint16, weight float64) {
	if n == 0 {
		return
	}
	if day > l.day {
		if l.day != 0 { // halved every 120 days, as other maxima are
			l.best = uint16(math.Max(float64(l.best)*math.Exp2(-float64(day-l.day)/120), float64(l.today)))
		}
		l.day, l.today = day, 0
	}
	if l.usual.n >= coldPanes && float64(n) > repeatsTimes*math.Expm1(float64(l.usual.mean)) {
		weight = math.Min(weight, 0.01)
	}
	first := l.usual.n == 0
	l.usual.learn(math.Log1p(float64(n)), weight)
	if first {
		l.usual.variance = 0.25 // a logarithm, no count
	}
	l.today = max(l.today, uint16(min(n, math.MaxUint16))) //nolint:gosec // clamped
}

// learnRepeats takes a pane into what is kept beside the profile.
func (e *Engine) learnRepeats(p *Profile, pane *Pane, rate float64) {
	if n := pane.repeats.most(); n > 0 && pane.Backfill == 0 {
		e.aside(p).loops.learn(n, dayOf(pane.Start()), learningWeight(rate))
	}
}

// repeatsItself finds an agent that makes one call over and over.
func repeatsItself(c *Cell, p *Profile, pane *Pane, out *Findings) {
	n := pane.repeats.most()
	a := c.e.asides[p.self]
	if n < repeatsFloor || 2*n < int(pane.repeats.calls) || pane.Backfill > 0 || a == nil || !p.mature() || a.loops.usual.n < coldPanes {
		return
	}
	l := &a.loops
	best := int(l.best)
	if dayOf(pane.Start()) > l.day {
		best = int(max(l.best, l.today))
	}
	surprise, usual := l.usual.excess(float64(n))
	if float64(n) < repeatsTimes*usual || n < 2*best || surprise < levelSurprise {
		return
	}
	way := WayFused
	if c.e.affordableAt(&agentSpendCard, surprise, hourOf(pane.Number)) {
		way = WayStrong
	}
	out.Add(Finding{
		Way: way, Severity: schemas.SeverityMedium, Surprise: surprise, Value: "repeats",
		Did: "made one call " + thousands(n) + " times in 15 minutes",
		Sentence: "Of its " + plural(int(pane.repeats.calls), "call") + " within 15 minutes (" + clockTime(pane.Start()) + "), about " + thousands(n) +
			" were one call made again, with the same arguments as far as the log tells them: it goes round in circles. Usually it makes a call about " + number(usual) +
			" times in as long; the most on an earlier day was " + thousands(best) + ".",
		Trigger:  pane.call("Newest call", 3),
		Observed: "one call " + thousands(n) + " times in 15 minutes", Expected: "about " + number(usual) + ofItsOwn(l.usual.n),
		Rarity: "its most in " + historyOf(p, pane.Last) + " was " + thousands(best),
	})
}

// visitLoops writes or reads what format 13 brought of what is kept beside a profile.
func (e *Engine) visitLoops(c *codec, p *Profile) {
	a := e.asides[p.self]
	has := a != nil && a.loops.usual.n > 0
	c.bool(&has)
	if !has || c.err != nil {
		return
	}
	l := &e.aside(p).loops
	l.usual.visit(c)
	c.u16(&l.best)
	c.u16(&l.today)
	c.u16(&l.day)
}
