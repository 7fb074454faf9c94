package detect

import (
	"fmt"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

func (e *Engine) visitDossier(c *codec, p *Profile) {
	d := e.dossiers[p.self]
	has := d != nil
	c.bool(&has)
	if !has || c.err != nil {
		return
	}
	if d == nil {
		d = &dossier{}
		e.dossiers[p.self] = d
	}
	list(c, &d.notes, func(n *note) {
		visitFound(c, &n.found)
		c.i64(&n.pane)
		c.i64(&n.time)
		c.f64(&n.tail)
		if c.has(14) {
			c.bool(&n.raised)
		}
		dim := uint8(n.dim)
		c.u8(&dim)
		n.dim = Dimension(dim)
		c.u8(&n.topic)
		c.u32(&n.hash)
		visitRelated(c, &n.sample)
	})
	list(c, &d.alerts, func(a **openAlert) {
		if *a == nil {
			*a = &openAlert{}
		}
		(*a).visit(c)
	})
}

func (a *openAlert) visit(c *codec) {
	c.text(&a.id)
	a.meta = visitMeta(c, a.meta)
	l, w := uint8(a.lane), uint8(a.way)
	c.u8(&l)
	c.u8(&w)
	a.lane, a.way = lane(l), Way(w)
	visitClasses(c, &a.caps)
	c.i64(&a.opened)
	c.i64(&a.first)
	c.i64(&a.last)
	c.i64(&a.arrival)
	c.i64(&a.emitted)
	for _, x := range [...]*int{&a.version, &a.early, &a.severity, &a.paged} {
		c.num(x)
	}
	for _, x := range [...]*bool{&a.dirty, &a.changed, &a.page, &a.woke, &a.young} {
		c.bool(x)
	}
	list(c, &a.parts, func(q *part) {
		visitFound(c, &q.found)
		c.num(&q.severity)
		c.num(&q.count)
		c.i64(&q.first)
		c.i64(&q.end)
	})
	list(c, &a.samples, func(r *schemas.RelatedEvent) { visitRelated(c, r) })
	c.texts(&a.links)
	for _, s := range [...]*string{&a.principal, &a.credential, &a.session, &a.format, &a.history} {
		c.text(s)
	}
	if c.has(10) {
		c.text(&a.partOf)
	}
	if c.has(12) {
		a.issued.visit(c)
	}
	if !c.writing() && c.err == nil && (a.severity < 0 || a.severity > schemas.SeverityCritical || len(a.parts) == 0) {
		c.fail(fmt.Errorf("%w: alert %s", errDamaged, clip(a.id, 40)))
	}
}

func visitFound(c *codec, x *found) {
	x.meta = visitMeta(c, x.meta)
	w := uint8(x.Way)
	c.u8(&w)
	x.Way = Way(w)
	visitClasses(c, &x.Capability)
	c.num(&x.Severity)
	c.num(&x.Least)
	c.bool(&x.Refused)
	c.f64(&x.Surprise)
	for _, s := range [...]*string{&x.Value, &x.Did, &x.Sentence, &x.Trigger, &x.Observed, &x.Expected, &x.Rarity, &x.Calibration} {
		c.text(s)
	}
}

// visitMeta writes a detector by its name, and its rule where it has one. A
// rule that is there no more has the detector's own card.
func visitMeta(c *codec, m *Meta) *Meta {
	name := ""
	if m != nil {
		name = m.Key()
	}
	c.text(&name)
	if c.writing() || c.err != nil {
		return m
	}
	if rule, ok := strings.CutPrefix(name, sigmaCard.Name+"/"); ok {
		if m = c.rules.card(rule); m == nil {
			m = &sigmaCard
		}
		return m
	}
	if m = metaOf(name); m == nil {
		c.fail(fmt.Errorf("unknown detector %q", clip(name, 40)))
	}
	return m
}

func visitRelated(c *codec, r *schemas.RelatedEvent) {
	c.text(&r.UID)
	c.text(&r.Type)
	c.i64(&r.Time)
	c.text(&r.Desc)
}
