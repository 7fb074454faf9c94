package kafka

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// wire is the network of one process: it can be cut for good, as kill -9
// would, or stand still for a while, as a paused process would.
type wire struct {
	mu     sync.Mutex
	cut    bool
	paused chan struct{} // closed when it goes on
	conns  map[net.Conn]struct{}
	// after, when positive, cuts the wire after so many bytes written.
	after atomic.Int64
}

var errCut = errors.New("the wire is cut")

func newWire() *wire { return &wire{conns: make(map[net.Conn]struct{})} }

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if err := w.pass(); err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[conn] = struct{}{}
	return &wireConn{conn, w}, nil
}

func (w *wire) pass() error {
	w.mu.Lock()
	cut, paused := w.cut, w.paused
	w.mu.Unlock()
	if cut {
		return errCut
	}
	if paused != nil {
		<-paused
	}
	return nil
}

func (w *wire) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for c := range w.conns {
		_ = c.Close()
	}
}

func (w *wire) pause() (resume func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused = make(chan struct{})
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		close(w.paused)
		w.paused = nil
	}
}

type wireConn struct {
	net.Conn
	w *wire
}

func (c *wireConn) Write(p []byte) (int, error) {
	if err := c.w.pass(); err != nil {
		return 0, err
	}
	if left := c.w.after.Load(); left > 0 {
		if c.w.after.Add(-int64(len(p))) <= 0 {
			// The last bytes still arrive, their answer never does.
			n, err := c.Conn.Write(p)
			c.w.kill()
			return n, err
		}
	}
	return c.Conn.Write(p)
}

func (c *wireConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if perr := c.w.pass(); perr != nil {
		return 0, perr
	}
	return n, err
}

// process connects as a process of its own, with a short session.
func (b *broker) process(t testing.TB, w *wire) (*Client, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewRegistry()
	c, err := Connect(t.Context(), Config{
		Brokers: b.addrs, Prefix: b.prefix, SessionTimeout: b.session(), RequestTimeout: 2 * time.Second,
		DrainTimeout: 3 * time.Second, Dial: w.dial,
	}, reg, b.logger(t))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, reg
}

func (b *broker) session() time.Duration { return time.Second }

func fastSessions() kfake.Opt { return kfake.GroupMinSessionTimeout(100 * time.Millisecond) }

// smallBatches makes a transform that takes its time, so that a test meets the
// stage in the middle of its work.
func slowly(every int) func(rec *stream.Record, h stream.SubHandler) {
	var n atomic.Int64
	return func(rec *stream.Record, h stream.SubHandler) {
		if n.Add(1)%int64(every) == 0 {
			<-time.After(time.Millisecond) // load, not synchronisation
		}
		transform(rec, h)
	}
}

// A process dies at random moments, some in the middle of a write; each time
// another takes over. In the end the log holds each event once.
func TestKilledEnrichersLeaveEachEventOnce(t *testing.T) {
	b := newFake(t, fastSessions())
	b.testKilledEnrichers(t, 8)
}

func (b *broker) testKilledEnrichers(t *testing.T, kills int) {
	c := b.connect(t)
	b.setup(t, c, 3, b.raw("a"))
	const total = 30_000
	require.NoError(t, c.Produce(t.Context(), b.raw("a"), rawRecords(0, total, 50)))
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	opts := func() EnrichOptions {
		return EnrichOptions{Group: b.raw("enrich"), RawTopics: []RawTopic{{Name: b.raw("a")}}, Transform: slowly(20)}
	}
	for range kills {
		w := newWire()
		p, _ := b.process(t, w)
		ready := make(chan struct{}, 1)
		o := opts()
		o.OnReady = func() {
			w.after.Store(1 + rnd.Int64N(400_000))
			select {
			case ready <- struct{}{}:
			default:
			}
		}
		stop := start(t, func(ctx context.Context) error { return p.RunEnrich(ctx, o) })
		select {
		case <-ready:
		case <-time.After(30 * time.Second):
			t.Fatal("the group never gave its partitions away")
		}
		eventually(t, "the kill, or the end of the work", func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.cut || w.after.Load() > 0 && countEvents(t, c) >= total
		})
		w.kill()
		_ = stop()
	}
	stop := start(t, func(ctx context.Context) error { return c.RunEnrich(ctx, opts()) })
	eventually(t, "all events", func() bool { return countEvents(t, c) >= total })
	require.NoError(t, stop())
	events, _ := readEvents(t, c)
	requireOnce(t, events, total)
}

// An owner stands still past its session, another takes over and does its
// work; awake again, the first finds its writes refused.
func TestAZombieIsRefused(t *testing.T) {
	b := newFake(t, fastSessions())
	b.testZombie(t)
}

func (b *broker) testZombie(t *testing.T) {
	c := b.connect(t)
	b.setup(t, c, 2, b.raw("a"))
	const total = 20_000
	require.NoError(t, c.Produce(t.Context(), b.raw("a"), rawRecords(0, total, 50)))
	o := EnrichOptions{Group: b.raw("enrich"), RawTopics: []RawTopic{{Name: b.raw("a")}}, Transform: slowly(10)}
	w := newWire()
	zombie, reg := b.process(t, w)
	stopZombie := start(t, func(ctx context.Context) error { return zombie.RunEnrich(ctx, o) })
	eventually(t, "the first events", func() bool { return countEvents(t, c) > 200 })
	resume := w.pause()

	second, _ := b.process(t, newWire())
	taken := make(chan struct{}, 8)
	o2 := o
	o2.Transform, o2.OnReady = transform, func() { taken <- struct{}{} }
	stopSecond := start(t, func(ctx context.Context) error { return second.RunEnrich(ctx, o2) })
	<-taken
	eventually(t, "all events", func() bool { return countEvents(t, c) >= total })
	resume()
	eventually(t, "the zombie to be refused", func() bool {
		n, err := testutil.GatherAndCount(reg, "lapwing_stage_fenced_total")
		require.NoError(t, err)
		return n > 0
	})
	require.NoError(t, stopZombie())
	require.NoError(t, stopSecond())
	events, _ := readEvents(t, c)
	requireOnce(t, events, total)
}

// A group whose offsets are lost has no position worth a commit before it has
// passed all that is written already. It may be slow until then.
func TestAGroupThatLostItsOffsetsGoesOnHoweverSlow(t *testing.T) {
	newFake(t).testLostOffsets(t)
}

func (b *broker) testLostOffsets(t *testing.T) {
	c := b.connect(t)
	b.setup(t, c, 2, b.raw("a"))
	var skew atomic.Int64
	c.now = func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
	o := EnrichOptions{RawTopics: []RawTopic{{Name: b.raw("a")}}, Transform: transform}
	total := 0
	for _, group := range []string{"before", "after"} {
		require.NoError(t, c.Produce(t.Context(), b.raw("a"), rawRecords(total, total+1000, 50)))
		total += 1000
		o.Group = b.raw(group)
		// Everything up to here has taken longer than a session.
		o.OnReady = func() { skew.Add(int64(c.cfg.SessionTimeout)) }
		stop := start(t, func(ctx context.Context) error { return c.RunEnrich(ctx, o) })
		eventually(t, "the events of the group "+group, func() bool { return countEvents(t, c) >= total })
		require.NoError(t, stop())
	}
	events, _ := readEvents(t, c)
	requireOnce(t, events, total)
}

// Two members come and go while records flow.
func TestARebalanceStormLosesAndRepeatsNothing(t *testing.T) {
	b := newFake(t, fastSessions())
	c := b.connect(t)
	b.setup(t, c, 2, b.raw("a"), b.raw("b"))
	const total = 24_000
	opts := func() EnrichOptions {
		return EnrichOptions{RawTopics: []RawTopic{{Name: b.raw("a")}, {Name: b.raw("b")}}, Transform: slowly(20)}
	}
	steady, _ := b.process(t, newWire())
	stop := start(t, func(ctx context.Context) error { return steady.RunEnrich(ctx, opts()) })
	sent := 0
	for round := range 6 {
		require.NoError(t, c.Produce(t.Context(), b.raw("a"), rawRecords(sent, sent+2000, 50)))
		require.NoError(t, c.Produce(t.Context(), b.raw("b"), rawRecords(sent+2000, sent+4000, 50)))
		sent += 4000
		guest, _ := b.process(t, newWire())
		joined := make(chan struct{}, 16)
		o := opts()
		o.OnReady = func() { joined <- struct{}{} }
		leave := start(t, func(ctx context.Context) error { return guest.RunEnrich(ctx, o) })
		<-joined
		if round%2 == 0 {
			eventually(t, "some events", func() bool { return countEvents(t, c) > sent/2 })
		}
		require.NoError(t, leave())
	}
	require.Equal(t, total, sent)
	eventually(t, "all events", func() bool { return countEvents(t, c) >= total })
	require.NoError(t, stop())
	events, _ := readEvents(t, c)
	requireOnce(t, events, total)
}

// A broker appends a batch and its answer is lost; the batch is sent again.
func TestAProduceThatTimesOutAfterTheAppendIsStoredOnce(t *testing.T) {
	b := newFake(t, fastSessions())
	c := b.connect(t)
	b.setup(t, c, 1, b.raw("a"))
	var lost atomic.Int32
	// Every connection is cut while the broker holds a produce request, the
	// group's as well: not for ever, or no generation would last.
	w := newWire()
	p, _ := b.process(t, w)
	b.fake.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		if n := lost.Add(1); n%3 == 0 && n < 60 {
			w.mu.Lock()
			for conn := range w.conns {
				_ = conn.Close()
			}
			w.mu.Unlock()
		}
		return nil, nil, false
	})
	for i := range 20 {
		require.NoError(t, p.Produce(t.Context(), b.raw("a"), rawRecords(i*100, i*100+100, 7)))
	}
	stop := start(t, func(ctx context.Context) error {
		return p.RunEnrich(ctx, EnrichOptions{RawTopics: []RawTopic{{Name: b.raw("a")}}, Transform: transform})
	})
	eventually(t, "all events", func() bool { return countEvents(t, c) >= 2000 })
	require.NoError(t, stop())
	events, _ := readEvents(t, c)
	requireOnce(t, events, 2000)
	require.Greater(t, lost.Load(), int32(20))
}

// A write that is being repeated holds up the others on its partition; one of
// those that is given up does not wait for its turn.
func TestAProduceThatIsGivenUpDoesNotWaitForItsTurn(t *testing.T) {
	b := newFake(t)
	c := b.connect(t)
	b.setup(t, c, 1, b.raw("a"))
	require.NoError(t, c.ProduceTo(t.Context(), b.raw("a"), 0, rawRecords(0, 1, 1)))
	stuck, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	b.fake.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		b.fake.SleepControl(func() {
			once.Do(func() { close(stuck) })
			<-release
		})
		return nil, nil, false
	})
	first := make(chan error, 1)
	go func() { first <- c.ProduceTo(context.Background(), b.raw("a"), 0, rawRecords(1, 2, 1)) }()
	<-stuck
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() { second <- c.ProduceTo(ctx, b.raw("a"), 0, rawRecords(2, 3, 1)) }()
	cancel()
	require.ErrorIs(t, <-second, context.Canceled)
	close(release)
	require.NoError(t, <-first)
}

// Detect and store die at random moments, too. The alerts are those of one
// undisturbed pass over the log; every event is stored once.
func TestKilledDetectAndStoreRepeatOnlyWhatIsTheSame(t *testing.T) {
	b := newFake(t, fastSessions())
	b.testKilledDetectAndStore(t, 5)
}

func (b *broker) testKilledDetectAndStore(t *testing.T, kills int) {
	c := b.connect(t)
	b.setup(t, c, 2, b.raw("a"))
	const total, identities = 20_000, 20
	require.NoError(t, c.Produce(t.Context(), b.raw("a"), rawRecords(0, total, identities)))
	stop := start(t, func(ctx context.Context) error {
		return c.RunEnrich(ctx, EnrichOptions{Group: b.raw("enrich"), RawTopics: []RawTopic{{Name: b.raw("a")}}, Transform: transform})
	})
	eventually(t, "all events", func() bool { return countEvents(t, c) >= total })
	require.NoError(t, stop())

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	tab := newTable()
	var failures atomic.Int32
	tab.fail = func(string, []stream.Record) error {
		if failures.Add(1)%4 == 0 {
			return errors.New("the answer was lost after the insert")
		}
		return nil
	}
	detect := func(p *Client, ready func()) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			return p.RunDetect(ctx, DetectOptions{Group: b.raw("detect"), NewCell: newSlowCell, SnapshotEvents: 400, OnReady: ready})
		}
	}
	store := func(p *Client) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			return p.RunStore(ctx, StoreOptions{Group: b.raw("store"), Inserter: tab, MaxRows: 300})
		}
	}
	for range kills {
		w := newWire()
		p, _ := b.process(t, w)
		ready := make(chan struct{}, 8)
		stopDetect := start(t, detect(p, func() { ready <- struct{}{} }))
		stopStore := start(t, store(p))
		select {
		case <-ready:
		case <-time.After(30 * time.Second):
			t.Fatal("no cell was given")
		}
		w.after.Store(1 + rnd.Int64N(60_000))
		eventually(t, "the kill, or the end of the work", func() bool {
			w.mu.Lock()
			cut := w.cut
			w.mu.Unlock()
			_, written := alertVersions(t, c)
			return cut || written >= total/10 && tab.len() == total
		})
		w.kill()
		_ = stopDetect()
		_ = stopStore()
	}
	stopDetect, stopStore := start(t, detect(c, func() {})), start(t, store(c))
	eventually(t, "all alerts", func() bool {
		versions, _ := alertVersions(t, c)
		n := 0
		for _, v := range versions {
			n += len(v)
		}
		return n >= total/10
	})
	eventually(t, "all rows", func() bool { return tab.len() >= total })
	require.NoError(t, stopDetect())
	require.NoError(t, stopStore())

	// The reference: one pass over the log.
	want := make(map[string][]string)
	ref := map[int]stream.Cell{0: newCountingCell(0), 1: newCountingCell(1)}
	require.NoError(t, c.Scan(context.Background(), c.Topic("events"), ScanOptions{Partition: -1}, func(rec *stream.Record) error {
		if stream.IsControl(rec) {
			return nil
		}
		var ev schemas.Event
		var out stream.Out
		require.NoError(t, ev.UnmarshalVT(rec.Value))
		ref[rec.Partition].Event(&ev, &out)
		for i := range out.Alerts {
			want[ev.IdentityId] = append(want[ev.IdentityId], mustJSON(t, out.Alerts[i]))
		}
		return nil
	}))
	got, _ := alertVersions(t, c)
	require.Equal(t, want, got)
	for id, n := range tab.rows {
		require.Equal(t, 1, n, id)
	}
}
