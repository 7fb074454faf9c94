package detect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
)

// visitIdentities goes through the identities in id order, each with all that
// hangs on it.
func (e *Engine) visitIdentities(c *codec) {
	var order []uint32
	for i, id := range e.store.ids {
		if id != "" {
			order = append(order, uint32(i)) //nolint:gosec // an index
		}
	}
	slices.SortFunc(order, func(a, b uint32) int { return strings.Compare(e.store.ids[a], e.store.ids[b]) })
	n := c.length(len(order))
	for i := 0; i < n && c.err == nil; i++ {
		var id string
		var p *Profile
		if c.writing() {
			id, p = e.store.ids[order[i]], e.store.at(order[i])
		}
		if e.visitIdentity(c, id, p); c.err != nil {
			return
		}
	}
}

// visitIdentity writes the identity that is given, or reads one.
func (e *Engine) visitIdentity(c *codec, id string, p *Profile) *Profile {
	c.text(&id)
	if !c.writing() {
		old, key := e.store.find(id)
		if old != nil || id == "" {
			c.fail(fmt.Errorf("%w: identity %q", errDamaged, clip(id, 80)))
			return nil
		}
		p = e.store.add(id, key)
	}
	e.store.facts[p.self] = e.visitFacts(c, e.store.facts[p.self])
	e.visitProfile(c, p)
	if !c.has(10) && c.err == nil && c.widened != 0 {
		e.deeds.add(keyOf(deedRights, realm(id), lastName(id)), deed{at: c.widened, by: id})
	}
	e.visitSlots(c, p)
	e.visitPanes(c, p)
	e.visitDossier(c, p)
	return p
}

func (e *Engine) visitFacts(c *codec, f *facts) *facts {
	known := f != e.store.none
	c.bool(&known)
	if !known {
		return e.store.none
	}
	if !c.writing() {
		f = &facts{}
	}
	for _, s := range [...]*string{&f.kind, &f.name, &f.owner, &f.team, &f.environment, &f.criticality, &f.vendor, &f.route, &f.runbook} {
		c.text(s)
	}
	c.texts(&f.dependants)
	c.bool(&f.managed)
	c.i64(&f.lastRotation)
	list(c, &f.exceptions, func(x *exception) {
		c.text(&x.detector)
		c.i64(&x.until)
	})
	if c.has(12) {
		c.text(&f.policy)
		if !c.writing() {
			f.policy = e.store.policyText(f.policy)
		}
	}
	return f
}

// visitProfile writes or reads what was learned of an identity but its values, and
// what is kept beside its profile.
func (e *Engine) visitProfile(c *codec, p *Profile) {
	c.begin()
	e.visitFirst(c, p)
	c.end()
	c.begin()
	p.stats.visit(c)
	c.end()
	if !c.has(10) && c.err == nil {
		e.oldSteps(p, &c.stages)
	}
}

// visitFirst is the first section: what each version brought stands after what
// the last one had.
func (e *Engine) visitFirst(c *codec, p *Profile) {
	p.visitOwn(c)
	if c.has(10) {
		e.visitAside(c, p)
	}
	if c.has(11) {
		p.visitNovelty(c, dimensionsOfFormat10, dimensionsOfFormat11)
		e.visitBurst(c, p)
		e.visitInvoked(c, p)
	}
	if c.has(12) {
		p.visitNovelty(c, dimensionsOfFormat11, dimensionsOfFormat12)
		e.visitDestroyed(c, p)
		e.visitDays(c, p)
	}
	if c.has(13) {
		p.visitNovelty(c, dimensionsOfFormat12, dimensions)
		e.visitLoops(c, p)
		e.visitContexts(c, p)
		e.visitCallDays(c, p)
	}
}

func (p *Profile) visitNovelty(c *codec, from, to Dimension) {
	for d := from; d < to; d++ {
		c.u16(&p.observed[d])
		c.u16(&p.fresh[d])
		c.u16(&p.singles[d])
	}
}

// visitClasses writes or reads a set of classes, of which format 10 had 16.
func visitClasses(c *codec, s *capability.Set) {
	if c.has(11) {
		c.u32((*uint32)(s))
		return
	}
	var old uint16
	c.u16(&old)
	*s = capability.Set(old)
}

func (p *Profile) visitOwn(c *codec) {
	c.u8(&p.group)
	c.u8(&p.flags)
	c.time(&p.first)
	c.time(&p.last)
	c.u32(&p.calls)
	c.u16(&p.activeDays)
	c.u16(&p.lastDay)
	c.u16(&p.consequence)
	p.visitNovelty(c, 0, dimensionsOfFormat10)
	for i := range p.gaps {
		c.u8(&p.gaps[i])
	}
	places := []*Place{&p.place}
	if !c.has(14) {
		places = append(places, &Place{}) // the one before it, which nothing asked for
	}
	for _, x := range places {
		c.time(&x.Time)
		c.f32(&x.Latitude)
		c.f32(&x.Longitude)
		c.within(float64(x.Latitude), -maxDegrees, maxDegrees)
		c.within(float64(x.Longitude), -maxDegrees, maxDegrees)
		c.u32(&x.Country)
		c.u32(&x.Prefix)
		c.u16(&x.Radius)
		c.bool(&x.Shared)
	}
	c.u16(&p.tallyDay)
	visitTallies := func(tallies []uint16, best []uint16) {
		for t := range tallies {
			c.u16(&tallies[t])
			c.u16(&best[t])
		}
	}
	visitTallies(p.tallyNow[:talliesOfFormat14], p.tallyBest[:talliesOfFormat14])
	for i := range p.topics {
		c.u8(&p.topics[i].topic)
		c.i32(&p.topics[i].since)
		c.i64(&p.topics[i].time)
	}
	c.i64(&p.budget)
	c.i64(&p.below)
	for i := range p.shapes {
		c.u16(&p.shapes[i].tag)
		c.u8(&p.shapes[i].best)
		c.u8(&p.shapes[i].today)
	}
	c.u16(&p.shapeDay)
	if !c.has(10) { // among the deeds since
		c.i64(&c.widened)
	}
	c.i32(&p.founded)
	if c.has(9) {
		p.keys.visit(c)
		c.u8(&p.depth)
		p.spent.visit(c)
	}
	if c.has(15) {
		visitTallies(p.tallyNow[talliesOfFormat14:], p.tallyBest[talliesOfFormat14:])
	}
	if int(p.group) >= groups {
		c.fail(fmt.Errorf("%w: kind %d", errDamaged, p.group))
		p.group = 0
	}
}

func (s *statistics) visit(c *codec) {
	c.u32(&s.judged)
	c.pane(&s.lastPane)
	c.time(&s.lastSeen)
	c.i64(&s.lastCall) // set anew
	c.f32(&s.gapMax)
	c.within(float64(s.gapMax), 0, maxGap)
	c.u16(&s.day)
	c.u16(&s.days)
	c.u32(&s.inTail)
	for _, l := range [...]*level{&s.rate, &s.rate3h, &s.rate24h, &s.bytes, &s.resources, &s.operations, &s.denied, &s.breadth, &s.spend, &s.auth, &s.sources, &s.tokens, &s.distance} {
		l.visit(c)
	}
	for _, x := range [...]*float32{&s.spendBest, &s.spendToday, &s.authBest, &s.authToday, &s.sum3h, &s.sum24h, &s.breadth24h, &s.anchor, &s.dayMean, &s.dayWeight, &s.sum} {
		c.f32(x)
	}
	for i := range s.best {
		c.f32(&s.best[i])
		c.f32(&s.today[i])
	}
	for f := range s.near {
		c.f32(&s.near[f])
		c.f32(&s.far[f])
		c.within(float64(s.near[f]), 0, maxTail)
		c.within(float64(s.far[f]), 0, maxTail)
	}
	for i := range s.most {
		c.f32(&s.newest[i])
		c.f32(&s.most[i])
	}
	for i := range s.codes {
		c.u16(&s.codes[i])
	}
	for i := range s.hours {
		c.u8(&s.hours[i])
	}
	if !c.has(10) { // kept beside the profile since
		for i := range c.stages {
			c.i32(&c.stages[i])
		}
	}
	c.u8(&s.lastRun)
	for i := range s.seasonRatio {
		c.u16(&s.seasonRatio[i])
		c.u8(&s.seasonCount[i])
	}
	if c.has(9) {
		s.records.visit(c)
		c.f32(&s.recordsBest)
		c.f32(&s.recordsToday)
		c.u32(&s.counted)
	}
	if c.has(10) {
		c.u8(&s.held)
		c.bytes(s.spots[:])
		c.u8(&s.noted)
		c.u16(&s.notedDay)
	}
	if c.has(11) {
		for i := range s.trends[:trendsOfFormat11] {
			s.trends[i].visit(c)
		}
	}
	if c.has(12) {
		for i := range s.trends[trendsOfFormat11:] {
			s.trends[trendsOfFormat11+i].visit(c)
		}
		for i := range s.weekdays {
			c.u8(&s.weekdays[i])
		}
	}
	if c.has(13) {
		c.bytes(s.habit[:])
	}
}

func (t *trend) visit(c *codec) {
	for _, x := range [...]*float32{&t.anchor, &t.mean, &t.last, &t.deviation, &t.sum} {
		c.f32(x)
		c.within(float64(*x), -maxTrend, maxTrend)
	}
}

func (l *level) visit(c *codec) {
	c.f32(&l.mean)
	c.f32(&l.variance)
	c.u16(&l.n)
	c.within(float64(l.mean), -1, maxMean)
	c.within(float64(l.variance), 0, maxMean*maxMean)
}

func (e *Engine) visitSlots(c *codec, p *Profile) {
	class := p.slots.class
	c.u8(&class)
	used := c.slots[:0]
	for _, s := range e.slots.table(&p.slots) {
		if s.dim != 0 {
			used = append(used, s)
		}
	}
	slices.SortFunc(used, func(a, b slot) int {
		if a.dim != b.dim {
			return int(a.dim) - int(b.dim)
		}
		return compare(int64(a.hash), int64(b.hash))
	})
	list(c, &used, func(s *slot) {
		c.u32(&s.hash)
		c.u16(&s.day)
		c.u8(&s.dim)
		c.u8(&s.wq)
	})
	c.slots = used
	if c.writing() || class == 0 || c.err != nil {
		return
	}
	if int(class) > len(slotClasses) || len(used) >= slotClasses[class-1] {
		c.fail(fmt.Errorf("%w: %d slots in class %d", errDamaged, len(used), class))
		return
	}
	p.slots = e.slots.take(class)
	for _, s := range used {
		if Dimension(s.dim) > dimensions && c.version > snapshotVersion {
			continue // a kind of value that only a newer version knows
		}
		if s.dim == 0 || Dimension(s.dim) > dimensions {
			c.fail(fmt.Errorf("%w: dimension %d", errDamaged, s.dim))
			return
		}
		place(e.slots.table(&p.slots), s)
		p.slots.used++
	}
}

// visitWaiting goes through the panes that another topic holds back. Restored
// panes are all due at first; these are taken out again.
func (e *Engine) visitWaiting(c *codec) {
	waiting := slices.Clone(e.panes.waiting)
	slices.SortFunc(waiting, compareClosing)
	list(c, &waiting, func(w *closing) {
		c.i64(&w.pane)
		c.text(&w.id)
	})
	if c.writing() || c.err != nil {
		return
	}
	e.hold(c, waiting)
}

// hold takes panes that another topic holds back out of those that are due.
func (e *Engine) hold(c *codec, waiting []closing) {
	for i := range waiting {
		w := &waiting[i]
		p, _ := e.store.find(w.id)
		if p == nil {
			c.fail(fmt.Errorf("%w: pane of %q", errDamaged, clip(w.id, 80)))
			return
		}
		w.profile = p.self
		due := slices.DeleteFunc(e.panes.due[w.pane], func(i uint32) bool { return i == p.self })
		if e.panes.due[w.pane] = due; len(due) == 0 {
			delete(e.panes.due, w.pane)
		}
	}
	e.panes.waiting = waiting
}

func (e *Engine) visitTimers(c *codec) {
	timers := []timer(slices.Clone(e.timers.list))
	slices.SortFunc(timers, func(a, b timer) int {
		if a.before(&b) {
			return -1
		}
		return btoi(b.before(&a))
	})
	list(c, &timers, func(t *timer) {
		c.i64(&t.at)
		c.text(&t.id)
		kind := uint8(t.kind)
		c.u8(&kind)
		t.kind = timerKind(kind)
	})
	if !c.writing() {
		e.timers.list = timers // sorted, hence a heap
	}
}

func (a *adoption) visit(c *codec) {
	c.i64(&a.swept)
	keys := make([]adoptionKey, 0, len(a.values))
	for k := range a.values {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareAdoptions)
	list(c, &keys, func(k *adoptionKey) {
		dim := uint8(k.dim)
		c.u8(&dim)
		k.dim = Dimension(dim)
		c.u8(&k.topic)
		c.u32(&k.hash)
		c.i32(&k.quarter)
		v := a.values[*k]
		if v == nil {
			v = &adopters{}
			a.values[*k] = v
		}
		c.num(&v.n)
		if v.n < 0 || v.n > len(v.list) {
			c.fail(errDamaged)
			v.n = 0
		}
		for i := range v.n {
			c.i64(&v.list[i].pane)
			c.text(&v.list[i].id)
		}
	})
}

func compareAdoptions(x, y adoptionKey) int {
	if x.dim != y.dim {
		return int(x.dim) - int(y.dim)
	}
	if x.topic != y.topic {
		return int(x.topic) - int(y.topic)
	}
	if x.hash != y.hash {
		return compare(int64(x.hash), int64(y.hash))
	}
	return int(x.quarter) - int(y.quarter)
}
