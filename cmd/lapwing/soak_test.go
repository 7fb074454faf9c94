package main

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/faults"
	"github.com/lapwing-sec/lapwing/schemas"
)

// SoakEnv holds how many minutes the soak lasts; without it there is none.
const soakEnv = "LAPWING_SOAK_MINUTES"

const (
	soakCalls   = 500  // identities that call all the time
	soakGone    = 4000 // identities that were offboarded: each call of a new one is an alert at once
	soakSession = 6 * time.Second
	soakWarm    = 40_000 // records by which the capacity is measured
	soakFault   = 8 * time.Second
	soakTick    = 100 * time.Millisecond
)

// The whole system at half of what it can do on this machine, while processes
// die and stand still and the network fails. Memory and goroutines stay flat,
// and in the end everything is there once. It prints what it measured.
func TestSoak(t *testing.T) {
	minutes, err := strconv.ParseFloat(os.Getenv(soakEnv), 64)
	if err != nil {
		t.Skipf("set %s", soakEnv)
	}
	needEngine(t)
	engine := os.Getenv("LAPWING_SOAK_ENGINE")
	if engine == "" {
		engine = faults.KFake
	}
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number will do
	if text := os.Getenv(faults.SeedEnv); text != "" {
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("seed %d", seed)
	w := newWorld(t, engine, startFaultBroker(t, engine, nil), startFaultDatabase(t), faults.New(seed))
	s := &soak{world: w, sentAt: map[string]time.Time{}, calm: map[string]bool{}, watched: map[*lapwingProcess]*series{}}
	s.prepare()
	w.start()
	s.run(time.Duration(minutes * float64(time.Minute)))
}

type soak struct {
	*world
	n        int // records sent
	gone     int // of them, first calls of offboarded identities
	sentAt   map[string]time.Time
	calm     map[string]bool // sent before the first fault
	rate     float64
	capacity float64

	steady, victims []*lapwingProcess
	watched         map[*lapwingProcess]*series
	began           time.Time
}

// series is what was scraped of a process that lives through the whole soak.
type series struct{ at, rss, goroutines []float64 }

// prepare declares the identities, and gives sessions that a pause survives.
func (s *soak) prepare() {
	var b strings.Builder
	b.WriteString("identities:\n")
	for i := range soakCalls {
		fmt.Fprintf(&b, "- {id: \"kong:consumer/partner-%d\", owner: team@example.com}\n", i)
	}
	for i := range soakGone {
		fmt.Fprintf(&b, "- {id: \"kong:consumer/gone-%d\", owner: team@example.com, offboarded: 2020-01-01T00:00:00Z}\n", i)
	}
	s.inventory = filepath.Join(s.t.TempDir(), "inventory.yaml")
	require.NoError(s.t, os.WriteFile(s.inventory, []byte(b.String()), 0o600))
	s.configure()
	text, err := os.ReadFile(s.config)
	require.NoError(s.t, err)
	for _, change := range [][2]string{
		{"session_timeout: " + sessionTime.String(), "session_timeout: " + soakSession.String()},
		{"snapshot_events: 500", "snapshot_events: 20000"},
		{"max_rows: 400, max_wait: 200ms", "max_rows: 20000, max_wait: 500ms"},
	} {
		text = []byte(strings.Replace(string(text), change[0], change[1], 1))
	}
	require.NoError(s.t, os.WriteFile(s.config, text, 0o600))
}

// send produces n records as of now, every tenth second's worth with one call of
// an identity that should be gone.
func (s *soak) send(n int, alarm bool) {
	s.t.Helper()
	now := time.Now()
	recs := make([]*kgo.Record, 0, n+1)
	line := func(consumer string) []byte {
		l := strings.Replace(kongLine, "1767225600000", strconv.FormatInt(now.UnixMilli(), 10), 1)
		l = strings.Replace(l, `"request":{`, fmt.Sprintf(`"request":{"id":"%032d",`, s.n), 1)
		s.n++
		return []byte(strings.Replace(l, "partner-7", consumer, 1))
	}
	for range n {
		recs = append(recs, &kgo.Record{Topic: s.raw("kong"), Partition: int32(s.n % 2), Value: line("partner-" + strconv.Itoa(s.rng.IntN(soakCalls)))}) //nolint:gosec // two partitions
	}
	consumer := ""
	if alarm && s.gone < soakGone {
		consumer = "gone-" + strconv.Itoa(s.gone)
		s.gone++
		recs = append(recs, &kgo.Record{Topic: s.raw("kong"), Partition: int32(s.n % 2), Value: line(consumer)}) //nolint:gosec // two partitions
	}
	for _, res := range s.oracle.ProduceSync(s.t.Context(), recs...) {
		require.NoError(s.t, res.Err)
		s.acked[coordinates{res.Record.Topic, res.Record.Partition, res.Record.Offset}] = true
	}
	if consumer != "" {
		s.sentAt["kong:consumer/"+consumer] = time.Now()
		s.calm["kong:consumer/"+consumer] = s.result.Row().Faults == 0
	}
}

func (s *soak) run(d time.Duration) {
	t := s.t
	for _, roles := range []string{enrichRole, detectRole, sinkRoles} {
		s.steady = append(s.steady, s.world.run(roles))
		s.victims = append(s.victims, s.world.run(roles))
	}
	for _, p := range s.steady {
		p.up(t)
		s.watched[p] = &series{}
	}
	s.measure()
	s.began = time.Now()
	end := s.began.Add(d)
	tick := time.NewTicker(soakTick)
	defer tick.Stop()
	owed, last, alarm, fault, scrape := 0.0, time.Now(), time.Now(), s.began.Add(min(d/5, 2*time.Minute)), time.Now()
	repair := func() {}
	var repairAt time.Time
	for now := range tick.C {
		if !repairAt.IsZero() && now.After(repairAt) {
			repair()
			repairAt = time.Time{}
		}
		if now.After(end) {
			break
		}
		owed = min(owed+s.rate*now.Sub(last).Seconds(), 3*s.rate)
		last = now
		due := now.Sub(alarm) > time.Second
		if due {
			alarm = now
		}
		if !s.cutOff(repairAt) {
			s.send(int(owed), due)
			owed -= math.Floor(owed)
		}
		if now.After(fault) && repairAt.IsZero() {
			repair, repairAt = s.misfortune(now)
			fault = now.Add(soakFault/2 + time.Duration(s.rng.Int64N(int64(soakFault))))
		}
		if now.Sub(scrape) > 5*time.Second {
			scrape = now
			s.scrape()
		}
	}
	if !repairAt.IsZero() { // not repaired yet
		repair()
	}
	for _, p := range s.victims {
		p.up(t)
	}
	s.healed = time.Now()
	s.settle(d)
}

// cutOff: while the network to Kafka is cut, this sender would block as well.
func (s *soak) cutOff(repairAt time.Time) bool {
	return !repairAt.IsZero() && !s.broker.net.proxy.Enabled
}

// measure finds what the system can do here, on a backlog.
func (s *soak) measure() {
	s.send(2_000, false)
	s.await("the first records", func() bool { return s.arrived() >= len(s.acked) })
	for s.n < soakWarm {
		s.send(4_000, false)
	}
	began, had := time.Now(), s.arrived()
	s.await("the backlog in ClickHouse", func() bool { return s.query("SELECT count() FROM events") >= uint64(s.n) }) //nolint:gosec // a count
	s.capacity = float64(s.n-had) / time.Since(began).Seconds()
	s.rate = min(s.capacity/2, 4000)
	s.t.Logf("capacity %.0f events/s to ClickHouse with all processes on this machine, half of it is %.0f", s.capacity, s.rate)
}

// misfortune injects one fault and says how and when it ends.
func (s *soak) misfortune(now time.Time) (repair func(), at time.Time) {
	short := 500*time.Millisecond + time.Duration(s.rng.Int64N(int64(1500*time.Millisecond)))
	i := s.rng.IntN(len(s.victims))
	switch s.rng.IntN(6) {
	case 0, 1:
		p := s.victims[i]
		s.drop(p)
		return func() { s.victims[i] = s.world.run(p.roles) }, now.Add(short)
	case 2:
		p := s.victims[i]
		p.signal(s.t, syscall.SIGSTOP)
		s.fault("SIGSTOP of %s", p.roles)
		return func() { p.signal(s.t, syscall.SIGCONT) }, now.Add(short + time.Duration(s.rng.IntN(2))*(soakSession+time.Second))
	case 3:
		s.broker.net.cut()
		s.fault("Kafka is cut off")
		return func() { s.broker.net.mend(s.t) }, now.Add(short)
	case 4:
		s.db.net.cut()
		s.fault("ClickHouse is cut off")
		return func() { s.db.net.mend(s.t) }, now.Add(2 * short)
	default:
		cure := s.broker.net.toxic(s.t, "latency", "downstream", 0.5, `{"latency":40,"jitter":30}`)
		s.fault("half of the connections to Kafka are slow")
		return cure, now.Add(2 * short)
	}
}

func (s *soak) scrape() {
	for p, v := range s.watched {
		rss, n := p.metric("process_resident_memory_bytes"), p.metric("go_goroutines")
		if rss == 0 || n == 0 {
			continue
		}
		v.at = append(v.at, time.Since(s.began).Minutes())
		v.rss, v.goroutines = append(v.rss, rss/(1<<20)), append(v.goroutines, n)
	}
}

// settle waits for the end of the work, compares everything with what was sent,
// and prints the report.
func (s *soak) settle(d time.Duration) {
	t := s.t
	awaitFor = 3 * time.Minute
	s.await("every acknowledged record in lapwing.events", func() bool { return s.arrived() >= len(s.acked) })
	s.stopRoles(enrichRole)
	s.applied(detectRole, nil)
	s.await("every event in ClickHouse", func() bool { return s.query("SELECT count() FROM events") >= uint64(s.n) }) //nolint:gosec // a count
	drained := time.Since(s.healed)
	events, duplicated, want := s.replay()
	rows, distinct := s.query("SELECT count() FROM events"), s.query("SELECT uniqExact(raw_topic, raw_partition, raw_offset, raw_index) FROM events")
	calls := s.query("SELECT sum(calls) FROM events_hourly")
	s.await("the last version of every alert in ClickHouse", func() bool { return maps.Equal(want, s.storedAlerts()) })

	fmt.Printf("\nsoak: %s on %s, seed %d, %d faults\n", d, s.engine, s.seed, s.result.Row().Faults)
	fmt.Printf("  capacity here %.0f events/s, load %.0f events/s; drained %s after the last fault\n", s.capacity, s.rate, drained.Round(time.Second))
	fmt.Printf("  records acknowledged %d, events %d (%d twice), rows in ClickHouse %d (%d distinct), calls in the rollup %d, alerts %d\n",
		len(s.acked), events, duplicated, rows, distinct, calls, len(want))
	s.latencies()
	flat := s.memory()

	require.Equal(t, len(s.acked), events, "each acknowledged record is an event")
	require.Zero(t, duplicated)
	require.EqualValues(t, events, rows)
	require.EqualValues(t, events, distinct)
	require.EqualValues(t, events, calls)
	require.True(t, flat, "memory or goroutines grow")
	s.stopRoles("")
}

// replay reads lapwing.events, counts, and judges it in one thread. It returns
// the last version of each alert that there must be.
func (s *soak) replay() (events, duplicated int, last map[string]uint32) {
	last = map[string]uint32{}
	engines := map[int32]*detect.Engine{}
	seen := make(map[coordinates]bool, len(s.acked))
	var out detect.Output
	s.each(s.prefix+"events", func(rec *kgo.Record) {
		e := engines[rec.Partition]
		if e == nil {
			var err error
			e, err = detect.New(detect.Config{Tenant: "default", Cell: int(rec.Partition), Cells: s.cells, FalseAlertsPerDay: 3, ProductVersion: "dev"})
			require.NoError(s.t, err)
			engines[rec.Partition] = e
		}
		if isControl(rec) {
			var c schemas.Control
			require.NoError(s.t, c.UnmarshalVT(rec.Value))
			e.Control(&c, &out)
		} else {
			var ev schemas.Event
			require.NoError(s.t, ev.UnmarshalVT(rec.Value))
			at := coordinates{ev.RawTopic, ev.RawPartition, ev.RawOffset}
			if seen[at] {
				duplicated++
			}
			seen[at] = true
			events++
			e.Event(&ev, &out)
		}
		for i := range out.Alerts {
			a := &out.Alerts[i]
			last[a.FindingInfo.UID] = max(last[a.FindingInfo.UID], uint32(a.Unmapped.Lapwing.Version)) //nolint:gosec // versions are small
		}
		out.Alerts, out.Discovered = out.Alerts[:0], out.Discovered[:0]
	})
	return events, duplicated, last
}

// latencies prints how long it took from Kafka's acknowledgement of the record to
// the alert's row.
func (s *soak) latencies() {
	res, err := s.ch.Query(s.t.Context(), "SELECT identity_id, toUnixTimestamp64Milli(min(stored_at)) FROM alerts GROUP BY identity_id", nil)
	require.NoError(s.t, err)
	var all, calm []float64
	for _, row := range res.Rows {
		id := fmt.Sprint(row[0])
		at, ok := s.sentAt[id]
		if !ok {
			continue
		}
		ms := float64(row[1].(int64) - at.UnixMilli()) // its columns
		all = append(all, ms)
		if s.calm[id] {
			calm = append(calm, ms)
		}
	}
	require.Len(s.t, all, s.gone, "every offboarded identity that called is an alert")
	fmt.Printf("  declared findings, record acknowledged -> alert in ClickHouse:\n    before the first fault %s\n    all                    %s\n", quantiles(calm), quantiles(all))
}

func quantiles(ms []float64) string {
	if len(ms) == 0 {
		return "none"
	}
	sort.Float64s(ms)
	p := func(q float64) float64 { return ms[int(q*float64(len(ms)-1))] }
	return fmt.Sprintf("%d: p50 %.0f ms, p90 %.0f ms, p99 %.0f ms, max %.0f ms", len(ms), p(0.5), p(0.9), p(0.99), p(1))
}

// memory prints the slopes, and reports whether all are flat: the second half
// of the soak is no more than a fifth and 16 MB, or 20 goroutines, above the
// first.
func (s *soak) memory() (flat bool) {
	tw := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "  process\tRSS start\tRSS end\tslope\tgoroutines start\tend\tslope\t")
	flat = true
	for _, p := range s.steady {
		v := s.watched[p]
		if len(v.at) < 8 {
			fmt.Fprintf(tw, "  %s\ttoo few samples (%d)\t\n", p.roles, len(v.at))
			continue
		}
		// The first quarter fills caches.
		from := len(v.at) / 4
		at, rss, gor := v.at[from:], v.rss[from:], v.goroutines[from:]
		half := len(at) / 2
		ok := mean(rss[half:]) < 1.2*mean(rss[:half])+16 && mean(gor[half:]) < 1.2*mean(gor[:half])+20
		flat = flat && ok
		fmt.Fprintf(tw, "  %s\t%.0f MB\t%.0f MB\t%+.2f MB/min\t%.0f\t%.0f\t%+.2f/min\t\n",
			p.roles, rss[0], rss[len(rss)-1], slope(at, rss), gor[0], gor[len(gor)-1], slope(at, gor))
	}
	_ = tw.Flush()
	return flat
}

func mean(v []float64) (sum float64) {
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// slope is the least squares fit's.
func slope(x, y []float64) float64 {
	mx, my := mean(x), mean(y)
	var a, b float64
	for i := range x {
		a += (x[i] - mx) * (y[i] - my)
		b += (x[i] - mx) * (x[i] - mx)
	}
	if b == 0 {
		return 0
	}
	return a / b
}
