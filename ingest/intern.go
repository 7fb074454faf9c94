package ingest

import (
	"encoding/binary"
	"strings"
)

// Bounds of what an interner keeps. Real sources have a few hundred names and
// routes; when there are more, it starts anew.
const (
	maxInterned     = 2048
	maxInternedSize = 256
)

// interner keeps one copy of strings that come again with every record: dotted
// names of attributes, operations, header names in lower case. What is in it
// is redacted. It is for one goroutine.
type interner struct {
	seen map[string]string
	// recent are those that came last, each in the place of its bytes.
	recent [recentNames]string
	// buf is where an operation is made.
	buf [512]byte
}

// recentNames is how many strings are found without a look into the map.
const recentNames = 64

// recentPlace is the place of b among them, by its first and its last bytes: the
// highest bits of a product (D. Knuth, The Art of Computer Programming 3, 6.4).
func recentPlace(b []byte) uint64 {
	const golden, bits = 0x9e3779b97f4a7c15, 6
	n := len(b)
	if n < 8 {
		return 0
	}
	head, tail := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	return ((head*golden ^ tail) + uint64(n)) * golden >> (64 - bits)
}

// bytes returns b as a string; without an interner, as a new one.
func (in *interner) bytes(b []byte) string {
	if in == nil {
		return string(b)
	}
	at := &in.recent[recentPlace(b)]
	if *at == string(b) {
		return *at
	}
	if s, ok := in.seen[string(b)]; ok {
		*at = s
		return s
	}
	s := string(b)
	if len(s) > maxInternedSize {
		return s
	}
	switch {
	case in.seen == nil:
		in.seen = make(map[string]string, 64)
	case len(in.seen) >= maxInterned:
		clear(in.seen)
	}
	in.seen[s] = s
	return s
}

// join returns a and b as one string.
func (in *interner) join(a, b string) string {
	var buf [maxInternedSize]byte
	return in.bytes(append(append(buf[:0], a...), b...))
}

// dotted returns a.b.
func (in *interner) dotted(a, b string) string {
	var buf [maxInternedSize]byte
	return in.bytes(append(append(append(buf[:0], a...), '.'), b...))
}

// lower returns s in lower case, as far as ASCII goes.
func (in *interner) lower(s string) string {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 0x80:
			return strings.ToLower(s)
		case c >= 'A' && c <= 'Z':
			var buf [maxInternedSize]byte
			b := append(buf[:0], s...)
			for ; i < len(b); i++ {
				if c := b[i]; c >= 'A' && c <= 'Z' {
					b[i] += 'a' - 'A'
				} else if c >= 0x80 {
					return strings.ToLower(s)
				}
			}
			return in.bytes(b)
		}
	}
	return s
}
