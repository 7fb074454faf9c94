package detect

import (
	"maps"
	"slices"
)

// tables is what a cell knows of its fleet. Contributions are integers, kept by
// event hour; version k serves the events and panes of hour k and is the sum of
// the hours up to k-tablesLag, which nothing can change any more. So neither the order in which topics interleave, nor the
// order of identities, changes a verdict.
type tables struct {
	base   layer    // every hour up to base.hour
	recent []*layer // hours after that, ascending
	views  [4]*view // the last versions asked for
	fresh  int      // version replaced last
	first  int64    // first hour; 0 before
	newest int64    // newest version asked for
}

// layer is what one hour, or many, contributed.
type layer struct {
	hour   int64
	used   bool
	tails  [groups][signals]*histogram
	levels [groups][levelBins]uint64
	spread [groups]spread
	season [groups]season
	herds  herds
	count  [groups]uint64 // identities first seen
	tests  [ways]uint64
	pages  [ways]uint64
	rare   rareCounts
	values map[valueKey]int32
	// Of base only: what time-dependent tables need.
	week   [groups][hoursOfWeek]season
	ledger []ledgerHour
}

// ledgerHour is what the budget needs of one hour.
type ledgerHour struct {
	hour  int64
	tests [ways]uint64
	pages [ways]uint64
	rare  rareCounts
	herds herds
}

// season sums calls and what was expected of them, to compare hours of the week.
type season struct{ calls, expected uint64 }

// spread sums the dispersion of call counts, in thousandths, over panes.
type spread struct{ sum, panes uint64 }

// valueKey counts how many identities of a group showed a value.
type valueKey struct {
	group uint8
	dim   Dimension
	hash  uint32
}

const (
	groups      = len(kindNames)
	ways        = int(WayDeclared) + 1
	levelBins   = 48 // half octaves of calls a pane
	hoursOfWeek = 168
	// foldAfter is how many hours stay apart, so that older versions can still
	// be built.
	foldAfter = tablesLag + oldestView + 1
	// tablesLag is how many hours a version lags behind: a topic's time may lie two
	// behind its newest event and one behind other topics, and the last of the
	// hours must have ended.
	tablesLag = 4
	// ledgerHours is how long the budget looks back.
	ledgerHours = 7 * 24
	// maxValues bounds the table of values that identities showed.
	maxValues = 400_000
)

func (t *tables) init() {
	t.base.values = map[valueKey]int32{}
	t.base.hour = never
}

// at is the layer of an hour. Hours that a version has been built from never
// change again: what comes for them later counts in the first hour still open.
func (t *tables) at(hour int64) *layer {
	if t.newest != 0 && hour <= t.newest-tablesLag {
		hour = t.newest - tablesLag + 1
	}
	for i := len(t.recent) - 1; i >= 0; i-- {
		if t.recent[i].hour == hour {
			return t.recent[i]
		}
	}
	if t.first == 0 || hour < t.first {
		t.first = hour
	}
	l := &layer{hour: hour, used: true, values: map[valueKey]int32{}}
	i, _ := slices.BinarySearchFunc(t.recent, hour, func(x *layer, h int64) int { return compare(x.hour, h) })
	t.recent = slices.Insert(t.recent, i, l)
	return l
}

func (t *tables) identity(hour int64, group uint8) { t.at(hour).count[group]++ }

func (t *tables) seen(hour int64, group uint8, d Dimension, h uint32) {
	t.at(hour).show(valueKey{group, d, h}, 1, maxValues/4)
}

// show counts n identities for a value. Where there is no room for one more, those
// that the fewest identities showed go: else whoever makes up values could keep out
// what others have in common.
func (b *layer) show(k valueKey, n int32, bound int) {
	if _, ok := b.values[k]; !ok && len(b.values) >= bound {
		for least := int32(1); len(b.values) > bound/4*3; least *= 2 {
			maps.DeleteFunc(b.values, func(_ valueKey, n int32) bool { return n <= least })
		}
	}
	b.values[k] += n
}

// have is how many identities of a group showed a value by version k.
func (t *tables) have(k int64, group uint8, d Dimension, h uint32) int {
	key := valueKey{group, d, h}
	n := t.base.values[key]
	for _, l := range t.recent {
		if l.hour <= k-tablesLag {
			n += l.values[key]
		}
	}
	return int(n)
}

// fold adds the hours up to a bound to the base.
func (t *tables) fold(upTo int64) {
	n := 0
	for _, l := range t.recent {
		if l.hour > upTo {
			break
		}
		t.base.add(l)
		n++
	}
	t.recent = slices.Delete(t.recent, 0, n)
}

// add takes in a layer of one hour.
func (b *layer) add(l *layer) {
	b.hour, b.used = l.hour, true
	b.sum(l)
	hour := mod(l.hour, hoursOfWeek)
	for g := range groups {
		b.week[g][hour].calls += l.season[g].calls
		b.week[g][hour].expected += l.season[g].expected
	}
	b.ledger = append(b.ledger, ledgerHour{l.hour, l.tests, l.pages, l.rare, l.herds})
	for len(b.ledger) > 0 && b.ledger[0].hour < l.hour-ledgerHours {
		b.ledger = b.ledger[1:]
	}
}

// sum adds what does not depend on the hour.
func (b *layer) sum(l *layer) {
	for g := range groups {
		for s, from := range l.tails[g] {
			if from == nil {
				continue
			}
			if b.tails[g][s] == nil {
				b.tails[g][s] = new(histogram)
			}
			b.tails[g][s].add(from)
		}
		for i, n := range l.levels[g] {
			b.levels[g][i] += n
		}
		b.spread[g].sum += l.spread[g].sum
		b.spread[g].panes += l.spread[g].panes
		b.count[g] += l.count[g]
	}
	keys := make([]valueKey, 0, len(l.values))
	for k := range l.values {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	for _, k := range keys {
		b.show(k, l.values[k], maxValues)
	}
}

func compareKeys(a, b valueKey) int {
	if a.group != b.group {
		return int(a.group) - int(b.group)
	}
	if a.dim != b.dim {
		return int(a.dim) - int(b.dim)
	}
	return compare(int64(a.hash), int64(b.hash))
}

// view is one version of the tables, built when first asked for.
type view struct {
	hour       int64
	tails      [groups + 1][signals]*tail // the last group is all kinds
	identities [groups + 1]uint64
	spread     [groups + 1]float64
	levels     [groups][levelBins]uint64
	herds      map[uint32]*pastHerd
	week       [groups][hoursOfWeek]season
	budget     budget
	t          *tables
	upTo       int64
	off        mechanism
	calm       [groups][signals]calm
}

// calm is what a version makes of no surprise at all, which most signals of most
// panes bring.
type calm struct {
	known bool
	c     float64
	from  string
}

// oldestView is how far behind the newest version a version may be asked for.
const oldestView = 3

// view is version k of the tables. A version can be built again at any time
// from the layers: it depends on nothing but them.
func (t *tables) view(k int64, e *Engine) *view {
	t.newest = max(t.newest, k)
	k = max(k, t.newest-oldestView)
	for _, v := range t.views {
		if v != nil && v.hour == k {
			return v
		}
	}
	t.fold(t.newest - foldAfter)
	v := &view{hour: k, upTo: k - tablesLag, t: t, week: t.base.week, off: e.without}
	for _, l := range t.recent {
		if l.hour <= v.upTo {
			for g := range groups {
				w := &v.week[g][mod(l.hour, hoursOfWeek)]
				w.calls += l.season[g].calls
				w.expected += l.season[g].expected
			}
		}
	}
	var all spread
	for g := range groups {
		var s spread
		t.each(v.upTo, func(l *layer) {
			v.identities[g] += l.count[g]
			s.sum += l.spread[g].sum
			s.panes += l.spread[g].panes
			for i, n := range l.levels[g] {
				v.levels[g][i] += n
			}
		})
		v.identities[groups] += v.identities[g]
		v.spread[g] = s.mean()
		all.sum += s.sum
		all.panes += s.panes
	}
	v.spread[groups] = all.mean()
	v.budget = t.budget(v.upTo, e.share())
	t.views[t.fresh] = v
	t.fresh = (t.fresh + 1) % len(t.views)
	return v
}

// mean is the mean dispersion, drawn towards 0.5 by 1,000 panes.
func (s spread) mean() float64 {
	const prior, weight = 0.5, 1000
	return (float64(s.sum)/1000 + prior*weight) / (float64(s.panes) + weight)
}

// each visits the layers of a version.
func (t *tables) each(upTo int64, f func(*layer)) {
	if t.base.used {
		f(&t.base)
	}
	for _, l := range t.recent {
		if l.hour <= upTo {
			f(l)
		}
	}
}

// season is the group's factor for an hour of the week against its own mean: 1
// until 20 identities have two weeks of it.
func (v *view) season(group uint8, hour int64) float64 {
	at := mod(hour, hoursOfWeek)
	s := v.week[group][at]
	if v.identities[group] < 20 || s.expected < 2000 {
		return 1
	}
	return min(max(float64(s.calls)/float64(s.expected), 0.1), 10)
}

func (e *Engine) prevalence(p *Profile, s Sight, d Dimension) (have, of int) {
	if e.lacks(offPeers) {
		return 0, 0
	}
	v := e.tables.view(e.call.hour, e)
	return e.tables.have(v.hour, p.group, d, s.hash), int(v.identities[p.group]) //nolint:gosec // bounded
}

// prevalenceOfAll is prevalence over every kind.
func (e *Engine) prevalenceOfAll(d Dimension, h uint32) (have, of int) {
	if e.lacks(offPeers) {
		return 0, 0
	}
	v := e.tables.view(e.call.hour, e)
	for g := range groups {
		have += e.tables.have(v.hour, uint8(g), d, h) //nolint:gosec // nine kinds
	}
	return have, int(v.identities[groups]) //nolint:gosec // bounded
}
