package stream

import (
	"context"
	"fmt"
	"time"
)

// Chunk is a run of records of one partition.
type Chunk struct {
	// Records in offset order; offsets may have gaps.
	Records []Record
	// Next is the offset to read on from: past the last record and past gaps.
	Next int64
	// Start and End bound the log as the broker saw it; End is the offset that
	// the next record will get.
	Start, End int64
	// release gives the memory of Records back.
	release func()
}

// NewChunk makes a chunk whose memory release takes back; release may be nil.
func NewChunk(recs []Record, next, start, end int64, release func()) Chunk {
	return Chunk{Records: recs, Next: next, Start: start, End: end, release: release}
}

// Release ends the use of the chunk's records. It may be called once.
func (c *Chunk) Release() {
	if c.release != nil {
		c.release()
		c.release = nil
	}
}

// Reader reads one partition of a log.
type Reader interface {
	// Fetch returns records from offset on. It waits a while for the first;
	// a chunk without records is no error. Next is never below offset. It
	// retries what passes by itself and blocks until ctx ends if need be; an
	// offset outside the log is a *RangeError. Safe for one caller at a time.
	Fetch(ctx context.Context, offset int64) (Chunk, error)
	// Bounds asks for the log's first offset and its end.
	Bounds(ctx context.Context) (start, end int64, err error)
}

// Writer appends to the partitions of one log as their one owner. Different
// partitions may be appended to concurrently.
type Writer interface {
	// Append returns the offset after the batch's last record, once every
	// record of it is durable, and in the log once. It retries what passes by
	// itself until ctx ends. ErrFenced is final: nothing more can be written.
	// b may be reused when Append returns.
	Append(ctx context.Context, partition int, b *Batch) (end int64, err error)
}

// RangeError says that an offset lies outside the log: retention took it, or
// the topic was recreated.
type RangeError struct {
	Topic              string
	Partition          int
	Offset, Start, End int64
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("%s/%d: offset %d is outside the log, which has %d to %d", e.Topic, e.Partition, e.Offset, e.Start, e.End)
}

// fetched is what a prefetcher hands on.
type fetched struct {
	chunk Chunk
	err   error
}

// prefetch reads ahead from offset, depth chunks at most, until ctx ends or a
// read fails. Empty chunks are handed on as well: they tell the log's end.
func prefetch(ctx context.Context, r Reader, offset int64, depth int) <-chan fetched {
	ch := make(chan fetched, depth)
	go func() {
		defer close(ch)
		for {
			chunk, err := r.Fetch(ctx, offset)
			if ctx.Err() != nil {
				if err == nil {
					chunk.Release()
				}
				return
			}
			select {
			case ch <- fetched{chunk, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
			offset = chunk.Next
		}
	}()
	return ch
}

// Ticker gives the pace of what a stage does by the clock. Tests drive it.
type Ticker interface {
	Chan() <-chan time.Time
	Stop()
}

type systemTicker struct{ *time.Ticker }

func (t systemTicker) Chan() <-chan time.Time { return t.C }

// NewTicker is a Ticker on the system's clock.
func NewTicker(d time.Duration) Ticker { return systemTicker{time.NewTicker(d)} }
