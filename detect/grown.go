package detect

// grown are the alerts that the findings of one call opened or grew. Each tells of
// all of them in one version.
type grown struct {
	list []grownAlert
}

type grownAlert struct {
	a                  *openAlert
	opened, tell, page bool
}

// of is what the call did to an alert.
func (g *grown) of(a *openAlert) *grownAlert {
	for i := range g.list {
		if g.list[i].a == a {
			return &g.list[i]
		}
	}
	g.list = append(g.list, grownAlert{a: a})
	return &g.list[len(g.list)-1]
}

// page is the alert that tells somebody of the call: the one that it opened, or by
// which it pages; nil when there is none yet. Reports join nothing.
func (g *grown) page() *openAlert {
	for i := range g.list {
		if o := &g.list[i]; o.a.lane == laneArrival && (o.opened || o.page) {
			return o.a
		}
	}
	return nil
}

// tellGrown emits the versions. The gravest finding of the call that opened an alert
// heads it from the first.
func (e *Engine) tellGrown(p *Profile, m *moment, g *grown) {
	for i := range g.list {
		o := &g.list[i]
		if o.opened {
			o.a.headedByGravest()
		}
		if o.tell {
			o.a.early++
			e.emit(p, o.a, m.at, o.page)
		}
	}
}

// headedByGravest puts the gravest finding of an alert first. Its id stays.
func (a *openAlert) headedByGravest() {
	list := ordered(a.parts)
	a.parts = append(a.parts[:0], list...)
	a.meta = a.parts[0].meta
}
