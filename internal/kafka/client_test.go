package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

func TestConnectSaysWhatIsWrong(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		cfg        Config
	}{
		{"no broker", "no broker address", Config{}},
		{"an unknown mechanism", `unknown SASL mechanism "GSSAPI"; PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are known`, Config{Brokers: []string{"x:1"}, SASL: SASL{Mechanism: "GSSAPI"}}},
		{"an unknown compression", `unknown compression "brotli"; zstd, lz4 and none are known`, Config{Brokers: []string{"x:1"}, Compression: "brotli"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Connect(t.Context(), tc.cfg, nil, zerolog.Nop())
			require.ErrorContains(t, err, tc.want)
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := Connect(ctx, Config{Brokers: []string{"127.0.0.1:1"}}, nil, zerolog.Nop())
	require.ErrorContains(t, err, "kafka at 127.0.0.1:1: no broker answers")
}

func TestConnectWithPasswords(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			b := newFake(t, kfake.EnableSASL(), kfake.Superuser(mechanism, "lapwing", "right"))
			c, err := Connect(t.Context(), Config{Brokers: b.addrs, SASL: SASL{mechanism, "lapwing", "right"}}, nil, zerolog.Nop())
			require.NoError(t, err)
			defer c.Close()
			b.setup(t, c, 1, "raw.a")
			require.NoError(t, c.Produce(t.Context(), "raw.a", rawRecords(0, 10, 3)))
			stop := start(t, func(ctx context.Context) error {
				return c.RunEnrich(ctx, EnrichOptions{RawTopics: []RawTopic{{Name: "raw.a"}}, Transform: transform})
			})
			eventually(t, "events", func() bool { return countEvents(t, c) == 10 })
			require.NoError(t, stop())

			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err = Connect(ctx, Config{Brokers: b.addrs, SASL: SASL{mechanism, "lapwing", "wrong"}}, nil, zerolog.Nop())
			require.Error(t, err)
		})
	}
}

func TestTopicsAreCreatedAndChecked(t *testing.T) {
	b := newFake(t)
	c := b.connect(t)
	want := Topics("lapwing.", 3, []string{"raw.a"})
	diffs, err := c.CheckTopics(t.Context(), want)
	require.NoError(t, err)
	require.Len(t, diffs, 7, "all are missing")
	require.Equal(t, "topic lapwing.alert-state: topic is missing, want present", diffs[0].String())
	require.NoError(t, c.EnsureTopics(t.Context(), want))
	require.NoError(t, c.EnsureTopics(t.Context(), want), "twice does no harm")
	diffs, err = c.CheckTopics(t.Context(), want)
	require.NoError(t, err)
	require.Empty(t, diffs)
	other := Topics("lapwing.", 4, []string{"raw.a"})
	other[2].Config = map[string]string{"cleanup.policy": "delete"}
	other[6].Partitions = 9 // a raw topic's are the user's
	diffs, err = c.CheckTopics(t.Context(), other)
	require.NoError(t, err)
	var got []string
	for _, d := range diffs {
		got = append(got, d.String())
	}
	require.Equal(t, []string{
		"topic lapwing.alerts: partitions is 3, want 4", "topic lapwing.events: partitions is 3, want 4",
		"topic lapwing.state: partitions is 3, want 4", "topic lapwing.state: cleanup.policy is compact, want delete",
	}, got)
}

func TestAMemoryOutlivesItsOwner(t *testing.T) {
	b := newFake(t)
	c := b.connect(t)
	b.setup(t, c, 1)
	ctx := t.Context()
	m, err := c.Memory(ctx, "siem")
	require.NoError(t, err)
	other, err := c.Memory(ctx, "siem-2")
	require.NoError(t, err)
	require.NoError(t, m.Remember(ctx, "a", 1))
	require.NoError(t, m.Remember(ctx, "a", 2))
	require.NoError(t, m.Remember(ctx, "b", 1))
	require.NoError(t, other.Remember(ctx, "a", 7))
	require.NoError(t, m.Put(ctx, "open/1", []byte("x")))
	require.NoError(t, m.Put(ctx, "open/2", []byte("y")))
	require.NoError(t, m.Put(ctx, "open/1", nil))
	for range 2 {
		require.Equal(t, 2, m.Delivered("a"))
		require.Equal(t, 1, m.Delivered("b"))
		require.Zero(t, m.Delivered("c"))
		require.Nil(t, m.Get("open/1"))
		require.Equal(t, "y", string(m.Get("open/2")))
		n := 0
		m.Range(func(string, []byte) bool { n++; return true })
		require.Equal(t, 1, n)
		m, err = c.Memory(ctx, "siem")
		require.NoError(t, err)
	}
	_, err = c.Memory(ctx, "")
	require.Error(t, err)
}

func TestFollowGivesWhatIsThereAndWhatComes(t *testing.T) {
	b := newFake(t)
	c := b.connect(t)
	b.setup(t, c, 1)
	topic := c.Topic("identities")
	put := func(key, value string) {
		rec := stream.Record{Key: []byte(key)}
		if value != "" {
			rec.Value = []byte(value)
		}
		require.NoError(t, c.Produce(t.Context(), topic, []stream.Record{rec}))
	}
	put("a", "1")
	put("b", "1")
	put("a", "")
	var mu sync.Mutex
	table := make(map[string]string)
	reached := make(chan int, 1)
	stop := start(t, func(ctx context.Context) error {
		return c.Follow(ctx, topic, func(key, value []byte) {
			mu.Lock()
			defer mu.Unlock()
			if value == nil {
				delete(table, string(key))
			} else {
				table[string(key)] = string(value)
			}
		}, func() { mu.Lock(); defer mu.Unlock(); reached <- len(table) })
	})
	require.Equal(t, 1, <-reached)
	put("c", "2")
	eventually(t, "what came later", func() bool { mu.Lock(); defer mu.Unlock(); return table["c"] == "2" })
	require.NoError(t, stop())
}

func TestAHandlerThatFailsIsGivenTheSameAgain(t *testing.T) {
	b := newFake(t)
	c := b.connect(t)
	b.setup(t, c, 1)
	var recs []stream.Record
	for i := range 100 {
		recs = append(recs, stream.Record{Key: []byte("k"), Value: fmt.Append(nil, i)})
	}
	require.NoError(t, c.Produce(t.Context(), c.Topic("alerts"), recs))
	var mu sync.Mutex
	var got []string
	handlers, closed := 0, 0
	run := func() func() error {
		return start(t, func(ctx context.Context) error {
			return c.RunConsumer(ctx, ConsumerOptions{Group: "sink", Topic: c.Topic("alerts"), MaxRecords: 7, NewHandler: func(int) (stream.Handler, error) {
				mu.Lock()
				defer mu.Unlock()
				handlers++
				if handlers == 2 {
					return nil, errors.New("not yet")
				}
				calls := 0
				return closingHandler{func(_ context.Context, recs []stream.Record) error {
					mu.Lock()
					defer mu.Unlock()
					if calls++; handlers < 5 && calls == 3 {
						return errors.New("the destination is down")
					}
					for i := range recs {
						got = append(got, string(recs[i].Value))
					}
					return nil
				}, func() { mu.Lock(); closed++; mu.Unlock() }}, nil
			}})
		})
	}
	stop := run()
	eventually(t, "all records", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) >= 100 })
	require.NoError(t, stop())
	for i, v := range got {
		require.Equal(t, fmt.Sprint(i), v, "in order, each once")
	}
	require.Equal(t, handlers-1, closed)
	stop = run()
	require.NoError(t, c.Produce(t.Context(), c.Topic("alerts"), recs[:1]))
	eventually(t, "the next record", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) > 100 })
	require.NoError(t, stop())
	require.Len(t, got, 101, "the position was kept")
}

type closingHandler struct {
	handlerFunc
	close func()
}

func (h closingHandler) Close() error { h.close(); return nil }

// A writer that lives for days begins a new epoch each day, so that its
// transactional id does not expire; what it wrote before stays written once.
func TestAWriterRenewsItself(t *testing.T) {
	b := newFake(t)
	b.testRenewal(t)
}

func (b *broker) testRenewal(t *testing.T) {
	c := b.connect(t)
	b.setup(t, c, 2)
	p, err := c.newProducer(t.Context(), "enrich", c.Topic("events"), c.txName("enrich", "x", "0"))
	require.NoError(t, err)
	first := p.identity()
	var batch stream.Batch
	for day := range 4 {
		for cell := range 2 {
			batch.Reset()
			require.NoError(t, batch.AddEvent(&schemas.Event{IdentityId: "a", RequestId: fmt.Sprint(day*2 + cell)}))
			_, err := p.Append(t.Context(), cell, &batch)
			require.NoError(t, err)
		}
		p.since = p.since.Add(-25 * time.Hour)
	}
	require.Equal(t, producerID{first.id, first.epoch + 3}, p.identity())
	events, _ := readEvents(t, c)
	requireOnce(t, events, 8)

	// A newer owner's epoch ends it, at a write and at a renewal.
	second, err := c.newProducer(t.Context(), "enrich", c.Topic("events"), c.txName("enrich", "x", "0"))
	require.NoError(t, err)
	_, err = stream.Fence(t.Context(), second, 2, "x", 0, int32(second.identity().epoch))
	require.NoError(t, err)
	_, err = p.Append(t.Context(), 0, &batch) // a day has passed
	require.ErrorIs(t, err, stream.ErrFenced)
	p.since = time.Now()
	_, err = p.Append(t.Context(), 0, &batch)
	require.ErrorIs(t, err, stream.ErrFenced)
}

func TestRecordsThatRetentionTookAreLoudlyLost(t *testing.T) {
	b := newFake(t, fastSessions())
	c := b.connect(t)
	b.setup(t, c, 1, b.raw("a"))
	o := EnrichOptions{RawTopics: []RawTopic{{Name: b.raw("a")}}, Transform: transform}
	require.NoError(t, c.ProduceTo(t.Context(), b.raw("a"), 0, rawRecords(0, 100, 3)))
	stop := start(t, func(ctx context.Context) error { return c.RunEnrich(ctx, o) })
	eventually(t, "the first events", func() bool { return countEvents(t, c) == 100 })
	require.NoError(t, stop())
	require.NoError(t, c.ProduceTo(t.Context(), b.raw("a"), 0, rawRecords(100, 200, 3)))
	require.NoError(t, b.fake.DeleteRecords(b.raw("a"), 0, 150))

	p, reg := b.process(t, newWire())
	stop = start(t, func(ctx context.Context) error { return p.RunEnrich(ctx, o) })
	eventually(t, "what is left", func() bool { return countEvents(t, c) == 150 })
	require.NoError(t, stop())
	require.Equal(t, 50.0, counterValue(t, reg, "lapwing_stage_lost_total"))

	// The topic is created anew, and the group's offsets went with the old one.
	// Records at the offsets of old ones are others.
	require.NoError(t, b.fake.DeleteTopic(b.raw("a")))
	require.NoError(t, b.fake.CreateTopic(b.raw("a"), 4, nil))
	c2 := b.connect(t)
	require.NoError(t, c2.ProduceTo(t.Context(), b.raw("a"), 0, rawRecords(200, 230, 3)))
	stop = start(t, func(ctx context.Context) error { return c2.RunEnrich(ctx, o) })
	eventually(t, "the new topic's events", func() bool { return countEvents(t, c) == 180 })
	require.NoError(t, stop())
}

func counterValue(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	sum := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// Cells move between two members while they work; the alerts are those of one
// pass, and a cell that comes straight back is kept warm.
func TestCellsThatMoveRepeatOnlyWhatIsTheSame(t *testing.T) {
	b := newFake(t, fastSessions())
	c := b.connect(t)
	b.setup(t, c, 4, b.raw("a"))
	const total, identities = 12_000, 20
	require.NoError(t, c.Produce(t.Context(), b.raw("a"), rawRecords(0, total, identities)))
	stop := start(t, func(ctx context.Context) error {
		return c.RunEnrich(ctx, EnrichOptions{RawTopics: []RawTopic{{Name: b.raw("a")}}, Transform: transform})
	})
	eventually(t, "all events", func() bool { return countEvents(t, c) >= total })
	require.NoError(t, stop())
	steady, reg := b.process(t, newWire())
	stop = start(t, func(ctx context.Context) error {
		return steady.RunDetect(ctx, DetectOptions{NewCell: newSlowCell, SnapshotEvents: 300})
	})
	for range 4 {
		guest, _ := b.process(t, newWire())
		ready := make(chan struct{}, 16)
		leave := start(t, func(ctx context.Context) error {
			return guest.RunDetect(ctx, DetectOptions{NewCell: newSlowCell, SnapshotEvents: 300, OnReady: func() { ready <- struct{}{} }})
		})
		<-ready
		require.NoError(t, leave())
	}
	eventually(t, "all alerts", func() bool {
		versions, _ := alertVersions(t, c)
		n := 0
		for _, v := range versions {
			n += len(v)
		}
		return n >= total/10
	})
	require.NoError(t, stop())
	versions, _ := alertVersions(t, c)
	require.Len(t, versions, identities)
	for id, vs := range versions {
		require.Len(t, vs, total/identities/10, id)
	}
	n, err := testutil.GatherAndCount(reg, "lapwing_stage_generations_total")
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// A simulated fleet may live on days that this machine has yet to see.
func TestLogsMayBeAheadAsFarAsTheyAreAllowedTo(t *testing.T) {
	b := newFake(t)
	c := b.connect(t)
	b.setup(t, c, 1, b.raw("a"))
	require.NoError(t, c.Produce(t.Context(), b.raw("a"), rawRecords(0, 10, 1)))
	const behind = 365 * 24 * time.Hour
	c.now = func() time.Time { return time.Now().Add(-behind) }
	for _, allowed := range []struct {
		ahead time.Duration
		want  int
	}{{0, 0}, {behind, 10}} {
		stop := start(t, func(ctx context.Context) error {
			return c.RunEnrich(ctx, EnrichOptions{Group: b.raw(allowed.ahead.String()), RawTopics: []RawTopic{{Name: b.raw("a")}}, Transform: transform, LogsAhead: allowed.ahead})
		})
		refused := func() int {
			n := 0
			require.NoError(t, c.Scan(t.Context(), c.Topic("deadletter"), ScanOptions{Partition: -1}, func(*stream.Record) error { n++; return nil }))
			return n
		}
		eventually(t, "every record in its place", func() bool { return countEvents(t, c) == allowed.want && refused() == 10 })
		require.NoError(t, stop())
	}
}

func TestAScanBeginsWhereItIsTold(t *testing.T) {
	b := newFake(t)
	c := b.connect(t)
	b.setup(t, c, 2)
	topic := c.Topic("events")
	for p := range 2 {
		require.NoError(t, c.ProduceTo(t.Context(), topic, p, rawRecords(0, 10, 1)))
	}
	for name, test := range map[string]struct {
		o    ScanOptions
		want string
	}{
		"of one partition":          {ScanOptions{Partition: 1, From: 8}, "1@8 1@9 "},
		"of all of them":            {ScanOptions{Partition: -1, From: 8}, "0@8 0@9 1@8 1@9 "},
		"at the end, there is none": {ScanOptions{Partition: -1, From: 10}, ""},
		"beyond it neither":         {ScanOptions{Partition: -1, From: 99}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			require.NoError(t, c.Scan(t.Context(), topic, test.o, func(rec *stream.Record) error {
				got += fmt.Sprintf("%d@%d ", rec.Partition, rec.Offset)
				return nil
			}))
			require.Equal(t, test.want, got)
		})
	}
}
