package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// StoreConfig is what the store stage needs for one partition.
type StoreConfig struct {
	Topic     string
	Partition int
	Reader    Reader
	Inserter  Inserter
	// Commit moves the position in the group, as its member of this
	// generation. Its failure ends the stage: somebody else may own the
	// partition.
	Commit func(ctx context.Context, next int64, metadata string) error
	Dead   func(ctx context.Context, recs []Record) error
	// From and Metadata are what was committed last; From -1 starts at the
	// log's start.
	From     int64
	Metadata string
	MaxRows  int
	MaxBytes int
	MaxWait  time.Duration
	Observe  StoreObserver
	// Wait pauses before a retry and reports whether ctx still lives.
	Wait func(ctx context.Context, try int) bool
	// After is time.After; tests replace it.
	After func(time.Duration) <-chan time.Time
}

// StoreObserver is told what the stage does; any may be nil.
type StoreObserver struct {
	Inserted func(rows, rejected int, took time.Duration)
	Failed   func(err error)
	Position func(next, end int64)
	// Lost: retention took records before they were stored.
	Lost func(from, to int64)
}

// PlanMetadata is the commit metadata of a batch that is about to be inserted.
func PlanMetadata(end int64) string { return "end=" + strconv.FormatInt(end, 10) }

// ParsePlan gives the planned end, or -1 when there is none.
func ParsePlan(metadata string) int64 {
	s, ok := strings.CutPrefix(metadata, "end=")
	if !ok {
		return -1
	}
	end, err := strconv.ParseInt(s, 10, 64)
	if err != nil || end < 0 {
		return -1
	}
	return end
}

// store is the store stage of one partition.
type store struct {
	cfg     StoreConfig
	next    int64
	stored  int64 // committed without a plan
	held    []Chunk
	pending []Record // of the newest held chunk, not yet in a batch
	rows    []Record
	bytes   int
	logEnd  int64
}

// RunStore inserts a partition of lapwing.events in planned batches until ctx
// ends; the batch in hand is finished as long as hard lives.
//
// A batch's end is committed before it is inserted. Whoever takes over after a
// crash rebuilds [committed, planned end) from the log, which is the same
// batch, and inserts it under the same token.
func RunStore(ctx, hard context.Context, cfg StoreConfig) error {
	if cfg.After == nil {
		cfg.After = time.After
	}
	s := &store{cfg: cfg, next: cfg.From}
	defer func() { s.release(len(s.held)) }()
	err := s.run(ctx, hard)
	if err != nil && ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil
	}
	return err
}

func (s *store) run(ctx, hard context.Context) error {
	start, end, err := s.cfg.Reader.Bounds(ctx)
	if err != nil {
		return err
	}
	if s.next < 0 {
		s.next = start
	}
	if s.next > end {
		return fmt.Errorf("%w: store of %s/%d stands at %d, but the log ends at %d, so the topic was recreated; reset the group's offsets",
			ErrReset, s.cfg.Topic, s.cfg.Partition, s.next, end)
	}
	s.stored = s.next
	if plan := ParsePlan(s.cfg.Metadata); plan > s.next {
		if err := s.redo(ctx, hard, start, plan); err != nil {
			return err
		}
	}
	if s.next < start {
		s.lost(s.next, start)
		s.next = start
	}
	s.stored = s.next

	fctx, stop := context.WithCancel(ctx)
	chunks := prefetch(fctx, s.cfg.Reader, s.next, prefetchDepth)
	defer func() {
		stop()
		for f := range chunks {
			if f.err == nil {
				f.chunk.Release()
			}
		}
	}()
	for {
		more, err := s.collect(ctx, chunks)
		if err != nil {
			return err
		}
		if err := s.write(hard); err != nil {
			return err
		}
		if !more {
			return nil
		}
	}
}

// redo inserts a batch that was planned and perhaps inserted.
func (s *store) redo(ctx, hard context.Context, start, plan int64) error {
	if s.next < start {
		// What is left of the batch would go in under a token that may have
		// been used for all of it.
		s.lost(s.next, start)
	}
	at := max(s.next, start)
	for at < plan {
		chunk, err := s.cfg.Reader.Fetch(ctx, at)
		if err != nil {
			return err
		}
		s.held = append(s.held, chunk)
		for i := range chunk.Records {
			if rec := &chunk.Records[i]; rec.Offset < plan && !IsControl(rec) {
				s.rows = append(s.rows, *rec)
			}
		}
		at = chunk.Next
	}
	if err := s.insert(hard, s.next, plan); err != nil {
		return err
	}
	s.release(len(s.held))
	s.rows, s.next = s.rows[:0], plan
	if err := s.commit(hard, plan, ""); err != nil {
		return err
	}
	s.position()
	return nil
}

func (s *store) position() {
	if o := s.cfg.Observe.Position; o != nil {
		o(s.next, max(s.logEnd, s.next))
	}
}

// collect gathers one batch: up to MaxRows or MaxBytes, or what has come
// MaxWait after the first row. more is false when ctx ended; the batch is to
// be written all the same.
func (s *store) collect(ctx context.Context, chunks <-chan fetched) (more bool, err error) {
	var wait <-chan time.Time
	for {
		s.take()
		if len(s.rows) >= s.cfg.MaxRows || s.bytes >= s.cfg.MaxBytes {
			return true, nil
		}
		if wait == nil && (len(s.rows) > 0 || s.next > s.stored) {
			wait = s.cfg.After(s.cfg.MaxWait)
		}
		select {
		case <-ctx.Done():
			return false, nil
		case <-wait:
			return true, nil
		case f, ok := <-chunks:
			if !ok {
				return false, nil
			}
			if f.err != nil {
				return true, s.explain(f.err)
			}
			s.held = append(s.held, f.chunk)
			s.pending = f.chunk.Records
			s.logEnd = f.chunk.End
			if len(s.pending) == 0 {
				s.next = f.chunk.Next
			}
		}
	}
}

func (s *store) explain(err error) error {
	var out *RangeError
	if errors.As(err, &out) && out.Offset < out.Start {
		s.lost(out.Offset, out.Start)
	}
	return err
}

// take moves pending records into the batch.
func (s *store) take() {
	for len(s.pending) > 0 && len(s.rows) < s.cfg.MaxRows && s.bytes < s.cfg.MaxBytes {
		rec := s.pending[0]
		s.pending = s.pending[1:]
		s.next = rec.Offset + 1
		if !IsControl(&rec) {
			s.rows = append(s.rows, rec)
			s.bytes += len(rec.Key) + len(rec.Value)
		}
	}
	if last := len(s.held) - 1; last >= 0 && len(s.pending) == 0 {
		s.next = max(s.next, s.held[last].Next)
	}
}

// write plans, inserts and commits the batch in hand.
func (s *store) write(ctx context.Context) error {
	if s.next == s.stored {
		return nil
	}
	if len(s.rows) > 0 {
		if err := s.commit(ctx, s.stored, PlanMetadata(s.next)); err != nil {
			return err
		}
		if err := s.insert(ctx, s.stored, s.next); err != nil {
			return err
		}
	}
	if err := s.commit(ctx, s.next, ""); err != nil {
		return err
	}
	s.stored = s.next
	clear(s.rows)
	s.rows, s.bytes = s.rows[:0], 0
	keep := 0
	if len(s.pending) > 0 {
		keep = 1
	}
	s.release(len(s.held) - keep)
	s.position()
	return nil
}

func (s *store) insert(ctx context.Context, start, end int64) error {
	if len(s.rows) == 0 {
		return nil
	}
	token := s.cfg.Topic + "/" + strconv.Itoa(s.cfg.Partition) + "/" + strconv.FormatInt(start, 10) + "-" + strconv.FormatInt(end, 10)
	for try := 0; ; try++ {
		from := time.Now()
		rejected, err := s.cfg.Inserter.Insert(ctx, token, s.rows)
		if err == nil {
			if o := s.cfg.Observe.Inserted; o != nil {
				o(len(s.rows)-len(rejected), len(rejected), time.Since(from))
			}
			return s.bury(ctx, rejected)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if o := s.cfg.Observe.Failed; o != nil {
			o(fmt.Errorf("insert %s: %w", token, err))
		}
		s.behind(ctx)
		if !s.cfg.Wait(ctx, try) {
			return ctx.Err()
		}
	}
}

// askWithin bounds the question how far the log has gone on.
const askWithin = 2 * time.Second

// behind tells how far the log has gone on while nothing can be stored: this
// stage has stopped reading, so it would not know.
func (s *store) behind(ctx context.Context) {
	o := s.cfg.Observe.Position
	if o == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	if _, end, err := s.cfg.Reader.Bounds(ctx); err == nil {
		s.logEnd = max(s.logEnd, end)
		o(s.stored, max(s.logEnd, s.stored))
	}
}

func (s *store) bury(ctx context.Context, rejected []Rejected) error {
	if len(rejected) == 0 {
		return nil
	}
	dead := make([]Record, 0, len(rejected))
	for _, r := range rejected {
		if r.Index < 0 || r.Index >= len(s.rows) {
			return fmt.Errorf("the inserter rejected row %d of %d", r.Index, len(s.rows))
		}
		rec := &s.rows[r.Index]
		dead = append(dead, DeadLetter(rec, "store", 0, rec.Value, r.Err))
	}
	if err := s.cfg.Dead(ctx, dead); err != nil {
		return fmt.Errorf("write dead letters: %w", err)
	}
	return nil
}

func (s *store) commit(ctx context.Context, next int64, metadata string) error {
	if err := s.cfg.Commit(ctx, next, metadata); err != nil {
		return fmt.Errorf("commit %s/%d: %w", s.cfg.Topic, s.cfg.Partition, err)
	}
	return nil
}

func (s *store) release(n int) {
	for i := range n {
		s.held[i].Release()
	}
	s.held = append(s.held[:0], s.held[n:]...)
}

func (s *store) lost(from, to int64) {
	if o := s.cfg.Observe.Lost; o != nil {
		o(from, to)
	}
}
