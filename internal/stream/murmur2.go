package stream

import "encoding/binary"

// Murmur2Partition chooses a partition for a key as Java clients do
// (org.apache.kafka.common.utils.Utils.murmur2, sign bit dropped, modulo).
func Murmur2Partition[K []byte | string](key K, partitions int) int {
	if partitions <= 1 {
		return 0
	}
	return int(murmur2(key)&0x7fffffff) % partitions
}

// murmur2 is Austin Appleby's MurmurHash2, 32 bits, with the seed that Kafka
// uses.
func murmur2[K []byte | string](key K) uint32 {
	const (
		seed uint32 = 0x9747b28c
		m    uint32 = 0x5bd1e995
		r           = 24
	)
	n := len(key)
	h := seed ^ uint32(n) //nolint:gosec // the algorithm takes the low 32 bits
	i := 0
	for ; i+4 <= n; i += 4 {
		k := binary.LittleEndian.Uint32([]byte{key[i], key[i+1], key[i+2], key[i+3]})
		k *= m
		k ^= k >> r
		k *= m
		h *= m
		h ^= k
	}
	switch n - i {
	case 3:
		h ^= uint32(key[i+2]) << 16
		fallthrough
	case 2:
		h ^= uint32(key[i+1]) << 8
		fallthrough
	case 1:
		h ^= uint32(key[i])
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return h
}
