package detect

// slot is one value that an identity is known by: 8 bytes. All set and edge
// detectors are views of one table of slots.
type slot struct {
	hash uint32
	day  uint16 // Unix day of the last sighting
	dim  uint8  // Dimension + 1; 0 is an empty slot
	wq   uint8  // weight (low 4 bits: log2 of the days it was seen on) and quarantine (high 4)
}

// The quarantine half of wq: 0 is the baseline, 1..14 hold the day (mod 14)
// that the quarantine began, 15 is held until an analyst's word.
const (
	quarantineDays = 7
	quarantineHeld = 15
	quarantineMod  = 14
)

func (s *slot) weight() uint8     { return s.wq & 15 }
func (s *slot) quarantine() uint8 { return s.wq >> 4 }

func (s *slot) set(weight, quarantine uint8) { s.wq = weight&15 | quarantine<<4 }

// quarantineFrom is the quarantine mark of a value first seen on day.
func quarantineFrom(day uint16) uint8 { return uint8(day%quarantineMod) + 1 } //nolint:gosec // 1..14

// served reports whether the quarantine of s is over on day. A sighting
// promotes a value once its quarantine is over, so the last sighting lies less
// than quarantineDays after the first, and the day mod 14 is unambiguous.
func (s *slot) served(day uint16) bool {
	q := s.quarantine()
	if q == 0 {
		return true
	}
	if q == quarantineHeld || day <= s.day && q == quarantineFrom(s.day) {
		return false
	}
	if int(day)-int(s.day) >= quarantineDays {
		return true
	}
	age := (int(day%quarantineMod) - int(q-1) + quarantineMod) % quarantineMod
	return age >= quarantineDays && age < quarantineMod-1
}

// slotTable is an identity's table: open addressing with linear probing in one
// of the cell's slabs, so that a look-up touches one or two cache lines.
type slotTable struct {
	index uint32 // which table of its class
	class uint8  // index into slotClasses, plus one; 0 is no table yet
	used  uint8
}

// slotClasses are the sizes of tables: an identity starts small and moves up.
var slotClasses = [...]int{16, 32, 64, 128}

// slotLimits are how many slots of a class may be used before the next class.
var slotLimits = [...]uint8{12, 25, 52, 100}

// slabTables is how many tables one slab of a class holds.
const slabTables = 256

// slotSlabs holds the tables of all identities of a cell, pointer-free.
type slotSlabs struct {
	class [len(slotClasses)]slotSlab
}

type slotSlab struct {
	slabs [][]slot
	next  uint32   // first table never used
	free  []uint32 // tables given back, last in first out
}

func (s *slotSlabs) table(t *slotTable) []slot {
	if t.class == 0 {
		return nil
	}
	size := slotClasses[t.class-1]
	slab := s.class[t.class-1].slabs[t.index/slabTables]
	at := int(t.index%slabTables) * size
	return slab[at : at+size : at+size]
}

func (s *slotSlabs) take(class uint8) slotTable {
	c := &s.class[class-1]
	if n := len(c.free); n > 0 {
		t := slotTable{index: c.free[n-1], class: class}
		c.free = c.free[:n-1]
		return t
	}
	if int(c.next/slabTables) == len(c.slabs) {
		c.slabs = append(c.slabs, make([]slot, slabTables*slotClasses[class-1]))
	}
	t := slotTable{index: c.next, class: class}
	c.next++
	return t
}

// release gives the table of t back, emptied.
func (s *slotSlabs) release(t *slotTable) {
	if t.class == 0 {
		return
	}
	clear(s.table(t))
	c := &s.class[t.class-1]
	c.free = append(c.free, t.index)
	*t = slotTable{}
}

// bytes is the memory that the table of t takes.
func (t *slotTable) bytes() int {
	if t.class == 0 {
		return 0
	}
	return 8 * slotClasses[t.class-1]
}

// find returns the slot of (d, h), or nil.
func (s *slotSlabs) find(t *slotTable, d Dimension, h uint32) *slot {
	return findIn(s.table(t), d, h)
}

// findIn is find in a table at hand.
func findIn(table []slot, d Dimension, h uint32) *slot {
	if len(table) == 0 {
		return nil
	}
	mask := uint32(len(table) - 1) //nolint:gosec // a small power of two
	tag := uint8(d) + 1
	for i := h & mask; ; i = (i + 1) & mask {
		e := &table[i]
		if e.dim == 0 {
			return nil
		}
		if e.hash == h && e.dim == tag {
			return e
		}
	}
}

// insert adds (d, h), which must not be there, growing or evicting as needed.
// It returns nil when the table is full of values that are never evicted.
// evicted tells whether another value was forgotten for it.
func (s *slotSlabs) insert(t *slotTable, d Dimension, h uint32, today uint16) (e *slot, evicted bool) {
	if t.class == 0 {
		*t = s.take(1)
	}
	if limit := d.limit(); limit > 0 {
		if n, victim := s.weakest(t, today, func(x Dimension) bool { return x == d }); n >= limit {
			s.remove(t, victim)
			evicted = true
		}
	}
	if t.used >= slotLimits[t.class-1] {
		if int(t.class) < len(slotClasses) {
			s.grow(t)
		} else {
			n, victim := s.weakest(t, today, func(x Dimension) bool { return !x.sensitive() })
			if n == 0 {
				return nil, false
			}
			s.remove(t, victim)
			evicted = true
		}
	}
	e = place(s.table(t), slot{hash: h, dim: uint8(d) + 1})
	t.used++
	return e, evicted
}

func place(table []slot, e slot) *slot {
	mask := uint32(len(table) - 1) //nolint:gosec // a small power of two
	i := e.hash & mask
	for table[i].dim != 0 {
		i = (i + 1) & mask
	}
	table[i] = e
	return &table[i]
}

func (s *slotSlabs) grow(t *slotTable) {
	old := *t
	*t = s.take(old.class + 1)
	to := s.table(t)
	for _, e := range s.table(&old) {
		if e.dim != 0 {
			place(to, e)
		}
	}
	t.used = old.used
	s.release(&old)
}

// weakest counts the slots that qualify and finds the one to forget first: the
// smallest weight, halved for every half-life unseen, a churning dimension
// before others, then the smallest hash.
func (s *slotSlabs) weakest(t *slotTable, today uint16, qualifies func(Dimension) bool) (n int, victim int) {
	table := s.table(t)
	best := int64(1) << 62
	victim = -1
	for i := range table {
		e := &table[i]
		if e.dim == 0 || !qualifies(Dimension(e.dim-1)) {
			continue
		}
		n++
		age := int64(0)
		if today > e.day {
			age = int64(today - e.day)
		}
		// One unit of weight is a factor of two; so is a half-life of 14 days.
		score := (int64(e.weight())*14-age)<<8 + 1<<20
		if Dimension(e.dim - 1).churns() {
			score -= 1 << 19
		}
		score = score<<32 | int64(e.hash)
		if score < best {
			best, victim = score, i
		}
	}
	return n, victim
}

// remove empties slot i and closes the gap behind it.
func (s *slotSlabs) remove(t *slotTable, i int) {
	table := s.table(t)
	mask := len(table) - 1
	for j := i; ; {
		table[i] = slot{}
		for {
			j = (j + 1) & mask
			if table[j].dim == 0 {
				t.used--
				return
			}
			home := int(table[j].hash) & mask
			// The entry at j may fill i unless its home lies cyclically in (i, j].
			if i <= j && (home <= i || home > j) || i > j && home <= i && home > j {
				break
			}
		}
		table[i] = table[j]
		i = j
	}
}

// limit is how many values of d a table keeps at most; 0 is no limit of its own.
func (d Dimension) limit() int {
	switch d {
	case ScopeSet, Refusal:
		return 6
	case Resource, Address, CredentialPlace, Fingerprint:
		return 10
	case OperationDenied, Prefix, Credential, Secret, Host, Grantee, Edge, ActingAs, Repository, Pipeline, MintedFor, Federation, Container, Runner:
		return 16
	case Operation, Scope:
		return 40
	case Rule, Verdict, Model:
		return 24
	default:
		return 0
	}
}

// valueDays estimates on how many (value, day) pairs a dimension was seen.
func (s *slotSlabs) valueDays(t *slotTable, d Dimension) int {
	n := 0
	table := s.table(t)
	for i := range table {
		if table[i].dim == uint8(d)+1 {
			n += 1 << table[i].weight()
		}
	}
	return n
}
