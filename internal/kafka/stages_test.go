package kafka

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// countingCell raises version n/10 of an identity's alert at every tenth event
// of it: a function of the log alone, with state worth restoring.
type countingCell struct {
	counts map[string]int
	seen   int
}

func newCountingCell(int) stream.Cell { return &countingCell{counts: make(map[string]int)} }

func (c *countingCell) Event(ev *schemas.Event, out *stream.Out) {
	id := string(append([]byte(nil), ev.IdentityId...))
	c.seen++
	c.counts[id]++
	if n := c.counts[id]; n%10 == 0 {
		a := schemas.Alert{Message: fmt.Sprintf("%d calls", n), Time: ev.Time / 1e6}
		a.Actor.User.UID = id
		a.FindingInfo.UID = "alert-" + id
		a.Unmapped.Lapwing.Version = n / 10
		out.Alerts = append(out.Alerts, a)
	}
}

func (c *countingCell) Control(*schemas.Control, *stream.Out) {}

func (c *countingCell) Snapshot(w io.Writer) error {
	ids := slices.Sorted(maps.Keys(c.counts))
	b := binary.AppendUvarint(nil, uint64(len(ids)))
	for _, id := range ids {
		b = binary.AppendUvarint(b, uint64(len(id)))
		b = append(b, id...)
		b = binary.AppendUvarint(b, uint64(c.counts[id]))
	}
	_, err := w.Write(b)
	return err
}

func (c *countingCell) Restore(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	next := func() uint64 {
		v, n := binary.Uvarint(b)
		b = b[max(n, 0):]
		return v
	}
	for range next() {
		n := next()
		if n > uint64(len(b)) {
			return errors.New("short snapshot")
		}
		id := string(b[:n])
		b = b[n:]
		c.counts[id] = int(next())
		c.seen += c.counts[id]
	}
	return nil
}

func (c *countingCell) Digest() string { return "counting/1" }

// table is an Inserter that keeps rows in memory, once per token.
type table struct {
	mu     sync.Mutex
	tokens map[string]int
	rows   map[string]int // event id -> times
	fail   func(token string, recs []stream.Record) error
	reject func(rec *stream.Record) error
}

func newTable() *table { return &table{tokens: map[string]int{}, rows: map[string]int{}} }

func (t *table) Insert(_ context.Context, token string, recs []stream.Record) (rejected []stream.Rejected, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fail != nil {
		err = t.fail(token, recs)
	}
	if n, ok := t.tokens[token]; ok {
		if n != len(recs) {
			return nil, fmt.Errorf("token %s came with %d rows, then with %d", token, n, len(recs))
		}
	} else {
		t.tokens[token] = len(recs)
		for i := range recs {
			if t.reject != nil {
				if rerr := t.reject(&recs[i]); rerr != nil {
					rejected = append(rejected, stream.Rejected{Index: i, Err: rerr})
					continue
				}
			}
			ev := new(schemas.Event)
			if uerr := ev.UnmarshalVT(recs[i].Value); uerr != nil {
				return nil, uerr
			}
			t.rows[ev.Id]++
		}
	}
	return rejected, err
}

func (t *table) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.rows)
}

// alertVersions reads lapwing.alerts: for each id, its versions in order with
// repetitions taken out.
func alertVersions(t testing.TB, c *Client) (map[string][]string, int) {
	t.Helper()
	versions, n := make(map[string][]string), 0
	last := make(map[string]map[string]bool)
	require.NoError(t, c.Scan(context.Background(), c.Topic("alerts"), ScanOptions{Partition: -1}, func(rec *stream.Record) error {
		n++
		id := string(rec.Key)
		if last[id] == nil {
			last[id] = make(map[string]bool)
		}
		if v := string(rec.Value); !last[id][v] {
			last[id][v] = true
			versions[id] = append(versions[id], v)
		}
		return nil
	}))
	return versions, n
}

func TestThePipelineFromRawToAlertsAndRows(t *testing.T) {
	b := newFake(t)
	c := b.connect(t)
	b.setup(t, c, 2, b.raw("a"))
	tab := newTable()
	var mu sync.Mutex
	at := map[int][2]int64{}
	got := map[string]int{}
	run := func() (stop func() error) {
		stops := []func() error{
			start(t, func(ctx context.Context) error {
				return c.RunEnrich(ctx, EnrichOptions{RawTopics: []RawTopic{{Name: b.raw("a")}}, Transform: transform})
			}),
			start(t, func(ctx context.Context) error {
				return c.RunDetect(ctx, DetectOptions{NewCell: newCountingCell, SnapshotEvents: 900, OnPosition: func(cell int, next, end int64) {
					mu.Lock()
					at[cell] = [2]int64{next, end}
					mu.Unlock()
				}})
			}),
			start(t, func(ctx context.Context) error {
				return c.RunStore(ctx, StoreOptions{Inserter: tab, MaxRows: 700})
			}),
			start(t, func(ctx context.Context) error {
				return c.RunConsumer(ctx, ConsumerOptions{Group: "sink", Topic: c.Topic("alerts"), NewHandler: func(int) (stream.Handler, error) {
					return handlerFunc(func(_ context.Context, recs []stream.Record) error {
						mu.Lock()
						defer mu.Unlock()
						for i := range recs {
							got[string(recs[i].Value)]++
						}
						return nil
					}), nil
				}})
			}),
		}
		return func() error {
			var errs []error
			for _, s := range stops {
				errs = append(errs, s())
			}
			return errors.Join(errs...)
		}
	}
	stop := run()
	const identities = 20
	total := 0
	for round := range 3 {
		require.NoError(t, c.Produce(t.Context(), b.raw("a"), rawRecords(total, total+4000, identities)))
		total += 4000
		eventually(t, "rows", func() bool { return tab.len() == total })
		eventually(t, "alerts", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == total/10 })
		if round == 1 {
			require.NoError(t, stop())
			stop = run()
		}
	}
	require.NoError(t, stop())
	events, _ := readEvents(t, c)
	requireOnce(t, events, total)
	for id, n := range tab.rows {
		require.Equal(t, 1, n, id)
	}
	versions, written := alertVersions(t, c)
	require.Equal(t, total/10, written, "a clean restart repeats no alert")
	for id, vs := range versions {
		require.Len(t, vs, total/identities/10, id)
	}
}

func TestACellWhoseLogIsGoneStopsAloneUntilTheResetIsAccepted(t *testing.T) {
	b := newFake(t)
	c := b.connect(t)
	b.setup(t, c, 2)
	write := func(cell, n int) {
		var batch stream.Batch
		for i := range n {
			require.NoError(t, batch.AddEvent(&schemas.Event{Id: fmt.Sprint(i), IdentityId: fmt.Sprint("id", cell), Time: epoch.UnixNano()}))
		}
		require.NoError(t, c.ProduceTo(t.Context(), c.Topic("events"), cell, batch.Records()))
	}
	var mu sync.Mutex
	var at map[int]int64
	var stopped map[int]error
	var ready bool
	run := func(o DetectOptions) func() error {
		at, stopped, ready = map[int]int64{}, map[int]error{}, false
		o.NewCell = newCountingCell
		o.OnPosition = func(cell int, next, _ int64) { mu.Lock(); at[cell] = next; mu.Unlock() }
		o.OnReady = func() { mu.Lock(); ready = true; mu.Unlock() }
		return start(t, func(ctx context.Context) error { return c.RunDetect(ctx, o) })
	}
	is := func(f func() bool) func() bool { return func() bool { mu.Lock(); defer mu.Unlock(); return f() } }
	onStopped := func(cell int, err error) { mu.Lock(); stopped[cell] = err; mu.Unlock() }

	write(0, 30)
	write(1, 30)
	stop := run(DetectOptions{OnStopped: onStopped})
	eventually(t, "both cells", is(func() bool { return at[0] == 30 && at[1] == 30 }))
	require.NoError(t, stop())
	write(0, 30)
	write(1, 30)
	require.NoError(t, c.CheckCells(t.Context()))
	require.NoError(t, b.fake.DeleteRecords(c.Topic("events"), 0, 50))
	require.ErrorIs(t, c.CheckCells(t.Context()), stream.ErrReset)

	stop = run(DetectOptions{OnStopped: onStopped})
	eventually(t, "cell 1 to go on", is(func() bool { return at[1] == 60 }))
	eventually(t, "cell 0 to stop", is(func() bool { return stopped[0] != nil }))
	require.NoError(t, stop(), "the role goes on until it is told to stop")
	require.False(t, ready)
	require.ErrorIs(t, stopped[0], stream.ErrReset)
	require.ErrorContains(t, stopped[0], "--accept-reset")
	require.NotContains(t, at, 0)
	require.NoError(t, stopped[1])

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.ErrorIs(t, c.RunDetect(ctx, DetectOptions{NewCell: newCountingCell}), stream.ErrReset, "with nobody to tell")

	stop = run(DetectOptions{AcceptReset: true})
	eventually(t, "the reset", is(func() bool { return ready }))
	require.NoError(t, stop())

	stop = run(DetectOptions{OnStopped: onStopped})
	eventually(t, "a clean start", is(func() bool { return ready }))
	require.NoError(t, stop())
	require.Empty(t, stopped)
	require.NoError(t, c.CheckCells(t.Context()))
}

type handlerFunc func(ctx context.Context, recs []stream.Record) error

func (f handlerFunc) Handle(ctx context.Context, recs []stream.Record) error { return f(ctx, recs) }

// slowCell is a countingCell that a test can meet in the middle of its work.
type slowCell struct{ countingCell }

func newSlowCell(int) stream.Cell { return &slowCell{countingCell{counts: make(map[string]int)}} }

func (c *slowCell) Event(ev *schemas.Event, out *stream.Out) {
	if c.seen%20 == 0 {
		<-time.After(time.Millisecond) // load, not synchronisation
	}
	c.countingCell.Event(ev, out)
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// lookingCell tells of each event that it applies.
type lookingCell struct {
	*countingCell
	look func()
}

func (c *lookingCell) Event(ev *schemas.Event, out *stream.Out) {
	c.look()
	c.countingCell.Event(ev, out)
}

// A cell that replays its log is not there yet.
func TestDetectIsReadyOnceItHasReplayedItsLog(t *testing.T) {
	b := newFake(t)
	c := b.connect(t)
	b.setup(t, c, 1, "raw.a")
	require.NoError(t, c.Produce(t.Context(), "raw.a", rawRecords(0, 300, 5)))
	stop := start(t, func(ctx context.Context) error {
		return c.RunEnrich(ctx, EnrichOptions{RawTopics: []RawTopic{{Name: "raw.a"}}, Transform: transform})
	})
	eventually(t, "events", func() bool { return countEvents(t, c) == 300 })
	require.NoError(t, stop())
	var ready, restoring, early atomic.Int64
	stop = start(t, func(ctx context.Context) error {
		return c.RunDetect(ctx, DetectOptions{
			NewCell: func(n int) stream.Cell {
				cell, ok := newCountingCell(n).(*countingCell)
				require.True(t, ok)
				return &lookingCell{cell, func() { early.Add(ready.Load()) }}
			},
			OnRestoring: func(int, int64, int64) { restoring.Add(1) },
			OnReady:     func() { ready.Add(1) },
		})
	})
	eventually(t, "the cell", func() bool { return ready.Load() == 1 })
	require.NoError(t, stop())
	require.Positive(t, restoring.Load())
	require.Zero(t, early.Load(), "ready before its log was replayed")
	require.Equal(t, int64(1), ready.Load())
}
