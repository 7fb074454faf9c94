package detect

import (
	"fmt"
	"slices"
)

// visitPanes goes through an identity's open panes by number.
func (e *Engine) visitPanes(c *codec, p *Profile) {
	open := c.panes[:0]
	for i := p.open; i != 0; {
		pane := e.panes.at(i - 1)
		open = append(open, pane)
		i = pane.next
	}
	slices.SortFunc(open, func(a, b *Pane) int { return compare(a.Number, b.Number) })
	c.panes = open
	n := c.length(len(open))
	for i := 0; i < n && c.err == nil; i++ {
		if c.writing() {
			open[i].visit(c)
			continue
		}
		var pane Pane
		pane.visit(c)
		to := e.pane(p, pane.Number)
		if to == nil {
			c.fail(fmt.Errorf("%w: more than %d open panes", errDamaged, maxOpen))
			return
		}
		pane.next = to.next
		*to = pane
	}
}

func (p *Pane) visit(c *codec) {
	c.i64(&p.Number)
	c.i64(&p.First)
	c.i64(&p.Last)
	for _, x := range [...]*uint32{&p.Calls, &p.Successes, &p.Denied, &p.Errors, &p.Unauthenticated, &p.Backfill, &p.Peak, &p.minuteCalls} {
		c.u32(x)
	}
	c.u64(&p.BytesOut)
	c.u64(&p.BytesIn)
	c.u64(&p.Tokens)
	c.u64(&p.CostMicros)
	c.u64(&p.largest)
	c.u64(&p.topics)
	c.i64(&p.minute)
	c.u32(&p.Issued)
	for i := range p.Failures {
		c.u32(&p.Failures[i])
	}
	c.u8(&p.Stages)
	c.u32(&p.oneKey)
	c.u32(&p.numbered)
	c.u64(&p.low)
	c.u64(&p.high)
	c.u8(&p.outsized)
	p.outsizedBy.visit(c)
	c.u16(&p.Fresh)
	c.u16(&p.FreshDenied)
	c.f32(&p.ratio)
	for i := range p.windows {
		c.f32(&p.windows[i])
	}
	for _, s := range [...]*Sketch{&p.Resources, &p.Operations, &p.DeniedOperations, &p.Sources, &p.Sessions} {
		c.u8(&s.n)
		if s.n > 0 {
			c.bytes(s.bytes[:])
		}
	}
	for i := range sampleRecords {
		p.samples[i].visit(c)
	}
	if c.has(9) {
		c.u64(&p.Records)
	}
	if c.has(10) {
		p.samples[sampleRecords].visit(c)
		c.u64(&p.most)
	}
	if c.has(12) {
		p.issued.visit(c)
		c.u8(&p.budget)
		c.f32(&p.shared)
	}
	if c.has(13) {
		p.repeats.visit(c)
		c.u32(&p.machines)
		c.f32(&p.growth)
	}
}

func (s *sample) visit(c *codec) {
	c.i64(&s.time)
	if s.time == 0 {
		*s = sample{}
		return
	}
	c.u8(&s.outcome)
	c.bytes(s.country[:])
	field := func(n *uint8, b []byte) {
		c.u8(n)
		if int(*n) > len(b) {
			c.fail(errDamaged)
			return
		}
		c.bytes(b[:*n])
	}
	field(&s.idLen, s.id[:])
	field(&s.opLen, s.operation[:])
	field(&s.ipLen, s.ip[:])
	field(&s.clientLen, s.client[:])
	field(&s.credLen, s.cred[:])
}
