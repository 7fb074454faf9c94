package kafka

import (
	"context"
	"errors"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

var errDraft = errors.New("kafka: not built yet")

// Produce writes recs to a topic and returns once every replica in sync has
// them. The partition of a record is murmur2 of its key, as Java clients
// choose it; records without a key go round robin.
func (c *Client) Produce(ctx context.Context, topic string, recs []stream.Record) error {
	return errDraft
}

// RunEnrich reads raw topics and writes lapwing.events until ctx ends, each
// event once. It drains within Config.DrainTimeout and returns nil then.
func (c *Client) RunEnrich(ctx context.Context, o EnrichOptions) error { return errDraft }

// RunDetect keeps cells, one for each partition of lapwing.events that the
// group gives to this process, until ctx ends. An error that wraps
// stream.ErrReset means that the log does not reach the stored state.
func (c *Client) RunDetect(ctx context.Context, o DetectOptions) error { return errDraft }

// RunStore inserts lapwing.events through o.Inserter, each batch once, until
// ctx ends.
func (c *Client) RunStore(ctx context.Context, o StoreOptions) error { return errDraft }

// RunConsumer hands the records of a topic to a handler for each partition,
// in order and at least once, until ctx ends.
func (c *Client) RunConsumer(ctx context.Context, o ConsumerOptions) error { return errDraft }

// Memory opens the table of one destination in lapwing.alert-state.
func (c *Client) Memory(ctx context.Context, destination string) (Memory, error) {
	return nil, errDraft
}

// Follow hands every record of a compacted topic to fn, from the start to the
// end and then as they come, until ctx ends. A nil value deletes the key.
// reached is called once, when the end as of the start has been passed.
func (c *Client) Follow(ctx context.Context, topic string, fn func(key, value []byte), reached ...func()) error {
	return errDraft
}

// Scan hands the records of a topic to fn up to the end as of the start, or
// until fn returns an error; ErrStop ends it without one.
func (c *Client) Scan(ctx context.Context, topic string, o ScanOptions, fn func(rec *stream.Record) error) error {
	return errDraft
}

// ErrStop ends a Scan early.
var ErrStop = errors.New("stop")
