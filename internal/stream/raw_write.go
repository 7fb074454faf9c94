package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// flush is what is written together.
type flush struct {
	cells     []Batch
	dead      []Record
	deadBytes int
	// next is the position once this is durable; -1 in the middle of a record.
	next   int64
	newest int64
	ids    bool
	Flushed
	done chan struct{} // closed when written, if not nil
}

func (f *flush) reset() {
	for i := range f.cells {
		f.cells[i].Reset()
	}
	clear(f.dead)
	*f = flush{cells: f.cells, dead: f.dead[:0], next: -1}
}

func (f *flush) empty() bool {
	for i := range f.cells {
		if f.cells[i].Len() > 0 {
			return false
		}
	}
	return len(f.dead) == 0
}

// submit hands what is held to the writer, and waits for room there; with
// async false also until it is written.
func (r *Raw) submit(async bool) {
	if r.cur.empty() && async && r.cur.next < 0 {
		return
	}
	f := r.cur
	if !async {
		f.done = make(chan struct{})
	}
	done := f.done
	select {
	case r.flights <- f:
	case <-r.failed:
		return
	}
	r.spanFrom = 0
	select {
	case r.cur = <-r.spare:
	case <-r.failed:
		r.cur = &flush{cells: make([]Batch, r.cfg.Cells), next: -1}
	}
	if done != nil {
		select {
		case <-done:
		case <-r.failed:
		}
	}
}

// write is the one goroutine that writes, one flush after the other.
func (r *Raw) write(ctx context.Context) {
	for f := range r.flights {
		if err := r.flush(ctx, f); err != nil {
			r.fail(err)
			for range r.flights {
				continue // the reader must not block
			}
			return
		}
		done := f.done
		f.reset()
		r.spare <- f
		if done != nil {
			close(done)
		}
	}
}

func (r *Raw) flush(ctx context.Context, f *flush) error {
	if !f.empty() {
		if r.cfg.Live != nil {
			if err := r.cfg.Live(ctx); err != nil {
				return err
			}
		}
		if err := r.appendAll(ctx, f); err != nil {
			return err
		}
		if len(f.dead) > 0 {
			if err := r.cfg.Dead(ctx, f.dead); err != nil {
				return fmt.Errorf("write dead letters: %w", err)
			}
		}
	}
	if o := r.cfg.Observe.Flushed; o != nil {
		o(f.Flushed)
	}
	if f.next >= 0 {
		r.mu.Lock()
		r.committed.Next, r.committed.Newest, r.committed.IDs = f.next, f.newest, f.ids
		// While events found by the read-back lie ahead, only the old ends
		// make the next owner find them again.
		if r.cfg.Written.Len() == 0 || f.next > r.cfg.Written.max {
			r.committed.Ends = slices.Clone(r.ends)
		}
		r.mu.Unlock()
		r.gates[0].Moved(f.newest)
		r.gates[1].Moved(f.newest)
	}
	return nil
}

// appendAll writes each cell's batch; the cells do not wait for each other.
func (r *Raw) appendAll(ctx context.Context, f *flush) error {
	var wg sync.WaitGroup
	errs := make([]error, len(f.cells))
	write := func(cell int) {
		end, err := r.cfg.Writer.Append(ctx, cell, &f.cells[cell])
		if err != nil {
			errs[cell] = fmt.Errorf("write to cell %d: %w", cell, err)
			return
		}
		r.ends[cell] = end
	}
	for cell := range f.cells {
		if f.cells[cell].Len() == 0 {
			continue
		}
		if len(f.cells) == 1 {
			write(cell)
			continue
		}
		wg.Go(func() { write(cell) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (r *Raw) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure == nil {
		r.failure = err
		close(r.failed)
	}
}

func (r *Raw) err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}
