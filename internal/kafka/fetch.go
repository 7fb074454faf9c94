package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

const (
	fetchBytes   = 4 << 20
	fetchWait    = 250 * time.Millisecond
	fetchVersion = 11 // brokers since 2.3
	// maxResponse bounds one answer: a broker sends at least one batch,
	// whatever its size.
	maxResponse = 1 << 30
)

// fetchRequest asks for one partition and keeps the record set as it comes:
// kafka-go's own decoder drops lastOffsetDelta, without which a reader stalls
// where compaction has emptied the end of a batch.
type fetchRequest struct {
	clientID  string
	topic     string
	partition int32
	offset    int64
	maxBytes  int32
	wait      time.Duration
	buffers   *buffers
}

// fetchResponse is one partition's part of the answer.
type fetchResponse struct {
	code       int16
	start, end int64
	set        []byte
	buf        []byte
}

func (r *fetchRequest) ApiKey() protocol.ApiKey  { return protocol.Fetch }
func (r *fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Broker implements protocol.BrokerMessage: the partition's leader.
func (r *fetchRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	none := protocol.Broker{ID: -1}
	topic, ok := cluster.Topics[r.topic]
	if !ok {
		return none, protocol.NewErrNoTopic(r.topic)
	}
	p, ok := topic.Partitions[r.partition]
	if !ok {
		return none, protocol.NewErrNoPartition(r.topic, r.partition)
	}
	b, ok := cluster.Brokers[p.Leader]
	if !ok {
		return none, protocol.NewErrNoLeader(r.topic, r.partition)
	}
	return b, nil
}

// Required implements protocol.RawExchanger.
func (r *fetchRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger.
func (r *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if _, err := rw.Write(r.encode()); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	var size [4]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	n := int64(binary.BigEndian.Uint32(size[:]))
	if n > maxResponse {
		return nil, fmt.Errorf("an answer of %d bytes", n)
	}
	buf := r.buffers.take(int(n))
	if _, err := io.ReadFull(rw, buf); err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	return decodeFetch(buf)
}

func (r *fetchRequest) encode() []byte {
	b := make([]byte, 4, 128+len(r.topic)+len(r.clientID))
	b = binary.BigEndian.AppendUint16(b, uint16(protocol.Fetch))
	b = binary.BigEndian.AppendUint16(b, fetchVersion)
	b = binary.BigEndian.AppendUint32(b, 1) // correlation id: one request at a time
	b = appendString(b, r.clientID)
	b = binary.BigEndian.AppendUint32(b, ^uint32(0))                    // replica -1: a client
	b = binary.BigEndian.AppendUint32(b, uint32(r.wait.Milliseconds())) //nolint:gosec // a fraction of a second
	b = binary.BigEndian.AppendUint32(b, 1)                             // at least one byte
	b = binary.BigEndian.AppendUint32(b, uint32(r.maxBytes))            //nolint:gosec // positive
	b = append(b, 0)                                                    // read uncommitted
	b = binary.BigEndian.AppendUint32(b, 0)                             // no session
	b = binary.BigEndian.AppendUint32(b, ^uint32(0))                    // epoch -1: a full fetch
	b = binary.BigEndian.AppendUint32(b, 1)
	b = appendString(b, r.topic)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint32(b, uint32(r.partition)) //nolint:gosec // not negative
	b = binary.BigEndian.AppendUint32(b, ^uint32(0))          // no leader epoch
	b = binary.BigEndian.AppendUint64(b, uint64(r.offset))    //nolint:gosec // not negative
	b = binary.BigEndian.AppendUint64(b, ^uint64(0))          // log start: a client has none
	b = binary.BigEndian.AppendUint32(b, uint32(r.maxBytes))  //nolint:gosec // positive
	b = binary.BigEndian.AppendUint32(b, 0)                   // nothing forgotten
	b = appendString(b, "")                                   // no rack
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))           //nolint:gosec // small
	return b
}

func appendString(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s))) //nolint:gosec // topic and client names are short
	return append(b, s...)
}

// decodeFetch reads the answer to a fetch of one partition, version 11.
func decodeFetch(buf []byte) (*fetchResponse, error) {
	f := fields{b: buf}
	f.skip(4) // correlation id
	f.skip(4) // throttle
	code := f.int16()
	f.skip(4) // session
	if f.err == nil && code != 0 {
		return nil, kafkago.Error(code)
	}
	switch n := f.int32(); {
	case f.err == nil && n == 0:
		// A throttled client is told nothing at all.
		return nil, kafkago.ThrottlingQuotaExceeded
	case f.err == nil && n != 1:
		return nil, fmt.Errorf("kafka: a fetch of one topic was answered with %d", n)
	}
	f.skip(int(f.int16()))
	if n := f.int32(); f.err == nil && n != 1 {
		return nil, fmt.Errorf("kafka: a fetch of one partition was answered with %d", n)
	}
	f.skip(4) // partition
	res := &fetchResponse{code: f.int16(), buf: buf}
	res.end = f.int64()
	f.skip(8) // last stable offset
	res.start = f.int64()
	for range max(f.int32(), 0) { // aborted transactions
		f.skip(16)
		if f.err != nil {
			break
		}
	}
	f.skip(4) // preferred replica
	if n := int(f.int32()); n > 0 {
		// Brokers cut a set at the limit; take what is there.
		res.set = f.b[:min(n, len(f.b))]
	}
	if f.err != nil {
		return nil, fmt.Errorf("kafka: the answer to a fetch: %w", f.err)
	}
	return res, nil
}

type fields struct {
	b   []byte
	err error
}

func (f *fields) take(n int) []byte {
	if n < 0 || n > len(f.b) {
		f.err, f.b = errTruncated, nil
		return make([]byte, max(min(n, 8), 8))
	}
	p := f.b[:n]
	f.b = f.b[n:]
	return p
}

func (f *fields) skip(n int)   { f.take(n) }
func (f *fields) int16() int16 { return int16(binary.BigEndian.Uint16(f.take(2))) } //nolint:gosec // two's complement
func (f *fields) int32() int32 { return int32(binary.BigEndian.Uint32(f.take(4))) } //nolint:gosec // two's complement
func (f *fields) int64() int64 { return int64(binary.BigEndian.Uint64(f.take(8))) } //nolint:gosec // two's complement

// buffers keeps the memory of answers between fetches.
type buffers struct{ pool sync.Pool }

func (p *buffers) take(n int) []byte {
	if b, ok := p.pool.Get().(*[]byte); ok && cap(*b) >= n {
		return (*b)[:n]
	}
	return make([]byte, n, max(n, 64<<10))
}

func (p *buffers) give(b []byte) {
	if cap(b) <= 2*fetchBytes {
		p.pool.Put(&b)
	}
}

// reader implements stream.Reader on one partition.
type reader struct {
	c         *Client
	topic     string
	partition int
	dec       *decompressor
	recs      [][]stream.Record // memory given back
	mu        sync.Mutex
	maxBytes  int32
	hole      int64 // offset at which nothing came, and how often
	holes     int
}

func (c *Client) reader(topic string, partition int) (*reader, error) {
	dec, err := newDecompressor()
	if err != nil {
		return nil, err
	}
	return &reader{c: c, topic: topic, partition: partition, dec: dec, maxBytes: fetchBytes}, nil
}

// Fetch implements stream.Reader.
func (r *reader) Fetch(ctx context.Context, offset int64) (stream.Chunk, error) {
	for b := newBackoff(); ; {
		chunk, err := r.fetch(ctx, offset)
		if err == nil || ctx.Err() != nil {
			if err != nil {
				err = ctx.Err()
			}
			return chunk, err
		}
		var out *stream.RangeError
		if errors.As(err, &out) {
			return chunk, err
		}
		if !retriable(err) {
			return chunk, fmt.Errorf("kafka: fetch %s/%d at %d: %w", r.topic, r.partition, offset, err)
		}
		if b.tries == 10 {
			r.c.log.Warn().Err(err).Str("topic", r.topic).Int("partition", r.partition).Msg("fetch keeps failing, still trying")
		}
		if !b.wait(ctx) {
			return chunk, ctx.Err()
		}
	}
}

func (r *reader) fetch(ctx context.Context, offset int64) (stream.Chunk, error) {
	rctx, cancel := context.WithTimeout(ctx, r.c.cfg.RequestTimeout+r.c.cfg.FetchWait)
	defer cancel()
	m, err := r.c.transport.RoundTrip(rctx, r.c.addr, &fetchRequest{
		clientID: r.c.cfg.ClientID, topic: r.topic, partition: int32(r.partition), //nolint:gosec // Kafka's partitions are int32
		offset: offset, maxBytes: r.maxBytes, wait: r.c.cfg.FetchWait, buffers: &r.c.buffers,
	})
	if err != nil {
		return stream.Chunk{}, err
	}
	res, ok := m.(*fetchResponse)
	if !ok {
		return stream.Chunk{}, fmt.Errorf("unexpected answer %T", m)
	}
	if res.code != 0 {
		r.c.buffers.give(res.buf)
		if code := kafkago.Error(res.code); code != kafkago.OffsetOutOfRange {
			return stream.Chunk{}, code
		}
		start, end, err := r.Bounds(ctx)
		if err != nil {
			return stream.Chunk{}, err
		}
		if offset >= start && offset <= end {
			// The answer came from a leader that had not caught up.
			return stream.Chunk{}, kafkago.UnknownLeaderEpoch
		}
		return stream.Chunk{}, &stream.RangeError{Topic: r.topic, Partition: r.partition, Offset: offset, Start: start, End: end}
	}
	r.mu.Lock()
	var mem []stream.Record
	if n := len(r.recs); n > 0 {
		mem, r.recs = r.recs[n-1], r.recs[:n-1]
	}
	r.mu.Unlock()
	recs, next, err := decodeBatches(res.set, r.topic, r.partition, offset, r.dec, mem[:0])
	if err != nil {
		r.c.buffers.give(res.buf)
		return stream.Chunk{}, err
	}
	if next == offset && res.end > offset {
		if len(res.set) >= batchHeader {
			// One batch larger than the limit, cut short: ask for more.
			if r.maxBytes >= maxResponse/2 {
				return stream.Chunk{}, fmt.Errorf("a batch of more than %d bytes", r.maxBytes)
			}
			r.maxBytes *= 2
		} else {
			// There is something, yet nothing came at or after the offset: the
			// broker has only a compacted gap here. Step over it, but not on
			// one broker's one word.
			if r.hole != offset {
				r.hole, r.holes = offset, 0
			}
			if r.holes++; r.holes >= 3 {
				next++
			}
		}
	}
	buf := res.buf
	return stream.NewChunk(recs, next, res.start, res.end, func() {
		r.c.buffers.give(buf)
		clear(recs)
		r.mu.Lock()
		if len(r.recs) < 4 {
			r.recs = append(r.recs, recs[:0])
		}
		r.mu.Unlock()
	}), nil
}

// Bounds implements stream.Reader.
func (r *reader) Bounds(ctx context.Context) (start, end int64, err error) {
	for b := newBackoff(); ; {
		start, end, err = r.c.bounds(ctx, r.topic, r.partition)
		if err == nil || ctx.Err() != nil || !retriable(err) || !b.wait(ctx) {
			return start, end, err
		}
	}
}

func (c *Client) bounds(ctx context.Context, topic string, partition int) (start, end int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	// Two requests: some brokers answer only one timestamp of a partition in one.
	for i, req := range []kafkago.OffsetRequest{kafkago.FirstOffsetOf(partition), kafkago.LastOffsetOf(partition)} {
		res, err := c.api.ListOffsets(ctx, &kafkago.ListOffsetsRequest{Topics: map[string][]kafkago.OffsetRequest{topic: {req}}})
		if err != nil {
			return 0, 0, fmt.Errorf("kafka: offsets of %s/%d: %w", topic, partition, err)
		}
		found := false
		for _, p := range res.Topics[topic] {
			if p.Partition != partition {
				continue
			}
			if p.Error != nil {
				return 0, 0, fmt.Errorf("kafka: offsets of %s/%d: %w", topic, partition, p.Error)
			}
			found = true
			if i == 0 {
				start = p.FirstOffset
			} else {
				end = p.LastOffset
			}
		}
		if !found {
			return 0, 0, fmt.Errorf("kafka: offsets of %s/%d: %w", topic, partition, kafkago.UnknownTopicOrPartition)
		}
	}
	return start, end, nil
}
