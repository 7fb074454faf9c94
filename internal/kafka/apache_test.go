package kafka

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/kafka/kafkatest"
	"github.com/lapwing-sec/lapwing/internal/stream"
)

// The core tests on the broker that people run.
func TestOnApacheKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a broker")
	}
	apache := kafkatest.Start(t)
	n := 0
	run := func(name string, f func(b *broker, t *testing.T)) {
		n++
		b := &broker{addrs: []string{apache.Addr}, prefix: fmt.Sprintf("t%d.lapwing.", n)}
		t.Run(name, func(t *testing.T) { f(b, t) })
	}
	run("killed enrichers leave each event once", func(b *broker, t *testing.T) { b.testKilledEnrichers(t, 3) })
	run("a zombie is refused", func(b *broker, t *testing.T) { b.testZombie(t) })
	run("a group that lost its offsets goes on however slow", func(b *broker, t *testing.T) { b.testLostOffsets(t) })
	run("killed detect and store repeat only what is the same", func(b *broker, t *testing.T) { b.testKilledDetectAndStore(t, 3) })
	run("a writer renews itself", func(b *broker, t *testing.T) { b.testRenewal(t) })
	run("a compacted state is read whole", func(b *broker, t *testing.T) { b.testCompactedTable(t) })
	run("the broker restarts under load", func(b *broker, t *testing.T) {
		c := b.connect(t)
		b.setup(t, c, 2, b.raw("a"))
		const total = 20_000
		require.NoError(t, c.Produce(t.Context(), b.raw("a"), rawRecords(0, total, 50)))
		stop := start(t, func(ctx context.Context) error {
			return c.RunEnrich(ctx, EnrichOptions{Group: b.raw("enrich"), RawTopics: []RawTopic{{Name: b.raw("a")}}, Transform: slowly(10)})
		})
		reader := b.connect(t)
		eventually(t, "the first events", func() bool { return countEvents(t, reader) > 500 })
		apache.Restart(t)
		eventually(t, "all events", func() bool { return countEvents(t, reader) >= total })
		require.NoError(t, stop())
		events, _ := readEvents(t, reader)
		requireOnce(t, events, total)
	})
}

// testCompactedTable fills a compacted topic with versions of few keys until
// the cleaner has been through it, and reads what is left.
func (b *broker) testCompactedTable(t *testing.T) {
	c := b.connect(t)
	topic := b.raw("table")
	require.NoError(t, c.EnsureTopics(t.Context(), []Topic{{Name: topic, Partitions: 1, Config: map[string]string{
		"cleanup.policy": "compact", "segment.bytes": "1048576", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01",
		"max.compaction.lag.ms": "100",
	}}}))
	const keys = 200
	version := 0
	write := func() {
		recs := make([]stream.Record, 0, keys)
		for k := range keys {
			recs = append(recs, stream.Record{Key: fmt.Appendf(nil, "k%03d", k), Value: fmt.Appendf(nil, "%d %s", version, strings.Repeat("v", 300))})
		}
		require.NoError(t, c.Produce(t.Context(), topic, recs))
		version++
	}
	for range 40 {
		write()
	}
	count := func() (n int) {
		last := make(map[string]string)
		require.NoError(t, c.Scan(t.Context(), topic, ScanOptions{}, func(rec *stream.Record) error {
			n++
			last[string(rec.Key)] = string(rec.Value)
			return nil
		}))
		require.Len(t, last, keys)
		for k, v := range last {
			require.True(t, strings.HasPrefix(v, fmt.Sprint(version-1)+" "), "%s is %.20s", k, v)
		}
		return n
	}
	deadline := time.Now().Add(40 * time.Second)
	for count() > keys*20 {
		if time.Now().After(deadline) {
			t.Fatal("the cleaner never came")
		}
		write()
	}
}
