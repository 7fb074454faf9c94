package app

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// sorter orders records by (time, id, value) in bounded memory: sorted runs go
// to temporary files, compressed, and are merged at the end. Values and ids are
// copied. It is used by one goroutine.
type sorter struct {
	dir    string
	budget int
	// fanIn bounds the files open at once; more runs are first merged into one.
	fanIn int

	arena   []byte
	entries []sortEntry
	runs    []*os.File
	count   int
	// made numbers the runs.
	made int
}

// sortEntry points into the arena: id, then value.
type sortEntry struct {
	time     int64
	off      int
	idLen    int
	valueLen int
}

// sortItem is one record on its way out of a sorter; its slices are valid until
// the next call of the iterator.
type sortItem struct {
	time      int64
	id, value []byte
}

func (a *sortItem) compare(b *sortItem) int {
	return cmp.Or(cmp.Compare(a.time, b.time), bytes.Compare(a.id, b.id), bytes.Compare(a.value, b.value))
}

// Limits of a sorter.
const (
	sortBudget   = 128 << 20
	sortFanIn    = 64
	entryBytes   = 32
	maxSortValue = 64 << 20
)

// newSorter makes a sorter that spills into a new directory of the system's
// temporary one.
func newSorter(budget int) *sorter {
	return &sorter{budget: budget, fanIn: sortFanIn}
}

// Add takes one record.
func (s *sorter) Add(time int64, id string, value []byte) error {
	if len(value) > maxSortValue {
		return fmt.Errorf("record of %d bytes: at most %d", len(value), maxSortValue)
	}
	if need := len(id) + len(value); len(s.entries) > 0 && len(s.arena)+need+(len(s.entries)+1)*entryBytes > s.budget {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.entries = append(s.entries, sortEntry{time, len(s.arena), len(id), len(value)})
	s.arena = append(s.arena, id...)
	s.arena = append(s.arena, value...)
	s.count++
	return nil
}

// Len is the number of records added.
func (s *sorter) Len() int { return s.count }

func (s *sorter) item(e sortEntry) sortItem {
	b := s.arena[e.off : e.off+e.idLen+e.valueLen]
	return sortItem{e.time, b[:e.idLen], b[e.idLen:]}
}

func (s *sorter) sort() {
	slices.SortFunc(s.entries, func(a, b sortEntry) int {
		if a.time != b.time {
			return cmp.Compare(a.time, b.time)
		}
		x, y := s.item(a), s.item(b)
		return x.compare(&y)
	})
}

// spill writes what is in memory as a sorted run.
func (s *sorter) spill() error {
	s.sort()
	i := 0
	if err := s.writeRun(func() (sortItem, bool, error) {
		if i == len(s.entries) {
			return sortItem{}, false, nil
		}
		i++
		return s.item(s.entries[i-1]), true, nil
	}); err != nil {
		return err
	}
	s.arena, s.entries = s.arena[:0], s.entries[:0]
	if len(s.runs) < s.fanIn {
		return nil
	}
	next, stop, err := mergeRuns(s.runs)
	if err != nil {
		return err
	}
	defer stop()
	old := s.runs
	s.runs = nil
	if err := s.writeRun(next); err != nil {
		s.runs = append(s.runs, old...)
		return err
	}
	return removeRuns(old)
}

// writeRun writes everything that next gives into a new run.
func (s *sorter) writeRun(next func() (sortItem, bool, error)) (err error) {
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "lapwing-sort-"); err != nil {
			return fmt.Errorf("sorting: %w", err)
		}
	}
	s.made++
	f, err := os.Create(filepath.Join(s.dir, fmt.Sprintf("run-%06d", s.made)))
	if err != nil {
		return fmt.Errorf("sorting: %w", err)
	}
	s.runs = append(s.runs, f)
	zw, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(zw, 64<<10)
	var head []byte
	for {
		it, ok, err := next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		head = binary.BigEndian.AppendUint64(head[:0], uint64(it.time)) //nolint:gosec // the bits go there and back
		head = binary.AppendUvarint(head, uint64(len(it.id)))
		head = binary.AppendUvarint(head, uint64(len(it.value)))
		for _, part := range [][]byte{head, it.id, it.value} {
			if _, err := w.Write(part); err != nil {
				return fmt.Errorf("sorting: %w", err)
			}
		}
	}
	if err := errors.Join(w.Flush(), zw.Close()); err != nil {
		return fmt.Errorf("sorting: %w", err)
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// Each hands every record to fn in order; id and value are valid during the
// call only. It is called after the last Add, once or several times.
func (s *sorter) Each(fn func(time int64, id, value []byte) error) error {
	if len(s.runs) == 0 {
		s.sort()
		for _, e := range s.entries {
			it := s.item(e)
			if err := fn(it.time, it.id, it.value); err != nil {
				return err
			}
		}
		return nil
	}
	if len(s.entries) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.arena, s.entries = nil, nil
	next, stop, err := mergeRuns(s.runs)
	if err != nil {
		return err
	}
	defer stop()
	for {
		it, ok, err := next()
		if err != nil || !ok {
			return err
		}
		if err := fn(it.time, it.id, it.value); err != nil {
			return err
		}
	}
}

// Close removes the temporary files.
func (s *sorter) Close() error {
	err := removeRuns(s.runs)
	s.runs = nil
	if s.dir == "" {
		return err
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

func removeRuns(runs []*os.File) error {
	var errs []error
	for _, f := range runs {
		errs = append(errs, f.Close(), os.Remove(f.Name()))
	}
	return errors.Join(errs...)
}

// runReader reads one run.
type runReader struct {
	r   *bufio.Reader
	dec *zstd.Decoder
	cur sortItem
	buf []byte
}

// advance reads the next record; false at the end of the run.
func (r *runReader) advance() (bool, error) {
	var t [8]byte
	if _, err := io.ReadFull(r.r, t[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		return false, fmt.Errorf("sorting: %w", err)
	}
	idLen, err := binary.ReadUvarint(r.r)
	if err != nil {
		return false, fmt.Errorf("sorting: %w", err)
	}
	valueLen, err := binary.ReadUvarint(r.r)
	if err != nil {
		return false, fmt.Errorf("sorting: %w", err)
	}
	n := int(idLen + valueLen) //nolint:gosec // written by Add, which bounds both
	r.buf = slices.Grow(r.buf[:0], n)[:n]
	if _, err := io.ReadFull(r.r, r.buf); err != nil {
		return false, fmt.Errorf("sorting: %w", err)
	}
	r.cur = sortItem{int64(binary.BigEndian.Uint64(t[:])), r.buf[:idLen], r.buf[idLen:]} //nolint:gosec // the bits go there and back
	return true, nil
}

// runHeap holds the runs by their next record.
type runHeap []*runReader

func (h runHeap) Len() int           { return len(h) }
func (h runHeap) Less(i, j int) bool { return h[i].cur.compare(&h[j].cur) < 0 }
func (h runHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *runHeap) Push(x any) { *h = append(*h, x.(*runReader)) } //nolint:errcheck,nolintlint // only runReaders are pushed

// Pop implements heap.Interface.
func (h *runHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// mergeRuns gives the records of all runs in order; stop releases the readers.
func mergeRuns(runs []*os.File) (next func() (sortItem, bool, error), stop func(), err error) {
	var h runHeap
	var all []*runReader
	stop = func() {
		for _, r := range all {
			r.dec.Close()
		}
	}
	for _, f := range runs {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			stop()
			return nil, nil, err
		}
		dec, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			stop()
			return nil, nil, err
		}
		r := &runReader{r: bufio.NewReaderSize(dec, 64<<10), dec: dec}
		all = append(all, r)
		ok, err := r.advance()
		if err != nil {
			stop()
			return nil, nil, err
		}
		if ok {
			h = append(h, r)
		}
	}
	heap.Init(&h)
	given := false
	return func() (sortItem, bool, error) {
		if given {
			// The record given last is read over only now: its bytes were in use.
			ok, err := h[0].advance()
			if err != nil {
				return sortItem{}, false, err
			}
			if ok {
				heap.Fix(&h, 0)
			} else {
				heap.Pop(&h)
			}
		}
		if len(h) == 0 {
			given = false
			return sortItem{}, false, nil
		}
		given = true
		return h[0].cur, true, nil
	}, stop, nil
}
