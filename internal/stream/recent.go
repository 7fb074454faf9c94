package stream

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/lapwing-sec/lapwing/schemas"
)

const (
	// recentRecords and recentIDs bound the window in which a source's
	// duplicates are caught, by raw records and by ids.
	recentRecords = 10_000
	recentIDs     = 1 << 16
)

// AppendSighting appends what makes two events of a source one, but for their
// time: the source's id and the call. Many sources let the caller choose the id
// (Audit-ID of Kubernetes, X-Request-Id), who could make calls vanish behind
// another with the same id alone.
//
// An operation that goes with a method may be renamed by the user's API
// documents, which change between two runs, so that the path speaks for it.
func AppendSighting(b []byte, ev *schemas.Event) []byte {
	b = append(append(b, ev.Id...), 0)
	b = append(append(b, ev.UrlPath...), 0)
	if ev.HttpMethod != "" {
		return append(b, ev.HttpMethod...)
	}
	return append(b, ev.Operation...)
}

// recent is the window of events with an id that a raw partition lately carried: those last
// seen at most recentRecords offsets back, and of these the recentIDs seen
// last. So it depends on the last recentRecords records alone, and reading
// these again rebuilds it.
type recent struct {
	seen map[[2]uint64]int64 // id -> order of its last sighting
	ring []sighting          // sightings in order, stale ones included
	head int
	tick int64
	buf  []byte
}

type sighting struct {
	id     [2]uint64
	order  int64
	offset int64
}

func newRecent() *recent { return &recent{seen: make(map[[2]uint64]int64)} }

// touch notes an event at an offset and reports whether the window held it.
func (r *recent) touch(ev *schemas.Event, offset int64) bool {
	for r.head < len(r.ring) {
		s := r.ring[r.head]
		if s.order == r.seen[s.id] {
			if s.offset >= offset-recentRecords && len(r.seen) <= recentIDs {
				break
			}
			delete(r.seen, s.id)
		}
		r.head++
	}
	if r.head > len(r.ring)/2 && r.head > 1024 {
		r.ring = r.ring[:copy(r.ring, r.ring[r.head:])]
		r.head = 0
	}
	r.buf = binary.BigEndian.AppendUint64(r.buf[:0], uint64(ev.Time)) //nolint:gosec // its bits
	r.buf = AppendSighting(r.buf, ev)
	var d xxhash.Digest
	d.ResetWithSeed(0x9e3779b97f4a7c15)
	_, _ = d.Write(r.buf) // a hash never fails
	key := [2]uint64{xxhash.Sum64(r.buf), d.Sum64()}
	_, dup := r.seen[key]
	r.tick++
	r.seen[key] = r.tick
	r.ring = append(r.ring, sighting{key, r.tick, offset})
	return dup
}
