package enrich

import (
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// cache remembers what a text stands for. It is a table of fixed size in which
// a newcomer replaces whatever holds its slot: bounded, without locks, and the
// answer never depends on what it holds.
type cache[V any] struct {
	slots []atomic.Pointer[cached[V]]
	mask  uint64
}

type cached[V any] struct {
	key   string
	value V
}

// longestCached bounds the memory of a slot; longer texts are worked out anew.
const longestCached = 512

// newCache makes a cache of 2^bits slots.
func newCache[V any](bits uint) *cache[V] {
	return &cache[V]{slots: make([]atomic.Pointer[cached[V]], 1<<bits), mask: 1<<bits - 1}
}

// get gives the slot for a key and what it holds of that key, or nil.
func (c *cache[V]) get(key string) *V {
	if have := c.slots[xxhash.Sum64String(key)&c.mask].Load(); have != nil && have.key == key {
		return &have.value
	}
	return nil
}

// put stores a value; key must not alias memory that will change.
func (c *cache[V]) put(key string, value V) *V {
	v := &cached[V]{key: key, value: value}
	if len(key) <= longestCached {
		c.slots[xxhash.Sum64String(key)&c.mask].Store(v)
	}
	return &v.value
}
