package detect

import "slices"

// share is the part of n that falls to the i-th of so many parts; they add up to n.
func share[T uint32 | uint64 | int32](n T, i, of int) T {
	s := n / T(of)           //nolint:gosec // few cells
	if T(i%of) < n-s*T(of) { //nolint:gosec // few cells
		s++
	}
	return s
}

// deal sums the tables of the old cells and gives each new cell its part.
func (r *rekey) deal() {
	base := int64(never)
	for _, e := range r.old {
		if e.tables.base.used {
			base = max(base, e.tables.base.hour)
		}
	}
	var sum tables
	sum.init()
	hours := map[int64]*layer{}
	for _, e := range r.old {
		t := &e.tables
		sum.newest = max(sum.newest, t.newest)
		if t.first != 0 && (sum.first == 0 || t.first < sum.first) {
			sum.first = t.first
		}
		if t.base.used {
			sum.base.join(&t.base)
		}
		for _, l := range t.recent {
			if l.hour <= base {
				// Another cell has folded this hour already.
				one := layer{values: map[valueKey]int32{}}
				one.add(l)
				sum.base.join(&one)
				continue
			}
			h := hours[l.hour]
			if h == nil {
				h = &layer{hour: l.hour, used: true, values: map[valueKey]int32{}}
				hours[l.hour] = h
				sum.recent = append(sum.recent, h)
			}
			h.join(l)
		}
	}
	slices.SortFunc(sum.recent, func(a, b *layer) int { return compare(a.hour, b.hour) })
	for n, e := range r.fresh {
		t := &e.tables
		t.first, t.newest = sum.first, sum.newest
		t.base = *sum.base.part(n, len(r.fresh))
		for _, l := range sum.recent {
			t.recent = append(t.recent, l.part(n, len(r.fresh)))
		}
	}
}

// join adds a layer of the same hours, week and ledger included.
func (l *layer) join(o *layer) {
	l.hour, l.used = max(l.hour, o.hour), true
	l.sum(o)
	for g := range groups {
		l.season[g].calls += o.season[g].calls
		l.season[g].expected += o.season[g].expected
		for i := range o.week[g] {
			l.week[g][i].calls += o.week[g][i].calls
			l.week[g][i].expected += o.week[g][i].expected
		}
	}
	for w := range ways {
		l.tests[w] += o.tests[w]
		l.pages[w] += o.pages[w]
	}
	l.rare.add(o.rare)
	l.herds = l.herds.joined(o.herds)
	for _, h := range o.ledger {
		i, found := slices.BinarySearchFunc(l.ledger, h.hour, func(x ledgerHour, hour int64) int { return compare(x.hour, hour) })
		if !found {
			l.ledger = slices.Insert(l.ledger, i, ledgerHour{hour: h.hour})
		}
		for w := range ways {
			l.ledger[i].tests[w] += h.tests[w]
			l.ledger[i].pages[w] += h.pages[w]
		}
		l.ledger[i].rare.add(h.rare)
		l.ledger[i].herds = l.ledger[i].herds.joined(h.herds)
	}
}

// part is the layer of one of so many cells that share what this one counted.
func (l *layer) part(n, of int) *layer {
	p := &layer{hour: l.hour, used: l.used, values: map[valueKey]int32{}}
	u := func(x uint64) uint64 { return share(x, n, of) }
	for g := range groups {
		for s, from := range l.tails[g] {
			if from == nil {
				continue
			}
			h := new(histogram)
			for i, x := range from {
				h[i] = u(x)
			}
			p.tails[g][s] = h
		}
		for i, x := range l.levels[g] {
			p.levels[g][i] = u(x)
		}
		p.spread[g] = spread{u(l.spread[g].sum), u(l.spread[g].panes)}
		p.season[g] = season{u(l.season[g].calls), u(l.season[g].expected)}
		p.count[g] = u(l.count[g])
		for i, x := range l.week[g] {
			p.week[g][i] = season{u(x.calls), u(x.expected)}
		}
	}
	for w := range ways {
		p.tests[w], p.pages[w] = u(l.tests[w]), u(l.pages[w])
	}
	p.rare = l.rare.part(l.hour, n, of)
	p.herds = l.herds.part(l.hour, n, of)
	for _, h := range l.ledger {
		one := ledgerHour{hour: h.hour, rare: h.rare.part(h.hour, n, of), herds: h.herds.part(h.hour, n, of)}
		for w := range ways {
			one.tests[w], one.pages[w] = u(h.tests[w]), u(h.pages[w])
		}
		p.ledger = append(p.ledger, one)
	}
	for k, x := range l.values {
		// Values that few showed do not all fall to the first cell.
		if x = share(x, n+int(k.hash%uint32(of)), of); x > 0 { //nolint:gosec // few cells
			p.values[k] = x
		}
	}
	return p
}
