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
}

type macState struct {
	mac hash.Hash
	sum [sha256.Size]byte
	in  []byte
	hex [len(hashPrefix) + 32]byte
}

// NewHasher returns a Hasher for key, and for older keys in the order of their
// retirement, which only Candidates uses. An empty key is allowed, but its
// hashes can be guessed.
func NewHasher(key []byte, old ...[]byte) *Hasher {
	h := &Hasher{}
	for _, k := range append([][]byte{key}, old...) {
		k = append([]byte(nil), k...)
		h.pools = append(h.pools, &sync.Pool{New: func() any { return &macState{mac: hmac.New(sha256.New, k)} }})
	}
	return h
}

// Hash returns "hmac:" and the first 16 bytes of HMAC-SHA256 (RFC 2104) of
// secret under the current key, in hex.
func (h *Hasher) Hash(secret string) string { return hashWith(h.pools[0], secret) }

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
