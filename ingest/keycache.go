package ingest

import (
	"hash/maphash"
	"strings"
)

// Bounds of a keyCache: real sources have a few hundred keys.
const (
	cachedKeys   = 1024 // a power of two, below 1<<16
	maxCachedKey = 48
	maxCrowded   = 1 << 14
)

// traits are what redaction and the search for envelopes want to know of a
// node before they look at it.
type traits uint8

const (
	isSuspect  traits = 1 << iota // a string that may hold a secret by its bytes
	isElement                     // of a list
	isValue                       // named by a sibling (holdsValue)
	isHolder                      // of secrets (holdsSecrets)
	isEnvelope                    // records may be in it
	isAsked                       // the format has a say (Format.secret)
	isUnjudged                    // its key was not looked at

	// isAny is a node of which nothing is known.
	isAny = isValue | isHolder | isEnvelope | isAsked | isUnjudged
)

// keyCache remembers the keys of JSON members, which come again with every
// record: what they mean, and which one comes next. So most keys are not read
// at all but compared. A key has two places; where both are taken it is judged
// anew each time, and when that has happened often the cache starts over: keys
// may be chosen by those who attack. No key is kept that holds a secret. It is
// for one goroutine, and idle until it is switched on.
type keyCache struct {
	on bool
	// asked, where set, says of which keys the format's own search for secrets
	// wants to be asked.
	asked   func(key string) bool
	slots   []*cachedKey
	crowded int
	last    *cachedKey // the key before, in the order of the source
	start   cachedKey  // stands before a record's first key
}

type cachedKey struct {
	key    string
	quoted prefix // "key":
	// next are keys that followed: a key that stands in two places of a record has
	// two of them.
	next  [2]*cachedKey
	slot  uint16 // its place in the cache and one
	level secrecy
	is    traits
	lower string
	field accessField
	when  int8 // its rank among the times of NGINX
	// joined is what the key was joined with last: a.key for prefix a.
	prefix, joined string
}

var keySeed = maphash.MakeSeed()

// begin starts a record, and says whether all keys were forgotten.
func (c *keyCache) begin() (anew bool) {
	c.last = &c.start
	if c.crowded > maxCrowded {
		clear(c.slots)
		c.crowded, c.start = 0, cachedKey{}
		return true
	}
	return false
}

// expect returns the key that s begins with, if it is one that came behind the
// key before.
func (c *keyCache) expect(s string) *cachedKey {
	last := c.last
	if k := last.next[0]; k != nil && k.quoted.begins(s) {
		c.last = k
		return k
	}
	if k := last.next[1]; k != nil && k.quoted.begins(s) {
		c.last = k
		return k
	}
	return nil
}

// learn takes note of a key that was not expected.
func (c *keyCache) learn(k *cachedKey) {
	c.last.next[1] = c.last.next[0]
	c.last.next[0] = k
	c.last = k
}

// look returns what is known of a key, or nil of one that is not kept.
func (c *keyCache) look(key string) *cachedKey {
	if !c.on || key == "" || len(key) > maxCachedKey {
		return nil
	}
	if c.slots == nil {
		c.slots = make([]*cachedKey, cachedKeys)
	}
	at := maphash.String(keySeed, key) % cachedKeys
	for _, at := range [...]uint64{at, at ^ 1} {
		k := c.slots[at]
		if k == nil {
			if k = c.judge(key); k == nil {
				return nil
			}
			k.slot = uint16(at + 1) //nolint:gosec // cachedKeys is below 1<<16
			c.slots[at] = k
		}
		if k.key == key {
			return k
		}
	}
	c.crowded++
	return nil
}

// judge makes the entry of a key, or nil for one in which a secret may be.
func (c *keyCache) judge(key string) *cachedKey {
	r := redactor{hash: noHash, guess: true}
	level, hidden := r.key(key)
	if hidden != key {
		return nil
	}
	key = strings.Clone(key)
	k := &cachedKey{key: key, quoted: prefixOf(quoteJSON(key) + ":"), lower: strings.ToLower(key), level: level}
	k.field, k.when = accessFieldOf(k.lower), timeRank(key)
	if holdsValue(key) {
		k.is |= isValue
	}
	if holdsSecrets(key) {
		k.is |= isHolder
	}
	if envelopeKey(key) {
		k.is |= isEnvelope
	}
	if c.asked == nil || c.asked(key) {
		k.is |= isAsked
	}
	return k
}

// noHash stands for a hasher where only whether something is hidden counts.
var noHash = NewHasher(nil)

// key judges a member's key, and hides what looks like a secret in it.
func (r *redactor) key(key string) (secrecy, string) {
	level := nameSecrecy(key)
	if name, plain := columnName(key); !plain {
		level = max(level, nameSecrecy(name)) // a column of Log Analytics
	}
	if len(key) >= 16 && level == public {
		key = r.text(key)
	}
	return level, key
}

// lower returns the key of member n in lower case.
func (d *document) lower(n int) string {
	if slot := d.nodes[n].slot; slot != 0 {
		return d.known.slots[slot-1].lower
	}
	return strings.ToLower(d.nodes[n].key)
}

// dotted returns name and the key of member c, joined by a dot.
func (d *document) dotted(name string, c int) string {
	n := &d.nodes[c]
	if n.slot == 0 {
		return d.names.dotted(name, n.key)
	}
	k := d.known.slots[n.slot-1]
	if k.prefix == name && k.joined != "" {
		return k.joined
	}
	joined := d.names.dotted(name, n.key)
	if len(joined) <= maxInternedSize {
		k.prefix, k.joined = joined[:len(name)], joined
	}
	return joined
}
