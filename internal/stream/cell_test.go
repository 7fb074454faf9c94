package stream

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

// sumCell folds every event into one number and raises an alert at each third:
// anything lost, repeated or reordered shows.
type sumCell struct {
	n, sum  uint64
	padding int // makes the snapshot as large as a test wants
	digest  string
}

func (c *sumCell) Event(ev *schemas.Event, out *Out) {
	c.n++
	for _, b := range []byte(ev.Id) {
		c.sum = c.sum*31 + uint64(b)
	}
	if c.n%3 == 0 {
		a := schemas.Alert{Message: fmt.Sprint(c.sum)}
		a.FindingInfo.UID = fmt.Sprint("alert", c.n)
		out.Alerts = append(out.Alerts, a)
	}
}
func (c *sumCell) Control(*schemas.Control, *Out) {}
func (c *sumCell) Digest() string                 { return c.digest }
func (c *sumCell) Snapshot(w io.Writer) error {
	b := binary.BigEndian.AppendUint64(nil, c.n)
	b = binary.BigEndian.AppendUint64(b, c.sum)
	if _, err := w.Write(b); err != nil {
		return err
	}
	state := c.sum
	for range c.padding { // noise, so that it does not compress
		state = state*6364136223846793005 + 1442695040888963407
		if _, err := w.Write(binary.BigEndian.AppendUint64(nil, state)); err != nil {
			return err
		}
	}
	return nil
}
func (c *sumCell) Restore(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if len(b) != 16+8*c.padding {
		return fmt.Errorf("a snapshot of %d bytes", len(b))
	}
	c.n, c.sum = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	return nil
}

// cellWorld is what outlives the process that keeps a cell.
type cellWorld struct {
	events, state, alerts *memLog
	epoch                 int
	padding               int
	digest                string
	accept                bool
	warnings              []string
	restored              int64
}

func newCellWorld(events int) *cellWorld {
	w := &cellWorld{events: newMemLog("events", 1), state: newMemLog("state", 1), alerts: newMemLog("alerts", 1), digest: "d"}
	w.add(events)
	return w
}

func (w *cellWorld) add(n int) {
	for range n {
		var b Batch
		_ = b.AddEvent(&schemas.Event{Id: fmt.Sprint("e", len(w.events.all(0))), IdentityId: "a"})
		w.events.add(0, b.Records()...)
	}
}

func (w *cellWorld) stage(c *crash, done func(next int64)) *CellStage {
	w.epoch++
	epoch := w.epoch
	return NewCellStage(CellConfig{
		New:    func(int) Cell { return &sumCell{padding: w.padding, digest: w.digest} },
		Events: &memReader{w.events, 0, 4}, State: &memReader{w.state, 0, 100},
		StateWriter: &memWriter{w.state, "detect", epoch, c},
		Alerts: func(ctx context.Context, b *Batch) error {
			_, err := (&memWriter{w.alerts, "alerts", epoch, c}).Append(ctx, 0, b)
			return err
		},
		AcceptReset: w.accept, SnapshotEvents: 8, SnapshotEvery: time.Hour,
		Ticker: make(stillTicker), Now: func() time.Time { return t0 },
		Observe: CellObserver{
			Applied:  func(did Applied) { done(did.Next) },
			Restored: func(offset, _ int64, _ string, warnings []string) { w.restored, w.warnings = offset, warnings },
		},
	})
}

// run keeps the cell until it has applied the whole log, or dies.
func (w *cellWorld) run(c *crash) (*CellStage, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	end := int64(len(w.events.all(0)))
	s := w.stage(c, func(next int64) {
		if next >= end {
			cancel()
		}
	})
	if err := s.Restore(ctx); err != nil {
		return s, err
	}
	if s.Next() >= end {
		cancel()
	}
	return s, s.Run(ctx, context.Background(), func() bool { return true })
}

func (w *cellWorld) distinctAlerts() (out []string) {
	seen := make(map[string]bool)
	for _, rec := range w.alerts.all(0) {
		if v := string(rec.Value); !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

func TestACellThatDiesAtEveryStepRepeatsItself(t *testing.T) {
	for _, padding := range []int{0, 150_000} {
		whole := newCellWorld(60)
		whole.padding = padding
		counter := &crash{left: -1}
		s, err := whole.run(counter)
		require.NoError(t, err)
		want, wantCell := whole.distinctAlerts(), *s.cell.(*sumCell)
		require.Len(t, want, 20)
		require.Equal(t, uint64(60), wantCell.n)

		stride := 1
		if padding > 0 {
			stride = 3
		}
		for first := 1; first <= counter.steps; first += stride {
			w := newCellWorld(60)
			w.padding = padding
			_, err := w.run(&crash{left: first})
			if err == nil {
				// Only a snapshot failed; the cell lives on.
				require.Equal(t, want, w.distinctAlerts())
			}
			_, _ = w.run(&crash{left: first/2 + 1})
			s, err := w.run(&crash{left: -1})
			require.NoError(t, err)
			require.Equal(t, wantCell, *s.cell.(*sumCell), "died at step %d", first)
			require.Equal(t, want, w.distinctAlerts(), "died at step %d", first)
		}
	}
}

func TestSlotsThatAreIncompleteOrDamagedAreIgnored(t *testing.T) {
	fresh := func(t *testing.T) *cellWorld {
		w := newCellWorld(20)
		w.padding = 150_000 // two chunks
		_, err := w.run(&crash{left: -1})
		require.NoError(t, err)
		w.add(20)
		_, err = w.run(&crash{left: -1})
		require.NoError(t, err)
		w.add(1)
		return w
	}
	rewrite := func(w *cellWorld, f func(key string, value []byte) ([]byte, bool)) {
		w.state.mu.Lock()
		defer w.state.mu.Unlock()
		for i := range w.state.parts[0] {
			rec := &w.state.parts[0][i]
			if v, ok := f(string(rec.Key), rec.Value); ok {
				rec.Value = v
			}
		}
	}
	newest := func(w *cellWorld) string {
		end := ""
		for _, rec := range w.state.all(0) {
			if strings.HasSuffix(string(rec.Key), "/end") {
				end = strings.TrimSuffix(string(rec.Key), "/end")
			}
		}
		return end
	}
	t.Run("both whole: the newest is taken", func(t *testing.T) {
		w := fresh(t)
		_, err := w.run(&crash{left: -1})
		require.NoError(t, err)
		require.Equal(t, int64(40), w.restored)
		require.Empty(t, w.warnings)
	})
	for name, harm := range map[string]func(w *cellWorld, slot string){
		"the end record is gone": func(w *cellWorld, slot string) {
			rewrite(w, func(key string, v []byte) ([]byte, bool) { return nil, key == slot+"/end" })
		},
		"a chunk is gone": func(w *cellWorld, slot string) {
			rewrite(w, func(key string, v []byte) ([]byte, bool) { return nil, key == slot+"/00001" })
		},
		"a byte has changed": func(w *cellWorld, slot string) {
			rewrite(w, func(key string, v []byte) ([]byte, bool) {
				v = bytes.Clone(v)
				if len(v) > 100 {
					v[100] ^= 1
				}
				return v, key == slot+"/00000"
			})
		},
	} {
		t.Run(name+": the older slot and a longer replay", func(t *testing.T) {
			w := fresh(t)
			harm(w, newest(w))
			s, err := w.run(&crash{left: -1})
			require.NoError(t, err)
			require.Less(t, w.restored, int64(40))
			require.Positive(t, w.restored)
			require.Len(t, w.warnings, 1, "it says so")
			require.Equal(t, uint64(41), s.cell.(*sumCell).n)
		})
		t.Run(name+" in both: rebuilt from the log", func(t *testing.T) {
			w := fresh(t)
			harm(w, "0/A")
			harm(w, "0/B")
			s, err := w.run(&crash{left: -1})
			require.NoError(t, err)
			require.Zero(t, w.restored)
			require.Len(t, w.warnings, 2)
			require.Equal(t, uint64(41), s.cell.(*sumCell).n)
		})
	}
	t.Run("another digest: the state is kept, and it says so", func(t *testing.T) {
		w := fresh(t)
		w.digest = "other"
		_, err := w.run(&crash{left: -1})
		require.NoError(t, err)
		require.Equal(t, int64(40), w.restored)
		require.Len(t, w.warnings, 1)
		require.Contains(t, w.warnings[0], "digest")
	})
}

func TestALogThatDoesNotReachTheStateStopsTheCell(t *testing.T) {
	fresh := func() *cellWorld {
		w := newCellWorld(20)
		_, err := w.run(&crash{left: -1})
		require.NoError(t, err)
		return w
	}
	recreated := func(w *cellWorld) { w.events = newMemLog("events", 1); w.add(5) }
	retained := func(w *cellWorld) { w.add(10); w.events.base[0] = 25 }

	w := fresh()
	recreated(w)
	_, err := w.run(&crash{left: -1})
	require.ErrorIs(t, err, ErrReset)
	require.ErrorContains(t, err, "recreated")
	require.ErrorContains(t, err, "--accept-reset")
	w.accept = true
	s, err := w.run(&crash{left: -1})
	require.NoError(t, err)
	require.Equal(t, uint64(5), s.cell.(*sumCell).n)
	require.NotEmpty(t, w.warnings)

	w = fresh()
	retained(w)
	_, err = w.run(&crash{left: -1})
	require.ErrorIs(t, err, ErrReset)
	require.ErrorContains(t, err, "retention took 5 records")
	w.accept = true
	s, err = w.run(&crash{left: -1})
	require.NoError(t, err)
	require.Equal(t, uint64(25), s.cell.(*sumCell).n)
}

func TestAnAcceptedResetIsDurable(t *testing.T) {
	for name, harm := range map[string]struct {
		log  func(w *cellWorld)
		from int64  // the position after the reset
		n    uint64 // events in the state, all of the log applied
	}{
		"the topic was recreated":        {func(w *cellWorld) { w.events = newMemLog("events", 1); w.add(5) }, 0, 5},
		"the topic was recreated, empty": {func(w *cellWorld) { w.events = newMemLog("events", 1) }, 0, 0},
		"retention overtook the state":   {func(w *cellWorld) { w.add(20); w.events.base[0] = 45 }, 45, 45},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCellWorld(20)
			for range 2 { // both slots hold a snapshot
				_, err := w.run(&crash{left: -1})
				require.NoError(t, err)
				w.add(10)
			}
			check := func() error {
				return CheckCell(t.Context(), 0, 0, &memReader{w.events, 0, 4}, &memReader{w.state, 0, 100})
			}
			require.NoError(t, check())
			harm.log(w)
			_, err := w.run(&crash{left: -1})
			require.ErrorIs(t, err, ErrReset)
			require.EqualError(t, check(), err.Error(), "a check says the same")

			// Taking over is enough; nothing of the log needs to be applied.
			w.accept = true
			require.NoError(t, w.stage(&crash{left: -1}, func(int64) {}).Restore(t.Context()))
			require.Len(t, w.warnings, 1)
			require.Contains(t, w.warnings[0], "reset accepted")

			w.accept = false
			require.NoError(t, check())
			s, err := w.run(&crash{left: -1})
			require.NoError(t, err, "the next start is clean")
			require.Empty(t, w.warnings)
			require.Equal(t, harm.from, w.restored)
			require.Equal(t, harm.n, s.cell.(*sumCell).n)

			// The old slot, whose offset the log has passed by now, stays out.
			w.add(60)
			for range 2 {
				s, err = w.run(&crash{left: -1})
				require.NoError(t, err)
				require.Equal(t, harm.n+60, s.cell.(*sumCell).n)
			}
		})
	}
	t.Run("if the snapshot of the reset is damaged, the old one is not taken instead", func(t *testing.T) {
		w := newCellWorld(20)
		_, err := w.run(&crash{left: -1})
		require.NoError(t, err)
		w.events = newMemLog("events", 1)
		w.add(5)
		w.accept = true
		require.NoError(t, w.stage(&crash{left: -1}, func(int64) {}).Restore(t.Context()))
		last := &w.state.parts[0][len(w.state.parts[0])-2]
		require.True(t, strings.HasSuffix(string(last.Key), "/00000"))
		last.Value = nil
		w.accept = false
		w.add(40) // beyond the old snapshot's offset
		s, err := w.run(&crash{left: -1})
		require.NoError(t, err)
		require.Zero(t, w.restored)
		require.Equal(t, uint64(45), s.cell.(*sumCell).n)
	})
	t.Run("a reset that cannot be written is an error", func(t *testing.T) {
		w := newCellWorld(20)
		_, err := w.run(&crash{left: -1})
		require.NoError(t, err)
		w.events = newMemLog("events", 1)
		w.accept = true
		err = w.stage(&crash{left: 1}, func(int64) {}).Restore(t.Context())
		require.ErrorContains(t, err, "not written")
	})
}

// stuckWriter takes nothing, and is not fenced.
type stuckWriter struct{}

func (stuckWriter) Append(context.Context, int, *Batch) (int64, error) {
	return 0, errors.New("the brokers refuse records of this size")
}

func TestASnapshotThatCannotBeWrittenIsNotTriedAgainWithEveryChunk(t *testing.T) {
	w := newCellWorld(400)
	ctx, cancel := context.WithCancel(t.Context())
	tried := 0
	s := w.stage(&crash{left: -1}, func(next int64) {
		if next == 400 {
			cancel()
		}
	})
	s.cfg.StateWriter = stuckWriter{}
	s.cfg.Observe.Snapshot = func(_, _ int64, _ time.Duration, err error) {
		require.Error(t, err)
		tried++
	}
	require.NoError(t, s.Restore(ctx))
	require.NoError(t, s.Run(ctx, t.Context(), func() bool { return false }))
	require.Equal(t, int64(400), s.Next())
	require.Equal(t, 1, tried, "the next one is due by the clock, which stands still")
}

func TestAZombiesSnapshotIsRefused(t *testing.T) {
	w := newCellWorld(20)
	zombie := w.stage(&crash{left: -1}, func(int64) {})
	require.NoError(t, zombie.Restore(t.Context()))
	_, err := w.run(&crash{left: -1})
	require.NoError(t, err)
	before := len(w.state.all(0))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.ErrorIs(t, zombie.Run(ctx, ctx, func() bool { return true }), ErrFenced)
	require.Len(t, w.state.all(0), before)
}

// storeWorld is what outlives the process that stores a partition.
type storeWorld struct {
	events   *memLog
	next     int64
	metadata string
	rows     map[string]int
	tokens   map[string]string
	dead     []Record
	chunk    int
}

func (w *storeWorld) run(c *crash, maxRows int) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	end := int64(len(w.events.all(0)))
	if w.next >= end && ParsePlan(w.metadata) < 0 {
		return nil
	}
	after := make(chan time.Time)
	close(after)
	return RunStore(ctx, context.Background(), StoreConfig{
		Topic: "events", Reader: &memReader{w.events, 0, w.chunk}, From: w.next, Metadata: w.metadata,
		MaxRows: maxRows, MaxBytes: 1 << 20, MaxWait: time.Second,
		After: func(time.Duration) <-chan time.Time { return after },
		Commit: func(_ context.Context, next int64, metadata string) error {
			if err, _ := c.step(); err != nil {
				return err
			}
			w.next, w.metadata = next, metadata
			if err, _ := c.step(); err != nil {
				return err
			}
			return nil
		},
		Inserter: insertFunc(func(_ context.Context, token string, recs []Record) ([]Rejected, error) {
			if err, at := c.step(); err != nil && !at {
				return nil, Permanent(err)
			}
			ids, rejected := "", []Rejected(nil)
			for i := range recs {
				ev := new(schemas.Event)
				if err := ev.UnmarshalVT(recs[i].Value); err != nil {
					return nil, err
				}
				ids += ev.Id + " "
				if ev.Id == "e7" {
					rejected = append(rejected, Rejected{i, errors.New("no such column")})
				}
			}
			if was, ok := w.tokens[token]; ok && was != ids {
				return nil, fmt.Errorf("token %s was for %s, now %s", token, was, ids)
			} else if !ok {
				w.tokens[token] = ids
				for _, id := range strings.Fields(ids) {
					w.rows[id]++
				}
			}
			return rejected, nil
		}),
		Dead: func(_ context.Context, recs []Record) error { w.dead = append(w.dead, recs...); return nil },
		Wait: func(context.Context, int) bool { cancel(); return false },
		Observe: StoreObserver{Position: func(next, _ int64) {
			if next >= end {
				cancel()
			}
		}},
	})
}

func TestAStoreThatCannotInsertTellsHowFarItIsBehind(t *testing.T) {
	w := &cellWorld{events: newMemLog("events", 1)}
	w.add(10)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var told [][2]int64
	after := make(chan time.Time)
	close(after)
	err := RunStore(ctx, ctx, StoreConfig{
		Topic: "events", Reader: &memReader{w.events, 0, 5}, From: -1, MaxRows: 4, MaxBytes: 1 << 20, MaxWait: time.Second,
		After:  func(time.Duration) <-chan time.Time { return after },
		Commit: func(context.Context, int64, string) error { return nil },
		Inserter: insertFunc(func(context.Context, string, []Record) ([]Rejected, error) {
			return nil, errors.New("down")
		}),
		Wait: func(_ context.Context, try int) bool {
			w.add(100)
			if try == 2 {
				cancel()
			}
			return ctx.Err() == nil
		},
		Observe: StoreObserver{Position: func(next, end int64) { told = append(told, [2]int64{next, end}) }},
	})
	require.NoError(t, err)
	require.Equal(t, [][2]int64{{0, 10}, {0, 110}, {0, 210}}, told)
}

type insertFunc func(ctx context.Context, token string, recs []Record) ([]Rejected, error)

func (f insertFunc) Insert(ctx context.Context, token string, recs []Record) ([]Rejected, error) {
	return f(ctx, token, recs)
}

func TestAStoreThatDiesAtEveryStepInsertsEachEventOnce(t *testing.T) {
	for first := 1; first < 60; first++ {
		w := &storeWorld{events: newMemLog("events", 1), next: -1, rows: map[string]int{}, tokens: map[string]string{}, chunk: 5}
		cw := cellWorld{events: w.events}
		cw.add(20)
		var b Batch
		require.NoError(t, b.AddControl(&schemas.Control{Kind: schemas.ControlKind_CONTROL_KIND_WATERMARK}))
		w.events.add(0, b.Records()...)
		cw.add(20)
		for step := first; step > 0; step /= 2 {
			// Restarted with other limits: a planned batch keeps its bounds.
			w.chunk = 3 + step%5
			_ = w.run(&crash{left: step}, 4+step%3)
		}
		_ = w.run(&crash{left: -1}, 4)
		require.Equal(t, int64(41), w.next, "died at step %d", first)
		require.Len(t, w.rows, 40)
		for id, n := range w.rows {
			require.Equal(t, 1, n, "%s, died at step %d", id, first)
		}
		require.NotEmpty(t, w.dead)
		require.Equal(t, "store", string(w.dead[0].Header(DeadStage)))
		require.Equal(t, "no such column", string(w.dead[0].Header(DeadError)))
	}
}

// Whoever may write to the state's topic could stop a cell for good with one record.
func TestRecordsOfStateThatNobodyWroteAreIgnored(t *testing.T) {
	sum := strings.Repeat("0", 64)
	for name, test := range map[string]struct{ key, value string }{
		"chunks below 0":             {"0/B/end", `{"format":1,"id":1,"offset":9000000000000000000,"chunks":-1}`},
		"more chunks than there are": {"0/B/end", `{"format":1,"id":1,"offset":9000000000000000000,"chunks":131072,"sha256":"` + sum + `"}`},
		"more chunks than can be":    {"0/B/end", `{"format":1,"id":1,"offset":9000000000000000000,"chunks":9000000000000000000,"sha256":"` + sum + `"}`},
		"an offset below 0":          {"0/B/end", `{"format":1,"id":1,"offset":-1,"chunks":1,"sha256":"` + sum + `"}`},
		"a reset of nobody":          {"0/B/end", `{"format":1,"reset":99}`},
		"a reset without a snapshot": {"0/B/end", `{"format":1,"reset":99,"chunks":1,"sha256":"` + sum + `"}`},
		"another format's reset":     {"0/B/end", `{"format":2,"reset":99}`},
		"no JSON":                    {"0/B/end", `{`},
		"over the good end":          {"0/A/end", `{"format":1,"reset":99}`},
		"a chunk far away":           {"0/A/30000000", "x"},
		"a chunk below 0":            {"0/A/-1", "x"},
		"a chunk that is no number":  {"0/A/x", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCellWorld(5)
			_, err := w.run(&crash{left: -1})
			require.NoError(t, err)
			w.state.add(0, Record{Key: []byte(test.key), Value: []byte(test.value)})
			require.NoError(t, CheckCell(t.Context(), 0, 0, &memReader{w.events, 0, 4}, &memReader{w.state, 0, 100}))
			s, err := w.run(&crash{left: -1})
			require.NoError(t, err)
			require.EqualValues(t, 5, w.restored, "the good slot is taken: %v", w.warnings)
			require.NotEmpty(t, w.warnings)
			require.Zero(t, s.reset)
			before := len(w.state.all(0))
			w.add(20)
			_, err = w.run(&crash{left: -1})
			require.NoError(t, err)
			require.Less(t, len(w.state.all(0))-before, 20)
		})
	}
}
