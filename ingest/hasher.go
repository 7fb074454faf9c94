package ingest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"sync"
)

// hashPrefix marks a value that stands for a secret.
const hashPrefix = "hmac:"

// Hasher replaces secrets by keyed hashes: the same secret always gives the
// same hash, and without the key no guess can be verified. It is safe for
// concurrent use.
type Hasher struct {
	// One pool a key, the current key first. Pooled states have absorbed the
	// key already, which halves the cost of a hash.
	pools []*sync.Pool
	// former is nil while there is one key.
	former *formerHashes
}

// formerGeneration is how many secrets are remembered at least: far more than
// one record holds, and than all partitions hash between the parse of a record
// and its enrichment.
const formerGeneration = 1 << 16

// formerHashes remembers the hashes under older keys of the secrets that were
// hashed last, in two generations: when the young one is full it replaces the
// old one.
type formerHashes struct {
	mu         sync.Mutex
	young, old map[string][]string
}

type macState struct {
	mac hash.Hash
	sum [sha256.Size]byte
	in  []byte
	hex [len(hashPrefix) + 32]byte
}

// NewHasher returns a Hasher for key, and for older keys, the one retired last
// first, which only Candidates and Former use. An empty key is allowed, but its
// hashes can be guessed.
func NewHasher(key []byte, old ...[]byte) *Hasher {
	h := &Hasher{}
	for _, k := range append([][]byte{key}, old...) {
		k = append([]byte(nil), k...)
		h.pools = append(h.pools, &sync.Pool{New: func() any { return &macState{mac: hmac.New(sha256.New, k)} }})
	}
	if len(old) > 0 {
		h.former = &formerHashes{young: map[string][]string{}}
	}
	return h
}

// Hash returns "hmac:" and the first 16 bytes of HMAC-SHA256 (RFC 2104) of
// secret under the current key, in hex.
func (h *Hasher) Hash(secret string) string {
	out := hashWith(h.pools[0], secret)
	if h.former != nil && !h.former.has(out) {
		older := make([]string, 0, len(h.pools)-1)
		for _, p := range h.pools[1:] {
			older = append(older, hashWith(p, secret))
		}
		h.former.put(out, older)
	}
	return out
}

// Former returns the hashes under the older keys, the oldest last, of a secret
// by its hash under the current one. It knows the last 65,536 secrets that Hash
// was asked about at least, so that whoever handles a record right after its
// parser finds those of the record; of others it returns nil. The result is
// shared and must not be changed.
func (h *Hasher) Former(hash string) []string {
	if h.former == nil || hash == "" {
		return nil
	}
	h.former.mu.Lock()
	defer h.former.mu.Unlock()
	if older, ok := h.former.young[hash]; ok {
		return older
	}
	return h.former.old[hash]
}

// has reports whether a hash is remembered, and keeps it from being forgotten.
func (f *formerHashes) has(hash string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.young[hash]; ok {
		return true
	}
	older, ok := f.old[hash]
	if ok {
		f.keep(hash, older)
	}
	return ok
}

func (f *formerHashes) put(hash string, older []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keep(hash, older)
}

func (f *formerHashes) keep(hash string, older []string) {
	if len(f.young) >= formerGeneration {
		f.old, f.young = f.young, make(map[string][]string, formerGeneration)
	}
	f.young[hash] = older
}

// Candidates returns the hashes of secret under every key, the current one
// first: what an inventory written before a key change may list.
func (h *Hasher) Candidates(secret string) []string {
	out := make([]string, len(h.pools))
	for i, p := range h.pools {
		out[i] = hashWith(p, secret)
	}
	return out
}

func hashWith(p *sync.Pool, secret string) string {
	s := p.Get().(*macState)
	s.mac.Reset()
	s.in = append(s.in[:0], secret...)
	s.mac.Write(s.in) // a hash's Write never fails
	sum := s.mac.Sum(s.sum[:0])
	clear(s.in) // no secret stays behind in the pool
	copy(s.hex[:], hashPrefix)
	hex.Encode(s.hex[len(hashPrefix):], sum[:16])
	out := string(s.hex[:])
	p.Put(s)
	return out
}
