package stream

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"
)

// memLog is a partitioned log in memory, with owners' epochs.
type memLog struct {
	mu      sync.Mutex
	name    string
	parts   [][]Record
	epochs  []map[string]int // writer -> newest epoch, by partition
	changed chan struct{}
	base    []int64
}

func newMemLog(name string, parts int) *memLog {
	l := &memLog{name: name, parts: make([][]Record, parts), epochs: make([]map[string]int, parts), changed: make(chan struct{}), base: make([]int64, parts)}
	for i := range l.epochs {
		l.epochs[i] = make(map[string]int)
	}
	return l
}

// add appends records as a source does.
func (l *memLog) add(part int, recs ...Record) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range recs {
		r.Topic, r.Partition, r.Offset = l.name, part, int64(len(l.parts[part]))
		if r.Time.IsZero() {
			r.Time = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
		}
		l.parts[part] = append(l.parts[part], r)
	}
	close(l.changed)
	l.changed = make(chan struct{})
	return int64(len(l.parts[part]))
}

func (l *memLog) all(part int) []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Record(nil), l.parts[part]...)
}

// memReader implements Reader, a few records at a time.
type memReader struct {
	l     *memLog
	part  int
	chunk int
}

func (r *memReader) Fetch(ctx context.Context, offset int64) (Chunk, error) {
	for {
		r.l.mu.Lock()
		recs, changed, start := r.l.parts[r.part], r.l.changed, r.l.base[r.part]
		r.l.mu.Unlock()
		end := int64(len(recs))
		if offset > end || offset < start {
			return Chunk{}, &RangeError{Topic: r.l.name, Partition: r.part, Offset: offset, Start: start, End: end}
		}
		if offset < end {
			to := min(offset+int64(r.chunk), end)
			out := make([]Record, 0, to-offset)
			for _, rec := range recs[offset:to] {
				rec.Key, rec.Value = bytes.Clone(rec.Key), bytes.Clone(rec.Value)
				out = append(out, rec)
			}
			return NewChunk(out, to, start, end, func() {
				for i := range out { // whoever kept them gets what they deserve
					for j := range out[i].Value {
						out[i].Value[j] = 'X'
					}
				}
			}), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Chunk{}, ctx.Err()
		}
	}
}

func (r *memReader) Bounds(context.Context) (start, end int64, err error) {
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	return r.l.base[r.part], int64(len(r.l.parts[r.part])), nil
}

// crash decides where a process dies: it counts down at every step that could
// be its last.
type crash struct {
	mu    sync.Mutex
	left  int
	dead  bool
	steps int
}

var errCrash = errors.New("the process died")

// step returns errCrash from the moment of death on; at reports whether death
// came exactly here.
func (c *crash) step() (err error, at bool) { //nolint:revive // a test's
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps++
	if c.dead {
		return errCrash, false
	}
	c.left--
	if c.left == 0 {
		c.dead = true
		return errCrash, true
	}
	return nil, false
}

// memWriter implements Writer for one owner.
type memWriter struct {
	l     *memLog
	id    string
	epoch int
	c     *crash
}

func (w *memWriter) Append(ctx context.Context, part int, b *Batch) (int64, error) {
	if err, _ := w.c.step(); err != nil { // before the write
		return 0, err
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	w.l.mu.Lock()
	if w.l.epochs[part][w.id] > w.epoch {
		w.l.mu.Unlock()
		return 0, ErrFenced
	}
	w.l.epochs[part][w.id] = w.epoch
	w.l.mu.Unlock()
	end := w.l.add(part, b.Records()...)
	if err, _ := w.c.step(); err != nil { // after it, before the answer
		return 0, err
	}
	return end, nil
}

// stillTicker never ticks by itself.
type stillTicker chan time.Time

func (t stillTicker) Chan() <-chan time.Time { return t }
func (t stillTicker) Stop()                  {}
