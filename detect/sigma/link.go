package sigma

import (
	"slices"
	"strings"
)

// link joins filters to rules, finds what correlations name, and orders them.
func (l *loader) link() {
	rules := l.set.rules
	for i := range l.filters {
		l.apply(&l.filters[i])
	}
	for i := range rules {
		r := &rules[i]
		if r.corr == nil {
			continue
		}
		l.file, l.rule = r.File, r.Title
		for _, ref := range r.corr.refs {
			j, ok := l.byRef[ref]
			if !ok {
				l.fail(r.Line, "correlation: rules: no rule with the id or name %q: load its file too", ref)
				continue
			}
			if rules[j].corr != nil && rules[j].corr.deferred {
				l.fail(r.Line, "correlation: rules: %q has an upper bound, so that it is known only when its window is over: no other correlation can name it", ref)
			}
			rules[j].used = true
			if !r.corr.generate {
				rules[j].Alone = false
			}
			r.corr.rules = append(r.corr.rules, j)
		}
		l.aliases(r)
	}
	// generate: true of one correlation lets the rules it names speak, whatever
	// others say.
	for i := range rules {
		if c := rules[i].corr; c != nil && c.generate {
			for _, j := range c.rules {
				rules[j].Alone = true
			}
		}
	}
	l.order()
}

// apply joins a filter's condition to those of its rules.
func (l *loader) apply(f *filter) {
	l.file, l.rule = f.file, f.rule
	join1 := func(r *Rule) {
		if r.root != nil {
			r.root = &node{op: nodeAnd, kids: []*node{r.root, f.root}}
		}
	}
	if f.rules == nil {
		for i := range l.set.rules {
			if r := &l.set.rules[i]; r.corr == nil && agrees(f.source.Category, r.Source.Category) && agrees(f.source.Product, r.Source.Product) && agrees(f.source.Service, r.Source.Service) {
				join1(r)
			}
		}
		return
	}
	for _, ref := range f.rules {
		i, ok := l.byRef[ref]
		if !ok {
			l.warn(f.line, "filter: no rule with the id or name %q", ref)
			continue
		}
		if l.set.rules[i].corr != nil {
			l.fail(f.line, "filter: %q is a correlation: filter the rules that it names", ref)
			continue
		}
		join1(&l.set.rules[i])
	}
}

// aliases resolves the aliases of a correlation.
func (l *loader) aliases(r *Rule) {
	c := r.corr
	for alias, by := range c.rawAliases {
		for ref, name := range by {
			j, ok := l.byRef[ref]
			if !ok || !slices.Contains(c.rules, j) {
				l.fail(r.Line, "correlation: aliases: %s: %q is none of the rules of this correlation", alias, ref)
				continue
			}
			if c.aliases == nil {
				c.aliases = map[[2]int]int{}
			}
			c.aliases[[2]int{l.field(alias), j}] = l.field(name)
		}
	}
}

// order sorts correlations so that each follows those it names, and refuses
// circles.
func (l *loader) order() {
	const open, done = 1, 2
	state := make([]int, len(l.set.rules))
	var visit func(i int) bool
	visit = func(i int) bool {
		r := &l.set.rules[i]
		switch {
		case r.corr == nil || state[i] == done:
			return true
		case state[i] == open:
			l.file, l.rule = r.File, r.Title
			l.fail(r.Line, "correlation: it names itself, by way of others")
			return false
		}
		state[i] = open
		for _, j := range r.corr.rules {
			if !visit(j) {
				return false
			}
		}
		state[i] = done
		l.set.corr = append(l.set.corr, i)
		return true
	}
	for i := range l.set.rules {
		if !visit(i) {
			return
		}
	}
}

// view is a set as it is for one format: where each field is, and which rules
// an event can match at all.
type view struct {
	access [][]source // by field
	// attrs numbers the attributes that are wanted, by their normal names;
	// roots says that some of them are the first part of a path.
	attrs map[string]int
	roots bool
	keys  []keyIndex
	rest  []int32
}

// keyIndex finds rules by the value that one field must have.
type keyIndex struct {
	field int
	rules map[string][]int32
}

// attribute sources carry their slot in the view.
func (v *view) slot(name string) int {
	i, ok := v.attrs[name]
	if !ok {
		i = len(v.attrs)
		v.attrs[name] = i
		v.roots = v.roots || !strings.Contains(name, ".")
	}
	return i
}

// finish builds the views, and says which fields no mapping knows.
func (l *loader) finish(files []File) {
	s := l.set
	s.digest = digestOf(files)
	byFormat := map[string][]int{}
	for i := range s.rules {
		for _, f := range s.rules[i].Formats {
			byFormat[f] = append(byFormat[f], i)
		}
	}
	extra := l.correlated()
	unknown := make([]map[string]bool, len(s.rules))
	for format, rules := range byFormat {
		v := &view{access: make([][]source, len(s.fields.names)), attrs: map[string]int{}}
		s.views[format] = v
		for _, i := range rules {
			used := map[int]bool{}
			walk(s.rules[i].root, used)
			for _, f := range s.rules[i].fields {
				used[f] = true
			}
			for f := range extra[i] {
				used[f] = true
			}
			for f := range used {
				if f == anywhere {
					continue
				}
				sources, known := l.mapping.resolve(format, s.fields.names[f])
				v.access[f] = sources
				if !known {
					if unknown[i] == nil {
						unknown[i] = map[string]bool{}
					}
					unknown[i][s.fields.shown[f]] = true
				}
			}
		}
		// Number the attributes in order, not in that of the map.
		for f := range v.access {
			v.access[f] = slices.Clone(v.access[f])
			for k := range v.access[f] {
				if x := &v.access[f][k]; x.column == 0 {
					x.slot = v.slot(x.attr)
				}
			}
		}
		v.index(s, rules)
	}
	for i := range s.rules {
		r := &s.rules[i]
		for f := range unknown[i] {
			r.Unmapped = append(r.Unmapped, f)
		}
		slices.Sort(r.Unmapped)
		l.file, l.rule = r.File, r.Title
		for _, f := range r.Unmapped {
			l.warn(r.Line, "field %s: unknown for %s: absent, unless the record has an attribute of that name", f, r.Source)
		}
	}
	slices.SortStableFunc(s.warnings, func(a, b Problem) int { return strings.Compare(a.File, b.File)*2 + sign(a.Line-b.Line) })
}

func sign(n int) int { return min(max(n, -1), 1) }

// correlated gives, for each rule, the fields by which correlations group or
// count its events.
func (l *loader) correlated() []map[int]bool {
	s := l.set
	out := make([]map[int]bool, len(s.rules))
	var add func(i int, fields []int)
	add = func(i int, fields []int) {
		r := &s.rules[i]
		if r.corr != nil {
			for _, j := range r.corr.rules {
				add(j, fields)
			}
			return
		}
		if out[i] == nil {
			out[i] = map[int]bool{}
		}
		for _, f := range fields {
			out[i][f] = true
		}
	}
	for _, i := range s.corr {
		c := s.rules[i].corr
		for _, j := range c.rules {
			var fields []int
			for _, f := range append(slices.Clone(c.groupBy), c.field) {
				if f != anywhere {
					fields = append(fields, c.fieldOf(f, j))
				}
			}
			fields = append(fields, s.rules[i].fields...)
			add(j, fields)
		}
	}
	return out
}

func walk(n *node, used map[int]bool) {
	if n == nil {
		return
	}
	if n.op == nodeItem {
		used[n.item.field] = true
		for i := range n.item.tests {
			if t := &n.item.tests[i]; t.op == opField {
				used[t.field] = true
			}
		}
	}
	for _, k := range n.kids {
		walk(k, used)
	}
}

// index sorts the view's rules by the values that they must see.
func (v *view) index(s *Set, rules []int) {
	at := map[int]int{}
	for _, i := range rules {
		best, rank := anywhere, 0
		need := necessary(s.rules[i].root)
		fields := make([]int, 0, len(need))
		for f := range need {
			fields = append(fields, f)
		}
		slices.Sort(fields)
		for _, f := range fields {
			if r := v.rank(f, len(need[f])); best == anywhere || r < rank {
				best, rank = f, r
			}
		}
		if best == anywhere {
			v.rest = append(v.rest, int32(i)) //nolint:gosec // below maxRules
			continue
		}
		k, ok := at[best]
		if !ok {
			k = len(v.keys)
			at[best] = k
			v.keys = append(v.keys, keyIndex{best, map[string][]int32{}})
		}
		for value := range need[best] {
			v.keys[k].rules[value] = append(v.keys[k].rules[value], int32(i)) //nolint:gosec // below maxRules
		}
	}
}

// rank orders fields by how well they tell events apart, and how cheaply: the
// action first, then other columns, then attributes; fewer values before more.
func (v *view) rank(f, values int) int {
	rank := min(values, 1<<16)
	switch a := v.access[f]; {
	case len(a) == 0:
		return rank + 3<<20
	case columns[a[0].column].name == "action":
		return rank
	case a[0].column != 0:
		return rank + 1<<20
	}
	return rank + 2<<20
}

// necessary gives fields of which an event must have one of the values, in
// lower case, for a condition to hold.
func necessary(n *node) map[int]map[string]bool {
	if n == nil {
		return nil
	}
	switch n.op {
	case nodeItem:
		if n.item.field == anywhere {
			return nil
		}
		values := map[string]bool{}
		for i := range n.item.tests {
			t := &n.item.tests[i]
			if t.op != opExact {
				return nil
			}
			values[string(appendLower(nil, t.text))] = true
		}
		return map[int]map[string]bool{n.item.field: values}
	case nodeAnd:
		out := map[int]map[string]bool{}
		for _, k := range n.kids {
			for f, values := range necessary(k) {
				if have, ok := out[f]; !ok || len(values) < len(have) {
					out[f] = values
				}
			}
		}
		return out
	case nodeOr:
		var out map[int]map[string]bool
		for i, k := range n.kids {
			need := necessary(k)
			if i == 0 {
				out = need
				continue
			}
			for f := range out {
				more, ok := need[f]
				if !ok {
					delete(out, f)
					continue
				}
				both := make(map[string]bool, len(out[f])+len(more))
				for v := range out[f] {
					both[v] = true
				}
				for v := range more {
					both[v] = true
				}
				out[f] = both
			}
		}
		return out
	default:
		return nil
	}
}
