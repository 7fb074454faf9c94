package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// recorder is a sink that keeps "id.version" of what it took. fail, when set,
// decides each attempt's result.
type recorder struct {
	got  []string
	fail func(key string) error
}

func (r *recorder) Write(_ context.Context, batch []schemas.Alert) []error {
	return inOrder(batch, func(a *schemas.Alert) error {
		key := a.ID() + "." + strconv.Itoa(a.Version())
		if r.fail != nil {
			if err := r.fail(key); err != nil {
				return err
			}
		}
		r.got = append(r.got, key)
		return nil
	})
}

func (r *recorder) Close() error { return nil }

// memory is a Memory that outlives a Delivery.
type memory map[string]int

func (m memory) Delivered(id string) int { return m[id] }
func (m memory) Remember(_ context.Context, v map[string]int) error {
	for id, n := range v {
		m[id] = n
	}
	return nil
}

func records(t interface {
	Fatal(...any)
	Helper()
}, alerts ...schemas.Alert,
) []stream.Record {
	t.Helper()
	var recs []stream.Record
	for i := range alerts {
		b, err := json.Marshal(&alerts[i])
		if err != nil {
			t.Fatal(err)
		}
		recs = append(recs, stream.Record{Topic: "lapwing.alerts", Offset: int64(i), Value: b})
	}
	return recs
}

func delivery(s Sink, m Memory) *Delivery {
	return &Delivery{
		Name: "test", Sink: s, Memory: m, MinSeverity: schemas.SeverityInfo, Log: zerolog.Nop(),
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

func TestEachVersionIsDeliveredOnceAndInOrder(t *testing.T) {
	rec, mem := &recorder{}, memory{}
	recs := records(t, alert("a", 1), alert("b", 1), alert("a", 2), alert("a", 1))
	require.NoError(t, delivery(rec, mem).Handle(t.Context(), recs))
	require.Equal(t, []string{"a.1", "b.1", "a.2"}, rec.got)
	require.NoError(t, delivery(rec, mem).Handle(t.Context(), recs), "a replay after a crash")
	require.Equal(t, []string{"a.1", "b.1", "a.2"}, rec.got)
}

func TestADestinationThatIsDownIsWaitedForInOrder(t *testing.T) {
	down := 5
	rec := &recorder{fail: func(key string) error {
		if key == "b.1" && down > 0 {
			down--
			return errors.New("connection refused")
		}
		return nil
	}}
	require.NoError(t, delivery(rec, memory{}).Handle(t.Context(), records(t, alert("a", 1), alert("b", 1), alert("c", 1), alert("b", 2))))
	require.Equal(t, []string{"a.1", "b.1", "c.1", "b.2"}, rec.got)
	require.Zero(t, down)
}

func TestWaitingEndsWithTheContextAndForgetsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	rec, mem := &recorder{fail: func(key string) error {
		if key == "b.1" {
			cancel()
			return errors.New("down")
		}
		return nil
	}}, memory{}
	recs := records(t, alert("a", 1), alert("b", 1))
	require.ErrorIs(t, delivery(rec, mem).Handle(ctx, recs), context.Canceled)
	rec.fail = nil
	require.NoError(t, delivery(rec, mem).Handle(t.Context(), recs))
	require.Equal(t, []string{"a.1", "b.1"}, rec.got)
}

func TestWhatIsRefusedForGoodGoesToTheDeadLetterAndHoldsUpNothing(t *testing.T) {
	rec := &recorder{fail: func(key string) error {
		if key == "a.1" {
			return stream.Permanent(errors.New("too large"))
		}
		return nil
	}}
	d := delivery(rec, memory{})
	var dead []string
	d.Dead = func(_ context.Context, r stream.Record, reason error) error {
		dead = append(dead, strconv.FormatInt(r.Offset, 10)+": "+reason.Error())
		return nil
	}
	recs := append(records(t, alert("a", 1), alert("b", 1)), stream.Record{Offset: 2, Value: []byte("{nonsense")}, stream.Record{Offset: 3, Value: []byte("{}")})
	require.NoError(t, d.Handle(t.Context(), recs))
	require.Equal(t, []string{"b.1"}, rec.got)
	require.Len(t, dead, 3)
	require.Contains(t, dead[0], "2: not an alert")
	require.Contains(t, dead[1], "3: not an alert: no alert id or version")
	require.Equal(t, "0: destination test refused alert a version 1: too large", dead[2])

	rec.fail = nil
	require.NoError(t, d.Handle(t.Context(), recs[:1]), "replayed after the destination was mended")
	require.Equal(t, []string{"b.1", "a.1"}, rec.got)
}

func TestFilters(t *testing.T) {
	low := alert("low", 1)
	low.SeverityID = schemas.SeverityLow
	quiet := alert("quiet", 2)
	quiet.Unmapped.Lapwing.Page = false
	report := closing("report", 3)
	report.Unmapped.Lapwing.Way, report.Unmapped.Lapwing.Paged = "report", false
	woke := closing("woke", 2)
	woke.Unmapped.Lapwing.Way = "report"
	silent := closing("silent", 2)
	silent.Unmapped.Lapwing.Paged = false
	member := folded("member", 1)
	member.Unmapped.Lapwing.Paged = false
	all := []schemas.Alert{low, quiet, report, alert("page", 1), closing("page", 2), folded("paged", 2), member, woke, silent}
	for _, c := range []struct {
		name   string
		onCall bool
		min    int
		want   []string
	}{
		{"a SIEM gets every version", false, schemas.SeverityInfo, []string{"low.1", "quiet.2", "report.3", "page.1", "page.2", "paged.2", "member.1", "woke.2", "silent.2"}},
		{"a severity bound drops what is below", false, schemas.SeverityHigh, []string{"quiet.2", "report.3", "page.1", "page.2", "paged.2", "member.1", "woke.2", "silent.2"}},
		{"on-call gets pages, the closings of what paged, were it a report, and what an incident took over", true, schemas.SeverityInfo, []string{"low.1", "page.1", "page.2", "paged.2", "woke.2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := &recorder{}
			d := delivery(rec, memory{})
			d.OnCall, d.MinSeverity = c.onCall, c.min
			require.NoError(t, d.Handle(t.Context(), records(t, all...)))
			require.Equal(t, c.want, rec.got)
		})
	}
}

// Whatever fails and wherever the process dies, each version arrives at a
// destination that takes ids, in order for each alert, and only a crash
// between delivery and memory repeats one.
func TestDeliverySurvivesFailuresAndCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var alerts []schemas.Alert
		versions := map[string]int{}
		for _, id := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 20).Draw(t, "ids") {
			versions[id]++
			alerts = append(alerts, alert(id, versions[id]))
		}
		recs := records(t, alerts...)
		rec, mem := &recorder{}, memory{}
		crashes := rapid.IntRange(0, 5).Draw(t, "crashes")
		rec.fail = func(string) error {
			if rapid.IntRange(0, 3).Draw(t, "fails") == 0 {
				return errors.New("flaky")
			}
			return nil
		}
		for {
			ctx, cancel := context.WithCancel(context.Background())
			d := delivery(rec, mem)
			d.Sleep = func(ctx context.Context, _ time.Duration) error {
				if crashes > 0 {
					crashes--
					cancel()
				}
				return ctx.Err()
			}
			err := d.Handle(ctx, recs)
			cancel()
			if err == nil {
				break
			}
		}
		last := map[string]string{}
		count := map[string]int{}
		for _, key := range rec.got {
			id := key[:1]
			if key <= last[id] && len(key) == len(last[id]) {
				t.Fatalf("%s after %s", key, last[id])
			}
			last[id] = key
			count[id]++
		}
		for id, n := range versions {
			if count[id] != n {
				t.Fatalf("%d versions of %s delivered, want %d: %v", count[id], id, n, rec.got)
			}
		}
	})
}
