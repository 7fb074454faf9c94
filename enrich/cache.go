package enrich

import (
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// cache remembers what a text stands for. It is a table of fixed size in which
// a newcomer takes an empty slot of its set, or replaces what holds one: bounded,
// without locks, and the answer never depends on what it holds.
type cache[V any] struct {
	sets []cacheSet[V]
	mask uint64
}

// ways is how many texts of one set are kept at a time. With one, a few thousand
// texts that come by turns push each other out, an eighth of them again and again.
const ways = 4

// cacheSet fills a cache line. Hashes stand beside the pointers, so that a text
// is followed to its memory only when it is the one.
type cacheSet[V any] struct {
	hashes [ways]atomic.Uint64
	kept   [ways]atomic.Pointer[cached[V]]
}

type cached[V any] struct {
	key   string
	value V
}

// longestCached bounds the memory of a slot; longer texts are worked out anew.
const longestCached = 512

// newCache makes a cache of 2^bits slots.
func newCache[V any](bits uint) *cache[V] {
	sets := uint64(1) << bits / ways
	return &cache[V]{sets: make([]cacheSet[V], sets), mask: sets - 1}
}

// get gives what is remembered of a key, or nil.
func (c *cache[V]) get(key string) *V {
	hash := xxhash.Sum64String(key)
	set := &c.sets[hash&c.mask]
	for i := range set.hashes {
		if set.hashes[i].Load() == hash {
			if have := set.kept[i].Load(); have != nil && have.key == key {
				return &have.value
			}
		}
	}
	return nil
}

// put stores a value; key must not alias memory that will change.
func (c *cache[V]) put(key string, value V) *V {
	v := &cached[V]{key: key, value: value}
	if len(key) > longestCached {
		return &v.value
	}
	hash := xxhash.Sum64String(key)
	set := &c.sets[hash&c.mask]
	at := hash >> 62 // of four
	for i := range set.kept {
		if have := set.kept[i].Load(); have == nil || have.key == key {
			at = uint64(i) //nolint:gosec // below ways
			break
		}
	}
	set.kept[at].Store(v)
	set.hashes[at].Store(hash)
	return &v.value
}
