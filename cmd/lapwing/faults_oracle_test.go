package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// watch follows lapwing.events and counts what it sees; it is for progress, the
// verdict reads everything again.
func (w *world) watch() {
	client, err := kgo.NewClient(kgo.SeedBrokers(w.broker.addr), kgo.ConsumeTopics(w.prefix+"events"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(100*time.Millisecond), kgo.FetchMaxWait(200*time.Millisecond))
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	w.t.Cleanup(func() { cancel(); <-done; client.Close() })
	go func() {
		defer close(done)
		var ev schemas.Event
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(func(rec *kgo.Record) {
				if isControl(rec) || ev.UnmarshalVT(rec.Value) != nil {
					return
				}
				w.mu.Lock()
				w.seen[coordinates{ev.RawTopic, ev.RawPartition, ev.RawOffset}]++
				w.mu.Unlock()
				ev.ResetVT()
			})
		}
	}()
}

// arrived is how many of the acknowledged records were seen as events.
func (w *world) arrived() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for at := range w.acked {
		if w.seen[at] > 0 {
			n++
		}
	}
	return n
}

func isControl(rec *kgo.Record) bool {
	for _, h := range rec.Headers {
		if h.Key == stream.ControlHeader {
			return true
		}
	}
	return false
}

// readAll reads a topic from what is left of its start to its present end, by
// partition.
func (w *world) readAll(topic string) map[int32][]*kgo.Record {
	w.t.Helper()
	all := map[int32][]*kgo.Record{}
	w.each(topic, func(rec *kgo.Record) { all[rec.Partition] = append(all[rec.Partition], rec) })
	return all
}

// each hands those records to f, a partition's in order.
func (w *world) each(topic string, f func(rec *kgo.Record)) {
	w.t.Helper()
	ends, err := w.kc.Ends(w.t.Context(), topic)
	require.NoError(w.t, err)
	from := map[int32]kgo.Offset{}
	for p := range ends {
		from[int32(p)] = kgo.NewOffset().AtStart() //nolint:gosec // partitions are int32
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(w.broker.addr), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchMaxWait(200*time.Millisecond))
	require.NoError(w.t, err)
	defer client.Close()
	left := map[int32]bool{}
	for p, end := range ends {
		start, last, err := w.kc.Bounds(w.t.Context(), topic, p)
		require.NoError(w.t, err)
		require.GreaterOrEqual(w.t, last, end)
		left[int32(p)] = start < end //nolint:gosec // partitions are int32
	}
	deadline := time.Now().Add(3 * time.Minute)
	for {
		open := false
		for _, more := range left {
			open = open || more
		}
		if !open {
			return
		}
		require.True(w.t, time.Now().Before(deadline), "reading %s to its end", topic)
		ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Second)
		client.PollFetches(ctx).EachRecord(func(rec *kgo.Record) {
			if rec.Offset < ends[rec.Partition] {
				f(rec)
			}
			if rec.Offset >= ends[rec.Partition]-1 {
				left[rec.Partition] = false
			}
		})
		cancel()
	}
}

// verdict is what the oracle found.
type verdict struct {
	events     int
	lost       int // acknowledged, and not there
	duplicated int // there more often than once
	alien      int // there, and never sent
	alerts     int
}

// judge waits until everything acknowledged has arrived and been applied, stops
// the processes, and compares all that is stored with the oracle. spare names
// records whose loss the scenario caused.
func (w *world) judge(spare map[coordinates]bool) {
	t := w.t
	t.Helper()
	w.await("every acknowledged record in lapwing.events", func() bool { return w.arrived() >= len(w.acked)-len(spare) })
	w.stopRoles("ingest")
	w.stopRoles("enrich")
	w.applied("detect", nil)
	w.result.Recovered(time.Since(w.healed))
	events := w.readAll(w.prefix + "events")
	v, rollup := w.countEvents(events, spare)
	w.result.Events(v.events)
	w.result.Lost(v.lost)
	w.await("every event in ClickHouse", func() bool { return w.query("SELECT count() FROM events") >= uint64(v.events) }) //nolint:gosec // a count
	w.compareClickHouse(&v, rollup)
	w.stopRoles("detect")
	w.compareAlerts(&v, events)
	w.stopRoles("")
	w.result.Duplicated(v.duplicated + v.alien)
	require.Zero(t, v.lost, "acknowledged events that are nowhere")
	require.Zero(t, v.duplicated, "effects that came twice")
	require.Zero(t, v.alien, "events that nobody sent")
}

// stopRoles asks the processes of some roles to drain, and waits; "" is all.
func (w *world) stopRoles(roles string) {
	w.t.Helper()
	for _, p := range slices.Clone(w.procs) {
		if roles == "" || p.roles == roles {
			w.leave(p)
		}
	}
}

// applied waits until a group has committed the ends of lapwing.events, save in
// cells that stand still.
func (w *world) applied(role string, still map[int]bool) {
	w.t.Helper()
	topic := w.prefix + "events"
	ends, err := w.kc.Ends(w.t.Context(), topic)
	require.NoError(w.t, err)
	w.await(role+" at the end of "+topic, func() bool {
		at, err := w.kc.Committed(w.t.Context(), w.prefix[:len(w.prefix)-1]+"-"+role, topic)
		if err != nil || len(at) != len(ends) {
			return false
		}
		for i := range ends {
			if at[i] < ends[i] && !still[i] {
				return false
			}
		}
		return true
	})
}

type rollupKey struct{ identity, operation string }

type rollupRow struct{ Calls, BytesIn, BytesOut uint64 }

// countEvents compares lapwing.events with what the raw topics hold.
func (w *world) countEvents(events map[int32][]*kgo.Record, spare map[coordinates]bool) (v verdict, rollup map[rollupKey]rollupRow) {
	rollup = map[rollupKey]rollupRow{}
	seen := map[coordinates]int{}
	ids := map[string]int{}
	for _, recs := range events {
		for _, rec := range recs {
			if isControl(rec) {
				continue
			}
			var ev schemas.Event
			require.NoError(w.t, ev.UnmarshalVT(rec.Value))
			v.events++
			at := coordinates{ev.RawTopic, ev.RawPartition, ev.RawOffset}
			if seen[at]++; seen[at] > 1 {
				v.duplicated++
			}
			if !w.acked[at] && ev.RequestId != "" {
				ids[ev.RequestId]++
			}
			key := rollupKey{ev.IdentityId, ev.Operation}
			r := rollup[key]
			r.Calls++
			r.BytesIn += ev.BytesIn
			r.BytesOut += ev.BytesOut
			rollup[key] = r
		}
	}
	for at := range w.acked {
		if seen[at] == 0 && !spare[at] {
			v.lost++
			w.t.Errorf("%+v was acknowledged and is no event", at)
		}
	}
	for id, taken := range w.posted {
		switch n := ids[id]; {
		case n == 0 && taken:
			v.lost++
			w.t.Errorf("request %s was acknowledged and is no event", id)
		case n > 1:
			v.duplicated += n - 1
		}
		delete(ids, id)
	}
	for id, n := range ids {
		v.alien += n
		w.t.Errorf("request %s is an event and was never sent", id)
	}
	return v, rollup
}

func (w *world) query(sql string) uint64 {
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	res, err := w.ch.Query(ctx, sql, nil)
	if err != nil || len(res.Rows) != 1 {
		return 0
	}
	n, ok := res.Rows[0][0].(uint64)
	require.True(w.t, ok, "%s gave a %T", sql, res.Rows[0][0])
	return n
}

// compareClickHouse expects each event once, and the rollup's sums.
func (w *world) compareClickHouse(v *verdict, want map[rollupKey]rollupRow) {
	w.t.Helper()
	rows := w.query("SELECT count() FROM events")
	distinct := w.query("SELECT uniqExact(raw_topic, raw_partition, raw_offset, raw_index) FROM events")
	v.duplicated += int(rows - distinct) //nolint:gosec // a difference of counts
	require.EqualValues(w.t, v.events, rows, "rows in ClickHouse")
	// The view follows the rows by a moment.
	w.await("every event in the hourly rollup", func() bool { return w.query("SELECT sum(calls) FROM events_hourly") >= uint64(v.events) }) //nolint:gosec // a count
	res, err := w.ch.Query(w.t.Context(), "SELECT identity_id, operation, sum(calls), sum(bytes_in), sum(bytes_out) FROM events_hourly GROUP BY identity_id, operation", nil)
	require.NoError(w.t, err)
	got := map[rollupKey]rollupRow{}
	for _, row := range res.Rows {
		got[rollupKey{fmt.Sprint(row[0]), fmt.Sprint(row[1])}] = rollupRow{row[2].(uint64), row[3].(uint64), row[4].(uint64)} // its columns
	}
	require.Equal(w.t, want, got, "the hourly rollup")
}

// reference judges a cell's log with one engine in one thread. at is given the
// state at the offset wanted.
func (w *world) reference(cell int, recs []*kgo.Record, wanted int64) (alerts [][]byte, state []byte) {
	engine, err := detect.New(detect.Config{Tenant: "default", Cell: cell, Cells: w.cells, FalseAlertsPerDay: 3, ProductVersion: "dev"})
	require.NoError(w.t, err)
	var out detect.Output
	snapshot := func() {
		var b bytes.Buffer
		require.NoError(w.t, engine.Snapshot(&b))
		state = b.Bytes()
	}
	for _, rec := range recs {
		if state == nil && rec.Offset >= wanted {
			snapshot()
		}
		if isControl(rec) {
			var c schemas.Control
			require.NoError(w.t, c.UnmarshalVT(rec.Value))
			engine.Control(&c, &out)
		} else {
			var ev schemas.Event
			require.NoError(w.t, ev.UnmarshalVT(rec.Value))
			engine.Event(&ev, &out)
		}
		for i := range out.Alerts {
			text, err := json.Marshal(&out.Alerts[i])
			require.NoError(w.t, err)
			alerts = append(alerts, text)
		}
		out.Alerts, out.Discovered = out.Alerts[:0], out.Discovered[:0]
	}
	if state == nil {
		snapshot()
	}
	return alerts, state
}

// compareAlerts expects the alerts and the state of the reference, byte for
// byte; a restart may repeat an alert, with the same bytes.
func (w *world) compareAlerts(v *verdict, events map[int32][]*kgo.Record) {
	t := w.t
	t.Helper()
	said := w.readAll(w.prefix + "alerts")
	versions, last := 0, map[string]uint32{}
	for cell := range w.cells {
		var kept []byte
		next, found, err := w.kc.Snapshot(t.Context(), cell, func(r io.Reader) (err error) {
			kept, err = io.ReadAll(r)
			return err
		})
		require.NoError(t, err)
		require.True(t, found, "cell %d left a snapshot", cell)
		want, state := w.reference(cell, events[int32(cell)], next) //nolint:gosec // few cells
		require.True(t, bytes.Equal(state, kept), "the state of cell %d at %d differs from the reference", cell, next)
		once := map[string]bool{}
		var got [][]byte
		for _, rec := range said[int32(cell)] { //nolint:gosec // few cells
			if !once[string(rec.Value)] {
				once[string(rec.Value)] = true
				got = append(got, rec.Value)
			}
		}
		require.Len(t, got, len(want), "alerts of cell %d", cell)
		for i := range want {
			require.JSONEq(t, string(want[i]), string(got[i]))
			require.True(t, bytes.Equal(want[i], got[i]), "alert %d of cell %d", i, cell)
		}
		versions += len(want)
		for _, text := range want {
			var a schemas.Alert
			require.NoError(t, json.Unmarshal(text, &a))
			last[a.FindingInfo.UID] = max(last[a.FindingInfo.UID], uint32(a.Unmapped.Lapwing.Version)) //nolint:gosec // versions are small
		}
	}
	v.alerts = versions
	require.Positive(t, versions, "the fleet raises alerts")
	w.await("the last version of every alert in ClickHouse", func() bool { return maps.Equal(last, w.storedAlerts()) })
}

// storedAlerts gives the newest version of each alert in ClickHouse.
func (w *world) storedAlerts() map[string]uint32 {
	res, err := w.ch.Query(w.t.Context(), "SELECT alert_id, max(version) FROM alerts GROUP BY alert_id", nil)
	if err != nil {
		return nil
	}
	got := map[string]uint32{}
	for _, row := range res.Rows {
		got[fmt.Sprint(row[0])] = row[1].(uint32) // its columns
	}
	return got
}
