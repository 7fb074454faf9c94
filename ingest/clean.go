package ingest

import "hash/maphash"

// cleanSlots is how many texts a cleanTexts remembers, a power of two. Each has two
// places beside each other; the text that was added last takes the first.
const cleanSlots = 2048

// cleanTexts remembers texts in which no secret was found: names of roles, user
// agents and addresses come again and again. It keeps 64 bits of a hash whose
// seed nobody knows, and no text. It is for one goroutine and one redactor, and
// idle until it is switched on.
type cleanTexts struct {
	on     bool
	hashes []uint64
}

var cleanSeed = maphash.MakeSeed()

// hash returns what has and add take, of a longer text 0: it is rather searched
// than hashed.
func (c *cleanTexts) hash(s string) uint64 {
	if !c.on || len(s) > maxInternedSize {
		return 0
	}
	return maphash.String(cleanSeed, s)
}

func (c *cleanTexts) has(hash uint64) bool {
	at := hash % cleanSlots &^ 1
	return hash != 0 && c.hashes != nil && (c.hashes[at] == hash || c.hashes[at+1] == hash)
}

func (c *cleanTexts) add(hash uint64) {
	if hash == 0 {
		return
	}
	if c.hashes == nil {
		c.hashes = make([]uint64, cleanSlots)
	}
	at := hash % cleanSlots &^ 1
	c.hashes[at], c.hashes[at+1] = hash, c.hashes[at]
}
