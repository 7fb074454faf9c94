package faults

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// slotEnds gives the offset of each slot of cell 0 that has its end record, and
// the name of the newest.
func (w *world) slotEnds() (ends map[string]int64, newest string) {
	w.t.Helper()
	ends = make(map[string]int64)
	for _, rec := range w.scan("lapwing.state")[0] {
		name, ok := strings.CutSuffix(string(rec.Key), "/end")
		if !ok {
			continue
		}
		delete(ends, name)
		if rec.Value != nil {
			var end struct {
				Offset int64 `json:"offset"`
			}
			w.must(json.Unmarshal(rec.Value, &end))
			ends[name] = end.Offset
		}
	}
	for name, at := range ends {
		if newest == "" || at > ends[newest] {
			newest = name
		}
	}
	return ends, newest
}

// chunk is the last value of a slot's first chunk.
func (w *world) chunk(slot string) []byte {
	w.t.Helper()
	var value []byte
	for _, rec := range w.scan("lapwing.state")[0] {
		if string(rec.Key) == slot+"/00000" {
			value = rec.Value
		}
	}
	return value
}

// harms are ways in which a slot is no snapshot any more.
var harms = map[string]func(w *world, slot string) []stream.Record{
	"its end record is gone": func(_ *world, slot string) []stream.Record {
		return []stream.Record{{Key: []byte(slot + "/end")}}
	},
	"a chunk is gone": func(_ *world, slot string) []stream.Record {
		return []stream.Record{{Key: []byte(slot + "/00000")}}
	},
	"a byte is another": func(w *world, slot string) []stream.Record {
		value := w.chunk(slot)
		value[8+w.r.Rand.IntN(len(value)-8)] ^= 1 << w.r.Rand.IntN(8)
		return []stream.Record{{Key: []byte(slot + "/00000"), Value: value}}
	},
	"it was being written anew": func(w *world, slot string) []stream.Record {
		value := w.chunk(slot)
		value[0] ^= 0xff // of another snapshot
		return []stream.Record{{Key: []byte(slot + "/00000"), Value: value}}
	},
	"its end record is no JSON": func(_ *world, slot string) []stream.Record {
		return []stream.Record{{Key: []byte(slot + "/end"), Value: []byte("{")}}
	},
	"all of it is gone": func(_ *world, slot string) []stream.Record {
		return []stream.Record{{Key: []byte(slot + "/00000")}, {Key: []byte(slot + "/end")}}
	},
}

// Scenario 2. The newest snapshot, or both, is damaged while nobody runs.
func snapshotDamage(t *testing.T, r *Result, o options) *verdict {
	o.snapshotEvents = 40
	return inWorld(t, r, o, func(w *world) {
		for range 2 + r.Rand.IntN(2) {
			w.send(w.traffic.burst(60+r.Rand.IntN(60), time.Now(), 10*time.Minute))
			p := w.start(everything())
			if !w.settled(5 * time.Minute) {
				w.v.lost("a process did not catch up")
			}
			p.stop()
			w.ended(p)
		}
		ends, newest := w.slotEnds()
		if len(ends) != 2 {
			w.t.Fatalf("slots: %v", ends)
		}
		both, retained := r.Rand.IntN(3) == 0, false
		var want int64
		for name, at := range ends {
			if name != newest {
				want = at
			}
		}
		if both {
			want = 0
			if retained = r.Rand.IntN(2) == 0; retained {
				// Retention has taken the log's beginning, too.
				want = 1 + r.Rand.Int64N(ends[newest])
				w.must(w.cluster.DeleteRecords("lapwing.events", 0, want))
			}
		}
		for name := range ends {
			if both || name == newest {
				what := w.pick(harms)
				w.t.Logf("slot %s: %s", name, what)
				w.must(w.admin.ProduceTo(context.Background(), "lapwing.state", 0, harms[what](w, name)))
				r.Faults(1)
			}
		}
		if both {
			r.Died(bothSlots)
		}
		w.send(w.traffic.burst(30, time.Now(), time.Minute))
		p := w.start(everything())
		if retained {
			w.rebuilt(p, want)
			return
		}
		w.finishWith(p)
		if got := restoredAt(p); got != want {
			w.v.lost("restored at %d, want %d", got, want)
		}
		if err := p.failed(); err != nil {
			w.v.lost("a role ended by itself: %v", err)
		}
	})
}

// pick draws a key in an order that the seed decides.
func (w *world) pick(from map[string]func(*world, string) []stream.Record) string {
	return sortedKeys(from)[w.r.Rand.IntN(len(from))]
}

// restoredAt is where the process's cell 0 took its state up.
func restoredAt(p *process) int64 {
	var l struct {
		Offset int64 `json:"offset"`
	}
	l.Offset = -1
	_ = json.Unmarshal([]byte(line(p.log.String(), "cell restored")), &l)
	return l.Offset
}

// rebuilt checks a cell that had no snapshot and not all of its log: its state
// is that of what the log still held, and it said what is missing.
func (w *world) rebuilt(p *process, start int64) {
	w.t.Helper()
	w.live(5 * time.Minute)
	if !w.settled(5 * time.Minute) {
		w.v.lost("the process did not catch up")
	}
	p.stop()
	want := fmt.Sprintf("offsets 0 to %d are gone", start)
	if !strings.Contains(p.log.String(), want) {
		w.v.lost("the log does not say that %s", want)
	}
	var state []byte
	next, found, err := w.admin.Snapshot(context.Background(), 0, func(r io.Reader) (err error) {
		state, err = io.ReadAll(r)
		return err
	})
	w.must(err)
	_, _, at := w.detectReference(0, w.scan("lapwing.events")[0], next)
	if !found || !bytes.Equal(at, state) {
		w.v.lost("the state at %d is not that of what the log holds", next)
	}
	w.r.Events(len(w.traffic.calls))
}

// Scenario 3. A restore reads a log as Apache Kafka's cleaner leaves it: batches
// compressed, with holes between records and at their ends, empty ones, and
// whole batches gone. The snapshot has several chunks.
func compactedRestore(t *testing.T, r *Result, o options) *verdict {
	o.snapshotEvents, o.padding = 1000, 2_000_000
	return inWorld(t, r, o, func(w *world) {
		for range 2 + r.Rand.IntN(3) {
			w.send(w.traffic.burst(60+r.Rand.IntN(40), time.Now(), 10*time.Minute))
			p := w.start(everything())
			if !w.settled(5 * time.Minute) {
				w.v.lost("a process did not catch up")
			}
			p.stop()
			w.ended(p)
		}
		ends, newest := w.slotEnds()
		w.send(w.traffic.burst(30, time.Now(), time.Minute))
		clean := w.newCleaner()
		p := w.startWith(everything(), func(wr *wire) { wr.rewrite = clean.rewrite })
		w.finishWith(p)
		w.ended(p)
		r.Faults(clean.changed)
		if clean.changed == 0 {
			w.t.Error("nothing was compacted")
		}
		if got := restoredAt(p); got != ends[newest] {
			w.v.lost("restored at %d, want %d", got, ends[newest])
		}
	})
}

// cleaner rewrites answers to fetches of lapwing.state as if the log had been
// compacted.
type cleaner struct {
	w       *world
	newest  map[string]int64 // offset of each key's last record
	zstd    *zstd.Encoder
	changed int
}

func (w *world) newCleaner() *cleaner {
	w.t.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	w.must(err)
	c := &cleaner{w: w, newest: map[string]int64{}, zstd: z}
	for _, rec := range w.scan("lapwing.state")[0] {
		c.newest[string(rec.Key)] = rec.Offset
	}
	return c
}

func (c *cleaner) rewrite(r *request, res kmsg.Response) bool {
	fetch, ok := res.(*kmsg.FetchResponse)
	if !ok || r.point != "fetch state" {
		return false
	}
	for i := range fetch.Topics {
		for j := range fetch.Topics[i].Partitions {
			p := &fetch.Topics[i].Partitions[j]
			p.RecordBatches = c.batches(p.RecordBatches)
		}
	}
	return true
}

const batchHead = 61 // bytes of a batch before its records

func (c *cleaner) batches(set []byte) (out []byte) {
	for len(set) >= batchHead {
		n := 12 + int(binary.BigEndian.Uint32(set[8:]))
		if n > len(set) {
			break
		}
		out = append(out, c.batch(set[:n])...)
		set = set[n:]
	}
	return out
}

func (c *cleaner) batch(b []byte) []byte {
	base := int64(binary.BigEndian.Uint64(b))
	records, kept := b[batchHead:], []byte(nil)
	count := 0
	for len(records) > 0 {
		size, k := binary.Varint(records)
		rec := records[:k+int(size)]
		records = records[len(rec):]
		offset, key := recordKey(rec[k:])
		if c.newest[string(key)] > base+offset {
			c.changed++
			continue
		}
		kept = append(kept, rec...)
		count++
	}
	if count == 0 && c.w.r.Rand.IntN(2) == 0 {
		return nil // a hole
	}
	out := append([]byte(nil), b[:batchHead]...) // the last offset's delta stays
	if count > 0 && c.w.r.Rand.IntN(2) == 0 {
		kept = c.zstd.EncodeAll(kept, nil)
		binary.BigEndian.PutUint16(out[21:], binary.BigEndian.Uint16(out[21:])|4)
		c.changed++
	}
	out = append(out, kept...)
	binary.BigEndian.PutUint32(out[57:], uint32(count))
	binary.BigEndian.PutUint32(out[8:], uint32(len(out)-12))
	binary.BigEndian.PutUint32(out[17:], crc32.Checksum(out[21:], crc32.MakeTable(crc32.Castagnoli)))
	return out
}

// recordKey reads a record's offset in its batch, and its key.
func recordKey(rec []byte) (delta int64, key []byte) {
	rec = rec[1:] // attributes
	_, n := binary.Varint(rec)
	rec = rec[n:]
	delta, n = binary.Varint(rec)
	rec = rec[n:]
	size, n := binary.Varint(rec)
	if size < 0 {
		return delta, nil
	}
	return delta, rec[n : n+int(size)]
}

// paddedCell has a state too large for one chunk.
type paddedCell struct {
	stream.Cell
	padding int
}

// Snapshot implements stream.Cell.
func (c *paddedCell) Snapshot(w io.Writer) error {
	var buf bytes.Buffer
	if err := c.Cell.Snapshot(&buf); err != nil {
		return err
	}
	noise := make([]byte, 0, c.padding+8)
	for state := uint64(1); len(noise) < c.padding; { // does not compress
		state = state*6364136223846793005 + 1442695040888963407
		noise = binary.BigEndian.AppendUint64(noise, state)
	}
	for _, part := range [][]byte{binary.BigEndian.AppendUint64(nil, uint64(buf.Len())), buf.Bytes(), noise} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// Restore implements stream.Cell.
func (c *paddedCell) Restore(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if len(b) < 8+c.padding {
		return io.ErrUnexpectedEOF
	}
	n := binary.BigEndian.Uint64(b)
	return c.Cell.Restore(bytes.NewReader(b[8 : 8+n]))
}
