package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// plainTopic is one topic as Produce writes to it: with a producer id that
// fences nobody, so that a batch whose acknowledgement was lost is stored once.
type plainTopic struct {
	asking     lock // guards partitions and asked, over a request
	partitions int
	asked      time.Time

	mu    sync.Mutex
	turn  int
	parts map[int]*plainPartition
}

type plainPartition struct {
	writing  lock // guards the rest, over a write and its retries
	producer *producer
	batch    stream.Batch
}

// lock is a mutex that is held over requests: who waits for it gives up when
// its own context ends.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

func (l lock) acquire(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l lock) release() { <-l }

// Produce writes recs to a topic and returns once every replica in sync has
// them. The partition of a record is murmur2 of its key, as Java clients
// choose it; records without a key go round robin. When it fails, some of recs
// may have been written.
func (c *Client) Produce(ctx context.Context, topic string, recs []stream.Record) error {
	t, n, err := c.plainTopic(ctx, topic)
	if err != nil {
		return err
	}
	byPart := make(map[int][]int)
	t.mu.Lock()
	for i := range recs {
		part := 0
		if recs[i].Key != nil {
			part = stream.Murmur2Partition(recs[i].Key, n)
		} else {
			part = t.turn % n
			t.turn++
		}
		byPart[part] = append(byPart[part], i)
	}
	t.mu.Unlock()
	if len(byPart) == 1 {
		for part, which := range byPart {
			return c.producePart(ctx, t, topic, part, recs, which)
		}
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for part, which := range byPart {
		wg.Go(func() {
			if err := c.producePart(ctx, t, topic, part, recs, which); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// ProduceTo writes recs to one partition of a topic.
func (c *Client) ProduceTo(ctx context.Context, topic string, partition int, recs []stream.Record) error {
	t, n, err := c.plainTopic(ctx, topic)
	if err != nil {
		return err
	}
	if partition < 0 || partition >= n {
		return fmt.Errorf("kafka: topic %s has no partition %d, only %d", topic, partition, n)
	}
	which := make([]int, len(recs))
	for i := range which {
		which[i] = i
	}
	return c.producePart(ctx, t, topic, partition, recs, which)
}

// Partitions gives the number of partitions of a topic; the error of a topic
// that does not exist wraps kafka-go's UnknownTopicOrPartition.
func (c *Client) Partitions(ctx context.Context, topic string) (int, error) {
	return c.partitions(ctx, topic)
}

func (c *Client) plainTopic(ctx context.Context, topic string) (*plainTopic, int, error) {
	c.mu.Lock()
	t := c.plain[topic]
	if t == nil {
		t = &plainTopic{asking: newLock(), parts: make(map[int]*plainPartition)}
		c.plain[topic] = t
	}
	c.mu.Unlock()
	if err := t.asking.acquire(ctx); err != nil {
		return nil, 0, err
	}
	defer t.asking.release()
	if t.partitions == 0 || c.now().Sub(t.asked) > time.Minute {
		n, err := c.partitions(ctx, topic)
		if err != nil {
			return nil, 0, err
		}
		if n == 0 {
			return nil, 0, fmt.Errorf("kafka: topic %s: %w", topic, kafkago.UnknownTopicOrPartition)
		}
		t.partitions, t.asked = n, c.now()
	}
	return t, t.partitions, nil
}

func (c *Client) producePart(ctx context.Context, t *plainTopic, topic string, partition int, recs []stream.Record, which []int) error {
	t.mu.Lock()
	p := t.parts[partition]
	if p == nil {
		p = &plainPartition{writing: newLock()}
		t.parts[partition] = p
	}
	t.mu.Unlock()
	if err := p.writing.acquire(ctx); err != nil {
		return err
	}
	defer p.writing.release()
	if p.producer == nil {
		prod, err := c.newProducer(ctx, "produce", topic, "")
		if err != nil {
			return err
		}
		p.producer = prod
	}
	p.batch.Reset()
	for _, i := range which {
		p.batch.Add(recs[i].Key, recs[i].Value, recs[i].Headers)
	}
	if _, err := p.producer.Append(ctx, partition, &p.batch); err != nil {
		// Its sequence may be off by the batch in doubt: the next write starts
		// anew under another id.
		p.producer = nil
		return err
	}
	return nil
}
