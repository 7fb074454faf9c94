package detect

// adoption remembers which identities took up a value that was new to them: a
// value adopted by several peers within a day is a change of the fleet. Only
// panes up to the one being closed count, and each value keeps of each quarter
// of a day its 8 smallest adopters by (pane, id): neither the order of arrival
// nor the moment of a sweep changes what is counted.
type adoption struct {
	values map[adoptionKey]*adopters
	swept  int64
}

// adoptionKey names a value within a topic: at the close of a pane all events
// of its topic have arrived, those of others perhaps not.
type adoptionKey struct {
	dim     Dimension
	topic   uint8
	hash    uint32
	quarter int32 // of a day
}

type adopters struct {
	n    int
	list [8]adopter
}

type adopter struct {
	pane int64
	id   string
}

const (
	// adoptedBy is how many others make a value a change of the fleet, networkOf
	// how many make a network next to the known ones an exit of theirs: so many
	// peers make it one too (usedByPeers).
	adoptedBy = 3
	networkOf = usedByPeers
	// adoptionPanes is a day of panes, quarterPanes a quarter of it.
	adoptionPanes = 96
	quarterPanes  = adoptionPanes / 4
	// maxAdopted bounds the values watched; further ones are not adopted.
	maxAdopted = 50_000
)

// adoptedBy is how many others must take up a value of d for it to be the fleet's.
// A new provider or country is named by a dimension of its own.
func (d Dimension) adoptedBy() int {
	if d == Prefix {
		return networkOf
	}
	return adoptedBy
}

func (a *adoption) init() { a.values = map[adoptionKey]*adopters{} }

func (x adopter) before(y adopter) bool {
	if x.pane != y.pane {
		return x.pane < y.pane
	}
	return x.id < y.id
}

func quarterOf(pane int64) int32 { return int32((pane - mod(pane, quarterPanes)) / quarterPanes) } //nolint:gosec // until the year 500,000

// add notes that an identity showed a value new to it.
func (a *adoption) add(d Dimension, hash uint32, topic uint8, pane int64, id string) {
	if d.sensitive() {
		return
	}
	a.insert(adoptionKey{d, topic, hash, quarterOf(pane)}, adopter{pane, id})
}

// insert keeps the smallest adopters of a value.
func (a *adoption) insert(key adoptionKey, x adopter) {
	v := a.values[key]
	if v == nil {
		if len(a.values) >= maxAdopted {
			return
		}
		v = &adopters{}
		a.values[key] = v
	}
	i := v.n
	for i > 0 && x.before(v.list[i-1]) {
		i--
	}
	if i == len(v.list) {
		return
	}
	v.n = min(v.n+1, len(v.list))
	copy(v.list[i+1:v.n], v.list[i:v.n-1])
	v.list[i] = x
}

// others counts the identities other than id that took the value up in the day
// that ends with a pane.
func (a *adoption) others(d Dimension, hash uint32, topic uint8, pane int64, id string) int {
	return a.count(d, hash, topic, pane, func(other string) bool { return other != id })
}

// count counts the identities that counts is true of, likewise.
func (a *adoption) count(d Dimension, hash uint32, topic uint8, pane int64, counts func(id string) bool) int {
	n := 0
	last := quarterOf(pane)
	for q := last - 4; q <= last; q++ {
		v := a.values[adoptionKey{d, topic, hash, q}]
		for i := 0; v != nil && i < v.n; i++ {
			x := &v.list[i]
			if x.pane <= pane && x.pane > pane-adoptionPanes && counts(x.id) {
				n++
			}
		}
	}
	return n
}

// takenUpBefore is how many panes before a call others must have taken up its
// operation: a topic's time lies two hours behind at most, so that those have arrived,
// in whatever order their records come.
const takenUpBefore = 9

// takenUp says that enough others began, within the day that ended two hours ago, to
// make the same call: a release. Of other topics, whose time may lie behind this one's,
// the day ended as long ago as for the tables of the fleet.
func (e *Engine) takenUp(p *Profile, call *Call) bool {
	if e.lacks(offAdoption) {
		return false
	}
	hash, id := call.Sight(Operation).hash, e.store.ids[p.self]
	n := e.adopt.others(Operation, hash, call.topic, call.pane-takenUpBefore, id)
	for t := range e.clock.topics {
		if n >= adoptedBy {
			break
		}
		if topic := uint8(t); topic != call.topic { //nolint:gosec // below maxTopics
			n += e.adopt.others(Operation, hash, topic, call.pane-4*tablesLag, id)
		}
	}
	return n >= adoptedBy
}

// lately counts the others of its kind that began to show the call's value of d, in its
// log, within the day up to which peers are counted.
func (c *Cell) lately(p *Profile, call *Call, d Dimension) int {
	e := c.e
	if e.lacks(offAdoption) {
		return 0
	}
	upTo := (e.tables.view(e.call.hour, e).upTo+1)*4 - 1
	return e.adopt.count(d, call.Sight(d).hash, call.topic, upTo, func(id string) bool {
		q, _ := e.store.find(id)
		return q != nil && q != p && q.group == p.group
	})
}

// sweep forgets the quarters that no pane still open can ask for, once an hour.
func (a *adoption) sweep(pane int64) {
	if pane < a.swept+4 {
		return
	}
	a.swept = pane
	oldest := quarterOf(pane) - 4 - 2
	for key := range a.values {
		if key.quarter < oldest {
			delete(a.values, key)
		}
	}
}
