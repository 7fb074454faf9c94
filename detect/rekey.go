package detect

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Partition is the newest watermark of a raw partition, as a cell has heard it.
type Partition struct {
	Topic     string
	Partition int32
	// Watermark is Unix nanoseconds; the least number there is where none was heard.
	Watermark int64
	// Idle says that the partition holds back nobody, Ended that nothing more comes.
	Idle, Ended bool
}

// Partitions lists the raw partitions that the cell has heard of, by topic as first
// heard, then by number.
func (e *Engine) Partitions() []Partition {
	var out []Partition
	for i := range e.clock.topics {
		t := &e.clock.topics[i]
		for _, p := range t.parts {
			out = append(out, Partition{t.name, p.id, p.watermark, p.idle, p.ended})
		}
	}
	return out
}

// Rekey deals the state of all cells out to other cells, of which cellOf names the
// one of an identity. All engines must have been told the same time of every raw
// partition, so that none has judged a pane that another has open; fresh are new
// engines, one for each new cell. old is only read.
//
// What is an identity's goes with it: its profile, values, open panes and alerts,
// timers, verdicts, what it adopted, from which prefixes it called, and what it shares
// with others. Who reads which secret, and who made credentials or
// changed rights lately, every cell is told. An incident goes with the identity that showed its cause first. What was
// counted over the cell (calibration tables, counts of active identities, tests and
// pages) is summed over the old cells and dealt out in equal whole parts: a cell is
// a random sample of the fleet, so this is what it would have counted itself, in
// expectation; and nothing is counted twice however often cells are changed.
// Windows of Sigma correlations that are under way begin anew, since their groups
// are no identities.
func Rekey(old, fresh []*Engine, cellOf func(id string) int) error {
	if len(old) == 0 || len(fresh) == 0 {
		return errors.New("rekey: no cells")
	}
	for _, e := range fresh {
		if e.stats.Events > 0 || e.store.live > 0 {
			return errors.New("rekey: an engine is not new")
		}
	}
	r := &rekey{old: old, fresh: fresh, cellOf: cellOf, seers: map[uint32]int{}}
	r.clocks()
	if err := r.identities(); err != nil {
		return err
	}
	r.deal()
	r.adoptions()
	r.egress()
	r.secrets()
	r.deeds()
	r.sprays()
	r.verdicts()
	return r.incidents()
}

type rekey struct {
	old, fresh []*Engine
	cellOf     func(id string) int
	topics     [][]uint8      // of an old engine: topic -> topic
	seers      map[uint32]int // fingerprint of an identity -> its cell
}

// clocks gives every new cell all topics, in one order, and the time that the
// old cells agree on.
func (r *rekey) clocks() {
	var all clock
	for _, e := range r.old {
		index := make([]uint8, maxTopics)
		for i := range e.clock.topics {
			from := &e.clock.topics[i]
			to := all.topic(from.name)
			index[i] = uint8(to) //nolint:gosec // below maxTopics
			first := all.topics[to].time == never && len(all.topics[to].parts) == 0
			all.topics[to].join(from, first)
		}
		r.topics = append(r.topics, index)
	}
	for n, e := range r.fresh {
		for i := range all.topics {
			t := all.topics[i]
			t.parts, t.windows = slices.Clone(t.parts), slices.Clone(t.windows)
			for k := range t.counts {
				t.counts[k] = share(t.counts[k], n, len(r.fresh))
			}
			e.clock.topics = append(e.clock.topics, t)
		}
	}
}

// join adds what another cell knows of the topic.
func (t *topicClock) join(o *topicClock, first bool) {
	for _, p := range o.parts {
		known := slices.ContainsFunc(t.parts, func(q partitionClock) bool { return q.id == p.id })
		q := t.part(p.id)
		q.idle, q.ended = p.idle && (q.idle || !known), p.ended && (q.ended || !known)
		q.watermark = max(q.watermark, p.watermark)
	}
	if first {
		t.time, t.newest, t.boundary, t.started, t.out = o.time, o.newest, o.boundary, o.started, o.out
		t.counts, t.ratios, t.windows = o.counts, o.ratios, slices.Clone(o.windows)
		return
	}
	// The old cells' samples speak of the topic: they serve every new cell until
	// its own identities have taken their place.
	t.windows = append(t.windows, o.windows...)
	slices.SortStableFunc(t.windows, func(a, b windowLoad) int {
		return cmp.Or(cmp.Compare(a.identity, b.identity), cmp.Compare(b.pane, a.pane))
	})
	t.windows = slices.CompactFunc(t.windows, func(a, b windowLoad) bool { return a.identity == b.identity })
	t.windows = t.windows[:min(len(t.windows), windowSample)]
	for i := range t.counts {
		// The cells' ratios are samples of the topic's one: the mean, weighted by
		// how many identities each rests on.
		if a, b := float64(t.counts[i]), float64(o.counts[i]); a+b > 0 && t.ratios[i] != o.ratios[i] {
			t.ratios[i] = float32((float64(float64(t.ratios[i])*a) + float64(float64(o.ratios[i])*b)) / (a + b))
		}
		t.counts[i] += o.counts[i]
	}
	if o.started && !t.started {
		t.boundary, t.started = o.boundary, true
	} else if o.started {
		t.boundary = max(t.boundary, o.boundary)
	}
	t.time, t.newest, t.out = max(t.time, o.time), max(t.newest, o.newest), t.out && o.out
}

// owner is where an identity of an old cell is.
type owner struct {
	id   string
	cell int
	p    *Profile
}

// identities moves each identity, in id order, with all that hangs on it. It is
// written and read as a snapshot does it, so that no field can be forgotten.
func (r *rekey) identities() error {
	var all []owner
	for n, e := range r.old {
		for i, id := range e.store.ids {
			if id != "" {
				all = append(all, owner{id, n, e.store.at(uint32(i))}) //nolint:gosec // an index
			}
		}
	}
	slices.SortFunc(all, func(a, b owner) int { return strings.Compare(a.id, b.id) })
	var buf bytes.Buffer
	from := &codec{w: &buf}
	for _, o := range all {
		n := r.cellOf(o.id)
		if n < 0 || n >= len(r.fresh) {
			return fmt.Errorf("rekey: cell %d of %d", n, len(r.fresh))
		}
		r.seers[fold(xxhash.Sum64String(o.id))] = n
		buf.Reset()
		r.old[o.cell].visitIdentity(from, o.id, o.p)
		if from.flush(); from.err != nil {
			return fmt.Errorf("rekey: %w", from.err)
		}
		e := r.fresh[n]
		to := &codec{r: bufio.NewReaderSize(&buf, 1<<10), rules: e.sigma, version: snapshotVersion}
		p := e.visitIdentity(to, "", nil)
		if to.err == nil {
			if _, err := to.r.ReadByte(); !errors.Is(err, io.EOF) {
				to.err = errDamaged
			}
		}
		if to.err != nil {
			return fmt.Errorf("rekey identity %q: %w", clip(o.id, 80), to.err)
		}
		e.renumber(p, r.topics[o.cell])
	}
	waiting := make([][]closing, len(r.fresh))
	lists := make([]timerHeap, len(r.fresh))
	for _, e := range r.old {
		for _, w := range e.panes.waiting {
			n := r.cellOf(w.id)
			waiting[n] = append(waiting[n], closing{pane: w.pane, id: w.id})
		}
		for _, t := range e.timers.list {
			if p, _ := e.store.find(t.id); p == nil {
				continue // of an identity that was forgotten
			}
			n := r.cellOf(t.id)
			lists[n] = append(lists[n], t)
		}
	}
	for n, e := range r.fresh {
		slices.SortFunc(waiting[n], compareClosing)
		var c codec
		if e.hold(&c, waiting[n]); c.err != nil {
			return fmt.Errorf("rekey: %w", c.err)
		}
		slices.SortFunc(lists[n], func(a, b timer) int {
			if a.before(&b) {
				return -1
			}
			return btoi(b.before(&a))
		})
		e.timers.list = lists[n]
	}
	return nil
}

// renumber moves an identity from the topics' numbers of its old cell to those of
// the new one.
func (e *Engine) renumber(p *Profile, topics []uint8) {
	for i := range p.topics {
		if s := &p.topics[i]; s.topic != 0 {
			s.topic = topics[s.topic-1] + 1
		}
	}
	for i := p.open; i != 0; {
		pane := e.panes.at(i - 1)
		var set uint64
		for t, to := range topics {
			if pane.topics&(1<<uint(t)) != 0 { //nolint:gosec // below maxTopics
				set |= 1 << to
			}
		}
		pane.topics = set
		i = pane.next
	}
	if d := e.dossiers[p.self]; d != nil {
		for i := range d.notes {
			d.notes[i].topic = topics[d.notes[i].topic]
		}
	}
}

// adoptions gives each adopter of a value to its cell.
func (r *rekey) adoptions() {
	for n, e := range r.old {
		keys := make([]adoptionKey, 0, len(e.adopt.values))
		for k := range e.adopt.values {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, compareAdoptions)
		for _, k := range keys {
			v := e.adopt.values[k]
			for _, x := range v.list[:v.n] {
				r.fresh[r.cellOf(x.id)].adopt.insert(adoptionKey{k.dim, r.topics[n][k.topic], k.hash, k.quarter}, x)
			}
		}
		for _, to := range r.fresh {
			to.adopt.swept = max(to.adopt.swept, e.adopt.swept)
		}
	}
}

// egress gives each sighting to its identity's cell; that of one which was
// forgotten since goes to all.
func (r *rekey) egress() {
	for _, e := range r.old {
		prefixes := make([]uint32, 0, len(e.egress.prefixes))
		for p := range e.egress.prefixes {
			prefixes = append(prefixes, p)
		}
		slices.Sort(prefixes)
		for _, to := range r.fresh {
			to.egress.newest = max(to.egress.newest, e.egress.newest)
			to.egress.swept = max(to.egress.swept, e.egress.swept)
		}
		for _, p := range prefixes {
			for _, s := range e.egress.prefixes[p].list {
				n, known := r.seers[s.id]
				for i, to := range r.fresh {
					if !known || i == n {
						to.egress.take(p, s)
					}
				}
			}
		}
	}
}

// take adds a sighting as it was noted.
func (g *egress) take(prefix uint32, s sighting) {
	c := g.prefixes[prefix]
	if c == nil {
		if len(g.prefixes) >= maxEgress {
			return
		}
		c = &callers{}
		g.prefixes[prefix] = c
	}
	if at, found := slices.BinarySearchFunc(c.list, s, sighting.compare); !found {
		c.list = slices.Insert(c.list, at, s)
	}
}

// verdicts gives each verdict, and each operator's word about a profile, to its
// identity's cell, the oldest first.
func (r *rekey) verdicts() {
	for _, e := range r.old {
		for _, v := range e.verdicts {
			to := r.fresh[r.cellOf(v.identity)]
			to.verdicts = append(to.verdicts, v)
		}
		for _, w := range e.words {
			to := r.fresh[r.cellOf(w.identity)]
			to.words = append(to.words, w)
		}
	}
	for _, e := range r.fresh {
		if len(r.old) > 1 {
			slices.SortStableFunc(e.verdicts, func(a, b *verdict) int { return compare(a.at, b.at) })
			slices.SortStableFunc(e.words, func(a, b *profileWord) int { return compare(a.at, b.at) })
		}
		if n := len(e.verdicts) - maxVerdicts; n > 0 {
			e.verdicts = slices.Delete(e.verdicts, 0, n)
		}
		if n := len(e.words) - maxProfileWords; n > 0 {
			e.words = slices.Delete(e.words, 0, n)
		}
	}
}

// sprays gives each identity that was refused to its cell.
func (r *rekey) sprays() {
	for n, e := range r.old {
		for _, k := range slices.SortedFunc(maps.Keys(e.sprays.seen), compareSprayKeys) {
			key := sprayKey{r.topics[n][k.topic], k.source}
			for _, x := range e.sprays.seen[k] {
				for _, id := range x.ids {
					r.fresh[r.cellOf(id)].sprays.take(key, x, id)
				}
			}
		}
	}
}

// take adds one identity of a pane. The order of calls decides only which sources
// find no room.
func (s *sprays) take(key sprayKey, from sprayPane, id string) {
	panes := s.seen[key]
	if panes == nil && len(s.seen) >= maxSprays {
		return
	}
	i, found := slices.BinarySearchFunc(panes, from.pane, func(x sprayPane, pane int64) int { return compare(x.pane, pane) })
	if !found {
		panes = slices.Insert(panes, i, sprayPane{pane: from.pane, sample: from.sample})
	}
	x := &panes[i]
	if from.sample.Time < x.sample.Time || from.sample.Time == x.sample.Time && from.sample.UID < x.sample.UID {
		x.sample = from.sample
	}
	if at, known := slices.BinarySearch(x.ids, id); !known {
		x.ids = slices.Insert(x.ids, at, id)
		x.ids = x.ids[:min(len(x.ids), sprayedMost)]
	}
	s.seen[key] = panes
}

// incidents gives each sighting of a cause to its identity's cell, and each incident
// to the cell of its first member. Two cells' incidents of one cause stay two: both
// were told of, and both end by themselves.
func (r *rekey) incidents() error {
	var buf bytes.Buffer
	for _, e := range r.old {
		for _, k := range slices.SortedFunc(maps.Keys(e.incidents.seen), compareCauses) {
			for _, x := range e.incidents.seen[k] {
				n := &r.fresh[r.cellOf(x.identity)].incidents
				if n.seen[k] == nil && len(n.seen) >= maxCauses {
					continue
				}
				at, _ := slices.BinarySearchFunc(n.seen[k], x, func(a, b sighted) int {
					if a.before(&b) {
						return -1
					}
					return btoi(b.before(&a))
				})
				if v := slices.Insert(n.seen[k], at, x); len(v) <= maxSightings {
					n.seen[k] = v
				} else {
					n.seen[k] = v[:maxSightings]
				}
			}
		}
		for _, inc := range e.incidents.list {
			first := inc.cause.actor()
			if len(inc.members) > 0 {
				first = inc.members[0]
			}
			to := r.fresh[r.cellOf(first)]
			buf.Reset()
			from := &codec{w: &buf}
			if inc.visit(from); from.err == nil {
				from.flush()
			}
			moved := new(incident)
			c := &codec{r: bufio.NewReaderSize(&buf, 1<<10), rules: to.sigma, version: snapshotVersion}
			if moved.visit(c); from.err != nil || c.err != nil {
				return fmt.Errorf("rekey incident %s: %w", clip(inc.id, 40), errors.Join(from.err, c.err))
			}
			to.incidents.list = append(to.incidents.list, moved)
		}
		for _, to := range r.fresh {
			to.incidents.swept = max(to.incidents.swept, e.incidents.swept)
			to.incidents.newest = max(to.incidents.newest, e.incidents.newest)
		}
	}
	for _, e := range r.fresh {
		slices.SortStableFunc(e.incidents.list, func(a, b *incident) int {
			if a.arrival != b.arrival {
				return compare(a.arrival, b.arrival)
			}
			return strings.Compare(a.id, b.id)
		})
		if n := len(e.incidents.list) - maxIncidents; n > 0 {
			e.incidents.list = slices.Delete(e.incidents.list, 0, n)
		}
	}
	return nil
}
