package stream

import (
	"bytes"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Batch collects records for one partition in one piece of memory. The zero
// value is empty and ready; Reset keeps the memory.
type Batch struct {
	buf  []byte
	recs []entry
}

// entry points at a record's key and value in Batch.buf. keyLen -1 is no key,
// valueLen -1 no value: a tombstone.
type entry struct {
	start, keyLen, valueLen int
	headers                 []Header
}

// Len is the number of records.
func (b *Batch) Len() int { return len(b.recs) }

// Bytes is the size of all keys and values.
func (b *Batch) Bytes() int { return len(b.buf) }

// Reset empties the batch.
func (b *Batch) Reset() {
	clear(b.recs)
	b.buf, b.recs = b.buf[:0], b.recs[:0]
}

// At gives the parts of record i; they are valid until Reset or the next Add.
func (b *Batch) At(i int) (key, value []byte, headers []Header) {
	e := &b.recs[i]
	at := e.start
	if e.keyLen >= 0 {
		key = b.buf[at : at+e.keyLen : at+e.keyLen]
		at += e.keyLen
	}
	if e.valueLen >= 0 {
		value = b.buf[at : at+e.valueLen : at+e.valueLen]
	}
	return key, value, e.headers
}

// Size is the size of the key and value of record i.
func (b *Batch) Size(i int) int {
	return max(b.recs[i].keyLen, 0) + max(b.recs[i].valueLen, 0)
}

// Add copies a record; headers are kept as they are. A nil key or value stays
// nil.
func (b *Batch) Add(key, value []byte, headers []Header) {
	e := entry{start: len(b.buf), keyLen: -1, valueLen: -1, headers: headers}
	if key != nil {
		e.keyLen = len(key)
		b.buf = append(b.buf, key...)
	}
	if value != nil {
		e.valueLen = len(value)
		b.buf = append(b.buf, value...)
	}
	b.recs = append(b.recs, e)
}

// AddEvent encodes an event, keyed by its identity.
func (b *Batch) AddEvent(ev *schemas.Event) error {
	start := len(b.buf)
	b.buf = append(b.buf, ev.IdentityId...)
	if err := b.encode(ev.SizeVT(), ev.MarshalToSizedBufferVT); err != nil {
		b.buf = b.buf[:start]
		return err
	}
	b.recs = append(b.recs, entry{start: start, keyLen: len(ev.IdentityId), valueLen: len(b.buf) - start - len(ev.IdentityId)})
	return nil
}

// AddControl encodes a control record: no key, and the header that marks it.
func (b *Batch) AddControl(c *schemas.Control) error {
	start := len(b.buf)
	if err := b.encode(c.SizeVT(), c.MarshalToSizedBufferVT); err != nil {
		b.buf = b.buf[:start]
		return err
	}
	b.recs = append(b.recs, entry{start: start, keyLen: -1, valueLen: len(b.buf) - start, headers: controlHeaders(c.Kind)})
	return nil
}

func (b *Batch) encode(size int, marshal func([]byte) (int, error)) error {
	at := len(b.buf)
	if need := at + size; need > cap(b.buf) {
		grown := make([]byte, at, max(2*cap(b.buf), need, 4096))
		copy(grown, b.buf)
		b.buf = grown
	}
	b.buf = b.buf[:at+size]
	if _, err := marshal(b.buf[at:]); err != nil {
		b.buf = b.buf[:at]
		return err
	}
	return nil
}

// dropLast removes the record that was added last.
func (b *Batch) dropLast() {
	last := len(b.recs) - 1
	b.buf = b.buf[:b.recs[last].start]
	b.recs[last] = entry{}
	b.recs = b.recs[:last]
}

// Records copies the batch out as records, for tests and small batches.
func (b *Batch) Records() []Record {
	recs := make([]Record, b.Len())
	for i := range recs {
		key, value, headers := b.At(i)
		recs[i] = Record{Key: bytes.Clone(key), Value: bytes.Clone(value), Headers: headers}
	}
	return recs
}

// controlHeaders names the kind of a control record in its header, for people
// who look at the log with other tools.
func controlHeaders(kind schemas.ControlKind) []Header {
	name := "unknown"
	switch kind {
	case schemas.ControlKind_CONTROL_KIND_FENCE:
		name = "fence"
	case schemas.ControlKind_CONTROL_KIND_WATERMARK:
		name = "watermark"
	case schemas.ControlKind_CONTROL_KIND_END:
		name = "end"
	case schemas.ControlKind_CONTROL_KIND_FEEDBACK:
		name = "feedback"
	case schemas.ControlKind_CONTROL_KIND_PROFILE:
		name = "profile"
	case schemas.ControlKind_CONTROL_KIND_UNSPECIFIED:
	}
	return []Header{{Key: ControlHeader, Value: []byte(name)}}
}

// IsControl reports whether r of lapwing.events is a control record.
func IsControl(r *Record) bool { return r.Header(ControlHeader) != nil }
