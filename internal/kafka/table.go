package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// ErrStop ends a Scan early.
var ErrStop = errors.New("stop")

// ScanOptions says which records of a topic Scan visits.
type ScanOptions struct {
	// Partition is the one to visit; -1 visits all.
	Partition int
	// From is the first offset in each of them; what retention took is stepped
	// over.
	From int64
}

// Scan hands the records of a topic to fn up to the end as of the start, one
// partition after the other, or until fn returns an error; ErrStop ends it
// without one. A record is fn's during the call only.
func (c *Client) Scan(ctx context.Context, topic string, o ScanOptions, fn func(rec *stream.Record) error) error {
	n, err := c.partitions(ctx, topic)
	if err != nil {
		return err
	}
	if o.Partition >= n {
		return fmt.Errorf("kafka: topic %s has no partition %d, only %d", topic, o.Partition, n)
	}
	first, last := 0, n-1
	if o.Partition >= 0 {
		first, last = o.Partition, o.Partition
	}
	for p := first; p <= last; p++ {
		if _, err := c.scan(ctx, topic, p, o.From, skipTo(o.From, fn)); err != nil {
			if errors.Is(err, ErrStop) {
				return nil
			}
			return err
		}
	}
	return nil
}

// skipTo leaves out what a batch holds before the offset that was asked for.
func skipTo(from int64, fn func(rec *stream.Record) error) func(rec *stream.Record) error {
	return func(rec *stream.Record) error {
		if rec.Offset < from {
			return nil
		}
		return fn(rec)
	}
}

// scan visits one partition and returns the offset to go on from.
func (c *Client) scan(ctx context.Context, topic string, partition int, from int64, fn func(rec *stream.Record) error) (int64, error) {
	r, err := c.reader(topic, partition)
	if err != nil {
		return from, err
	}
	start, end, err := r.Bounds(ctx)
	if err != nil {
		return from, err
	}
	at := max(from, start)
	for at < end {
		chunk, err := r.Fetch(ctx, at)
		if err != nil {
			return at, err
		}
		for i := range chunk.Records {
			if chunk.Records[i].Offset >= end {
				break
			}
			if err := fn(&chunk.Records[i]); err != nil {
				chunk.Release()
				return at, err
			}
		}
		at = chunk.Next
		chunk.Release()
	}
	return at, nil
}

// Follow hands every record of a compacted topic to fn, from the start to the
// end and then as they come, until ctx ends; it returns nil then. A nil value
// deletes the key; key and value are fn's during the call only. reached, which may
// be nil, is called once, when the end as of the start has been passed.
func (c *Client) Follow(ctx context.Context, topic string, fn func(key, value []byte), reached func()) error {
	n, err := c.partitions(ctx, topic)
	if err != nil {
		return unlessDone(ctx, err)
	}
	next := make([]int64, n)
	for p := range next {
		next[p], err = c.scan(ctx, topic, p, 0, func(rec *stream.Record) error {
			fn(rec.Key, rec.Value)
			return nil
		})
		if err != nil {
			return unlessDone(ctx, err)
		}
	}
	if reached != nil {
		reached()
	}
	// fn is called by one goroutine at a time.
	var mu sync.Mutex
	var wg sync.WaitGroup
	errs := make([]error, n)
	for p := range next {
		wg.Go(func() { errs[p] = c.followPartition(ctx, topic, p, next[p], &mu, fn) })
	}
	wg.Wait()
	return unlessDone(ctx, errors.Join(errs...))
}

func (c *Client) followPartition(ctx context.Context, topic string, partition int, at int64, mu *sync.Mutex, fn func(key, value []byte)) error {
	r, err := c.reader(topic, partition)
	if err != nil {
		return err
	}
	for {
		chunk, err := r.Fetch(ctx, at)
		var out *stream.RangeError
		if errors.As(err, &out) {
			at = out.Start // compaction moved the start, or the topic was recreated
			continue
		}
		if err != nil {
			return err
		}
		mu.Lock()
		for i := range chunk.Records {
			fn(chunk.Records[i].Key, chunk.Records[i].Value)
		}
		mu.Unlock()
		at = chunk.Next
		chunk.Release()
	}
}

// Memory is the table of one destination, kept in lapwing.alert-state and read
// whole when it is opened. It has one owner at a time, who may use it
// concurrently.
type Memory interface {
	// Delivered gives the last version remembered of an alert, 0 for none.
	Delivered(id string) int
	// Remember returns once Kafka has acknowledged the version.
	Remember(ctx context.Context, id string, version int) error
	// Get, Put and Range keep anything else by key, such as open alerts of the
	// on-call router. Put with a nil value deletes; Range goes in no order and
	// ends when fn returns false. Values must not be changed.
	Get(key string) []byte
	Put(ctx context.Context, key string, value []byte) error
	Range(fn func(key string, value []byte) bool)
}

// maxDelivered bounds the alerts remembered for one destination. An alert ends
// after 72 h at most, so what is forgotten first is long over.
const maxDelivered = 200_000

type memory struct {
	produce     func(ctx context.Context, recs []stream.Record) error // into lapwing.alert-state
	destination string
	most        int // maxDelivered

	mu        sync.Mutex
	delivered map[string]delivery
	order     []string // ids as they were first remembered
	table     map[string][]byte
}

type delivery struct {
	Version int `json:"version"`
}

// Memory opens the table of one destination. Its keys are destination, NUL,
// and "v" with the alert id or "k" with the key.
func (c *Client) Memory(ctx context.Context, destination string) (Memory, error) {
	if destination == "" || strings.ContainsRune(destination, 0) {
		return nil, fmt.Errorf("kafka: %q is no name of a destination", destination)
	}
	m := &memory{destination: destination, most: maxDelivered, delivered: make(map[string]delivery), table: make(map[string][]byte)}
	m.produce = func(ctx context.Context, recs []stream.Record) error {
		return c.ProduceTo(ctx, c.Topic("alert-state"), 0, recs)
	}
	prefix := destination + "\x00"
	_, err := c.scan(ctx, c.Topic("alert-state"), 0, 0, func(rec *stream.Record) error {
		key, ours := strings.CutPrefix(string(rec.Key), prefix)
		if !ours || key == "" {
			return nil
		}
		switch kind, name := key[0], key[1:]; kind {
		case 'v':
			m.learn(name, rec.Value)
		case 'k':
			if rec.Value == nil {
				delete(m.table, name)
			} else {
				m.table[name] = slices.Clone(rec.Value)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("kafka: memory of %s: %w", destination, err)
	}
	return m, nil
}

func (m *memory) learn(id string, value []byte) {
	if value == nil {
		delete(m.delivered, id)
		return
	}
	var d delivery
	if json.Unmarshal(value, &d) != nil {
		return
	}
	if _, known := m.delivered[id]; !known {
		m.order = append(m.order, id)
	}
	m.delivered[id] = d
}

func (m *memory) Delivered(id string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.delivered[id].Version
}

func (m *memory) Remember(ctx context.Context, id string, version int) error {
	value, err := json.Marshal(delivery{version})
	if err != nil {
		return fmt.Errorf("kafka: memory: %w", err)
	}
	recs := []stream.Record{m.record("v"+id, value)}
	// A tombstone for each alert that is pushed out, oldest first. Taken out of the order
	// at once: another call must not forget the same ones, and so their successors.
	m.mu.Lock()
	n := max(0, len(m.order)-m.most)
	forget := m.order[:n:n]
	m.order = m.order[n:]
	m.mu.Unlock()
	for _, old := range forget {
		recs = append(recs, m.record("v"+old, nil))
	}
	err = m.produce(ctx, recs)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.order = append(forget, m.order...)
		return fmt.Errorf("kafka: memory of %s: %w", m.destination, err)
	}
	for _, old := range forget {
		delete(m.delivered, old)
	}
	m.learn(id, value)
	return nil
}

func (m *memory) record(key string, value []byte) stream.Record {
	return stream.Record{Key: []byte(m.destination + "\x00" + key), Value: value}
}

func (m *memory) Get(key string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.table[key]
}

func (m *memory) Put(ctx context.Context, key string, value []byte) error {
	if err := m.produce(ctx, []stream.Record{m.record("k"+key, value)}); err != nil {
		return fmt.Errorf("kafka: memory of %s: %w", m.destination, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if value == nil {
		delete(m.table, key)
	} else {
		m.table[key] = slices.Clone(value)
	}
	return nil
}

func (m *memory) Range(fn func(key string, value []byte) bool) {
	m.mu.Lock()
	copied := maps.Clone(m.table)
	m.mu.Unlock()
	for k, v := range copied {
		if !fn(k, v) {
			return
		}
	}
}
