package detect

import (
	"math"
	"math/bits"
)

// sketchExact is how many distinct values a Sketch counts exactly.
const sketchExact = 16

// sketchRegisters is the number of registers once it estimates.
const sketchRegisters = 64

// Sketch counts distinct values: exactly up to 16, then by HyperLogLog
// (Flajolet et al. 2007) with 64 registers, about 13% standard error. It is 66
// bytes and pointer-free; the same 64 bytes hold the 16 fingerprints first and
// the registers later.
type Sketch struct {
	n     uint8 // fingerprints held; above sketchExact: the bytes are registers
	bytes [sketchRegisters]byte
}

// Add counts a value by its 32-bit fingerprint. It reports whether the value
// was new, as far as the sketch can tell.
func (s *Sketch) Add(h uint32) bool {
	if s.n <= sketchExact {
		for i := range int(s.n) {
			if s.at(i) == h {
				return false
			}
		}
		if s.n < sketchExact {
			s.put(int(s.n), h)
			s.n++
			return true
		}
		var held [sketchExact]uint32
		for i := range held {
			held[i] = s.at(i)
		}
		s.bytes = [sketchRegisters]byte{}
		s.n = sketchExact + 1
		for _, v := range held {
			s.register(v)
		}
	}
	return s.register(h)
}

func (s *Sketch) at(i int) uint32 {
	b := s.bytes[4*i:]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func (s *Sketch) put(i int, h uint32) {
	b := s.bytes[4*i:]
	b[0], b[1], b[2], b[3] = byte(h), byte(h>>8), byte(h>>16), byte(h>>24) //nolint:gosec // cut into bytes
}

func (s *Sketch) register(h uint32) bool {
	// The fingerprint is spread once more, so that its top bits are fair.
	h *= 0x9E3779B1
	h ^= h >> 15
	h *= 0x85EBCA6B
	h ^= h >> 13
	i := h >> 26
	rank := byte(bits.LeadingZeros32(h<<6|1<<5) + 1) //nolint:gosec // 1..27
	if rank > s.bytes[i] {
		s.bytes[i] = rank
		return true
	}
	return false
}

// approx words the estimate of a sketch, of at most a number of values: exactly up
// to 16, "about 33" above. unit is the singular.
func approx(x float64, most uint32, unit string) string {
	n := int(math.Round(min(x, float64(most))))
	if n <= sketchExact {
		return plural(n, unit)
	}
	return "about " + plural(n, unit)
}

// Count is the number of distinct values added.
func (s *Sketch) Count() float64 {
	if s.n <= sketchExact {
		return float64(s.n)
	}
	sum, zeros := 0.0, 0
	for _, r := range s.bytes {
		sum += math.Float64frombits(uint64(1023-int(r)) << 52) //nolint:gosec // two to the minus r, exactly
		if r == 0 {
			zeros++
		}
	}
	const m = float64(sketchRegisters)
	const alpha = 0.709
	e := float64(alpha*m*m) / sum
	if e <= 2.5*m && zeros > 0 {
		e = m * math.Log(m/float64(zeros))
	}
	return max(e, sketchExact)
}
