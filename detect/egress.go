package detect

import (
	"slices"

	"github.com/cespare/xxhash/v2"
)

// egress remembers which identities call from which prefix. A prefix that 20 or
// more call from within a week is shared egress: a NAT, a proxy, a runner pool.
// Where it stands says nothing of where they are, and one more that appears
// there is no surprise.
//
// Only calls that succeed count, of identities that have been there for a day:
// a flood of refused or freshly made ones must not turn a stranger's network
// into shared egress. What is asked at hour k rests on the hours up to k-4, in
// which nothing changes any more, so the interleaving of topics changes no
// answer.
type egress struct {
	prefixes map[uint32]*callers
	newest   int64 // newest hour that was asked for
	swept    int64
}

// callers of a prefix, one sighting for each identity and day, by hour and id.
type callers struct{ list []sighting }

type sighting struct {
	hour int32
	id   uint32 // fingerprint of the identity
}

const (
	// sharedIdentities is how many identities make a prefix shared egress.
	sharedIdentities = 20
	// egressHours is the period in which they are counted.
	egressHours = 7 * 24
	// egressLag is how many hours an answer lags behind: a topic's time may lie
	// two behind its newest event and one behind other topics, and the last of
	// the hours must have ended.
	egressLag = 4
	// egressPerDay bounds the identities kept of a prefix's day, the earliest
	// first; more than sharedIdentities, so that they outnumber it over days.
	egressPerDay = 32
	// maxEgress bounds the prefixes watched; further ones are not learned.
	maxEgress = 50_000
)

func (g *egress) init() { g.prefixes = map[uint32]*callers{} }

func (s sighting) compare(o sighting) int {
	if s.hour != o.hour {
		return compare(int64(s.hour), int64(o.hour))
	}
	return compare(int64(s.id), int64(o.id))
}

func (s sighting) day() int32 { return s.hour / 24 }

// note takes the first call of an identity from a prefix on a day.
func (g *egress) note(p *Profile, call *Call, id string) (refused bool) {
	s := call.sights[Prefix]
	if s.State == Absent || s.State != Unseen && s.Day >= call.Day || !call.Success || call.Backfill || p.Anonymous() || p.activeDays < 2 {
		return false
	}
	return g.add(s.hash, hourOf(call.pane), fold(xxhash.Sum64String(id)))
}

// add notes one sighting. It reports whether there was no room for the prefix.
func (g *egress) add(prefix uint32, hour int64, id uint32) (refused bool) {
	if g.newest != 0 && hour <= g.newest-egressLag {
		hour = g.newest - egressLag + 1 // what was answered from stays
	}
	c := g.prefixes[prefix]
	if c == nil {
		if len(g.prefixes) >= maxEgress {
			return true
		}
		c = &callers{}
		g.prefixes[prefix] = c
	}
	x := sighting{int32(hour), id} //nolint:gosec // hours since 1970
	today, last := 0, -1
	for i, y := range c.list {
		if y.day() != x.day() {
			continue
		}
		if y.id == x.id {
			if x.hour >= y.hour {
				return false
			}
			c.list = slices.Delete(c.list, i, i+1)
			today, last = 0, -1
			break
		}
		today++
		last = i
	}
	if today >= egressPerDay {
		if x.compare(c.list[last]) >= 0 {
			return false
		}
		c.list = slices.Delete(c.list, last, last+1)
	}
	at, _ := slices.BinarySearchFunc(c.list, x, sighting.compare)
	c.list = slices.Insert(c.list, at, x)
	return false
}

// shared reports whether a prefix was shared egress, as far as an event of an
// hour may know.
func (g *egress) shared(prefix uint32, hour int64) bool {
	g.newest = max(g.newest, hour)
	c := g.prefixes[prefix]
	if c == nil {
		return false
	}
	upTo := max(hour, g.newest-oldestView) - egressLag
	var ids [sharedIdentities]uint32
	n := 0
	for _, s := range c.list {
		if h := int64(s.hour); h > upTo || h <= upTo-egressHours || slices.Contains(ids[:n], s.id) {
			continue
		}
		ids[n] = s.id
		if n++; n == sharedIdentities {
			return true
		}
	}
	return false
}

// sweep forgets what no answer rests on any more, once an hour.
func (g *egress) sweep(hour int64) {
	if hour <= g.swept {
		return
	}
	g.swept = hour
	oldest := hour - egressHours - egressLag - oldestView - 2
	for prefix, c := range g.prefixes {
		n := 0
		for n < len(c.list) && int64(c.list[n].hour) <= oldest {
			n++
		}
		if c.list = slices.Delete(c.list, 0, n); len(c.list) == 0 {
			delete(g.prefixes, prefix)
		}
	}
}

func (g *egress) visit(c *codec) {
	c.i64(&g.newest)
	c.i64(&g.swept)
	keys := make([]uint32, 0, len(g.prefixes))
	for k := range g.prefixes {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	list(c, &keys, func(k *uint32) {
		c.u32(k)
		v := g.prefixes[*k]
		if v == nil {
			v = &callers{}
			g.prefixes[*k] = v
		}
		list(c, &v.list, func(s *sighting) {
			c.i32(&s.hour)
			c.u32(&s.id)
		})
	})
}

// sharedEgress reports whether a call's network says nothing about place.
func (c *Cell) sharedEgress(call *Call) bool {
	switch call.Event.NetworkClass {
	case "shared_egress", "hosting", "cloud", "cdn", "vpn", "tor":
		return true
	}
	h := call.sights[Prefix].hash
	return h != 0 && c.e.egress.shared(h, call.hour)
}
