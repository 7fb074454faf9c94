package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/detect/capability"
)

// burst is how many different secrets an identity asks for within a pane: of one
// that reads many over a day, a dump is over long before the day's count tells.
type burst struct {
	// pane is the newest in which it asked for one, most the count of the
	// fullest pane before it.
	pane int32
	most uint16
	// since is the day of the first, from which on its own most is known.
	since uint16
	// now are the secrets of the pane, ever those of all panes, fresh how many of now
	// were not among ever, as far as the sketch tells.
	now, ever Sketch
	fresh     uint16
}

// with is the burst that a secret would make it: of its own pane, as long as it
// is the newest. ok is false for an older one, which is counted nowhere.
func (b *burst) with(pane int32, secret uint32) (after burst, ok bool) {
	if pane < b.pane {
		return *b, false
	}
	after = *b
	if pane > b.pane {
		after.pane, after.most = pane, max(b.most, uint16(math.Min(b.now.Count(), math.MaxUint16)))
		after.now, after.fresh = Sketch{}, 0
	}
	if b.since == 0 {
		after.since = dayOf(int64(pane) * PaneLength)
	}
	after.now.Add(secret)
	if after.ever.Add(secret) && after.fresh < math.MaxUint16 {
		after.fresh++
	}
	return after, true
}

// burstOf is what a call makes of its identity's burst, before it is learned.
func (e *Engine) burstOf(p *Profile, call *Call) (after burst, ok bool) {
	secret := call.Sight(Secret).hash
	if secret == 0 || call.Backfill {
		return after, false
	}
	var b burst
	if a := e.asides[p.self]; a != nil && a.burst != nil {
		b = *a.burst
	}
	return b.with(int32(call.pane), secret) //nolint:gosec // until the year 60,000
}

// learnBurst takes a call's secret in. Of a pinned profile what is usual stays as it was.
func (e *Engine) learnBurst(p *Profile, call *Call) {
	if !call.Can.Set.Has(capability.ReadsSecret) {
		return
	}
	after, ok := e.burstOf(p, call)
	if !ok {
		return
	}
	a := e.aside(p)
	if a.burst == nil {
		a.burst = &burst{}
	}
	if p.pinned() {
		after.most, after.ever = a.burst.most, a.burst.ever
	}
	*a.burst = after
}

// visitBurst writes or reads what format 11 brought of what is kept beside a profile.
func (e *Engine) visitBurst(c *codec, p *Profile) {
	a := e.asides[p.self]
	has := a != nil && a.burst != nil
	c.bool(&has)
	if !has || c.err != nil {
		return
	}
	a = e.aside(p)
	if a.burst == nil {
		a.burst = &burst{}
	}
	b := a.burst
	c.i32(&b.pane)
	c.u16(&b.most)
	c.u16(&b.since)
	c.u16(&b.fresh)
	for _, s := range [...]*Sketch{&b.now, &b.ever} {
		c.u8(&s.n)
		if s.n > sketchExact+1 {
			c.fail(errDamaged)
		}
		if s.n > 0 {
			c.bytes(s.bytes[:])
		}
	}
}
