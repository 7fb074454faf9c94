package kafka

import (
	"context"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// ScanOptions says which records of a topic Scan visits.
type ScanOptions struct {
	// Partition -1 visits all, one after the other.
	Partition int
	// From is the first offset; 0 is the start of the log.
	From int64
}

// Memory is a small table of one destination, kept in lapwing.alert-state and
// read whole when it is opened. It is used by one owner at a time.
type Memory interface {
	// Delivered gives the last version remembered for an alert, 0 for none.
	Delivered(id string) int
	// Remember returns once Kafka has acknowledged the version.
	Remember(ctx context.Context, id string, version int) error
	// Get, Put and Range keep anything else by key: open alerts of the on-call
	// router. Put with a nil value deletes.
	Get(key string) []byte
	Put(ctx context.Context, key string, value []byte) error
	Range(fn func(key string, value []byte) bool)
}

var _ interface {
	EnsureTopics(ctx context.Context, topics []Topic) error
	CheckTopics(ctx context.Context, topics []Topic) ([]Difference, error)
	Produce(ctx context.Context, topic string, recs []stream.Record) error
	RunEnrich(ctx context.Context, o EnrichOptions) error
	RunDetect(ctx context.Context, o DetectOptions) error
	RunStore(ctx context.Context, o StoreOptions) error
	RunConsumer(ctx context.Context, o ConsumerOptions) error
	Memory(ctx context.Context, destination string) (Memory, error)
	Follow(ctx context.Context, topic string, fn func(key, value []byte), reached ...func()) error
	Scan(ctx context.Context, topic string, o ScanOptions, fn func(rec *stream.Record) error) error
} = (*Client)(nil)
