package detect

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// A herd is what a group of identities did lately: how many of them stand at
// which level, by feature. Each identity notes its own levels once a day, in the
// layer of the hour; and what it noted itself is taken out again before it is
// judged: nobody is held against himself, however long he stands apart.
type herd []herdCount

// herdCount is how many stand in a bin of a feature, ascending by spot.
type herdCount struct {
	spot uint16 // feature and bin
	n    int32
}

const (
	features = 5
	// herdDays is how many whole days a herd goes back.
	herdDays = 6
	// spotWidth is the width of a bin of a feature, in units of a natural
	// logarithm.
	spotWidth = 1.0 / 16
	// maxHerds bounds the teams of an hour.
	maxHerds = 10_000
)

// spots are an identity's levels, in bins.
type spots [features]uint8

func spotsOf(x [features]float64) (s spots) {
	for i, v := range x {
		s[i] = uint8(math.Min(math.Max(v, 0)/spotWidth, 1<<8-1)) //nolint:gosec // clamped
	}
	return s
}

func spotKey(feature int, bin uint8) uint16 { return uint16(feature)<<8 | uint16(bin) } //nolint:gosec // few features

// teamOf names a herd of one kind of one owner; kinds by themselves are below 16.
func teamOf(f *facts, group uint8) (key uint32, named bool) {
	owner := ownerOf(f)
	return fold(xxhash.Sum64String(owner)+uint64(group)*0x9e3779b97f4a7c15) | 1<<31, owner != ""
}

func (h *herd) add(spot uint16, n int32) {
	i, found := slices.BinarySearchFunc(*h, spot, func(x herdCount, s uint16) int { return cmp.Compare(x.spot, s) })
	if !found {
		*h = slices.Insert(*h, i, herdCount{spot: spot})
	}
	(*h)[i].n += n
}

func (h *herd) join(o herd) {
	for _, x := range o {
		h.add(x.spot, x.n)
	}
}

// herds are those of an hour, by kind and by team.
type herds map[uint32]herd

func (m herds) note(key uint32, s spots) {
	c, known := m[key]
	if !known && len(m) >= maxHerds {
		return
	}
	for i, bin := range s {
		c.add(spotKey(i, bin), 1)
	}
	m[key] = c
}

func (m herds) keys() []uint32 { return slices.Sorted(maps.Keys(m)) }

// joined adds what another hour holds, making the map when there is none.
func (m herds) joined(o herds) herds {
	if m == nil && len(o) > 0 {
		m = herds{}
	}
	for k, from := range o {
		c := slices.Clone(m[k])
		c.join(from)
		m[k] = c
	}
	return m
}

// part is what the n-th of several cells takes over of an hour. Most counts are
// one: they do not all fall to the first cell.
func (m herds) part(hour int64, n, of int) (p herds) {
	for k, from := range m {
		var c herd
		for _, x := range from {
			turn := mod(int64(k)+int64(x.spot)+hour, int64(of))
			if most := share(x.n, n+int(turn), of); most > 0 {
				c.add(x.spot, most)
			}
		}
		if len(c) > 0 {
			if p == nil {
				p = herds{}
			}
			p[k] = c
		}
	}
	return p
}

func (m *herds) visit(c *codec) {
	keys := m.keys()
	list(c, &keys, func(k *uint32) {
		c.u32(k)
		of := (*m)[*k]
		list(c, (*[]herdCount)(&of), func(x *herdCount) {
			c.u16(&x.spot)
			c.i32(&x.n)
		})
		if !c.writing() && c.err == nil {
			if *m == nil {
				*m = herds{}
			}
			(*m)[*k] = of
		}
	})
}

// herdOf is a herd of a version: the whole days before the one it is of, as far as
// they are known, and how many stood in it on its fullest day.
func (v *view) herdOf(key uint32) *pastHerd {
	if h := v.herds[key]; h != nil {
		return h
	}
	today := (v.hour - mod(v.hour, 24))
	h := &pastHerd{}
	var perDay [herdDays]int
	add := func(hour int64, of herd) {
		if day := (today - 1 - hour) / 24; hour < today && hour <= v.upTo && day < herdDays && len(of) > 0 {
			h.join(of)
			perDay[day] += of.size()
		}
	}
	for i := range v.t.base.ledger {
		add(v.t.base.ledger[i].hour, v.t.base.ledger[i].herds[key])
	}
	for _, l := range v.t.recent {
		add(l.hour, l.herds[key])
	}
	for _, n := range perDay {
		h.most = max(h.most, n)
	}
	if v.herds == nil {
		v.herds = map[uint32]*pastHerd{}
	}
	v.herds[key] = h
	return h
}

// pastHerd is a herd with how many stood in it on its fullest day.
type pastHerd struct {
	herd
	most int
}

// without takes out what an identity noted: as many as it did, those nearest to
// where it stood last.
func (h *pastHerd) without(s spots, times int) *pastHerd {
	if times == 0 {
		return h
	}
	out := &pastHerd{slices.Clone(h.herd), max(0, h.most-1)}
	for i, bin := range s {
		for range times {
			nearest, least := -1, 0
			for at, x := range out.herd {
				if int(x.spot>>8) != i || x.n <= 0 {
					continue
				}
				away := int(x.spot&0xff) - int(bin)
				if away = max(away, -away); nearest < 0 || away < least {
					nearest, least = at, away
				}
			}
			if nearest >= 0 {
				out.herd[nearest].n--
			}
		}
	}
	return out
}

// size is how many levels of a feature are in it.
func (h herd) size() (n int) {
	for _, x := range h {
		if x.spot>>8 != 0 {
			break
		}
		n += int(x.n)
	}
	return n
}

// quantile is the level of a feature below which a share q of them stand.
func (h herd) quantile(feature int, q float64) float64 {
	n := 0.0
	for _, x := range h {
		if int(x.spot>>8) == feature {
			n += float64(x.n)
		}
	}
	need := q * n
	for _, x := range h {
		if int(x.spot>>8) != feature || x.n <= 0 {
			continue
		}
		k := float64(x.n)
		if need <= k {
			return (float64(x.spot&0xff) + need/k) * spotWidth
		}
		need -= k
	}
	return 0
}

// distance is how far levels lie from a herd's middle, as the root mean square of
// deviations by its quantiles (half the distance between the 16th and the 84th of
// a hundred), and which of them is furthest.
func (h herd) distance(x [features]float64) (d float64, far int) {
	sum, most := 0.0, 0.0
	for i := range x {
		middle := h.quantile(i, 0.5)
		width := math.Max((h.quantile(i, 0.84)-h.quantile(i, 0.16))/2, leastWidth)
		z := (x[i] - middle) / width
		sum += float64(z * z)
		if z*z > most {
			most, far = z*z, i
		}
	}
	return math.Sqrt(sum / features), far
}

// leastWidth keeps a herd of equals from making every difference a wonder.
const leastWidth = 0.22
