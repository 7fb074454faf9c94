package sigma

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Bounds of what the correlations of one cell remember. What is oldest in event
// time goes first, then the smaller key.
const (
	maxGroups     = 1 << 16
	maxPoints     = 1 << 20 // of 16 bytes
	ownerGroups   = 256
	ownerPoints   = 1 << 16
	maxGroupLabel = 200
)

// State is what the correlations of a set remember, in event time. It is a
// function of the set and of the events it saw, in their order.
type State struct {
	set    *Set
	groups map[uint64]*group
	owners map[string]*owner
	points int
	newest int64
	// waiting is how many groups have a window to be judged when it is over.
	waiting int
	evicted uint64

	matched []uint64 // by rule, the number of the event that it matched
	event   uint64
	buf     []byte
	best    [maxReferred + 1]int
	seen    map[uint64]int
}

// group is one window of one correlation: of an identity, or of the values that
// it groups by.
type group struct {
	key    uint64
	rule   int
	owner  string // the identity that opened it
	last   int64  // newest event
	label  string // of the values, where the window waits for its end
	points []point
}

// point is one event that a window holds: when, and which value or rule.
type point struct {
	time  int64
	value uint64
}

type owner struct {
	groups []*group // by key
	points int
}

// Hit is a correlation that came true.
type Hit struct {
	Rule int
	// Count is how many events, values or rules its window held.
	Count int
	// From and To are the window's first and last event, Unix nanoseconds.
	From, To int64
	// Group words the values that it groups by, empty for the identity.
	Group string
	// Over says that the window was judged when it was over: the event in hand
	// is not part of it.
	Over bool
}

// NewState makes an empty state.
func NewState(set *Set) *State {
	return &State{set: set, groups: map[uint64]*group{}, owners: map[string]*owner{}, matched: make([]uint64, len(set.rules)), seen: map[uint64]int{}}
}

// Groups and Evicted are how many windows are remembered, and how many had to
// be forgotten for want of room.
func (st *State) Groups() int { return len(st.groups) }

// Evicted counts windows that were forgotten for want of room.
func (st *State) Evicted() uint64 { return st.evicted }

// Observe takes in an event that s has scanned, with the rules that it matched,
// and appends the correlations that came true, in the order of the set.
func (st *State) Observe(s *Scanner, matched []int, out []Hit) []Hit {
	if len(st.set.corr) == 0 {
		return out
	}
	from := len(out)
	if st.waiting > 0 {
		out = st.over(s, out)
	}
	if len(matched) == 0 {
		return out
	}
	st.event++
	for _, i := range matched {
		st.matched[i] = st.event
	}
	for _, i := range st.set.corr {
		c := st.set.rules[i].corr
		for at, j := range c.rules {
			if st.matched[j] != st.event {
				continue
			}
			if h, ok := st.add(s, i, j, at); ok {
				out = append(out, h)
				st.matched[i] = st.event
			}
			if c.kind == eventCount {
				break // one event, whichever of the rules it matched
			}
		}
	}
	slices.SortStableFunc(out[from:], func(a, b Hit) int { return cmp.Compare(a.Rule, b.Rule) })
	return out
}

// add puts the event in hand into the correlation's window.
func (st *State) add(s *Scanner, rule, by, at int) (h Hit, ok bool) {
	c := st.set.rules[rule].corr
	key, ok := st.key(s, rule, by)
	if !ok {
		return h, false
	}
	var values []string
	value := uint64(at) //nolint:gosec // a place in a list
	if c.kind == valueCount {
		if values = s.lower(s.get(c.fieldOf(c.field, by))); len(values) == 0 {
			return h, false
		}
	}
	g := st.groups[key]
	if g == nil {
		g = st.open(s, key, rule, by)
	}
	now := s.ev.Time
	if now <= g.last-2*c.span {
		return h, false // of no window that can still be judged
	}
	before := len(g.points)
	g.last = max(g.last, now)
	st.newest = max(st.newest, now)
	if c.kind == valueCount {
		for _, v := range values {
			g.insert(c, point{now, xxhash.Sum64String(v)})
		}
	} else {
		g.insert(c, point{now, value})
	}
	if !c.deferred {
		h, ok = st.judge(g, c, now)
		if ok {
			h.Rule, h.Group = rule, st.label(s, rule, by)
			g.points = g.points[:0]
		}
	} else {
		ok = false
	}
	st.count(g, len(g.points)-before)
	if !c.deferred && len(g.points) == 0 {
		st.drop(g)
	} else {
		st.fit(g)
	}
	return h, ok
}

// key is the window that the event belongs to; ok is false when the event lacks
// a value of the grouping.
func (st *State) key(s *Scanner, rule, by int) (uint64, bool) {
	c := st.set.rules[rule].corr
	b := binary.LittleEndian.AppendUint32(st.buf[:0], uint32(rule)) //nolint:gosec // below maxRules
	if len(c.groupBy) == 0 {
		b = append(b, s.ev.IdentityId...)
	}
	for _, f := range c.groupBy {
		v := smallest(s.lower(s.get(c.fieldOf(f, by))))
		if v == "" {
			st.buf = b
			return 0, false
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(len(v))) //nolint:gosec // a length
		b = append(b, v...)
	}
	st.buf = b
	return xxhash.Sum64(b), true
}

// smallest is the value that stands for several, whatever their order.
func smallest(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return slices.Min(values)
}

// label words the values of the grouping.
func (st *State) label(s *Scanner, rule, by int) string {
	c := st.set.rules[rule].corr
	var b strings.Builder
	for _, f := range c.groupBy {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(st.set.fields.shown[f] + " " + smallest(s.get(c.fieldOf(f, by)).vals))
	}
	text := b.String()
	if len(text) > maxGroupLabel {
		text = strings.ToValidUTF8(text[:maxGroupLabel], "") + "…"
	}
	return text
}

// insert puts a point in its place in time. Of repeats that change nothing the
// newest is kept: of a value, and of a rule where no order counts.
func (g *group) insert(c *correlation, p point) {
	if c.kind == valueCount || c.kind == temporal {
		if i := slices.IndexFunc(g.points, func(q point) bool { return q.value == p.value }); i >= 0 {
			if g.points[i].time >= p.time {
				return
			}
			g.points = slices.Delete(g.points, i, i+1)
		}
	}
	at, _ := slices.BinarySearchFunc(g.points, p, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.value, b.value))
	})
	g.points = slices.Insert(g.points, at, p)
	if c.kind == temporalOrdered && len(g.points) > c.keep() {
		g.points = ends(g.points)
	}
	old := 0
	for old < len(g.points) && (g.points[old].time <= g.last-2*c.span || len(g.points)-old > c.keep()) {
		old++
	}
	g.points = slices.Delete(g.points, 0, old)
}

// ends drops what stands between two of its own kind: of a rule that matches
// again and again the first and the last of the run are enough.
func ends(points []point) []point {
	out := points[:1]
	for i := 1; i < len(points); i++ {
		if i+1 < len(points) && points[i].value == out[len(out)-1].value && points[i].value == points[i+1].value {
			continue
		}
		out = append(out, points[i])
	}
	return out
}

// judge looks at every window that ends at an event and holds the new one.
func (st *State) judge(g *group, c *correlation, now int64) (h Hit, ok bool) {
	from := 0
	for end := range g.points {
		to := g.points[end].time
		if to < now {
			continue
		}
		if to-now >= c.span {
			break
		}
		if end+1 < len(g.points) && g.points[end+1].time == to {
			continue // all of one moment together
		}
		for g.points[from].time <= to-c.span {
			from++
		}
		if n := st.size(c, g.points[from:end+1]); c.matches(n) {
			return Hit{Count: n, From: g.points[from].time, To: to}, true
		}
	}
	return h, false
}

// size is what a window holds, as its type counts.
func (st *State) size(c *correlation, points []point) int {
	switch c.kind {
	case temporalOrdered:
		// The longest run of rules in their order: best[r] is the longest that
		// ends with rule r.
		best := st.best[:len(c.rules)]
		clear(best)
		longest := 0
		for _, p := range points {
			n := 0
			for r := range p.value {
				n = max(n, best[r])
			}
			best[p.value] = max(best[p.value], n+1)
			longest = max(longest, best[p.value])
		}
		return longest
	case valueCount:
		if c.deferred {
			clear(st.seen)
			for _, p := range points {
				st.seen[p.value]++
			}
			return len(st.seen)
		}
		return len(points) // one of each value
	default:
		return len(points)
	}
}

// over judges the windows of the event's identity that are over by now.
func (st *State) over(s *Scanner, out []Hit) []Hit {
	o := st.owners[s.ev.IdentityId]
	if o == nil {
		return out
	}
	for i := 0; i < len(o.groups); i++ {
		g := o.groups[i]
		c := st.set.rules[g.rule].corr
		before := len(g.points)
		for c.deferred && len(g.points) > 0 && s.ev.Time >= g.points[0].time+c.span {
			first := g.points[0].time
			n := 0
			for n < len(g.points) && g.points[n].time < first+c.span {
				n++
			}
			if size := st.size(c, g.points[:n]); c.matches(size) {
				out = append(out, Hit{Rule: g.rule, Count: size, From: first, To: g.points[n-1].time, Group: g.label, Over: true})
			}
			g.points = slices.Delete(g.points, 0, n)
		}
		st.count(g, len(g.points)-before)
		if c.deferred && len(g.points) == 0 {
			st.drop(g)
			i--
		}
	}
	return out
}

func (st *State) open(s *Scanner, key uint64, rule, by int) *group {
	id := s.ev.IdentityId
	o := st.owners[id]
	if o == nil {
		id = strings.Clone(id)
		o = &owner{}
		st.owners[id] = o
	} else {
		id = o.groups[0].owner
		if len(o.groups) >= ownerGroups {
			st.evict(o, nil)
		}
		if len(o.groups) == 0 { // the last one went, and the owner with it
			st.owners[id] = o
		}
	}
	g := &group{key: key, rule: rule, owner: id, last: s.ev.Time}
	if st.set.rules[rule].corr.deferred {
		g.label = st.label(s, rule, by)
	}
	st.place(o, g)
	return g
}

// place puts a group into its owner's list and the table.
func (st *State) place(o *owner, g *group) {
	at, _ := slices.BinarySearchFunc(o.groups, g.key, func(x *group, key uint64) int { return cmp.Compare(x.key, key) })
	o.groups = slices.Insert(o.groups, at, g)
	st.groups[g.key] = g
	if st.set.rules[g.rule].corr.deferred {
		st.waiting++
	}
}

func (st *State) count(g *group, n int) {
	st.points += n
	st.owners[g.owner].points += n
}

func (st *State) drop(g *group) {
	st.count(g, -len(g.points))
	o := st.owners[g.owner]
	o.groups = slices.DeleteFunc(o.groups, func(x *group) bool { return x == g })
	if len(o.groups) == 0 {
		delete(st.owners, g.owner)
	}
	delete(st.groups, g.key)
	if st.set.rules[g.rule].corr.deferred {
		st.waiting--
	}
}

func older(a, b *group) int { return cmp.Or(cmp.Compare(a.last, b.last), cmp.Compare(a.key, b.key)) }

// evict forgets an owner's oldest window, but not the one named.
func (st *State) evict(o *owner, but *group) {
	var oldest *group
	for _, g := range o.groups {
		if g != but && (oldest == nil || older(g, oldest) < 0) {
			oldest = g
		}
	}
	if oldest != nil {
		st.drop(oldest)
		st.evicted++
	}
}

// fit forgets windows until there is room again. Those of the cell go a fifth
// at a time, so that it costs little on the whole.
func (st *State) fit(g *group) {
	o := st.owners[g.owner]
	for o.points > ownerPoints && len(o.groups) > 1 {
		st.evict(o, g)
	}
	if len(st.groups) <= maxGroups+maxGroups/4 && st.points <= maxPoints+maxPoints/4 {
		return
	}
	all := make([]*group, 0, len(st.groups))
	for _, x := range st.groups {
		if x != g {
			all = append(all, x)
		}
	}
	slices.SortFunc(all, older)
	for _, x := range all {
		expired := x.last <= st.newest-2*st.set.rules[x.rule].corr.span && !st.set.rules[x.rule].corr.deferred
		full := len(st.groups) > maxGroups || st.points > maxPoints
		if expired || full {
			st.drop(x)
			if !expired {
				st.evicted++
			}
		}
	}
}
