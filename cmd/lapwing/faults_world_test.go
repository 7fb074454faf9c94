package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lapwing-sec/lapwing/internal/clickhouse"
	"github.com/lapwing-sec/lapwing/internal/embedded"
	"github.com/lapwing-sec/lapwing/internal/faults"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/kafka/kafkatest"
)

// sessionTime is the group session of the processes under test.
const sessionTime = 3 * time.Second

// asBroker makes a run of this test binary the embedded broker, as a process
// that can be killed; its value is the JSON of a brokerProcess.
const asBroker = "LAPWING_TEST_AS_BROKER"

type brokerProcess struct {
	Dir, Listen, Advertise string
	Settings               map[string]string
}

// serveBroker is that process's whole life.
func serveBroker(text string) int {
	var p brokerProcess
	err := json.Unmarshal([]byte(text), &p)
	if err == nil {
		_, err = embedded.StartBroker(context.Background(), embedded.BrokerConfig{
			Dir: p.Dir, Listen: p.Listen, Advertise: p.Advertise, MinSessionTimeout: 500 * time.Millisecond, Log: zerolog.Nop(),
			Settings: p.Settings,
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends, however it does
	return 0
}

// endWithParent ends a process that the test left behind when it was killed.
func endWithParent() {
	parent := os.Getppid()
	go func() {
		for range time.Tick(time.Second) {
			if os.Getppid() != parent {
				os.Exit(3)
			}
		}
	}()
}

// network is a proxy between the processes and one server.
type network struct {
	proxy *toxiproxy.Proxy
	names atomic.Int64
}

func newNetwork(t testing.TB, upstream string) *network {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	n := &network{proxy: toxiproxy.NewProxy(server, "faults", "127.0.0.1:0", upstream)}
	require.NoError(t, n.proxy.Start())
	t.Cleanup(n.proxy.Stop)
	return n
}

func (n *network) addr() string { return n.proxy.Listen }

// cut closes every connection and refuses new ones until it is mended.
func (n *network) cut() { n.proxy.Stop() }

func (n *network) mend(t testing.TB) { require.NoError(t, n.proxy.Start()) }

// toxic makes the network sick in one way until cure is called. share of the
// connections that come from now on have it.
func (n *network) toxic(t testing.TB, kind, stream string, share float64, attributes string) (cure func()) {
	t.Helper()
	name := fmt.Sprintf("%s-%d", kind, n.names.Add(1))
	_, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
		`{"name":%q,"type":%q,"stream":%q,"toxicity":%g,"attributes":%s}`, name, kind, stream, share, attributes)))
	require.NoError(t, err)
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = n.proxy.Toxics.RemoveToxic(ctx, name) // links that end meanwhile are no failure
	}
}

// faultBroker is a broker process behind a network.
type faultBroker struct {
	net     *network
	addr    string
	restart func(t testing.TB)
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close() //nolint:errcheck // a listener that took nothing
	return l.Addr().String()
}

// startFaultBroker starts a broker; settings are for the embedded one.
func startFaultBroker(t testing.TB, engine string, settings map[string]string) *faultBroker {
	t.Helper()
	b := &faultBroker{}
	if engine == faults.ApacheKafka {
		apache := kafkatest.StartBehind(t, func(upstream string) string {
			b.net = newNetwork(t, upstream)
			return b.net.addr()
		})
		b.addr, b.restart = apache.Addr, apache.Restart
		return b
	}
	p := brokerProcess{Dir: t.TempDir(), Listen: freeAddr(t), Settings: settings}
	b.net = newNetwork(t, p.Listen)
	b.addr, p.Advertise = b.net.addr(), b.net.addr()
	var kill func()
	run := func(t testing.TB) {
		exe, err := os.Executable()
		require.NoError(t, err)
		text, err := json.Marshal(p)
		require.NoError(t, err)
		cmd := exec.Command(exe) //nolint:gosec // this binary
		cmd.Env = append(os.Environ(), asBroker+"="+string(text))
		var stderr lockedBuffer
		cmd.Stderr = &stderr
		stdin, err := cmd.StdinPipe()
		require.NoError(t, err)
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(stdout).ReadString('\n')
		require.NoError(t, err, "the broker says %s", stderr.String())
		require.Equal(t, "ready\n", line)
		kill = func() {
			_ = cmd.Process.Kill() // gone already is as good
			_ = stdin.Close()
			_ = cmd.Wait()
		}
	}
	run(t)
	t.Cleanup(func() { kill() })
	b.restart = func(t testing.TB) { kill(); run(t) }
	return b
}

// faultDatabase is the embedded ClickHouse of a group of worlds, behind a
// network.
type faultDatabase struct {
	engine *embedded.ClickHouse
	net    *network
}

func startFaultDatabase(t testing.TB) *faultDatabase {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	engine, err := embedded.StartClickHouse(context.Background(), embedded.ClickHouseConfig{
		Dir: t.TempDir(), Log: zerolog.Nop(), Command: []string{"env", asLapwing + "=1", exe, embedded.ServerCommand},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	return &faultDatabase{engine: engine, net: newNetwork(t, engine.Addr())}
}

var worlds atomic.Int64

// world is one installation under faults: topics and tables of its own, real
// processes, and an oracle that issued the records and reads all the logs.
type world struct {
	t      *testing.T
	engine string
	seed   uint64
	rng    *rand.Rand
	broker *faultBroker
	db     *faultDatabase

	prefix, database, config string
	inventory                string
	limits                   string // more settings of the receivers
	more                     string // of the configuration
	cells                    int

	oracle *kgo.Client   // another client library than the one under test
	kc     *kafka.Client // for positions and snapshots
	ch     *clickhouse.DB

	siem, other, pager *receiver // destinations, where there are any
	alarms             int       // calls that are an alert at once

	traffic []rawLine
	sent    int // of traffic
	acked   map[coordinates]bool
	posted  map[string]bool // request id: acknowledged?

	result *faults.Result
	healed time.Time
	spared int // acknowledged records that the scenario took away

	mu    sync.Mutex
	seen  map[coordinates]int
	procs []*lapwingProcess
}

// coordinates name one raw record.
type coordinates struct {
	topic     string
	partition int32
	offset    int64
}

// rawLine is a record of the simulated fleet and the topic it goes to.
type rawLine struct {
	topic string
	value []byte
}

// newWorld makes topics and tables and starts nothing.
func newWorld(t *testing.T, engine string, b *faultBroker, db *faultDatabase, r *faults.Result) *world {
	t.Helper()
	n := worlds.Add(1)
	w := &world{
		t: t, engine: engine, seed: r.Seed, rng: r.Rand, result: r, broker: b, db: db, cells: 2,
		prefix: fmt.Sprintf("w%d.lapwing.", n), database: fmt.Sprintf("w%d", n),
		acked: map[coordinates]bool{}, posted: map[string]bool{}, seen: map[coordinates]int{},
	}
	w.loadTraffic()
	w.configure()
	w.connectOracle()
	var err error
	w.kc, err = kafka.Connect(t.Context(), kafka.Config{Brokers: []string{b.addr}, Prefix: w.prefix, RequestTimeout: 3 * time.Second}, nil, zerolog.Nop())
	require.NoError(t, err)
	t.Cleanup(w.kc.Close)
	return w
}

// connectOracle makes the oracle's client anew: one that knew a topic by its id
// will not write to another of that name.
func (w *world) connectOracle() {
	w.t.Helper()
	var err error
	w.oracle, err = kgo.NewClient(kgo.SeedBrokers(w.broker.addr), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RetryTimeout(90*time.Second), kgo.ProduceRequestTimeout(3*time.Second), kgo.RequestTimeoutOverhead(2*time.Second),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }))
	require.NoError(w.t, err)
	w.t.Cleanup(w.oracle.Close)
}

// start creates what is missing and begins to watch.
func (w *world) start() {
	w.t.Helper()
	code, _, stderr := lapwing(w.t, "", "migrate", "--config", w.config)
	require.Zero(w.t, code, stderr)
	var err error
	w.ch, err = clickhouse.Open(w.t.Context(), clickhouse.Config{
		Addr: []string{w.db.engine.Addr()}, Protocol: clickhouse.HTTP, Token: w.db.engine.Token(), Database: w.database,
	}, zerolog.Nop())
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = w.ch.Close() })
	w.watch()
}

func (w *world) raw(format string) string {
	return strings.TrimSuffix(w.prefix, "lapwing.") + "raw." + format
}

// loadTraffic simulates a small fleet, in the order of time.
func (w *world) loadTraffic() {
	dir := w.t.TempDir()
	code, _, stderr := lapwing(w.t, "", "simulate", "--out", dir, "--days", "4", "--identities", "30", "--seed", strconv.FormatUint(w.seed, 10))
	require.Zero(w.t, code, stderr)
	w.inventory = filepath.Join(dir, "inventory.yaml")
	w.traffic = merged(w.t, map[string]string{
		w.raw("cloudtrail"): filepath.Join(dir, "cloudtrail.ndjson"), w.raw("kong"): filepath.Join(dir, "kong.ndjson"),
	})
}

// merged reads files of records in the order of time, a share of each in turn:
// they cover the same days.
func merged(t testing.TB, files map[string]string) (all []rawLine) {
	t.Helper()
	lines := map[string][]string{}
	for topic, path := range files {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		lines[topic] = strings.Split(strings.TrimSpace(string(text)), "\n")
	}
	const slices = 200
	for i := range slices {
		for _, topic := range []string{"cloudtrail", "kong"} {
			for full, l := range lines {
				if !strings.HasSuffix(full, topic) {
					continue
				}
				for _, line := range l[len(l)*i/slices : len(l)*(i+1)/slices] {
					all = append(all, rawLine{full, []byte(line)})
				}
			}
		}
	}
	return all
}

func (w *world) configure() {
	w.config = filepath.Join(w.t.TempDir(), "lapwing.yaml")
	text := fmt.Sprintf(`
log: {level: info, format: json}
shutdown_timeout: 10s
monitor: {listen: "127.0.0.1:0"}
ingest: {listen: "127.0.0.1:0"%s}
secrets: {hmac_key: "0123456789abcdef0123456789abcdef"}
inventory: {file: %q}
kafka: {brokers: [%q], prefix: %q, replication: 1, session_timeout: %s, request_timeout: 2s}
clickhouse: {addr: [%q], protocol: http, database: %q, password: %q}
raw_topics:
  - {topic: %q, format: cloudtrail, partitions: 2}
  - {topic: %q, format: kong, partitions: 2}
enrich: {idle_after: 2s}
detect: {cells: %d, snapshot_events: 500}
store: {max_rows: 400, max_wait: 200ms}
%s`, w.limits, w.inventory, w.broker.addr, w.prefix, sessionTime, w.db.net.addr(), w.database, w.db.engine.Token(), w.raw("cloudtrail"), w.raw("kong"), w.cells, w.more)
	require.NoError(w.t, os.WriteFile(w.config, []byte(text), 0o600))
}

// lapwingProcess is one running `lapwing run`.
type lapwingProcess struct {
	*upProcess
	roles   string
	monitor string
}

// run starts a process with some roles and does not wait for it.
func (w *world) run(roles string) *lapwingProcess {
	w.t.Helper()
	p := &lapwingProcess{roles: roles, upProcess: &upProcess{stderr: &lockedBuffer{}, ended: make(chan error, 1)}}
	p.cmd = command(context.Background(), w.t, []string{"GOMAXPROCS=2"}, "run", "--config", w.config, "--roles", roles)
	p.cmd.Stderr = p.stderr
	require.NoError(w.t, p.cmd.Start())
	go func() { p.ended <- p.cmd.Wait() }()
	w.t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		if w.t.Failed() && os.Getenv("LAPWING_TEST_LOG") != "" {
			w.t.Logf("%s (%d) said:\n%s", p.roles, p.cmd.Process.Pid, tail(p.stderr.String()))
		}
	})
	w.procs = append(w.procs, p)
	return p
}

// up waits until a process says that it runs.
func (p *lapwingProcess) up(t *testing.T) *lapwingProcess {
	t.Helper()
	waitFor(t, "lapwing run --roles "+p.roles, p.upProcess, func() bool { return p.listening() })
	return p
}

// allUp waits until every process says that it runs.
func (w *world) allUp() {
	w.t.Helper()
	for _, p := range w.procs {
		p.up(w.t)
	}
}

// listening reads from the log where the process listens.
func (p *lapwingProcess) listening() bool {
	if p.monitor != "" {
		return true
	}
	for line := range strings.Lines(p.stderr.String()) {
		var entry struct{ Message, Ingest, Monitor string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == "lapwing runs" {
			p.monitor = "http://" + entry.Monitor
			p.ingest = "http://" + entry.Ingest
		}
	}
	return p.monitor != ""
}

// get asks the monitor.
func (p *lapwingProcess) get(path string) (status int, body string) {
	client := http.Client{Timeout: 5 * time.Second}
	res, err := client.Get(p.monitor + path) // bounded by its client
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close() //nolint:errcheck // read whole
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, ""
	}
	return res.StatusCode, string(text)
}

// metric sums the samples of a metric whose labels hold all of like.
func (p *lapwingProcess) metric(name string, like ...string) (sum float64) {
	_, body := p.get("/metrics")
lines:
	for line := range strings.Lines(body) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || (rest[0] != '{' && rest[0] != ' ') {
			continue
		}
		for _, l := range like {
			if !strings.Contains(rest, l) {
				continue lines
			}
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' '):]), 64)
		if err == nil {
			sum += v
		}
	}
	return sum
}

// fault notes that one was injected.
func (w *world) fault(format string, args ...any) {
	w.result.Faults(1)
	w.healed = time.Now()
	w.t.Logf(format, args...)
}

// drop kills a process with -9.
func (w *world) drop(p *lapwingProcess) {
	w.t.Helper()
	select {
	case err := <-p.ended:
		w.t.Fatalf("lapwing run --roles %s had ended by itself: %v\n%s", p.roles, err, tail(p.stderr.String()))
	default:
	}
	require.NoError(w.t, p.cmd.Process.Kill())
	require.Error(w.t, <-p.ended)
	w.forget(p)
	w.fault("kill -9 of %s", p.roles)
}

// leave asks a process to drain, and waits.
func (w *world) leave(p *lapwingProcess) {
	w.t.Helper()
	p.up(w.t).stop(w.t)
	w.forget(p)
}

func (w *world) forget(p *lapwingProcess) {
	w.procs = slices.DeleteFunc(w.procs, func(o *lapwingProcess) bool { return o == p })
}

// signal sends a signal to a process.
func (p *lapwingProcess) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(sig))
}

// pause waits a random time below most: the moment of a fault is what a seed
// decides.
func (w *world) pause(most time.Duration) {
	lasts(time.Duration(w.rng.Int64N(int64(most))))
}

// lasts lets a fault last: the clocks of real processes cannot be turned.
func lasts(d time.Duration) { <-time.After(d) }

// feed produces the next n records of the traffic and returns once they are
// acknowledged.
func (w *world) feed(n int) {
	w.t.Helper()
	end := min(w.sent+n, len(w.traffic))
	var recs []*kgo.Record
	for i := w.sent; i < end; i++ {
		recs = append(recs, &kgo.Record{Topic: w.traffic[i].topic, Partition: int32(i % 2), Value: w.traffic[i].value}) //nolint:gosec // two partitions
	}
	w.sent = end
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	for _, res := range w.oracle.ProduceSync(ctx, recs...) {
		require.NoError(w.t, res.Err)
		w.acked[coordinates{res.Record.Topic, res.Record.Partition, res.Record.Offset}] = true
	}
}

// post sends Kong records to a receiver, each with an id of its own; without an
// answer they count as neither taken nor refused.
func (w *world) post(p *lapwingProcess, n int) {
	if !p.listening() {
		return
	}
	var body strings.Builder
	var ids []string
	for range n {
		id := fmt.Sprintf("%s%08d", strings.Repeat("f", 24), len(w.posted)+len(ids))
		ids = append(ids, id)
		line := strings.Replace(kongLine, `"request":{`, fmt.Sprintf(`"request":{"id":%q,`, id), 1)
		line = strings.Replace(line, "1767225600000", strconv.Itoa(1781568000000+1000*len(ids)), 1) // within the fleet's days
		body.WriteString(strings.Replace(line, "partner-7", "partner-"+strconv.Itoa(w.rng.IntN(5)), 1) + "\n")
	}
	ok := false
	client := http.Client{Timeout: 5 * time.Second}
	res, err := client.Post(p.ingest+"/ingest/kong", "application/x-ndjson", strings.NewReader(body.String())) // bounded by its client
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		ok = err == nil && res.StatusCode == http.StatusAccepted
		_ = res.Body.Close()
	}
	for _, id := range ids {
		w.posted[id] = ok
	}
}

// awaitFor bounds one wait.
var awaitFor = time.Minute

// await waits for a condition; a minute without it fails the test with what the
// processes last said.
func (w *world) await(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(awaitFor)
	for !ok() {
		if time.Now().After(deadline) {
			for _, p := range w.procs {
				w.t.Logf("%s (%d):\n%s", p.roles, p.cmd.Process.Pid, tail(p.stderr.String()))
				if dir := os.Getenv("LAPWING_TEST_STACKS"); dir != "" && p.listening() {
					_, stacks := p.get("/debug/pprof/goroutine?debug=2")
					_, metrics := p.get("/metrics")
					require.NoError(w.t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("stacks-%s-%d", p.roles, p.cmd.Process.Pid)), []byte(stacks+metrics), 0o600))
				}
			}
			w.t.Fatalf("waited in vain for %s", what)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// said reports whether a line of a process's log holds all of parts.
func (p *lapwingProcess) said(parts ...string) bool {
lines:
	for line := range strings.Lines(p.stderr.String()) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue lines
			}
		}
		return true
	}
	return false
}

// deleteRecords takes what lies before an offset, as retention would.
func (w *world) deleteRecords(topic string, partition int32, before int64) {
	w.t.Helper()
	req := kmsg.NewDeleteRecordsRequest()
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewDeleteRecordsRequestTopicPartition()
	rp.Partition, rp.Offset = partition, before
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	res, err := req.RequestWith(w.t.Context(), w.oracle)
	require.NoError(w.t, err)
	require.Zero(w.t, res.Topics[0].Partitions[0].ErrorCode)
}
