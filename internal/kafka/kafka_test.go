package kafka

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// broker is a cluster for one test.
type broker struct {
	addrs []string
	fake  *kfake.Cluster // nil on Apache Kafka
	// prefix keeps the tests on a shared broker apart.
	prefix string
}

func newFake(t testing.TB, opts ...kfake.Opt) *broker {
	t.Helper()
	opts = append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return &broker{addrs: cluster.ListenAddrs(), fake: cluster, prefix: "lapwing."}
}

func (b *broker) raw(name string) string {
	return strings.TrimSuffix(b.prefix, "lapwing.") + "raw." + name
}

// logger is silent unless LAPWING_TEST_LOG is set.
func (b *broker) logger(testing.TB) zerolog.Logger {
	if os.Getenv("LAPWING_TEST_LOG") == "" {
		return zerolog.Nop()
	}
	return zerolog.New(os.Stderr).With().Timestamp().Logger()
}

// connect opens a client with timeouts fit for tests.
func (b *broker) connect(t testing.TB) *Client {
	t.Helper()
	c, err := Connect(t.Context(), Config{
		Brokers: b.addrs, Prefix: b.prefix, SessionTimeout: 10 * time.Second, RequestTimeout: 3 * time.Second,
	}, nil, b.logger(t))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// eventually waits for a condition; the bound is there only for a test that
// has failed.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(3 * time.Minute) // far above need: machines are shared
	for !cond() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// start runs f beside the test and returns what stops it and gives its error.
func start(t testing.TB, f func(ctx context.Context) error) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

// rawEvent is the record that the tests' transform reads.
type rawEvent struct {
	ID       string `json:"id,omitempty"`
	Identity string `json:"identity"`
	Time     int64  `json:"time"`
	N        int    `json:"n"`
}

// transform reads one rawEvent, or a JSON array of them.
func transform(rec *stream.Record, h stream.SubHandler) {
	var many []rawEvent
	if len(rec.Value) > 0 && rec.Value[0] == '[' {
		if err := json.Unmarshal(rec.Value, &many); err != nil {
			h.Bad(0, rec.Value, err)
			return
		}
	} else {
		var one rawEvent
		if err := json.Unmarshal(rec.Value, &one); err != nil {
			h.Bad(0, rec.Value, err)
			return
		}
		many = []rawEvent{one}
	}
	for i, e := range many {
		h.Event(i, &schemas.Event{Id: e.ID, IdentityId: e.Identity, Time: e.Time, RequestId: strconv.Itoa(e.N)})
	}
}

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// rawRecords makes records n to m of a source with the given number of
// identities, one a second.
func rawRecords(n, m, identities int) []stream.Record {
	recs := make([]stream.Record, 0, m-n)
	for i := n; i < m; i++ {
		identity := fmt.Sprintf("aws:1:role/%d", i%identities)
		value, _ := json.Marshal(rawEvent{Identity: identity, Time: epoch.Add(time.Duration(i) * time.Second).UnixNano(), N: i})
		recs = append(recs, stream.Record{Key: []byte(identity), Value: value})
	}
	return recs
}

// readEvents gives the events of every cell, and counts its control records.
func readEvents(t testing.TB, c *Client) (events []*schemas.Event, controls map[string]int) {
	t.Helper()
	controls = make(map[string]int)
	err := c.Scan(context.Background(), c.Topic("events"), ScanOptions{Partition: -1}, func(rec *stream.Record) error {
		if kind := rec.Header(stream.ControlHeader); kind != nil {
			controls[string(kind)]++
			return nil
		}
		ev := new(schemas.Event)
		require.NoError(t, ev.UnmarshalVT(rec.Value))
		require.Equal(t, ev.IdentityId, string(rec.Key))
		events = append(events, ev)
		return nil
	})
	require.NoError(t, err)
	return events, controls
}

// requireOnce checks that records 0 to n are in the log, each once.
func requireOnce(t testing.TB, events []*schemas.Event, n int) {
	t.Helper()
	seen := make(map[int]int)
	for _, ev := range events {
		i, err := strconv.Atoi(ev.RequestId)
		require.NoError(t, err)
		seen[i]++
	}
	var missing, twice []int
	for i := range n {
		switch {
		case seen[i] == 0:
			missing = append(missing, i)
		case seen[i] > 1:
			twice = append(twice, i)
		}
	}
	sort.Ints(missing)
	require.Empty(t, missing, "missing of %d", n)
	require.Empty(t, twice, "more than once, of %d", n)
	require.Len(t, events, n)
}

func (b *broker) setup(t testing.TB, c *Client, cells int, raw ...string) {
	t.Helper()
	require.NoError(t, c.EnsureTopics(t.Context(), Topics(b.prefix, cells, raw)))
}

func countEvents(t testing.TB, c *Client) int {
	events, _ := readEvents(t, c)
	return len(events)
}

func TestEnrichWritesEveryEventOnce(t *testing.T) {
	b := newFake(t)
	c := b.connect(t)
	b.setup(t, c, 3, b.raw("a"), b.raw("b"))
	require.NoError(t, c.Produce(t.Context(), b.raw("a"), rawRecords(0, 5000, 40)))
	require.NoError(t, c.Produce(t.Context(), b.raw("b"), rawRecords(5000, 8000, 40)))
	o := EnrichOptions{RawTopics: []RawTopic{{Name: b.raw("a")}, {Name: b.raw("b")}}, Transform: transform}
	stop := start(t, func(ctx context.Context) error { return c.RunEnrich(ctx, o) })
	eventually(t, "8000 events", func() bool { return countEvents(t, c) >= 8000 })
	require.NoError(t, stop())
	events, controls := readEvents(t, c)
	requireOnce(t, events, 8000)
	require.GreaterOrEqual(t, controls["fence"], 3*8)

	// A restart finds its place and adds nothing.
	stop = start(t, func(ctx context.Context) error { return c.RunEnrich(ctx, o) })
	require.NoError(t, c.Produce(t.Context(), b.raw("a"), rawRecords(8000, 9000, 40)))
	eventually(t, "9000 events", func() bool { return countEvents(t, c) >= 9000 })
	require.NoError(t, stop())
	events, _ = readEvents(t, c)
	requireOnce(t, events, 9000)
}
