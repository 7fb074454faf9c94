package sigma

import "slices"

// Visitor writes or reads the fields that it is shown, like a snapshot's codec.
type Visitor interface {
	Writing() bool
	Failed() bool
	Int(x *int64)
	Uint(x *uint64)
	Text(s *string)
	// Len writes or reads the length of a list.
	Len(n int) int
}

// Visit writes the state, or reads one into an empty state. What another set
// has remembered is read and forgotten.
func (st *State) Visit(v Visitor) {
	digest := st.set.Digest()
	v.Text(&digest)
	same := digest == st.set.Digest()
	v.Int(&st.newest)
	v.Uint(&st.evicted)
	keys := make([]uint64, 0, len(st.groups))
	for k := range st.groups {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	n := v.Len(len(keys))
	for i := 0; i < n && !v.Failed(); i++ {
		g := &group{}
		if v.Writing() {
			g = st.groups[keys[i]]
		}
		if g.visit(v); !v.Writing() && same && !v.Failed() {
			st.restore(g)
		}
	}
	if !same {
		st.newest, st.evicted = 0, 0
	}
}

func (g *group) visit(v Visitor) {
	v.Uint(&g.key)
	rule := int64(g.rule)
	v.Int(&rule)
	g.rule = int(rule)
	v.Text(&g.owner)
	v.Int(&g.last)
	v.Text(&g.label)
	n := v.Len(len(g.points))
	for i := 0; i < n && !v.Failed(); i++ {
		if !v.Writing() {
			g.points = append(g.points, point{})
		}
		v.Int(&g.points[i].time)
		v.Uint(&g.points[i].value)
	}
}

// restore takes in a group that was read, unless no state could have written it.
func (st *State) restore(g *group) {
	if g.rule < 0 || g.rule >= len(st.set.rules) || st.groups[g.key] != nil {
		return
	}
	c := st.set.rules[g.rule].corr
	if c == nil {
		return
	}
	for _, p := range g.points {
		if c.kind != valueCount && p.value >= uint64(len(c.rules)) {
			return
		}
	}
	o := st.owners[g.owner]
	if o == nil {
		o = &owner{}
		st.owners[g.owner] = o
	}
	st.place(o, g)
	st.count(g, len(g.points))
}

// Forget is the state of a cell whose rules are gone: it reads what was
// written, and keeps nothing.
func Forget(v Visitor) { NewState(&Set{}).Visit(v) }
