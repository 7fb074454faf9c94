package faults

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lapwing-sec/lapwing/alerting"
	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/internal/app"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

const rawTopic = "raw.kong"

// options of a world.
type options struct {
	cells, partitions, brokers int
	compression                string
	snapshotEvents             int64
	settings                   map[string]string
	// dir keeps the brokers' log on disk, for restarts.
	dir string
	// heartbeat is the members' pace where hours pass without a rebalance; zero
	// is the product's.
	heartbeat time.Duration
	// padding makes a cell's snapshot so many bytes larger.
	padding int
	// mutate breaks a mechanism on purpose.
	mutate mutation
}

// world is everything that outlives a process: the broker, ClickHouse, the
// receivers, and the source with its knowledge of what it sent.
type world struct {
	t       *testing.T
	r       *Result
	o       options
	n       *network
	cluster *kfake.Cluster
	brokers []string
	// admin is a client of the test's own.
	admin     *kafka.Client
	traffic   *traffic
	warehouse *warehouse
	receivers map[string]*receiver
	table     *table
	parser    ingest.Parser
	enricher  *enrich.Enricher
	mu        sync.Mutex
	processes []*process
	names     []string // in hosts
	down      bool     // the brokers restart
	closed    chan struct{}
	// probes counts the identities used by live.
	probes int
	// v is what was found; after a mutation it should be something.
	v *verdict
}

// inWorld runs f under a virtual clock of its own. It begins on a working day
// at noon, UTC; time passes only while everybody waits.
func inWorld(t *testing.T, r *Result, o options, f func(w *world)) *verdict {
	t.Helper()
	var v *verdict
	synctest.Test(t, func(t *testing.T) {
		pass(time.Until(time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC)))
		w := newWorld(t, r, o)
		defer w.close()
		f(w)
		v = w.v
	})
	return v
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

func newWorld(t *testing.T, r *Result, o options) *world {
	t.Helper()
	if o.cells == 0 {
		o.cells = 1
	}
	if o.partitions == 0 {
		o.partitions = 2
	}
	if o.brokers == 0 {
		o.brokers = 1
	}
	if o.snapshotEvents == 0 {
		o.snapshotEvents = 60
	}
	if o.compression == "" {
		o.compression = "none" // points are recognised by what requests hold
	}
	w := &world{
		t: t, r: r, o: o, n: newNetwork(), traffic: &traffic{rand: r.Rand}, warehouse: newWarehouse(), table: newTable(), v: new(verdict), closed: make(chan struct{}),
		receivers: map[string]*receiver{"siem": newReceiver("siem"), "pager": newReceiver("pager"), "manager": newReceiver("manager")},
	}
	w.must(w.startCluster())
	var err error
	w.admin, err = w.connect(w.n.plainDial, nil, zerolog.Nop())
	w.must(err)
	topics := kafka.Topics("lapwing.", o.cells, []string{rawTopic})
	topics[len(topics)-1].Partitions = o.partitions
	w.must(w.admin.EnsureTopics(t.Context(), topics))
	for name, rec := range w.receivers {
		l, err := w.n.listen("tcp", host(name)+":80")
		w.must(err)
		rec.serve(l)
	}
	w.parser, err = ingest.New("kong", ingest.Options{Hasher: ingest.NewHasher([]byte("0123456789abcdef0123456789abcdef"))})
	w.must(err)
	w.enricher, err = enrich.New(enrich.Config{}, prometheus.NewRegistry(), zerolog.Nop())
	w.must(err)
	inv, err := inventory()
	w.must(err)
	w.enricher.SetInventory(enrich.SourceFile, inv)
	go w.janitor(w.closed)
	return w
}

func (n *network) plainDial(ctx context.Context, _, addr string) (net.Conn, error) {
	return n.dial(ctx, addr)
}

func (w *world) close() {
	close(w.closed)
	for _, p := range w.processes {
		p.kill() // those that a failed test left behind
	}
	w.admin.Close()
	for _, r := range w.receivers {
		_ = r.server.Close()
	}
	w.cluster.Close()
	for _, name := range w.names {
		hosts.Delete(name) // or every world of the run stays in memory
	}
	synctest.Wait()
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// session is the product's default: the longer, the fewer heartbeats there are.
const session = 30 * time.Second

func (w *world) connect(dial func(context.Context, string, string) (net.Conn, error), reg prometheus.Registerer, log zerolog.Logger) (*kafka.Client, error) {
	return kafka.Connect(w.t.Context(), kafka.Config{
		Brokers: w.brokers, SessionTimeout: session, HeartbeatInterval: w.o.heartbeat, RequestTimeout: 3 * time.Second, DrainTimeout: 10 * time.Second,
		FetchWait: 20 * time.Second, Compression: w.o.compression, Dial: dial,
	}, reg, log)
}

// transform is what enrich does with a record.
func (w *world) transform(rec *stream.Record, h stream.SubHandler) {
	app.Transform(w.parser, w.enricher, app.RawTopicConfig{}, rec, h)
}

// newEngine is the state of a cell, unbothered.
func (w *world) newEngine(cell int) stream.Cell {
	e, err := detect.New(detect.Config{Cell: cell, Cells: w.o.cells, MaxIdentities: 10_000, ProductVersion: "test"})
	if err != nil {
		panic(err) // the configuration is ours
	}
	if w.o.padding > 0 {
		return &paddedCell{app.NewCell(e), w.o.padding}
	}
	return app.NewCell(e)
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}

// send has the source write records and counts what was acknowledged.
func (w *world) send(recs []stream.Record) {
	w.t.Helper()
	err := w.admin.Produce(context.Background(), rawTopic, recs)
	if errors.Is(err, stream.ErrFenced) { // a topic that was recreated knows no sequence; a sender tries again
		err = w.admin.Produce(context.Background(), rawTopic, recs)
	}
	w.must(err)
}

// plan says what one process runs, and how it ends.
type plan struct {
	enrich, detect, store, alert bool
	// die is asked at every point; see wire.die.
	die         func(point string, visit int) bool
	acceptReset bool
	maxRows     int
}

func everything() plan { return plan{enrich: true, detect: true, store: true, alert: true} }

// process is one lapwing: its roles over a connection of their own.
type process struct {
	w      *world
	wire   *wire
	client *kafka.Client
	reg    *prometheus.Registry
	log    *logs
	cancel context.CancelFunc
	done   chan struct{} // closed when every role has ended

	mu      sync.Mutex
	errs    []error
	stopped map[int]error // cells that stand still
	ready   map[string]int
}

// logs keeps what a process logs, for tests that read it.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if os.Getenv("LAPWING_TEST_LOG") != "" {
		_, _ = os.Stderr.Write(p)
	}
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// start starts a process, or tells why it could not; a process may die while
// it connects.
func (w *world) start(o plan) *process { return w.startWith(o, nil) }

// startWith prepares the process's wire first.
func (w *world) startWith(o plan, prepare func(*wire)) *process {
	w.t.Helper()
	p := &process{
		w: w, wire: newWire(w.n), reg: prometheus.NewRegistry(), log: new(logs), done: make(chan struct{}),
		stopped: map[int]error{}, ready: map[string]int{},
	}
	w.mu.Lock()
	w.processes = append(w.processes, p)
	number := len(w.processes)
	w.mu.Unlock()
	p.wire.die = o.die
	if w.o.mutate.wire != nil {
		w.o.mutate.wire(w, p.wire)
	}
	if prepare != nil {
		prepare(p.wire)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	client, err := w.connect(p.wire.dial, p.reg, zerolog.New(p.log).With().Timestamp().Int("process", number).Logger())
	if err != nil {
		if !p.wire.isDead() {
			w.t.Fatal(err)
		}
		close(p.done)
		cancel()
		return p
	}
	p.client = client
	var wg sync.WaitGroup
	role := func(name string, run func(ctx context.Context) error) {
		wg.Go(func() {
			err := run(ctx)
			if ctx.Err() == nil && err == nil {
				err = errors.New("ended by itself")
			}
			if err != nil && ctx.Err() == nil {
				p.mu.Lock()
				p.errs = append(p.errs, fmt.Errorf("%s: %w", name, err))
				p.mu.Unlock()
				cancel() // a role that fails ends the process
			}
		})
	}
	if o.enrich {
		role("enrich", p.enrich)
	}
	if o.detect {
		role("detect", func(ctx context.Context) error { return p.detect(ctx, o.acceptReset) })
	}
	if o.store {
		role("store", func(ctx context.Context) error {
			return p.client.RunStore(ctx, kafka.StoreOptions{Inserter: p, MaxRows: max(o.maxRows, 40), MaxWait: time.Second, OnReady: p.isReady("store")})
		})
	}
	if o.alert {
		for _, d := range w.destinations(number) {
			role("alert "+d.Name, func(ctx context.Context) error { return p.deliver(ctx, d) })
		}
	}
	go func() {
		wg.Wait()
		p.client.Close()
		close(p.done)
	}()
	return p
}

func (p *process) isReady(role string) func() {
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ready[role]++
	}
}

func (p *process) times(role string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ready[role]
}

func (p *process) enrich(ctx context.Context) error {
	return p.client.RunEnrich(ctx, kafka.EnrichOptions{
		RawTopics: []kafka.RawTopic{{Name: rawTopic, Format: "kong", Disorder: 10 * time.Second}},
		Transform: func(rec *stream.Record, h stream.SubHandler) {
			if p.wire.visit("enrich") {
				p.w.transform(rec, h)
			}
		},
		OnReady: p.isReady("enrich"), WatermarkEvery: 5 * time.Second, IdleAfter: 20 * time.Second,
	})
}

func (p *process) detect(ctx context.Context, acceptReset bool) error {
	return p.client.RunDetect(ctx, kafka.DetectOptions{
		NewCell:        func(cell int) stream.Cell { return &mortalCell{p.w.newEngine(cell), p.wire} },
		SnapshotEvents: p.w.o.snapshotEvents, SnapshotEvery: 15 * time.Minute, AcceptReset: acceptReset,
		OnReady: p.isReady("detect"),
		OnStopped: func(cell int, err error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.stopped[cell] = err
		},
	})
}

func (p *process) deliver(ctx context.Context, d alerting.Destination) error {
	var sink alerting.Sink = p.w.table
	if d.Kind != "" {
		s, err := alerting.Open(d)
		if err != nil {
			return err
		}
		sink = s
	}
	defer sink.Close() //nolint:errcheck // idle connections only
	mortal := alerting.Sink(&mortalSink{sink, d.Name, p.wire})
	if p.w.o.mutate.sink != nil {
		mortal = p.w.o.mutate.sink(ctx, p, d.Name, mortal)
	}
	return app.Deliver(ctx, p.client, d, mortal, app.DeliverOptions{Group: "lapwing-alert-" + d.Name, Log: zerolog.New(p.log), OnReady: p.isReady(d.Name)})
}

// destinations are the four of every world: three receivers over HTTP and the
// table of alerts. Each process has names of its own for the receivers.
func (w *world) destinations(process int) []alerting.Destination {
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	out := []alerting.Destination{
		{Name: "siem", Kind: "webhook", Secret: secret},
		{Name: "pager", Kind: "pagerduty", Token: "0123456789abcdef0123456789abcdef"},
		{Name: "manager", Kind: "alertmanager"},
		{Name: "clickhouse"},
	}
	for i := range out[:3] {
		d := &out[i]
		name := fmt.Sprintf("%s-%p-%d", d.Name, w, process)
		d.URL = "http://" + host(name) + "/"
		w.names = append(w.names, host(name)+":80")
		hosts.Store(host(name)+":80", func(ctx context.Context) (net.Conn, error) { return w.n.dial(ctx, host(d.Name)+":80") })
	}
	return out
}

// Insert implements stream.Inserter.
func (p *process) Insert(_ context.Context, token string, recs []stream.Record) ([]stream.Rejected, error) {
	if !p.wire.visit("insert, before") {
		return nil, errCut
	}
	if p.w.o.mutate.token != nil {
		token = p.w.o.mutate.token(token)
	}
	if err := p.w.warehouse.insert(token, recs); err != nil {
		return nil, err
	}
	if !p.wire.visit("insert, after") {
		return nil, errCut
	}
	return nil, nil
}

// kill is kill -9 at once; it returns when nothing of the process runs any more.
func (p *process) kill() {
	p.wire.kill()
	p.stop()
}

// stop is SIGTERM. A process that does not end is an error, and killed: for the
// clock that would be for ever.
func (p *process) stop() {
	p.cancel()
	select {
	case <-p.done:
	case <-time.After(time.Hour):
		p.w.t.Errorf("a process that was told to stop still runs %v later", time.Hour)
		p.wire.kill()
		<-p.done
	}
}

// failed gives the errors with which roles ended by themselves.
func (p *process) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.errs...)
}

// mortalCell dies with its process.
type mortalCell struct {
	stream.Cell
	wire *wire
}

// Event implements stream.Cell.
func (c *mortalCell) Event(ev *schemas.Event, out *stream.Out) {
	if c.wire.visit("apply") {
		c.Cell.Event(ev, out)
	}
}

// mortalSink dies with its process.
type mortalSink struct {
	alerting.Sink
	name string
	wire *wire
}

// Write implements alerting.Sink.
func (s *mortalSink) Write(ctx context.Context, batch []schemas.Alert) []error {
	dead := func() []error {
		errs := make([]error, len(batch))
		for i := range errs {
			errs[i] = errCut
		}
		return errs
	}
	if !s.wire.visit("deliver " + s.name + ", before") {
		return dead()
	}
	errs := s.Sink.Write(ctx, batch)
	if !s.wire.visit("deliver " + s.name + ", after") {
		return dead()
	}
	return errs
}

// within waits, in virtual time, for a condition; it reports whether it came.
func (w *world) within(limit time.Duration, cond func() bool) bool {
	for end := time.Now().Add(limit); ; {
		if cond() {
			return true
		}
		if !time.Now().Before(end) {
			return false
		}
		pass(250 * time.Millisecond)
	}
}
