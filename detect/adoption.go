package detect

// adoption remembers which identities took up a value that was new to them: a
// value adopted by several peers within a day is a change of the fleet. Only
// panes up to the one being closed count, and each value keeps its 8 smallest
// adopters by (pane, id), so that the order of arrival changes nothing.
type adoption struct {
	values map[adoptionKey]*adopters
	swept  int64
}

// adoptionKey names a value within a topic: at the close of a pane all events
// of its topic have arrived, those of others perhaps not.
type adoptionKey struct {
	dim   Dimension
	topic uint8
	hash  uint32
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
	// adoptedBy is how many others make a value a change of the fleet.
	adoptedBy = 3
	// adoptionPanes is a day of panes.
	adoptionPanes = 96
	// maxAdopted bounds the values watched; further ones are not adopted.
	maxAdopted = 50_000
)

func (a *adoption) init() { a.values = map[adoptionKey]*adopters{} }

func (x adopter) before(y adopter) bool {
	if x.pane != y.pane {
		return x.pane < y.pane
	}
	return x.id < y.id
}

// add notes that an identity showed a value new to it.
func (a *adoption) add(d Dimension, hash uint32, topic uint8, pane int64, id string) {
	if d.sensitive() {
		return
	}
	key := adoptionKey{d, topic, hash}
	v := a.values[key]
	if v == nil {
		if len(a.values) >= maxAdopted {
			return
		}
		v = &adopters{}
		a.values[key] = v
	}
	x := adopter{pane, id}
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
	v := a.values[adoptionKey{d, topic, hash}]
	if v == nil {
		return 0
	}
	n := 0
	for i := range v.n {
		x := &v.list[i]
		if x.pane <= pane && x.pane > pane-adoptionPanes && x.id != id {
			n++
		}
	}
	return n
}

// sweep forgets what is older than a day and two hours, once an hour.
func (a *adoption) sweep(pane int64) {
	if pane < a.swept+4 {
		return
	}
	a.swept = pane
	for key, v := range a.values {
		n := 0
		for i := range v.n {
			if v.list[i].pane > pane-adoptionPanes-8 {
				v.list[n] = v.list[i]
				n++
			}
		}
		clear(v.list[n:v.n])
		if v.n = n; n == 0 {
			delete(a.values, key)
		}
	}
}
