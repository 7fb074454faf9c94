package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

const (
	// batchBytes bounds a batch before compression, so that it fits under the
	// brokers' default of 1 MB even if it does not compress.
	batchBytes = 960 << 10
	// renewAfter keeps a transactional.id that opens no transaction from
	// expiring at its coordinator (transactional.id.expiration.ms, 7 days).
	renewAfter = 24 * time.Hour
)

// producer appends to the partitions of one topic with one producer id. A
// broker stores each of its batches once, however often it is sent, and refuses
// it once a newer producer of the same transactional id has written there.
type producer struct {
	c     *Client
	stage string
	topic string
	txID  string

	mu    sync.RWMutex // held for reading by writes, for writing by renewals
	id    producerID
	since time.Time

	partsMu sync.Mutex
	parts   map[int]*producerPart
}

type producerPart struct {
	mu       sync.Mutex
	enc      encoder
	buf      []byte
	sequence int32
	epoch    producerID // that sequence counts for
	broken   error      // a write whose fate is unknown
}

// newProducer takes over the transactional id txID, which fences whoever had
// it; an empty txID makes a producer that fences nobody.
func (c *Client) newProducer(ctx context.Context, stage, topic, txID string) (*producer, error) {
	p := &producer{c: c, stage: stage, topic: topic, txID: txID, parts: make(map[int]*producerPart)}
	id, err := c.initProducer(ctx, txID, producerID{-1, -1})
	if err != nil {
		return nil, err
	}
	p.id, p.since = id, c.now()
	return p, nil
}

// initProducer retries until ctx ends: on a cold coordinator errors 14 and 15
// come first.
func (c *Client) initProducer(ctx context.Context, txID string, old producerID) (producerID, error) {
	for b := newBackoff(); ; {
		id, err := c.initProducerOnce(ctx, txID, old)
		switch {
		case err == nil:
			return id, nil
		case ctx.Err() != nil:
			return id, ctx.Err()
		case isFenced(err):
			return id, fmt.Errorf("kafka: producer %q: %w: %w", txID, stream.ErrFenced, err)
		case !retriable(err):
			return id, fmt.Errorf("kafka: producer %q: %w", txID, err)
		}
		if !b.wait(ctx) {
			return id, ctx.Err()
		}
	}
}

func (c *Client) initProducerOnce(ctx context.Context, txID string, old producerID) (producerID, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	res, err := c.api.InitProducerID(ctx, &kafkago.InitProducerIDRequest{
		TransactionalID: txID, TransactionTimeoutMs: 60_000, ProducerID: int(old.id), ProducerEpoch: int(old.epoch),
	})
	if err != nil {
		return producerID{}, err
	}
	if res.Error != nil {
		return producerID{}, res.Error
	}
	return producerID{int64(res.Producer.ProducerID), int16(res.Producer.ProducerEpoch)}, nil //nolint:gosec // an int16 on the wire
}

// isFenced tells the errors by which a broker says that a newer owner, or a
// hole where our own records should be, makes us a zombie.
func isFenced(err error) bool {
	var code kafkago.Error
	if !errors.As(err, &code) {
		return false
	}
	switch code { //nolint:exhaustive // all others are something else
	case kafkago.InvalidProducerEpoch, kafkago.ProducerFenced, kafkago.OutOfOrderSequenceNumber,
		kafkago.UnknownProducerId, kafkago.InvalidProducerIDMapping:
		return true
	}
	return false
}

func (p *producer) part(partition int) (*producerPart, error) {
	p.partsMu.Lock()
	defer p.partsMu.Unlock()
	pp := p.parts[partition]
	if pp == nil {
		k, err := newCompressor(p.c.codec)
		if err != nil {
			return nil, err
		}
		pp = &producerPart{enc: encoder{compressor: k}}
		p.parts[partition] = pp
	}
	return pp, nil
}

// Append implements stream.Writer.
func (p *producer) Append(ctx context.Context, partition int, b *stream.Batch) (int64, error) {
	if err := p.renew(ctx); err != nil {
		return 0, err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	pp, err := p.part(partition)
	if err != nil {
		return 0, err
	}
	pp.mu.Lock()
	defer pp.mu.Unlock()
	if pp.broken != nil {
		return 0, pp.broken
	}
	if pp.epoch != p.id {
		pp.epoch, pp.sequence = p.id, 0
	}
	end := int64(-1)
	for from := 0; from < b.Len(); {
		to, size := from+1, b.Size(from)
		for to < b.Len() && size+b.Size(to) <= batchBytes {
			size += b.Size(to)
			to++
		}
		if end, err = p.send(ctx, partition, pp, b, from, to); err != nil {
			return 0, err
		}
		from = to
	}
	return end, nil
}

// send writes one batch and retries it, the same bytes with the same sequence,
// until it is acknowledged, refused, or ctx ends.
func (p *producer) send(ctx context.Context, partition int, pp *producerPart, b *stream.Batch, from, to int) (int64, error) {
	buf, err := pp.enc.batch(append(pp.buf[:0], 0, 0, 0, 0), b, from, to, p.c.now(), p.id, pp.sequence)
	if err != nil {
		return 0, err
	}
	pp.buf = buf
	binary.BigEndian.PutUint32(buf, uint32(len(buf)-4)) //nolint:gosec // below 2 GB
	began := time.Now()
	for back := newBackoff(); ; {
		base, err := p.produce(ctx, partition, buf)
		if errors.Is(err, kafkago.DuplicateSequenceNumber) {
			// It is in the log, too far back for the broker to say where. All
			// that matters is that it lies before the log's end.
			var end int64
			if _, end, err = p.c.bounds(ctx, p.topic, partition); err == nil {
				base = end - int64(to-from)
			}
		}
		if err == nil {
			p.c.metrics.produce.WithLabelValues(p.stage).Observe(time.Since(began).Seconds())
			n := int64(to - from)
			pp.sequence = int32((int64(pp.sequence) + n) & math.MaxInt32) // sequences wrap at 2^31
			return base + n, nil
		}
		// An attempt that was given up may still be reading the buffer.
		pp.buf = nil
		switch {
		case isFenced(err):
			p.c.metrics.fenced.WithLabelValues(p.stage).Inc()
			pp.broken = fmt.Errorf("kafka: write to %s/%d: %w: %w", p.topic, partition, stream.ErrFenced, err)
			return 0, pp.broken
		case ctx.Err() != nil:
			pp.broken = fmt.Errorf("kafka: write to %s/%d given up: %w", p.topic, partition, ctx.Err())
			return 0, pp.broken
		case !retriable(err):
			pp.broken = fmt.Errorf("kafka: write to %s/%d: %w", p.topic, partition, err)
			return 0, pp.broken
		}
		p.c.metrics.retries.WithLabelValues(p.stage).Inc()
		if back.tries == 10 {
			p.c.log.Warn().Err(p.c.explain(err)).Str("topic", p.topic).Int("partition", partition).Msg("write keeps failing, still trying")
		}
		back.wait(ctx)
	}
}

func (p *producer) produce(ctx context.Context, partition int, buf []byte) (int64, error) {
	return p.c.rawProduce(ctx, p.topic, partition, buf)
}

// rawProduce sends one encoded batch, prefixed by its size, once.
func (c *Client) rawProduce(ctx context.Context, topic string, partition int, buf []byte) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	res, err := c.api.RawProduce(ctx, &kafkago.RawProduceRequest{
		Topic: topic, Partition: partition, RequiredAcks: kafkago.RequireAll,
		RawRecords: protocol.RawRecordSet{Reader: bytes.NewReader(buf)},
	})
	if err != nil {
		return 0, err
	}
	if res.Error != nil {
		return 0, res.Error
	}
	return res.BaseOffset, nil
}

// renew starts the next epoch once a day, between writes.
func (p *producer) renew(ctx context.Context) error {
	p.mu.RLock()
	due := p.txID != "" && p.c.now().Sub(p.since) >= renewAfter
	p.mu.RUnlock()
	if !due {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.c.now().Sub(p.since) < renewAfter {
		return nil
	}
	id, err := p.c.initProducer(ctx, p.txID, p.id)
	if err != nil {
		return err
	}
	if id.id == p.id.id && id.epoch != p.id.epoch+1 {
		// Not every broker checks the epoch that it is told: somebody else was
		// in between.
		p.c.metrics.fenced.WithLabelValues(p.stage).Inc()
		return fmt.Errorf("kafka: producer %q: %w: epoch %d after %d", p.txID, stream.ErrFenced, id.epoch, p.id.epoch)
	}
	p.id, p.since = id, p.c.now()
	return nil
}

func (p *producer) identity() producerID {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.id
}
