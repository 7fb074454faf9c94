package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// The record batch of message format v2, by byte offset. See "Record Batch" in
// Kafka's protocol documentation.
const (
	atBatchLength     = 8
	atMagic           = 16
	atCRC             = 17
	atAttributes      = 21
	atLastOffsetDelta = 23
	atFirstTimestamp  = 27
	atMaxTimestamp    = 35
	atProducerID      = 43
	atProducerEpoch   = 51
	atBaseSequence    = 53
	atNumRecords      = 57
	batchHeader       = 61

	attrCodec   = 0x07
	attrControl = 0x20
	attrLogTime = 0x08
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// producer identity that goes into a batch; id -1 is none.
type producerID struct {
	id    int64
	epoch int16
}

// encoder makes record batches; one goroutine at a time uses it.
type encoder struct {
	compressor *compressor
	plain      []byte
}

// batch encodes records [from, to) of b as one batch, appended to dst.
func (e *encoder) batch(dst []byte, b *stream.Batch, from, to int, now time.Time, p producerID, sequence int32) ([]byte, error) {
	start := len(dst)
	stamp := now.UnixMilli()
	n := to - from
	dst = append(dst, make([]byte, batchHeader)...)
	h := dst[start:]
	binary.BigEndian.PutUint32(h[12:], ^uint32(0)) // no leader epoch
	h[atMagic] = 2
	binary.BigEndian.PutUint32(h[atLastOffsetDelta:], uint32(n-1)) //nolint:gosec // a batch holds far fewer than 2^31 records
	binary.BigEndian.PutUint64(h[atFirstTimestamp:], uint64(stamp))
	binary.BigEndian.PutUint64(h[atMaxTimestamp:], uint64(stamp))
	binary.BigEndian.PutUint64(h[atProducerID:], uint64(p.id))       //nolint:gosec // two's complement on the wire
	binary.BigEndian.PutUint16(h[atProducerEpoch:], uint16(p.epoch)) //nolint:gosec // two's complement on the wire
	binary.BigEndian.PutUint32(h[atBaseSequence:], uint32(sequence)) //nolint:gosec // two's complement on the wire
	binary.BigEndian.PutUint32(h[atNumRecords:], uint32(n))          //nolint:gosec // as above
	binary.BigEndian.PutUint16(h[atAttributes:], uint16(e.codec()))  //nolint:gosec // 0 to 4
	if e.codec() == codecNone {
		for i := from; i < to; i++ {
			dst = appendRecord(dst, b, i, i-from)
		}
	} else {
		e.plain = e.plain[:0]
		for i := from; i < to; i++ {
			e.plain = appendRecord(e.plain, b, i, i-from)
		}
		var err error
		if dst, err = e.compressor.append(dst, e.plain); err != nil {
			return nil, err
		}
	}
	h = dst[start:]
	binary.BigEndian.PutUint32(h[atBatchLength:], uint32(len(h)-12)) //nolint:gosec // below 2 GB
	binary.BigEndian.PutUint32(h[atCRC:], crc32.Checksum(h[atAttributes:], castagnoli))
	return dst, nil
}

func (e *encoder) codec() codec {
	if e.compressor == nil {
		return codecNone
	}
	return e.compressor.codec
}

func appendRecord(dst []byte, b *stream.Batch, i, delta int) []byte {
	key, value, headers := b.At(i)
	size := 1 + 1 + varintSize(int64(delta)) + bytesSize(key) + bytesSize(value) + varintSize(int64(len(headers)))
	for _, h := range headers {
		size += varintSize(int64(len(h.Key))) + len(h.Key) + bytesSize(h.Value)
	}
	dst = binary.AppendVarint(dst, int64(size))
	dst = append(dst, 0) // attributes
	dst = append(dst, 0) // timestamp delta
	dst = binary.AppendVarint(dst, int64(delta))
	dst = appendBytes(dst, key)
	dst = appendBytes(dst, value)
	dst = binary.AppendVarint(dst, int64(len(headers)))
	for _, h := range headers {
		dst = binary.AppendVarint(dst, int64(len(h.Key)))
		dst = append(dst, h.Key...)
		dst = appendBytes(dst, h.Value)
	}
	return dst
}

func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 1) // zigzag -1
	}
	dst = binary.AppendVarint(dst, int64(len(b)))
	return append(dst, b...)
}

func bytesSize(b []byte) int {
	if b == nil {
		return 1
	}
	return varintSize(int64(len(b))) + len(b)
}

func varintSize(v int64) int {
	u := uint64(v)<<1 ^ uint64(v>>63) //nolint:gosec // zigzag
	n := 1
	for u >= 0x80 {
		u >>= 7
		n++
	}
	return n
}

var errTruncated = errors.New("truncated")

// decodeBatches appends the records of a fetched record set at or after offset
// to recs. next is the offset to go on from: past the last batch, even if
// compaction left it empty or without its last records. Keys and values point
// into set, or into memory of their own where they were compressed.
//
// A set may end in the middle of a batch; that batch is left for the next
// fetch. Control batches (of transactions) are skipped.
func decodeBatches(set []byte, topic string, partition int, offset int64, d *decompressor, recs []stream.Record) (out []stream.Record, next int64, err error) {
	next = offset
	for len(set) >= batchHeader {
		base := int64(binary.BigEndian.Uint64(set)) //nolint:gosec // offsets are not negative
		length := int(int32(binary.BigEndian.Uint32(set[atBatchLength:])))
		if length < batchHeader-12 {
			return recs, next, fmt.Errorf("a batch of %d bytes at offset %d", length, base)
		}
		if 12+length > len(set) {
			break
		}
		batch := set[:12+length]
		set = set[12+length:]
		if m := batch[atMagic]; m != 2 {
			return recs, next, fmt.Errorf("a batch of message format %d at offset %d; only 2 is read", m, base)
		}
		if sum := crc32.Checksum(batch[atAttributes:], castagnoli); sum != binary.BigEndian.Uint32(batch[atCRC:]) {
			return recs, next, fmt.Errorf("a damaged batch at offset %d", base)
		}
		last := base + int64(int32(binary.BigEndian.Uint32(batch[atLastOffsetDelta:]))) //nolint:gosec // two's complement on the wire
		if last < next {
			continue
		}
		attributes := binary.BigEndian.Uint16(batch[atAttributes:])
		n := int(int32(binary.BigEndian.Uint32(batch[atNumRecords:]))) //nolint:gosec // two's complement on the wire
		if attributes&attrControl == 0 && n > 0 {
			body := batch[batchHeader:]
			if c := codec(attributes & attrCodec); c != codecNone {
				plain, err := d.append(nil, body, c)
				if err != nil {
					return recs, next, fmt.Errorf("the batch at offset %d: %w", base, err)
				}
				body = plain
			}
			if recs, err = decodeRecords(body, batch, topic, partition, offset, n, recs); err != nil {
				return recs, next, fmt.Errorf("the batch at offset %d: %w", base, err)
			}
		}
		next = last + 1
	}
	return recs, next, nil
}

func decodeRecords(body, batch []byte, topic string, partition int, offset int64, n int, recs []stream.Record) ([]stream.Record, error) {
	base := int64(binary.BigEndian.Uint64(batch))                     //nolint:gosec // offsets are not negative
	first := int64(binary.BigEndian.Uint64(batch[atFirstTimestamp:])) //nolint:gosec // two's complement on the wire
	logTime := binary.BigEndian.Uint16(batch[atAttributes:])&attrLogTime != 0
	maxTime := int64(binary.BigEndian.Uint64(batch[atMaxTimestamp:])) //nolint:gosec // two's complement on the wire
	r := cursor{b: body}
	for range n {
		end := r.varint()
		if r.bad || end < 0 || end > int64(len(r.b)) {
			return recs, errTruncated
		}
		rec := cursor{b: r.b[:end]}
		r.b = r.b[end:]
		rec.skip(1)
		stamp := first + rec.varint()
		if logTime {
			stamp = maxTime
		}
		at := base + rec.varint()
		key := rec.bytes()
		value := rec.bytes()
		headers := rec.headers()
		if rec.bad {
			return recs, errTruncated
		}
		if at < offset {
			continue
		}
		recs = append(recs, stream.Record{
			Topic: topic, Partition: partition, Offset: at, Key: key, Value: value, Headers: headers, Time: time.UnixMilli(stamp),
		})
	}
	return recs, nil
}

// cursor reads the fields of one record.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.b)
	if n <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) skip(n int) {
	if n > len(c.b) {
		c.bad, c.b = true, nil
		return
	}
	c.b = c.b[n:]
}

// bytes gives nil for a null and an empty slice for nothing.
func (c *cursor) bytes() []byte {
	n := c.varint()
	if n < 0 {
		return nil
	}
	if n > int64(len(c.b)) {
		c.bad, c.b = true, nil
		return nil
	}
	p := c.b[:n:n]
	c.b = c.b[n:]
	return p
}

func (c *cursor) headers() []stream.Header {
	n := c.varint()
	if n <= 0 || n > int64(len(c.b)) {
		c.bad = c.bad || n != 0
		return nil
	}
	hs := make([]stream.Header, n)
	for i := range hs {
		hs[i].Key = string(c.bytes())
		hs[i].Value = c.bytes()
	}
	return hs
}
