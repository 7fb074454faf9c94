package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lapwing-sec/lapwing/internal/faults"
)

// The scenarios with real processes: `lapwing run` for each role, a broker that
// is a process, the embedded ClickHouse, and proxies between them. Both engines
// go side by side: most of the time is spent waiting for sessions to run out.

func TestFaultsProcesses(t *testing.T) { testFaultsProcesses(t, faults.Processes) }

func TestFaultsApacheKafka(t *testing.T) { testFaultsProcesses(t, faults.OnApache) }

func testFaultsProcesses(t *testing.T, where faults.Where) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	if len(where.Seeds(t)) == 0 {
		t.Skipf("no seeds: set %s", where.Env)
	}
	needEngine(t)
	t.Parallel()
	shared := startFaultBroker(t, where.Engine, nil)
	db := startFaultDatabase(t)
	for _, s := range []struct {
		number int
		run    func(w *world)
	}{
		{1, (*world).killAtRandom},
		{2, (*world).loseSnapshots},
		{3, (*world).compactState},
		{4, (*world).storm},
		{5, (*world).zombies},
		{6, (*world).sickNetwork},
		{7, (*world).restartBroker},
		{8, (*world).killClickHouse},
		{9, (*world).clickHouseAway},
		{10, (*world).oneDestinationDown},
		{11, (*world).pagerDown},
		{12, (*world).killAlerts},
		{14, (*world).loseLog},
		{15, (*world).poison},
	} {
		scenario := faults.Find(s.number)
		if where.Engine == faults.ApacheKafka && !scenario.Broker {
			continue // it has nothing to do with the broker
		}
		scenario.Run(t, where, func(t *testing.T, r *faults.Result) {
			broker := shared
			if s.number == 3 && where.Engine == faults.KFake {
				// All that a broker holds is cleaned at its pace, each piece with an fsync:
				// beside it everybody's sessions would run out.
				broker = startFaultBroker(t, where.Engine, map[string]string{"log.cleaner.backoff.ms": "200"})
			}
			s.run(newWorld(t, where.Engine, broker, db, r))
		})
	}
}

const (
	enrichRole = "enrich"
	detectRole = "detect"
	sinkRoles  = "store,alert"
	ingestRole = "ingest"
)

// slice is what is fed between two faults.
func (w *world) slice() int { return 200 + w.rng.IntN(400) }

// rest feeds what is left of the traffic after the faults: the system must be
// live.
func (w *world) rest() {
	w.t.Helper()
	w.feed(max(300, min(1200, len(w.traffic)-w.sent)))
}

// Processes of every role die at random moments, the receivers' as well, and
// are started again.
func (w *world) killAtRandom() {
	w.start()
	procs := []*lapwingProcess{w.run(enrichRole), w.run(enrichRole), w.run(detectRole), w.run(detectRole), w.run(sinkRoles), w.run(ingestRole).up(w.t)}
	for range 10 {
		w.feed(w.slice())
		w.post(procs[5], 20)
		w.pause(400 * time.Millisecond)
		i := w.rng.IntN(len(procs))
		w.drop(procs[i])
		procs[i] = w.run(procs[i].roles)
		if procs[i].roles == ingestRole {
			w.pause(100 * time.Millisecond)
		}
	}
	procs[5].up(w.t)
	w.post(procs[5], 50)
	w.rest()
	w.judge(nil)
}

// caughtUp waits until everything fed is an event and applied, so that the
// snapshots of the way there are written.
func (w *world) caughtUp() {
	w.t.Helper()
	w.await("the feed in lapwing.events", func() bool { return w.arrived() >= len(w.acked) })
	w.applied(detectRole, nil)
}

// stateRecord writes a record of a cell's state.
func (w *world) stateRecord(cell int, key string, value []byte) {
	w.t.Helper()
	rec := &kgo.Record{Topic: w.prefix + "state", Partition: int32(cell), Key: fmt.Appendf(nil, "%d/%s", cell, key), Value: value} //nolint:gosec // few cells
	require.NoError(w.t, w.oracle.ProduceSync(w.t.Context(), rec).FirstErr())
}

// slots gives the slots of a cell that have their end record, the newest last.
func (w *world) slots(cell int) (names []string) {
	w.t.Helper()
	for _, rec := range w.readAll(w.prefix + "state")[int32(cell)] { //nolint:gosec // few cells
		if key, ok := strings.CutSuffix(string(rec.Key), "/end"); ok && rec.Value != nil {
			_, name, _ := strings.Cut(key, "/")
			names = append(slices.DeleteFunc(names, func(n string) bool { return n == name }), name)
		}
	}
	return names
}

// twoSlots reports whether every cell has two snapshots.
func (w *world) twoSlots() bool {
	for cell := range w.cells {
		if len(w.slots(cell)) < 2 {
			return false
		}
	}
	return true
}

// The newest snapshot of every cell is damaged in one of the ways that there
// are while detect is down; which one, the seed decides.
func (w *world) loseSnapshots() {
	w.start()
	w.run(enrichRole)
	d := w.run(detectRole)
	w.run(sinkRoles)
	for range 12 {
		w.feed(900)
		w.caughtUp() // a snapshot at a time, in slots A and B
		if w.twoSlots() {
			break
		}
	}
	require.True(w.t, w.twoSlots(), "each cell has two snapshots")
	w.drop(d)
	both := w.seed%4 == 3
	for cell := range w.cells {
		slot := w.slots(cell)[1]
		switch w.seed % 4 {
		case 0: // a newer one was begun and never ended
			w.stateRecord(cell, slot+"/00000", []byte("00000000 of a snapshot that never ended"))
		case 1:
			w.stateRecord(cell, slot+"/00000", []byte("garbage"))
		case 2:
			w.stateRecord(cell, slot+"/end", nil)
		case 3:
			w.stateRecord(cell, "A/end", nil)
			w.stateRecord(cell, "B/end", nil)
		}
		w.fault("slot %s of cell %d damaged in way %d", slot, cell, w.seed%4)
	}
	w.feed(w.slice())
	d = w.run(detectRole).up(w.t)
	w.await("the cells restored", func() bool { return strings.Count(d.stderr.String(), `"cell restored"`) >= w.cells })
	if both {
		require.True(w.t, d.said(`"cell restored"`, `"slot":""`), "rebuilt from the log")
	} else {
		require.True(w.t, d.said("not usable") || d.said("no end record"), "it says what was wrong with the snapshot")
		require.False(w.t, d.said(`"cell restored"`, `"slot":""`), "the older slot serves")
	}
	w.rest()
	w.judge(nil)
}

// The state's topic is compressed by the broker and compacted until it has gaps;
// detect is killed and restores from it.
func (w *world) compactState() {
	topic := w.kc.Topic("state")
	config := map[string]string{
		"cleanup.policy": "compact", "compression.type": "zstd", "segment.ms": "200", "segment.bytes": "1048576",
		"min.cleanable.dirty.ratio": "0.01", "max.compaction.lag.ms": "100", "delete.retention.ms": "100",
	}
	w.createTopic(topic, w.cells, config)
	w.start()
	w.run(enrichRole)
	d := w.run(detectRole)
	w.run(sinkRoles)
	compacted := func() bool {
		for cell, recs := range w.readAll(topic) {
			start, end, err := w.kc.Bounds(w.t.Context(), topic, int(cell))
			require.NoError(w.t, err)
			if int64(len(recs)) >= end-start {
				return false
			}
		}
		return true
	}
	for range 2 {
		for range 3 {
			w.feed(700)
			w.caughtUp()
		}
		tick := 0
		w.await("the cleaner", func() bool {
			if tick++; tick%25 == 0 {
				// A segment rolls with the next record only.
				for cell := range w.cells {
					w.stateRecord(cell, "nudge", []byte(strconv.Itoa(tick)))
				}
			}
			return compacted()
		})
		w.drop(d)
		d = w.run(detectRole).up(w.t)
		w.await("the cells restored", func() bool { return strings.Count(d.stderr.String(), `"cell restored"`) >= w.cells })
		require.False(w.t, d.said("not usable"), "every chunk is there")
		require.False(w.t, d.said(`"cell restored"`, `"slot":""`), "a slot serves")
	}
	w.rest()
	w.judge(nil)
}

// Members come and go every second, some without a word.
func (w *world) storm() {
	w.start()
	w.run(enrichRole)
	w.run(detectRole)
	w.run(sinkRoles)
	guests := "enrich,detect"
	var guest *lapwingProcess
	for i := range 8 {
		w.feed(w.slice())
		next := w.run(guests)
		if guest != nil {
			if w.rng.IntN(3) == 0 {
				w.drop(guest)
			} else {
				w.leave(guest)
				w.fault("guest %d leaves", i)
			}
		}
		guest = next
		w.fault("guest %d joins", i+1)
		lasts(time.Second)
	}
	w.leave(guest)
	w.rest()
	w.judge(nil)
}

// An enricher and a detector stand still past their session, others take over
// and go on; awake again, the first find that they are owners no more.
func (w *world) zombies() {
	w.start()
	zombies := []*lapwingProcess{w.run(enrichRole), w.run(detectRole)}
	w.run(sinkRoles)
	for range 2 {
		w.feed(w.slice())
		w.await("the first events", func() bool { return w.arrived() > w.sent/2 })
		w.feed(w.slice())
		w.pause(200 * time.Millisecond)
		for _, z := range zombies {
			z.signal(w.t, syscall.SIGSTOP)
			w.fault("SIGSTOP of %s", z.roles)
		}
		heirs := []*lapwingProcess{w.run(enrichRole), w.run(detectRole)}
		w.feed(w.slice())
		w.await("the heirs to do the work", func() bool { return w.arrived() >= len(w.acked) })
		w.applied(detectRole, nil)
		w.feed(w.slice())
		for _, z := range zombies {
			z.signal(w.t, syscall.SIGCONT)
		}
		w.healed = time.Now()
		w.feed(w.slice())
		w.pause(sessionTime)
		// The zombies take part again as anybody; the heirs are the next ones.
		zombies = heirs
	}
	w.rest()
	w.judge(nil)
}

// Requests arrive whose answers do not, connections are cut, half open, slow to
// close and slow altogether.
func (w *world) sickNetwork() {
	w.start()
	w.run(enrichRole)
	w.run(detectRole)
	w.run(sinkRoles)
	in := w.run(ingestRole)
	w.allUp()
	ways := []struct {
		kind, stream, attributes string
		share                    float64
	}{
		{"timeout", "downstream", `{"timeout":300}`, 0.5},  // answers are lost, then the connection ends
		{"timeout", "downstream", `{"timeout":0}`, 0.3},    // half open: no answer ever
		{"limit_data", "downstream", `{"bytes":600}`, 0.7}, // cut in the middle of an answer
		{"limit_data", "upstream", `{"bytes":3000}`, 0.5},  // cut in the middle of a request
		{"reset_peer", "downstream", `{"timeout":50}`, 0.5},
		{"latency", "downstream", `{"latency":120,"jitter":100}`, 1},
		{"slow_close", "downstream", `{"delay":800}`, 1},
		{"bandwidth", "upstream", `{"rate":400}`, 1}, // KB/s
	}
	order := w.rng.Perm(len(ways))
	for _, i := range order {
		way := ways[i]
		w.feed(w.slice())
		cure := w.broker.net.toxic(w.t, way.kind, way.stream, way.share, way.attributes)
		w.fault("%s %s %s on %g of the connections", way.stream, way.kind, way.attributes, way.share)
		if w.rng.IntN(2) == 0 {
			// Connections that were open already never get sick: end them.
			w.broker.net.cut()
			w.broker.net.mend(w.t)
		}
		w.post(in, 20)
		lasts(300*time.Millisecond + time.Duration(w.rng.Int64N(int64(500*time.Millisecond))))
		cure()
		w.healed = time.Now()
	}
	w.broker.net.cut()
	w.fault("all connections cut")
	w.pause(2 * sessionTime)
	w.broker.net.mend(w.t)
	w.healed = time.Now()
	w.post(in, 20)
	w.rest()
	w.judge(nil)
}

// The only broker, coordinator and leader of all, dies and comes back.
func (w *world) restartBroker() {
	w.start()
	w.run(enrichRole)
	w.run(enrichRole)
	w.run(detectRole)
	w.run(sinkRoles)
	w.allUp() // a process that finds no broker when it starts gives up, for its supervisor to see
	for range 3 {
		w.feed(w.slice())
		w.pause(500 * time.Millisecond)
		w.broker.restart(w.t)
		w.fault("kill -9 of the broker")
		w.feed(w.slice())
	}
	w.rest()
	w.judge(nil)
}

// The database dies in the middle of inserts, and its answers are lost.
func (w *world) killClickHouse() {
	w.start()
	w.run(enrichRole)
	w.run(detectRole)
	w.run(sinkRoles)
	w.allUp()
	w.feed(300)
	w.await("the first rows", func() bool { return w.query("SELECT count() FROM events") > 0 })
	for i := range 6 {
		w.feed(w.slice())
		w.pause(300 * time.Millisecond)
		switch i % 3 {
		case 0:
			require.NoError(w.t, syscall.Kill(w.db.engine.PID(), syscall.SIGKILL))
			w.fault("kill -9 of ClickHouse")
			w.await("ClickHouse again", func() bool { return w.query("SELECT count() FROM events") > 0 })
		case 1:
			w.db.net.cut()
			w.db.net.mend(w.t)
			cure := w.db.net.toxic(w.t, "timeout", "downstream", 0.8, `{"timeout":200}`)
			w.fault("ClickHouse's answers are lost")
			w.pause(time.Second)
			cure()
		case 2:
			cure := w.db.net.toxic(w.t, "limit_data", "upstream", 0.8, `{"bytes":9000}`)
			w.fault("inserts are cut in the middle")
			w.pause(time.Second)
			cure()
		}
		w.healed = time.Now()
	}
	w.rest()
	w.judge(nil)
}

// Retention takes raw records that nobody has read, then events that nobody has
// judged; then a raw topic is made anew. Each is said, none is passed over.
func (w *world) loseLog() {
	w.start()
	e := w.run(enrichRole)
	d := w.run(detectRole)
	w.run(sinkRoles)
	w.feed(2000)
	w.caughtUp()

	// Raw records: lost is lost, and exactly that is said and counted.
	w.drop(e)
	before := len(w.acked)
	w.feed(800)
	kong := w.raw("kong")
	_, end, err := w.kc.Bounds(w.t.Context(), kong, 0)
	require.NoError(w.t, err)
	at, err := w.kc.Committed(w.t.Context(), w.group(enrichRole), kong)
	require.NoError(w.t, err)
	cut := at[0] + 1 + w.rng.Int64N(end-at[0]-1)
	w.deleteRecords(kong, 0, cut)
	w.fault("retention takes %d of %d new records of %s/0", cut-at[0], end-at[0], kong)
	spare := map[coordinates]bool{}
	for o := at[0]; o < cut; o++ {
		if c := (coordinates{kong, 0, o}); w.acked[c] && w.unseen(c) {
			spare[c] = true
		}
	}
	require.Greater(w.t, len(w.acked), before)
	e = w.run(enrichRole).up(w.t)
	w.await("the loss to be said", func() bool { return e.said("retention took raw records", kong) })
	w.await("the loss to be counted", func() bool { return e.metric("lapwing_stage_lost_total", `stage="enrich"`) > 0 })
	require.EqualValues(w.t, cut-at[0], e.metric("lapwing_stage_lost_total", `stage="enrich"`))
	w.await("the rest in lapwing.events", func() bool { return w.arrived() >= len(w.acked)-len(spare) })
	w.spared = len(spare)
	w.judge(spare)

	// Events: the cell stands still, its neighbour goes on, an operator decides.
	w.recreated(e, d)
}
