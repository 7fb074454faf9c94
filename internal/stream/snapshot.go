package stream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	snapshotFormat = 1
	chunkBytes     = 900 << 10
	pieceBytes     = 1 << 20
	// maxChunks bounds the chunks of a slot (115 GB), maxReset the resets that were
	// accepted: what says otherwise is no record of ours.
	maxChunks = 1 << 17
	maxReset  = 1 << 20
	// clearAtOnce is how many old chunks are cleared in one batch.
	clearAtOnce = 5_000
)

// slotEnd is the record that makes a slot of lapwing.state complete.
type slotEnd struct {
	Format  int       `json:"format"`
	ID      uint64    `json:"id"`
	Offset  int64     `json:"offset"`
	Digest  string    `json:"digest"`
	Chunks  int       `json:"chunks"`
	Bytes   int64     `json:"bytes"`
	SHA256  string    `json:"sha256"`
	Written time.Time `json:"written"`
	// Reset counts how often an operator accepted that the log does not reach
	// the state. What was written before the newest reset no longer counts,
	// however high its offset.
	Reset int `json:"reset,omitempty"`
	// Layout is the generation of cells that the state belongs to; see CellConfig.
	Layout int `json:"layout,omitempty"`
}

// slot is what a scan of a cell's state found under one name.
type slot struct {
	name   string
	end    *slotEnd
	seen   int64 // offset of the end record
	chunks map[int][]byte
	other  bool // complete, but of another layout: as if it were empty
	// ignored counts records that are none of a slot's.
	ignored int
}

func slotKey(cell int, name string, part string) []byte {
	return []byte(strconv.Itoa(cell) + "/" + name + "/" + part)
}

// readSlots reads a partition of lapwing.state whole. Slots of another layout count
// as empty, except that their chunks are there.
func readSlots(ctx context.Context, r Reader, cell, layout int) (map[string]*slot, error) {
	slots, err := scanSlots(ctx, r, cell)
	for _, s := range slots {
		if s.end != nil && s.end.Layout != layout {
			s.end, s.other = nil, true
		}
	}
	return slots, err
}

func scanSlots(ctx context.Context, r Reader, cell int) (map[string]*slot, error) {
	slots := map[string]*slot{"A": {name: "A", chunks: map[int][]byte{}}, "B": {name: "B", chunks: map[int][]byte{}}}
	at, end, err := r.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	for at < end {
		chunk, err := r.Fetch(ctx, at)
		if err != nil {
			return nil, err
		}
		for i := range chunk.Records {
			takeSlotRecord(slots, cell, &chunk.Records[i])
		}
		at = chunk.Next
		chunk.Release()
	}
	return slots, nil
}

func takeSlotRecord(slots map[string]*slot, cell int, rec *Record) {
	owner, rest, _ := strings.Cut(string(rec.Key), "/")
	name, part, _ := strings.Cut(rest, "/")
	s := slots[name]
	if owner != strconv.Itoa(cell) || s == nil {
		return
	}
	if part == "end" {
		if rec.Value == nil {
			s.end, s.seen = nil, rec.Offset
		} else {
			e := new(slotEnd)
			if json.Unmarshal(rec.Value, e) != nil || !e.plausible() {
				s.ignored++
				return
			}
			s.end, s.seen = e, rec.Offset
		}
		return
	}
	n, err := strconv.Atoi(part)
	if err != nil || n < 0 || n >= maxChunks {
		s.ignored++
		return
	}
	if rec.Value == nil {
		delete(s.chunks, n)
		return
	}
	s.chunks[n] = bytes.Clone(rec.Value)
}

// plausible reports whether this stage can have written the record. Of another
// format only what slots are compared by is known.
func (e *slotEnd) plausible() bool {
	if e.Offset < 0 || e.Reset < 0 || e.Reset > maxReset {
		return false
	}
	return e.Format != snapshotFormat || e.Chunks > 0 && e.Chunks <= maxChunks && e.Bytes >= 0 && len(e.SHA256) == 2*sha256.Size
}

// resets is how many resets were accepted: what a slot that opens says, and one
// more where the snapshot of a reset was damaged, so that the state from before
// it is not taken instead. Any other number is nobody's.
func resets(slots map[string]*slot) (n int) {
	var lost []int
	for _, s := range slots {
		switch {
		case s.end == nil || s.end.Format != snapshotFormat || s.end.Reset == 0:
		case s.opens():
			n = max(n, s.end.Reset)
		default:
			lost = append(lost, s.end.Reset)
		}
	}
	if slices.Contains(lost, n+1) {
		n++
	}
	return n
}

// opens reports whether the slot is whole.
func (s *slot) opens() bool {
	_, err := s.open()
	return err == nil
}

// open checks the slot and returns its content, still compressed.
func (s *slot) open() (io.Reader, error) {
	if s.end == nil {
		return nil, fmt.Errorf("slot %s has no end record", s.name)
	}
	if s.end.Format != snapshotFormat {
		return nil, fmt.Errorf("slot %s is of format %d, not %d", s.name, s.end.Format, snapshotFormat)
	}
	sum := sha256.New()
	parts := make([]io.Reader, 0, s.end.Chunks)
	for i := range s.end.Chunks {
		c := s.chunks[i]
		if len(c) < 8 || binary.BigEndian.Uint64(c) != s.end.ID {
			return nil, fmt.Errorf("slot %s lacks chunk %d of %d", s.name, i, s.end.Chunks)
		}
		_, _ = sum.Write(c[8:]) // a hash never fails
		parts = append(parts, bytes.NewReader(c[8:]))
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != s.end.SHA256 {
		return nil, fmt.Errorf("slot %s has checksum %s, its end record says %s", s.name, got, s.end.SHA256)
	}
	return io.MultiReader(parts...), nil
}

// restoreSlot fills an empty cell from the slot.
func restoreSlot(s *slot, c Cell) error {
	r, err := s.open()
	if err != nil {
		return err
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("slot %s: %w", s.name, err)
	}
	defer z.Close()
	if err := c.Restore(z); err != nil {
		return fmt.Errorf("slot %s: %w", s.name, err)
	}
	return nil
}

// ReadSnapshot hands the newest usable snapshot of a cell to restore, and
// returns the offset in lapwing.events that it stands at. found is false when
// there is none. It takes nothing over: a running owner is not disturbed.
func ReadSnapshot(ctx context.Context, state Reader, cell, layout int, restore func(r io.Reader) error) (next int64, found bool, err error) {
	slots, err := readSlots(ctx, state, cell, layout)
	if err != nil {
		return 0, false, fmt.Errorf("read the state of cell %d: %w", cell, err)
	}
	first, second := slots["A"], slots["B"]
	if newer(second, first) {
		first, second = second, first
	}
	for _, s := range []*slot{first, second} {
		r, err := s.open()
		if err != nil {
			continue // being written just now, or never
		}
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return 0, false, fmt.Errorf("slot %s: %w", s.name, err)
		}
		err = restore(z)
		z.Close()
		if err != nil {
			return 0, false, fmt.Errorf("slot %s: %w", s.name, err)
		}
		return s.end.Offset, true, nil
	}
	return 0, false, nil
}

// MovedSnapshot is the state of a cell of a layout that is about to be.
type MovedSnapshot struct {
	Cell int
	// From is the layout in force, whose newest snapshot is left alone; To the one
	// that the state is for.
	From, To int
	// Offset in lapwing.events that the state stands at.
	Offset int64
	State  Cell
	Now    time.Time
}

// WriteMoved writes a snapshot that counts once its layout is in force, and not
// before: until then the cell's state is what it was. It returns the bytes written.
// It may be repeated. w must be fenced.
func WriteMoved(ctx context.Context, w Writer, state Reader, m MovedSnapshot) (int64, error) {
	slots, err := scanSlots(ctx, state, m.Cell)
	if err != nil {
		return 0, fmt.Errorf("read the state of cell %d: %w", m.Cell, err)
	}
	chunks := map[string]int{}
	keep := &slot{}
	for _, name := range []string{"A", "B"} {
		s := slots[name]
		for n := range s.chunks {
			chunks[name] = max(chunks[name], n+1)
		}
		if s.end != nil && s.end.Layout == m.From && newer(s, keep) && s.opens() {
			keep = s
		}
	}
	name := "A"
	if keep.name == "A" {
		name = "B"
	}
	content := new(pieces)
	if err := m.State.Snapshot(content); err != nil {
		return 0, fmt.Errorf("snapshot of cell %d: %w", m.Cell, err)
	}
	end := slotEnd{ID: uint64(m.Now.UnixNano()), Offset: m.Offset, Digest: m.State.Digest(), Written: m.Now.UTC(), Layout: m.To} //nolint:gosec // after 1970
	n, _, err := writeSlot(ctx, w, m.Cell, name, chunks[name], end, content)
	return n, err
}

// pieces holds a snapshot in memory without ever moving it.
type pieces struct {
	full [][]byte
	size int64
}

func (p *pieces) Write(b []byte) (int, error) {
	n := len(b)
	p.size += int64(n)
	for len(b) > 0 {
		last := len(p.full) - 1
		if last < 0 || len(p.full[last]) == cap(p.full[last]) {
			p.full = append(p.full, make([]byte, 0, pieceBytes))
			last++
		}
		room := min(cap(p.full[last])-len(p.full[last]), len(b))
		p.full[last] = append(p.full[last], b[:room]...)
		b = b[room:]
	}
	return n, nil
}

// writeSlot writes a snapshot to the slot: first its chunks, last the end
// record. Until that is there, the slot's old end record belongs to chunks that
// are gone, and the slot does not count. It returns the number of bytes written.
func writeSlot(ctx context.Context, w Writer, cell int, name string, old int, end slotEnd, content *pieces) (int64, int, error) {
	cw := &chunkWriter{ctx: ctx, w: w, cell: cell, name: name, id: end.ID, sum: sha256.New()}
	cw.next = binary.BigEndian.AppendUint64(cw.next, end.ID)
	z, err := zstd.NewWriter(cw, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return 0, 0, fmt.Errorf("snapshot: %w", err)
	}
	for i, p := range content.full {
		if _, err := z.Write(p); err != nil {
			return 0, 0, err
		}
		content.full[i] = nil
	}
	if err := z.Close(); err != nil {
		return 0, 0, err
	}
	if err := cw.flush(); err != nil {
		return 0, 0, err
	}
	end.Format, end.Chunks, end.Bytes, end.SHA256 = snapshotFormat, cw.n, content.size, hex.EncodeToString(cw.sum.Sum(nil))
	value, err := json.Marshal(end)
	if err != nil {
		return 0, 0, fmt.Errorf("snapshot: %w", err)
	}
	var b Batch
	for i := cw.n; i < old; i++ {
		if b.Len() == clearAtOnce {
			if _, err := w.Append(ctx, cell, &b); err != nil {
				return 0, 0, fmt.Errorf("clear old chunks of slot %s: %w", name, err)
			}
			b.Reset()
		}
		b.Add(slotKey(cell, name, fmt.Sprintf("%05d", i)), nil, nil)
	}
	b.Add(slotKey(cell, name, "end"), value, nil)
	if _, err := w.Append(ctx, cell, &b); err != nil {
		return 0, 0, fmt.Errorf("write the end of slot %s: %w", name, err)
	}
	return cw.written, cw.n, nil
}

type chunkWriter struct {
	ctx     context.Context
	w       Writer
	cell    int
	name    string
	id      uint64
	sum     hash.Hash
	next    []byte
	n       int
	written int64
	b       Batch
}

func (c *chunkWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		room := min(chunkBytes-len(c.next), len(p))
		c.next = append(c.next, p[:room]...)
		p = p[room:]
		if len(c.next) == chunkBytes {
			if err := c.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (c *chunkWriter) flush() error {
	if len(c.next) == 8 && c.n > 0 {
		return nil
	}
	_, _ = c.sum.Write(c.next[8:]) // a hash never fails
	c.b.Reset()
	c.b.Add(slotKey(c.cell, c.name, fmt.Sprintf("%05d", c.n)), c.next, nil)
	if _, err := c.w.Append(c.ctx, c.cell, &c.b); err != nil {
		return fmt.Errorf("write chunk %d of slot %s: %w", c.n, c.name, err)
	}
	c.n++
	c.written += int64(len(c.next))
	c.next = c.next[:8]
	return nil
}
