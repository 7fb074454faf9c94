package embedded

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// batchOf encodes records of one producer, as it would send them again.
func batchOf(id int64, epoch int16, sequence int32, values ...string) []byte {
	var records []byte
	for i, v := range values {
		r := kmsg.NewRecord()
		r.OffsetDelta, r.Value = int32(i), []byte(v) //nolint:gosec // few
		r.Length = int32(len(r.AppendTo(nil)) - 1)   //nolint:gosec // small
		records = r.AppendTo(records)
	}
	b := kmsg.NewRecordBatch()
	b.Magic, b.ProducerID, b.ProducerEpoch, b.FirstSequence = 2, id, epoch, sequence
	b.FirstTimestamp, b.MaxTimestamp = time.Now().UnixMilli(), time.Now().UnixMilli()
	b.LastOffsetDelta, b.NumRecords, b.Records = int32(len(values)-1), int32(len(values)), records //nolint:gosec // few
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12)) //nolint:gosec // small
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

func (c *groupClient) produce(batch []byte) (code int16, offset int64) {
	c.t.Helper()
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = 7, -1, 1000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "t"
	part := kmsg.NewProduceRequestTopicPartition()
	part.Records = batch
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	c.ask(req)
	res := kmsg.NewPtrProduceResponse()
	res.Version = 7
	c.answer(res)
	return res.Topics[0].Partitions[0].ErrorCode, res.Topics[0].Partitions[0].BaseOffset
}

func (c *groupClient) producer(txID string) (id int64, epoch int16) {
	c.t.Helper()
	req := kmsg.NewPtrInitProducerIDRequest()
	req.Version, req.TransactionTimeoutMillis = 1, 60_000
	if txID != "" {
		req.TransactionalID = &txID
	}
	c.ask(req)
	res := kmsg.NewPtrInitProducerIDResponse()
	res.Version = 1
	c.answer(res)
	require.Zero(c.t, res.ErrorCode)
	return res.ProducerID, res.ProducerEpoch
}

// A producer that outlives the broker sends again what was not acknowledged. It is
// stored once, whether the broker was closed before, or died.
func TestWhatIsSentAgainAfterTheBrokerDiedIsStoredOnce(t *testing.T) {
	for _, tc := range []struct{ name, txID string }{
		{"a producer with an id for transactions", "lapwing-enrich-raw.kong-0"},
		{"any idempotent producer", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			b, err := StartBroker(t.Context(), BrokerConfig{Dir: dir})
			require.NoError(t, err)
			createTopic(t, b.Addr(), "t")
			c := dialGroup(t, b.Addr())
			id, epoch := c.producer(tc.txID)
			batches := [][]byte{
				batchOf(id, epoch, 0, "a"), batchOf(id, epoch, 1, "b", "c"), batchOf(id, epoch, 3, "d"), batchOf(id, epoch, 4, "e"),
				batchOf(id, epoch, 5, "f"), batchOf(id, epoch, 6, "g", "h"), batchOf(id, epoch, 8, "i"), batchOf(id, epoch, 9, "j"),
			}
			send := func(i int, offset int64) {
				t.Helper()
				code, at := c.produce(batches[i])
				require.Zero(t, code, kerr.ErrorForCode(code))
				require.Equal(t, offset, at)
			}
			send(0, 0)
			send(1, 1)
			// A clean stop, then death after each batch.
			require.NoError(t, b.Close())
			for i, offset := range []int64{3, 4, 5, 6, 8} {
				b, err = StartBroker(t.Context(), BrokerConfig{Dir: dir})
				require.NoError(t, err)
				c = dialGroup(t, b.Addr())
				send(i+1, map[int]int64{1: 1, 2: 3, 3: 4, 4: 5, 5: 6}[i+1]) // again
				send(i+2, offset)
				dead := filepath.Join(t.TempDir(), "dead")
				require.NoError(t, os.CopyFS(dead, os.DirFS(dir)))
				require.NoError(t, b.Close())
				dir = dead
			}
			b, err = StartBroker(t.Context(), BrokerConfig{Dir: dir})
			require.NoError(t, err)
			defer func() { require.NoError(t, b.Close()) }()
			c = dialGroup(t, b.Addr())
			send(6, 8)
			require.Equal(t, int64(9), endOffset(t, b.Addr(), "t"))
			code, _ := c.produce(batchOf(id, epoch, 11, "too early"))
			require.Equal(t, kerr.OutOfOrderSequenceNumber.Code, code)
			send(7, 9)
			require.Equal(t, int64(10), endOffset(t, b.Addr(), "t"))
		})
	}
}

// A start that was cut short leaves a file that is broken, or older than the log:
// what the log says counts, and of what the log no longer has the file.
func TestTheSequencesFileOfAStartThatWasCutShortIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "partitions", "t-0")
	require.NoError(t, os.MkdirAll(log, 0o700))
	var data []byte
	for i := range int32(3) {
		b := batchOf(7, 0, i, "x")
		binary.BigEndian.PutUint64(b, uint64(i)) //nolint:gosec // not negative
		data = append(data, b...)
	}
	require.NoError(t, os.WriteFile(filepath.Join(log, "0.dat"), data, 0o600))
	window := func(pid int64, epoch int16, next int32, offset int64) seqWindow {
		return seqWindow{PID: pid, Topic: "t", Epoch: epoch, Seen: true, NextSeq: next, Count: 1, At: 1, Entries: [5]seqEntry{{next - 1, next, offset}}}
	}
	for _, tc := range []struct {
		name string
		file any // text, or windows
		want map[int64]int32
	}{
		{"no file", nil, map[int64]int32{7: 3}},
		{"an empty file", "", map[int64]int32{7: 3}},
		{"half a file", `{"version":1,"windows":[{"pid":7`, map[int64]int32{7: 3}},
		{"an older file", []seqWindow{window(7, 0, 2, 1)}, map[int64]int32{7: 3}},
		{"the file of a clean stop", []seqWindow{window(7, 0, 3, 2)}, map[int64]int32{7: 3}},
		{"a producer that began anew since its last batch", []seqWindow{window(7, 1, 1, 0)}, map[int64]int32{7: 1}},
		{"a producer whose batches are deleted", []seqWindow{window(8, 0, 5, 1)}, map[int64]int32{7: 3, 8: 5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			name := filepath.Join(dir, sequencesFile)
			require.NoError(t, forgetSequences(dir))
			switch f := tc.file.(type) {
			case string:
				require.NoError(t, os.WriteFile(name, []byte(f), 0o600))
			case []seqWindow:
				b, err := json.Marshal(sequences{Version: 1, Windows: f})
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(name, b, 0o600))
			}
			require.NoError(t, recoverSequences(dir))
			b, err := os.ReadFile(name)
			require.NoError(t, err)
			var s sequences
			require.NoError(t, json.Unmarshal(b, &s))
			got := map[int64]int32{}
			for _, w := range s.Windows {
				got[w.PID] = w.NextSeq
			}
			require.Equal(t, tc.want, got)
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, left, 2, "nothing half written is left")
		})
	}
}
