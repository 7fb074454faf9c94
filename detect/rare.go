package detect

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// What the strong way pages is kept within its allowance by counting. A rare
// event (a new country, a person's client under a machine's credential, a sleeper
// that wakes, one that looks around, a caller that falls silent) meets conditions of its own, which have
// no probability. A statistic has one, but the floors that it must pass as well
// have none, and the union bound over a day's tests knows nothing of them. So
// each detector's candidates, paged or not, are counted by surprise, and page
// from the surprise on above which the fleet usually has no more of them than
// their share. What falls below is evidence for the fused way, and a silence
// goes to the report. So a fleet in which such things happen daily does not page
// daily, and one in which they are rare pages at once.
//
// First uses are counted likewise, by how new they are to the identity and how
// rare among its peers together: of twenty thousand identities that call seldom,
// some make their first deletion every day, as hundreds of their peers did. They
// have the consequence way's third of the budget, and what the other two ways
// left of theirs in the last week. What falls below goes to the report and is
// evidence for the fused way. Critical calls are not held back.
//
// A count cannot tell an attack from a habit; its shape can. A habit is there on
// most days, an intrusion or a migration on one or two: the two busiest days of
// the week are left out of what is usual. And each detector is counted by itself,
// so that sleepers which wake daily do not hide a person at a machine's
// credential.

const (
	// rareBins are quarter units of surprise.
	rareBins   = 32
	ledgerDays = ledgerHours / 24
	busyDays   = 2
	// belowUnion is how far below the union bound a count may lead a statistic,
	// as -log10 p; of a young cell the share of a week that it has seen.
	belowUnion = 1.5
)

// rareCount is how many candidates of a detector had a surprise.
type rareCount struct {
	row uint32 // rareRow of the detector
	bin uint8
	n   uint16
}

// rareCounts is ascending by row and bin: at most rareBins for each detector.
type rareCounts []rareCount

func rareRow(m *Meta) uint32 { return ruleHash(Rule, m.Name, "", false) }

// firstUseRow is the row of the consequence findings that have a rank: what the
// detector finds beside them pages by a rule of its own.
func firstUseRow(m *Meta) uint32 { return ruleHash(Rule, m.Name, "", true) }

// firstUseRows are those of all detectors.
var firstUseRows = sync.OnceValue(func() map[uint32]bool {
	rows := map[uint32]bool{}
	all := Catalogue()
	for i := range all {
		rows[firstUseRow(&all[i])] = true
	}
	return rows
})

// split parts a week's counts: those of first uses, and all others.
func (w *rareWeek) split() (uses, others rareWeek) {
	rows := firstUseRows()
	for d := range w {
		for _, x := range w[d] {
			if rows[x.row] {
				uses[d] = append(uses[d], x)
			} else {
				others[d] = append(others[d], x)
			}
		}
	}
	return uses, others
}

func rareBin(s float64) uint8 { return uint8(min(max(int(4*s), 0), rareBins-1)) } //nolint:gosec // clamped

func (r *rareCounts) count(row uint32, bin uint8, n uint64) {
	if n == 0 {
		return
	}
	i, found := slices.BinarySearchFunc(*r, rareCount{row: row, bin: bin}, func(a, b rareCount) int {
		return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.bin, b.bin))
	})
	if !found {
		*r = slices.Insert(*r, i, rareCount{row: row, bin: bin})
	}
	(*r)[i].n = uint16(min(uint64((*r)[i].n)+n, math.MaxUint16)) //nolint:gosec // clamped
}

func (r *rareCounts) add(o rareCounts) {
	for _, x := range o {
		r.count(x.row, x.bin, uint64(x.n))
	}
}

// part is what the n-th of several cells takes over of an hour. Most counts are
// one: they do not all fall to the first cell.
func (r rareCounts) part(hour int64, n, of int) (p rareCounts) {
	for _, x := range r {
		turn := mod(int64(x.row)+int64(x.bin)+hour, int64(of))
		p.count(x.row, x.bin, share(uint64(x.n), n+int(turn), of))
	}
	return p
}

func (r *rareCounts) visit(c *codec) {
	list(c, (*[]rareCount)(r), func(x *rareCount) {
		c.u32(&x.row)
		c.u8(&x.bin)
		c.u16(&x.n)
	})
}

// rareWeek is a week of counts, by day.
type rareWeek [ledgerDays]rareCounts

// rows is what each detector had: on each day, of each bin and all above.
func (w *rareWeek) rows() (rows []rareRowWeek) {
	var all rareCounts
	for d := range w {
		all.add(w[d])
	}
	for len(all) > 0 {
		row := rareRowWeek{row: all[0].row}
		var days daily
		for bin := rareBins - 1; bin >= 0; bin-- {
			for d := range w {
				for _, x := range w[d] {
					if x.row == row.row && int(x.bin) == bin {
						days[d] += float64(x.n)
					}
				}
			}
			row.above[bin] = days
		}
		rows = append(rows, row)
		n := slices.IndexFunc(all, func(x rareCount) bool { return x.row != row.row })
		if n < 0 {
			break
		}
		all = all[n:]
	}
	return rows
}

// rareRowWeek is how many candidates a detector had each day from each bin up.
type rareRowWeek struct {
	row   uint32
	above [rareBins]daily
}

// daily is how many candidates there were on each day of a week.
type daily [ledgerDays]float64

// usual is how many a usual day has: the mean that the days without the busiest tell
// of. Days of which nothing is known count as quiet.
func (d *daily) usual() float64 {
	sorted := *d
	slices.Sort(sorted[:])
	quiet := 0.0
	for _, n := range sorted[:ledgerDays-busyDays] {
		quiet += n
	}
	return math.Min(ofQuietDays(quiet/(ledgerDays-busyDays)), d.sum()/ledgerDays)
}

func (d *daily) sum() (sum float64) {
	for _, n := range d {
		sum += n
	}
	return sum
}

func (d *daily) add(o *daily) {
	for i, n := range o {
		d[i] += n
	}
}

// ofQuietDays is the mean of Poisson counts of which the five quieter days of seven
// have a mean: by simulation that lies 0.43 standard deviations below it.
func ofQuietDays(quiet float64) float64 {
	if quiet == 0 {
		return 0
	}
	root := (quietBelow + math.Sqrt(quietBelow*quietBelow+4*quiet)) / 2
	return float64(root * root)
}

const quietBelow = 0.43

// rareGate is the least surprise with which each detector's candidates page (0
// where none is named), and how many of all are expected a day.
type rareGate struct {
	least map[uint32]float64
	pages float64
}

// gate shares an allowance a day out, so that the detector that has least gets
// what it needs first (max-min fairness), and none pages beyond its share.
func (w *rareWeek) gate(perDay float64) rareGate {
	rows, from, pages := w.shares(perDay)
	return gateOf(rows, from, pages)
}

// gateTogether is gate for candidates that nothing but their bars holds back. What a
// detector has on two days of a week is no habit, what eight of them have is one of
// the fleet: as long as all together page more than is allowed, the one that pages
// most loses its mildest.
func (w *rareWeek) gateTogether(perDay float64) rareGate {
	rows, from, _ := w.shares(perDay)
	for {
		var all daily
		most, last := 0.0, -1
		for i := range rows {
			if from[i] == rareBins {
				continue
			}
			d := &rows[i].above[from[i]]
			all.add(d)
			if n := d.sum(); n > most {
				most, last = n, i
			}
		}
		pages := all.usual()
		if pages <= perDay || last < 0 {
			return gateOf(rows, from, pages)
		}
		from[last]++
	}
}

// shares gives the bin from which each detector's candidates page within its share
// of an allowance, and the sum of what they page on a usual day.
func (w *rareWeek) shares(perDay float64) (rows []rareRowWeek, from []int, pages float64) {
	rows = w.rows()
	from = make([]int, len(rows))
	usual, order := make([]float64, len(rows)), make([]int, len(rows))
	for i := range rows {
		order[i], usual[i] = i, rows[i].above[0].usual()
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(usual[a], usual[b]), cmp.Compare(rows[a].row, rows[b].row))
	})
	for n, i := range order {
		share := max(0, perDay-pages) / float64(len(rows)-n)
		from[i] = slices.IndexFunc(rows[i].above[:], func(d daily) bool { return d.usual() <= share })
		if from[i] < 0 {
			from[i] = rareBins
			continue
		}
		pages += rows[i].above[from[i]].usual()
	}
	return rows, from, pages
}

func gateOf(rows []rareRowWeek, from []int, pages float64) rareGate {
	g := rareGate{least: map[uint32]float64{}, pages: pages}
	for i := range rows {
		if from[i] > 0 {
			g.least[rows[i].row] = float64(from[i]) / 4
		}
	}
	return g
}

// bar is the calibrated surprise from which on a detector's statistic pages: no
// more than the union bound asks, and no less than what the fleet has shown
// allows.
func (b *budget) bar(m *Meta) float64 {
	return min(b.strong, max(b.rare.least[rareRow(m)], b.strong-belowUnion*b.known))
}

// crowded counts a finding that has a rank and reports whether its fleet has more
// like it than may page. One that was told within the last 30 days is counted where
// it was told.
func (e *Engine) crowded(p *Profile, x *found, day uint16, hour int64) bool {
	if x.Way != WayConsequence || x.rank == 0 {
		return false
	}
	if s := e.slots.find(&p.slots, Rule, ruleHash(Rule, x.meta.Name, x.Value, x.Refused)); s != nil && int(day)-int(s.day) <= verdictDays {
		return false
	}
	v := e.tables.view(hour, e)
	row := firstUseRow(x.meta)
	e.tables.at(hour).rare.count(row, rareBin(x.rank), 1)
	return x.rank < v.budget.uses.least[row] && !e.lacks(offArrivalGate)
}

// onlyReport makes a crowded finding one of the report, and says so.
func (x *found) onlyReport() {
	x.Way = WayReport
	x.Sentence += " It pages nobody: this fleet has more first uses like it every day than its budget allows."
}

// affordable counts a rare event found on arrival and reports whether it may
// page. One that was raised within the last 30 days is counted in its alert.
func (e *Engine) affordable(p *Profile, x *found, call *Call) bool {
	if e.lacks(offStrong) {
		return false
	}
	s := e.slots.find(&p.slots, Rule, ruleHash(Rule, x.meta.Name, x.Value, x.Refused))
	if s != nil && int(call.Day)-int(s.day) <= verdictDays {
		return true
	}
	return e.affordableAt(x.meta, x.Surprise, call.hour)
}

// affordableAt counts a rare event of an hour and reports whether it may page.
// The tables that decide end hours before, so that the order in which topics are
// read changes nothing.
func (e *Engine) affordableAt(m *Meta, s float64, hour int64) bool {
	v := e.tables.view(hour, e)
	row := rareRow(m)
	e.tables.at(hour).rare.count(row, rareBin(s), 1)
	return s >= v.budget.rare.least[row] || e.lacks(offArrivalGate)
}
