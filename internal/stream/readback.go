package stream

import (
	"context"
	"fmt"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Fence appends a FENCE record to every cell and returns the offset after it
// in each. From then on an older owner's writer is refused there; the cell's
// clock waits for this raw partition until it hears of its time.
func Fence(ctx context.Context, w Writer, cells int, topic string, partition int, epoch int32) ([]int64, error) {
	ends := make([]int64, cells)
	var b Batch
	c := &schemas.Control{
		Kind: schemas.ControlKind_CONTROL_KIND_FENCE, RawTopic: topic,
		RawPartition: int32(partition), Epoch: epoch, //nolint:gosec // Kafka's partitions are int32
	}
	for cell := range ends {
		b.Reset()
		if err := b.AddControl(c); err != nil {
			return nil, fmt.Errorf("encode a fence: %w", err)
		}
		end, err := w.Append(ctx, cell, &b)
		if err != nil {
			return nil, fmt.Errorf("fence %s/%d in cell %d: %w", topic, partition, cell, err)
		}
		ends[cell] = end
	}
	return ends, nil
}

// coordinate places an event in its raw partition.
type coordinate struct {
	offset int64
	index  int32
}

// Written is what a raw partition's events beyond its committed position were
// found to be in the log already: their coordinates, with the time at which the
// raw record was written. That tells a record from one at the same offset of a
// topic that was deleted and created again.
type Written struct {
	set map[coordinate]int64
	max int64
}

// Len is the number of events found.
func (w *Written) Len() int {
	if w == nil {
		return 0
	}
	return len(w.set)
}

func (w *Written) has(offset int64, index int32, received int64) bool {
	if w == nil || offset > w.max {
		return false
	}
	at, ok := w.set[coordinate{offset, index}]
	return ok && at == received
}

// Takeover is one raw partition that changes hands.
type Takeover struct {
	Topic     string
	Partition int
	// From is the committed position, Fences what Fence returned.
	From   Position
	Fences []int64
	// First: nobody owned the partition before, so there is nothing to find.
	First bool
	// End is where the raw partition ended after the fence; 0 when not known.
	// What is said to be from beyond is of another topic of that name, and the
	// position would wait for it.
	End int64
}

// Readback reads every cell once, from the oldest of the positions to the last
// fence, and collects which events of each raw partition at or after its
// position are there. The result has an entry for each takeover.
func Readback(ctx context.Context, cells []Reader, takeovers []Takeover) ([]*Written, error) {
	type source struct {
		topic     string
		partition int32
	}
	found := make([]*Written, len(takeovers))
	bySource := make(map[source]int)
	for i, t := range takeovers {
		found[i] = &Written{set: make(map[coordinate]int64), max: -1}
		bySource[source{t.Topic, int32(t.Partition)}] = i //nolint:gosec // Kafka's partitions are int32
	}
	var ev schemas.Event
	for cell, r := range cells {
		from, to := int64(-1), int64(-1)
		for _, t := range takeovers {
			if t.First && t.From.Ends == nil {
				continue
			}
			start := int64(0)
			if t.From.Ends != nil {
				start = t.From.Ends[cell]
			}
			if from < 0 || start < from {
				from = start
			}
			to = max(to, t.Fences[cell])
		}
		if from < 0 || from >= to {
			continue
		}
		start, _, err := r.Bounds(ctx)
		if err != nil {
			return nil, fmt.Errorf("read back cell %d: %w", cell, err)
		}
		for at := max(from, start); at < to; {
			chunk, err := r.Fetch(ctx, at)
			if err != nil {
				return nil, fmt.Errorf("read back cell %d at %d: %w", cell, at, err)
			}
			for i := range chunk.Records {
				rec := &chunk.Records[i]
				if rec.Offset >= to || IsControl(rec) {
					continue
				}
				ev.ResetVT()
				if err := ev.UnmarshalVTUnsafe(rec.Value); err != nil {
					continue // not ours; detect counts it
				}
				k, ok := bySource[source{ev.RawTopic, ev.RawPartition}]
				if !ok || ev.RawOffset < takeovers[k].From.Next || takeovers[k].End > 0 && ev.RawOffset >= takeovers[k].End {
					continue
				}
				w := found[k]
				w.set[coordinate{ev.RawOffset, ev.RawIndex}] = ev.ReceivedTime
				w.max = max(w.max, ev.RawOffset)
			}
			at = chunk.Next
			chunk.Release()
		}
	}
	return found, nil
}
