package ingest

import (
	"hash/maphash"
	"strings"
)

// Bounds of a keyCache: real sources have a few hundred keys.
const (
	cachedKeys   = 1024 // a power of two
	maxCachedKey = 48
	maxCrowded   = 1 << 14
	recentKeys   = 128
)

// keyCache remembers what redaction makes of the keys of JSON members, which
// come again with every record. A key has two places; where both are taken it
// is judged anew each time, and when that has happened often the cache starts
// over: keys may be chosen by those who attack. It is for one goroutine.
type keyCache struct {
	slots   []cachedKey
	crowded int
	// recent are the slots of the keys of the record before, by their node:
	// records of one source have the same keys in the same places.
	recent [recentKeys]*cachedKey
	node   int // that is looked for, or none
}

type cachedKey struct {
	key   string
	level secrecy
	guess bool
}

var keySeed = maphash.MakeSeed()

// at is look for the key of node n, which was most likely the same one in the
// record before.
func (c *keyCache) at(r *redactor, n int, key string) (secrecy, string) {
	if n < recentKeys {
		if slot := c.recent[n]; slot != nil && slot.key == key && slot.guess == r.guess {
			return slot.level, key
		}
		c.node = n
	} else {
		c.node = none
	}
	return c.look(r, key)
}

// look returns how secret the value of a member is by its key, and the key,
// which is another one where a secret was hidden in it. key is not empty.
func (c *keyCache) look(r *redactor, key string) (secrecy, string) {
	if len(key) > maxCachedKey {
		return r.key(key)
	}
	if c.slots == nil {
		c.slots = make([]cachedKey, cachedKeys)
	}
	at := maphash.String(keySeed, key) % cachedKeys
	slot := &c.slots[at]
	if slot.key != "" && (slot.key != key || slot.guess != r.guess) {
		slot = &c.slots[at^1]
	}
	if slot.key == key && slot.guess == r.guess {
		if c.node >= 0 {
			c.recent[c.node] = slot
		}
		return slot.level, key
	}
	level, hidden := r.key(key)
	switch {
	case hidden != key: // a secret must not stay here
	case slot.key == "":
		*slot = cachedKey{strings.Clone(key), level, r.guess}
	default:
		if c.crowded++; c.crowded > maxCrowded {
			clear(c.slots)
			c.crowded = 0
		}
	}
	return level, hidden
}

// key judges a member's key, and hides what looks like a secret in it.
func (r *redactor) key(key string) (secrecy, string) {
	level := nameSecrecy(key)
	if len(key) >= 16 && level == public {
		key = r.text(key)
	}
	return level, key
}
