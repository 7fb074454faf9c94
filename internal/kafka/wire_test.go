package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// batchOf encodes records with the given values as one batch that starts at
// base.
func batchOf(t testing.TB, c codec, base int64, values ...string) []byte {
	t.Helper()
	k, err := newCompressor(c)
	require.NoError(t, err)
	e := encoder{compressor: k}
	var b stream.Batch
	for i, v := range values {
		b.Add(fmt.Appendf(nil, "k%d", i), []byte(v), []stream.Header{{Key: "h", Value: []byte(v)}})
	}
	out, err := e.batch(nil, &b, 0, b.Len(), epoch, producerID{7, 3}, 11)
	require.NoError(t, err)
	binary.BigEndian.PutUint64(out, uint64(base))
	return out
}

// keep rewrites a batch as a cleaner leaves it: some records gone, the offsets
// of the rest and the last offset of the batch as they were.
func keep(t testing.TB, c codec, batch []byte, which ...int) []byte {
	t.Helper()
	d, err := newDecompressor()
	require.NoError(t, err)
	plain, err := d.append(nil, batch[batchHeader:], codec(batch[atAttributes+1]&attrCodec))
	require.NoError(t, err)
	var kept []byte
	for i := 0; len(plain) > 0; i++ {
		n, size := binary.Varint(plain)
		record := plain[:size+int(n)]
		plain = plain[size+int(n):]
		for _, w := range which {
			if w == i {
				kept = append(kept, record...)
			}
		}
	}
	k, err := newCompressor(c)
	require.NoError(t, err)
	out := bytes.Clone(batch[:batchHeader])
	if len(which) > 0 {
		out, err = k.append(out, kept)
		require.NoError(t, err)
	}
	out[atAttributes+1] = byte(c)
	binary.BigEndian.PutUint32(out[atNumRecords:], uint32(len(which)))
	binary.BigEndian.PutUint32(out[atBatchLength:], uint32(len(out)-12))
	binary.BigEndian.PutUint32(out[atCRC:], crc32.Checksum(out[atAttributes:], castagnoli))
	return out
}

func decode(t testing.TB, set []byte, offset int64) (offsets []int64, values []string, next int64, err error) {
	t.Helper()
	d, derr := newDecompressor()
	require.NoError(t, derr)
	recs, next, err := decodeBatches(set, "t", 0, offset, d, nil)
	for _, r := range recs {
		offsets = append(offsets, r.Offset)
		values = append(values, string(r.Value))
		require.Equal(t, string(r.Value), string(r.Header("h")))
	}
	return offsets, values, next, err
}

func TestRecordSetsAsBrokersSendThem(t *testing.T) {
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, c := range []codec{codecNone, codecLz4, codecZstd} {
		whole := batchOf(t, c, 100, "a", "b", "c", "d", "e")
		after := batchOf(t, c, 105, "f")
		control := bytes.Clone(batchOf(t, codecNone, 105, "marker"))
		control[atAttributes+1] |= attrControl
		binary.BigEndian.PutUint32(control[atCRC:], crc32.Checksum(control[atAttributes:], castagnoli))
		for _, tc := range []struct {
			name    string
			set     []byte
			offset  int64
			offsets []int64
			next    int64
		}{
			{"a batch", whole, 100, []int64{100, 101, 102, 103, 104}, 105},
			{"a fetch from the middle of a batch", whole, 103, []int64{103, 104}, 105},
			{"compaction left a gap inside", keep(t, c, whole, 0, 4), 100, []int64{100, 104}, 105},
			{"compaction took the end: the batch still ends at its last offset", keep(t, c, whole, 0, 1), 102, nil, 105},
			{"an empty batch", keep(t, c, whole), 100, nil, 105},
			{"a run of empty batches, then a record", join(keep(t, c, whole), keep(t, c, after), batchOf(t, c, 106, "g")), 100, []int64{106}, 107},
			{"a transaction's marker", join(whole, control), 104, []int64{104}, 106},
			{"a batch cut short by the limit", join(whole, after[:len(after)-3]), 100, []int64{100, 101, 102, 103, 104}, 105},
			{"a batch before the offset", join(whole, after), 105, []int64{105}, 106},
			{"nothing", nil, 100, nil, 100},
		} {
			t.Run(fmt.Sprintf("codec %d: %s", c, tc.name), func(t *testing.T) {
				offsets, _, next, err := decode(t, tc.set, tc.offset)
				require.NoError(t, err)
				require.Equal(t, tc.offsets, offsets)
				require.Equal(t, tc.next, next)
			})
		}
	}
}

func TestDamageIsAnErrorNeverAPanic(t *testing.T) {
	good := batchOf(t, codecZstd, 0, "a", "b")
	for i := range good {
		if i < 8 || i >= 12 && i < atCRC && i != atMagic { // offsets and leader epoch are outside the checksum
			continue
		}
		bad := bytes.Clone(good)
		bad[i] ^= 0x55
		_, values, _, err := decode(t, bad, 0)
		if err == nil {
			// A longer length makes the batch look cut short.
			require.Empty(t, values, "byte %d", i)
		}
	}
}

func FuzzDecodeBatches(f *testing.F) {
	f.Add(batchOf(f, codecNone, 5, "a", "b"), int64(5))
	f.Add(batchOf(f, codecZstd, 5, "a", "b"), int64(6))
	f.Fuzz(func(t *testing.T, set []byte, offset int64) {
		if offset < 0 {
			return
		}
		// Let damaged batches through to the record decoder.
		if len(set) >= batchHeader {
			if n := 12 + int(int32(binary.BigEndian.Uint32(set[atBatchLength:]))); n >= batchHeader && n <= len(set) {
				binary.BigEndian.PutUint32(set[atCRC:], crc32.Checksum(set[atAttributes:n], castagnoli))
			}
		}
		d, err := newDecompressor()
		require.NoError(t, err)
		recs, next, _ := decodeBatches(set, "t", 0, offset, d, nil)
		require.GreaterOrEqual(t, next, offset)
		for _, r := range recs {
			require.GreaterOrEqual(t, r.Offset, offset)
		}
	})
}

// What this package encodes, kafka-go and so every broker's reference client
// reads back.
func TestBatchesAreReadByOthers(t *testing.T) {
	for _, c := range []codec{codecNone, codecLz4, codecZstd} {
		batch := batchOf(t, c, 0, "a", "", "ccc")
		set := binary.BigEndian.AppendUint32(nil, uint32(len(batch)))
		var rs protocol.RecordSet
		_, err := rs.ReadFrom(bytes.NewReader(append(set, batch...)))
		require.NoError(t, err)
		var got []string
		for {
			rec, err := rs.Records.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			key, err := protocol.ReadAll(rec.Key)
			require.NoError(t, err)
			value, err := protocol.ReadAll(rec.Value)
			require.NoError(t, err)
			require.Equal(t, epoch.UnixMilli(), rec.Time.UnixMilli())
			require.Equal(t, "h", rec.Headers[0].Key)
			got = append(got, string(key)+"="+string(value))
		}
		require.Empty(t, cmp.Diff([]string{"k0=a", "k1=", "k2=ccc"}, got))
	}
}

// scriptedBroker answers fetches with the record sets given, by offset.
func scriptedBroker(t *testing.T, end int64, answer func(offset int64) (code int16, set []byte)) *Client {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	port := l.Addr().(*net.TCPAddr).Port
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn, int32(port), end, answer)
		}
	}()
	c, err := Connect(t.Context(), Config{Brokers: []string{l.Addr().String()}}, prometheus.NewRegistry(), zerolog.Nop())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func serve(conn net.Conn, port int32, end int64, answer func(int64) (int16, []byte)) {
	defer conn.Close() //nolint:errcheck // a test's
	for {
		var head [4]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		req := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(conn, req); err != nil {
			return
		}
		key, version, id := protocol.ApiKey(binary.BigEndian.Uint16(req)), int16(binary.BigEndian.Uint16(req[2:])), int32(binary.BigEndian.Uint32(req[4:]))
		var err error
		switch key { //nolint:exhaustive // what the test asks for
		case protocol.ApiVersions:
			err = protocol.WriteResponse(conn, version, id, &apiversions.Response{ApiKeys: []apiversions.ApiKeyResponse{
				{ApiKey: int16(protocol.Fetch), MaxVersion: 11}, {ApiKey: int16(protocol.Metadata), MaxVersion: 6}, {ApiKey: int16(protocol.ApiVersions), MaxVersion: 0},
			}})
		case protocol.Metadata:
			err = protocol.WriteResponse(conn, version, id, &metadata.Response{
				Brokers: []metadata.ResponseBroker{{NodeID: 1, Host: "127.0.0.1", Port: port}},
				Topics:  []metadata.ResponseTopic{{Name: "t", Partitions: []metadata.ResponsePartition{{LeaderID: 1}}}},
			})
		case protocol.Fetch:
			// The offset stands 20 bytes before the end: log start 8, limit 4,
			// forgotten 4, rack 2, and itself 8.
			offset := int64(binary.BigEndian.Uint64(req[len(req)-26:]))
			code, set := answer(offset)
			b := make([]byte, 4)
			b = binary.BigEndian.AppendUint32(b, uint32(id))
			b = append(b, make([]byte, 4+2+4)...) // throttle, error, session
			b = binary.BigEndian.AppendUint32(b, 1)
			b = appendString(b, "t")
			b = binary.BigEndian.AppendUint32(b, 1)
			b = binary.BigEndian.AppendUint32(b, 0)
			b = binary.BigEndian.AppendUint16(b, uint16(code))
			b = binary.BigEndian.AppendUint64(b, uint64(end))
			b = binary.BigEndian.AppendUint64(b, uint64(end))
			b = binary.BigEndian.AppendUint64(b, 0)
			b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // no aborted transactions
			b = binary.BigEndian.AppendUint32(b, ^uint32(0))
			b = binary.BigEndian.AppendUint32(b, uint32(len(set)))
			b = append(b, set...)
			binary.BigEndian.PutUint32(b, uint32(len(b)-4))
			_, err = conn.Write(b)
		}
		if err != nil {
			return
		}
	}
}

func TestAReaderPassesWhatCompactionLeft(t *testing.T) {
	var fetches atomic.Int32
	c := scriptedBroker(t, 300, func(offset int64) (int16, []byte) {
		fetches.Add(1)
		switch {
		case offset < 100: // a compacted batch whose last records are gone
			return 0, keep(t, codecZstd, batchOf(t, codecZstd, 0, make([]string, 100)...), 3, 50)
		case offset < 200: // a run of empty batches
			return 0, bytes.Join([][]byte{
				keep(t, codecZstd, batchOf(t, codecZstd, 100, make([]string, 50)...)),
				keep(t, codecZstd, batchOf(t, codecZstd, 150, make([]string, 50)...)),
			}, nil)
		case offset < 205: // a hole without any batch
			return 0, nil
		case offset < 300:
			return 0, batchOf(t, codecZstd, 205, make([]string, 95)...)
		}
		return 0, nil
	})
	r, err := c.reader("t", 0)
	require.NoError(t, err)
	var offsets []int64
	at := int64(0)
	for at < 300 {
		chunk, err := r.Fetch(t.Context(), at)
		require.NoError(t, err)
		for _, rec := range chunk.Records {
			offsets = append(offsets, rec.Offset)
		}
		require.GreaterOrEqual(t, chunk.Next, at)
		require.Less(t, fetches.Load(), int32(40), "a reader that does not move hangs")
		at = chunk.Next
		chunk.Release()
	}
	require.Len(t, offsets, 2+95)
}

func TestAReaderRetriesWhatPasses(t *testing.T) {
	var n atomic.Int32
	c := scriptedBroker(t, 1, func(int64) (int16, []byte) {
		if n.Add(1) <= 3 {
			return 6, nil // not the leader
		}
		return 0, batchOf(t, codecNone, 0, "a")
	})
	r, err := c.reader("t", 0)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	chunk, err := r.Fetch(ctx, 0)
	require.NoError(t, err)
	require.Len(t, chunk.Records, 1)
}
