package detect

import "github.com/cespare/xxhash/v2"

// hashValue is the fingerprint of a value in a dimension. It is part of the
// snapshot format: changing it forgets every baseline.
func hashValue(d Dimension, value string) uint32 {
	return fold(xxhash.Sum64String(value) + uint64(d)*0x9E3779B97F4A7C15)
}

// hashBytes is hashValue of bytes.
func hashBytes(d Dimension, value []byte) uint32 {
	return fold(xxhash.Sum64(value) + uint64(d)*0x9E3779B97F4A7C15)
}

// hashNumber is hashValue for values that are numbers.
func hashNumber(d Dimension, value uint64) uint32 {
	return fold(value*0xD6E8FEB86659FD93 + uint64(d)*0x9E3779B97F4A7C15)
}

// fold mixes 64 bits into 32 (the finaliser of MurmurHash3).
func fold(x uint64) uint32 {
	x ^= x >> 33
	x *= 0xFF51AFD7ED558CCD
	x ^= x >> 33
	x *= 0xC4CEB9FE1A85EC53
	x ^= x >> 33
	return uint32(x) //nolint:gosec // the low half is the fingerprint
}
