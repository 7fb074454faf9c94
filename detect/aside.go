package detect

import (
	"math"
	"slices"
	"unsafe"
)

// aside is what few identities have, kept beside their profiles so that the
// others don't pay for it.
type aside struct {
	// machines is the level of ln(1+machines started) on days with any, destroyed
	// that of things destroyed.
	machines, destroyed level
	// steps are the panes of the last day with a step of an intrusion, ascending.
	steps []step
	// burst is nil where no secrets are read.
	burst *burst
	// invoked are the calls of AI models of which the log counts no tokens.
	invoked invoked
	// loops are an agent's repeated calls.
	loops looping
	// contexts are those of its newest temporary credentials.
	contexts []context
	// days are nil where nothing was taken out, calls where there are few.
	days  [dayMeasures]*dataDays
	calls *callDays
}

// step is one pane's stages of an intrusion, a bit each.
type step struct {
	pane   int32
	stages uint8
}

func (a *aside) empty() bool { return a.machines.n == 0 && len(a.steps) == 0 }

func (a *aside) bytes() int {
	n := int(unsafe.Sizeof(*a)) + cap(a.steps)*int(unsafe.Sizeof(step{})) + cap(a.contexts)*int(unsafe.Sizeof(context{}))
	if a.burst != nil {
		n += int(unsafe.Sizeof(*a.burst))
	}
	for _, t := range a.days {
		n += t.bytes()
	}
	return n + a.calls.bytes()
}

// aside is what is kept beside a profile, made when there is none.
func (e *Engine) aside(p *Profile) *aside {
	a := e.asides[p.self]
	if a == nil {
		a = &aside{}
		e.asides[p.self] = a
	}
	return a
}

// learnDay takes in a count of a day that is over.
func (l *level) learnDay(n uint16) {
	first := l.n == 0
	l.learn(math.Log1p(float64(n)), 1)
	if first {
		l.variance = 0.25 // a logarithm, no count
	}
}

// farAbove compares today's count with the level of the days that had any: a wonder
// is twice the busiest, above a floor, and less likely than one in a thousand.
func (l *level) farAbove(today, most, floor int) (surprise, usual float64, wonder bool) {
	if l.n < levelDays || today <= max(floor, levelTimes*most) {
		return 0, 0, false
	}
	surprise, usual = l.excess(float64(today))
	return surprise, usual, surprise >= levelSurprise
}

const (
	levelTimes    = 2
	levelDays     = 7
	levelSurprise = 3
)

// took adds the stages of a pane, and forgets those of more than a day ago.
func (a *aside) took(pane int32, stages uint8) {
	a.steps = slices.DeleteFunc(a.steps, func(s step) bool { return s.pane <= pane-sequencePanes })
	if stages == 0 {
		return
	}
	i, found := slices.BinarySearchFunc(a.steps, pane, func(s step, n int32) int { return int(s.pane) - int(n) })
	if !found {
		a.steps = slices.Insert(a.steps, i, step{pane: pane})
	}
	a.steps[i].stages |= stages
}

// visitAside writes or reads what is kept beside a profile: the end of its first
// section.
func (e *Engine) visitAside(c *codec, p *Profile) {
	a := e.asides[p.self]
	has := a != nil && !a.empty()
	c.bool(&has)
	if !has || c.err != nil {
		return
	}
	a = e.aside(p)
	a.machines.visit(c)
	list(c, &a.steps, func(s *step) {
		c.i32(&s.pane)
		c.u8(&s.stages)
	})
	if len(a.steps) > sequencePanes {
		c.fail(errDamaged)
	}
}

// visitDestroyed writes or reads what format 12 brought of what is kept beside a
// profile.
func (e *Engine) visitDestroyed(c *codec, p *Profile) {
	a := e.asides[p.self]
	has := a != nil && a.destroyed.n > 0
	c.bool(&has)
	if has && c.err == nil {
		e.aside(p).destroyed.visit(c)
	}
}

// oldSteps takes in what format 9 kept: the newest pane of each stage.
func (e *Engine) oldSteps(p *Profile, newest *[stages]int32) {
	for i, pane := range newest {
		if pane != 0 {
			a := e.aside(p)
			a.steps = append(a.steps, step{pane, 1 << uint(i)})
		}
	}
	if a := e.asides[p.self]; a != nil {
		slices.SortFunc(a.steps, func(x, y step) int { return int(x.pane) - int(y.pane) })
		steps := a.steps
		a.steps = nil
		for _, s := range steps {
			a.took(s.pane, s.stages)
		}
	}
}
