package sigma

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Scanner judges events by the rules of a set, one at a time. It is not safe
// for concurrent use, and keeps nothing of an event but memory to reuse.
type Scanner struct {
	set  *Set
	ev   *schemas.Event
	view *view
	gen  uint32

	slots   []slot
	attrs   []slot // by number of the attribute; the view's
	indexed uint32 // generation for which attrs is filled
	texts   slot   // every text of the event
	cur     *slot
	scratch []byte
	name    []byte

	marks []uint32 // generation in which a rule became a candidate
	cand  []int32
	hits  []int
}

// slot holds the values of a field, as they are and in lower case.
type slot struct {
	gen     uint32
	lowered bool
	vals    []string
	low     []string
}

// NewScanner makes a scanner of a set.
func NewScanner(set *Set) *Scanner {
	most := 0
	for _, v := range set.views {
		most = max(most, len(v.attrs))
	}
	return &Scanner{set: set, slots: make([]slot, len(set.fields.names)), attrs: make([]slot, most), marks: make([]uint32, len(set.rules))}
}

// Scan gives the rules that match an event, in the order of the set;
// correlations are none of them. The list, and all that the scanner says of the
// event, is good until the next call; the event must not change until then.
func (s *Scanner) Scan(ev *schemas.Event) []int {
	s.begin(ev)
	s.hits = s.hits[:0]
	v := s.view
	if v == nil {
		return nil
	}
	s.cand = s.cand[:0]
	for i := range v.keys {
		k := &v.keys[i]
		for _, value := range s.lower(s.get(k.field)) {
			for _, r := range k.rules[value] {
				if s.marks[r] != s.gen {
					s.marks[r] = s.gen
					s.cand = append(s.cand, r)
				}
			}
		}
	}
	slices.Sort(s.cand)
	i := 0
	for _, r := range v.rest {
		for ; i < len(s.cand) && s.cand[i] < r; i++ {
			s.try(s.cand[i])
		}
		s.try(r)
	}
	for ; i < len(s.cand); i++ {
		s.try(s.cand[i])
	}
	return s.hits
}

func (s *Scanner) try(r int32) {
	if root := s.set.rules[r].root; root != nil && s.holds(root) {
		s.hits = append(s.hits, int(r))
	}
}

func (s *Scanner) begin(ev *schemas.Event) {
	s.ev = ev
	s.view = s.set.views[ev.Format]
	if s.gen++; s.gen == 0 { // the count went round: forget all of it
		clear(s.slots)
		clear(s.attrs)
		clear(s.marks)
		s.texts, s.indexed = slot{}, 0
		s.gen = 1
	}
	s.scratch = s.scratch[:0]
	const large = 1 << 16
	if cap(s.scratch) > large {
		s.scratch = nil // one huge event need not be remembered
	}
}

func (s *Scanner) holds(n *node) bool {
	switch n.op {
	case nodeAnd:
		for _, k := range n.kids {
			if !s.holds(k) {
				return false
			}
		}
		return true
	case nodeOr:
		for _, k := range n.kids {
			if s.holds(k) {
				return true
			}
		}
		return false
	case nodeNot:
		return !s.holds(n.kids[0])
	default:
		return s.item(n.item)
	}
}

func (s *Scanner) item(it *item) bool {
	var v *slot
	if it.field == anywhere {
		v = s.everything()
	} else {
		v = s.get(it.field)
	}
	for i := range it.tests {
		if s.test(&it.tests[i], v) {
			return true
		}
	}
	return false
}

func (s *Scanner) test(t *test, v *slot) bool {
	switch t.op {
	case opNull:
		return len(v.vals) == 0
	case opEmpty:
		return len(v.vals) == 0 || slices.Contains(v.vals, "")
	case opExists:
		return len(v.vals) > 0 == t.yes
	case opAny:
		return slices.ContainsFunc(v.vals, func(x string) bool { return x != "" })
	case opField:
		return s.sameAs(t, v)
	case opExact, opPrefix, opSuffix, opContains, opGlob:
		values := v.vals
		if !t.cased {
			values = s.lower(v)
		}
		for _, x := range values {
			if place(t.op, x, t.text) || t.op == opGlob && t.glob.match(x) {
				return true
			}
		}
		return false
	default:
		for _, x := range v.vals {
			if t.value(x) {
				return true
			}
		}
		return false
	}
}

// value tests what is not about the text as such.
func (t *test) value(x string) bool {
	switch t.op {
	case opRegexp:
		return t.re.MatchString(x)
	case opCIDR:
		if len(x) > 64 || x == "" || x[0] != ':' && !hex(x[0]) {
			return false // no address: spare the error
		}
		a, err := netip.ParseAddr(x)
		return err == nil && t.net.Contains(a.Unmap().WithZone(""))
	case opNumber:
		n, ok := number(x)
		return ok && t.cmp.holds(n, t.num)
	case opTime:
		return t.moment(x)
	default:
		return false
	}
}

func hex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

func (t *test) moment(x string) bool {
	if len(x) < 10 || x[4] != '-' {
		return false
	}
	at, err := time.Parse(time.RFC3339Nano, x)
	if err != nil {
		return false
	}
	n := 0
	switch t.unit {
	case "minute":
		n = at.Minute()
	case "hour":
		n = at.Hour()
	case "day":
		n = at.Day()
	case "week":
		_, n = at.ISOWeek()
	case "month":
		n = int(at.Month())
	case "year":
		n = at.Year()
	}
	return float64(n) == t.num
}

func place(op testOp, x, text string) bool {
	switch op {
	case opExact:
		return x == text
	case opPrefix:
		return strings.HasPrefix(x, text)
	case opSuffix:
		return strings.HasSuffix(x, text)
	case opContains:
		return strings.Contains(x, text)
	default:
		return false
	}
}

// sameAs compares two fields of the event; an empty value is like none.
func (s *Scanner) sameAs(t *test, v *slot) bool {
	other := s.get(t.field)
	a, b := v.vals, other.vals
	if !t.cased {
		a, b = s.lower(v), s.lower(other)
	}
	for _, x := range a {
		for _, y := range b {
			if y != "" && place(t.how, x, y) {
				return true
			}
		}
	}
	return false
}

// get finds the values of a field in the event in hand.
func (s *Scanner) get(field int) *slot {
	v := &s.slots[field]
	if v.gen == s.gen {
		return v
	}
	v.gen, v.lowered, v.vals = s.gen, false, v.vals[:0]
	if s.view == nil {
		return v
	}
	access := s.view.access[field]
	for i := range access {
		src := &access[i]
		if src.column == 0 {
			s.index()
			if a := &s.attrs[src.slot]; a.gen == s.gen {
				v.vals = append(v.vals, a.vals...)
			}
		} else {
			s.cur = v
			columns[src.column].get(s, s.ev, addValue)
			src.dress(s, v)
		}
		if len(v.vals) > 0 {
			break
		}
	}
	return v
}

func addValue(s *Scanner, x string) {
	if x != "" {
		s.cur.vals = append(s.cur.vals, x)
	}
}

// dress puts a column's texts as the source writes them.
func (src *source) dress(s *Scanner, v *slot) {
	if src.values != nil {
		kept := v.vals[:0]
		for _, x := range v.vals {
			if y, ok := src.values[x]; ok {
				kept = append(kept, y)
			}
		}
		v.vals = kept
	}
	if src.prefix != "" || src.suffix != "" {
		for i, x := range v.vals {
			v.vals[i] = s.joined(src.prefix, x, src.suffix)
		}
	}
}

// index sorts the event's attributes into the slots that the view wants, once
// for an event.
func (s *Scanner) index() {
	if s.indexed == s.gen {
		return
	}
	s.indexed = s.gen
	for key, value := range s.ev.Attributes {
		s.name = appendNormal(s.name[:0], key)
		s.keep(s.name, value)
		if s.view.roots {
			// What has no dot in a rule stands for all that is below it.
			if i := slices.Index(s.name, '.'); i > 0 {
				s.keep(s.name[:i], value)
			}
		}
	}
}

func (s *Scanner) keep(name []byte, value string) {
	i, ok := s.view.attrs[string(name)]
	if !ok {
		return
	}
	a := &s.attrs[i]
	if a.gen != s.gen {
		a.gen, a.vals = s.gen, a.vals[:0]
	}
	a.vals = append(a.vals, value)
}

// lower gives the values in lower case.
func (s *Scanner) lower(v *slot) []string {
	if v.lowered {
		return v.low
	}
	v.lowered, v.low = true, v.low[:0]
	for _, x := range v.vals {
		if !isLower(x) {
			from := len(s.scratch)
			s.scratch = appendLower(s.scratch, x)
			x = s.made(from)
		}
		v.low = append(v.low, x)
	}
	return v.low
}

// everything is every text of the event but the record itself, which is not
// always kept.
func (s *Scanner) everything() *slot {
	v := &s.texts
	if v.gen == s.gen {
		return v
	}
	v.gen, v.lowered, v.vals = s.gen, false, v.vals[:0]
	s.cur = v
	for i := 1; i < len(columns); i++ {
		columns[i].get(s, s.ev, addValue)
	}
	for _, x := range s.ev.Attributes {
		v.vals = append(v.vals, x)
	}
	return v
}

// Show words the fields that a rule wants shown, as the event has them:
// "eventName: StopLogging, …". It is empty when there are none.
func (s *Scanner) Show(rule int) string {
	var b strings.Builder
	r := &s.set.rules[rule]
	for i, f := range r.fields {
		values := slices.Clone(s.get(f).vals)
		slices.Sort(values)
		if len(values) == 0 {
			continue
		}
		const most = 300
		if b.Len() > most {
			b.WriteString(", …")
			break
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(r.Fields[i] + ": " + clip(strings.Join(values, " ")))
	}
	return b.String()
}
