package faults

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// alertIDs are those of a cell's reference, and whether a text is in any of its
// alerts.
func (w *world) alertIDs(log map[int][]stream.Record) (ids []string, text string) {
	w.t.Helper()
	seen := make(map[string]bool)
	var all strings.Builder
	for cell := range w.o.cells {
		_, alerts, _ := w.detectReference(cell, log[cell], 1<<62)
		for _, s := range alerts {
			var a schemas.Alert
			w.must(json.Unmarshal([]byte(s.value), &a))
			if !seen[a.ID()] {
				seen[a.ID()] = true
				ids = append(ids, a.ID())
			}
			for _, f := range a.Unmapped.Lapwing.Findings {
				all.WriteString(f.Value + " " + f.Observed + " " + f.Sentence + "\n")
			}
			for _, e := range a.FindingInfo.RelatedEvents {
				all.WriteString(e.UID + "\n")
			}
		}
	}
	slices.Sort(ids)
	return ids, all.String()
}

// Scenario 13. The source repeats itself, mixes up the order within its usual
// disorder, and sends calls late, up to 24 h, or early, up to an hour.
func disorderedInput(t *testing.T, r *Result, o options) *verdict {
	o.cells, o.partitions = 1, 1
	return inWorld(t, r, o, func(w *world) {
		start := time.Now()
		const n = 200
		calls := make([]issued, n)
		for i := range calls {
			calls[i] = w.traffic.call(start.Add(-30*time.Minute+time.Duration(i)*8*time.Second), r.Rand.IntN(12) == 0)
		}
		// What an undisturbed source would have led to.
		w.send(singles(calls))
		p := w.start(everything())
		if !w.settled(5 * time.Minute) {
			w.v.lost("the process did not catch up")
		}
		p.stop()
		w.ended(p)
		want, _ := w.alertIDs(w.scan("lapwing.events"))
		w.r.Events(n)
		// The same again in another world, shuffled and repeated.
		w.v.all = append(w.v.all, shuffled(w, calls, want)...)
	})
}

func singles(calls []issued) []stream.Record {
	recs := make([]stream.Record, len(calls))
	for i, c := range calls {
		recs[i] = stream.Record{Value: c.line()}
	}
	return recs
}

// shuffled runs the calls of another world in one of its own, within the same
// bubble: disordered by less than the format's disorder, repeated where they
// have ids.
func shuffled(first *world, calls []issued, want []string) []finding {
	w := newWorld(first.t, first.r, first.o)
	defer w.close()
	r := first.r
	w.traffic.calls = append([]issued(nil), calls...)
	type sent struct {
		c   issued
		key time.Time
	}
	var order []sent
	for _, c := range calls {
		order = append(order, sent{c, c.at.Add(time.Duration(r.Rand.Int64N(int64(9 * time.Second))))})
		for c.n%2 == 0 && r.Rand.IntN(4) == 0 { // it has an id, so it may come again
			order = append(order, sent{c, c.at.Add(time.Duration(r.Rand.Int64N(int64(10 * time.Minute))))})
			r.Faults(1)
		}
	}
	sort.SliceStable(order, func(i, j int) bool { return order[i].key.Before(order[j].key) })
	var recs []stream.Record
	for _, s := range order {
		recs = append(recs, stream.Record{Value: s.c.line()})
	}
	w.send(recs)
	p := w.start(everything())
	if !w.settled(5 * time.Minute) {
		w.v.lost("the process did not catch up")
	}
	got, _ := w.alertIDs(w.scan("lapwing.events"))
	if !slices.Equal(got, want) {
		w.v.lost("disorder within the lateness gave alerts %v, want %v", got, want)
	}
	// Late and early calls: each breach is told of, whenever it happened.
	var late []issued
	for range 10 + r.Rand.IntN(10) {
		// An hour ahead is the most that is believed.
		ago := time.Duration(r.Rand.Int64N(int64(24*time.Hour+55*time.Minute))) - 24*time.Hour
		late = append(late, w.traffic.call(time.Now().Add(ago), true))
		r.Faults(1)
	}
	w.send(singles(late))
	// What joins an open alert is told with the next pane.
	if !w.settled(5 * time.Minute) {
		w.v.lost("the process did not catch up")
	}
	p.stop()
	w.ended(p)
	pass(40 * time.Minute)
	p = w.start(everything())
	w.send(w.traffic.burst(40, time.Now(), 10*time.Minute))
	if !w.settled(5 * time.Minute) {
		w.v.lost("the process did not catch up")
	}
	_, text := w.alertIDs(w.scan("lapwing.events"))
	for _, c := range late {
		if !strings.Contains(text, fmt.Sprintf("area%d", c.n)) {
			w.v.lost("the breach %d, %s off, is in no alert", c.n, time.Until(c.at).Round(time.Second))
		}
	}
	w.finishWith(p)
	w.ended(p)
	return w.v.all
}

// poison are records that no pipeline should swallow, with how many dead letters
// each makes.
func (w *world) poison() map[string][]byte {
	good := w.traffic.calls[0].line()
	future := issued{n: 1 << 20, at: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)}
	past := issued{n: 1 << 20, at: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 10<<20)) // a buffer takes everything
	_ = z.Close()
	size := 9 << 20
	if w.r.Seed%25 == 1 {
		size = 50 << 20
	}
	return map[string][]byte{
		"truncated":         good[:len(good)/2],
		"larger than taken": append([]byte(`{"request":{"uri":"`), bytes.Repeat([]byte("a"), size)...),
		"invalid UTF-8":     []byte("{\"request\":{\"\xff\xfe\":\"\xc3\x28\"},\"started_at\":\"\xff\"}"),
		"a clock of 2099":   future.line(),
		"a clock of 1999":   past.line(),
		"deep nesting":      []byte(strings.Repeat(`{"a":[`, 100_000)),
		"a gzip bomb":       bomb.Bytes(),
		"nothing":           {},
		"NUL":               make([]byte, 1000),
		"another format":    []byte(`{"hello":"world"}`),
		"a number":          []byte("1e999999"),
	}
}

// Scenario 15. Records that cannot be events stand between those that can.
func poisonRecords(t *testing.T, r *Result, o options) *verdict {
	o.partitions = 1 + r.Rand.IntN(2)
	o.settings = map[string]string{"message.max.bytes": "104857600"}
	return inWorld(t, r, o, func(w *world) {
		w.send(w.traffic.burst(50, time.Now(), 10*time.Minute))
		all := w.poison()
		p := w.start(everything())
		for _, name := range sortedKeys(all) {
			if name == "larger than taken" && r.Seed%5 != 1 {
				continue // costs a second each
			}
			w.produceRaw(all[name])
			r.Faults(1)
			w.send(w.traffic.burst(3, time.Now(), time.Minute))
		}
		// One sub-record in the middle of good ones.
		a, b := w.traffic.call(time.Now(), false), w.traffic.call(time.Now(), false)
		w.send([]stream.Record{{Value: fmt.Appendf(nil, "[%s,%s,%s]", a.line(), `{"request":17,"started_at":1}`, b.line())}})
		r.Faults(1)
		w.finishWith(p)
		w.ended(p)
		if dead := len(w.scan("lapwing.deadletter")[0]); dead == 0 {
			w.v.lost("nothing is in the dead letter")
		}
		for _, recs := range w.scan("lapwing.deadletter") {
			for i := range recs {
				if len(recs[i].Header(stream.DeadError)) == 0 || len(recs[i].Header(stream.DeadOffset)) == 0 {
					w.v.lost("a dead letter does not say why or where")
				}
			}
		}
	})
}

// produceRaw writes one record, however large, as a foreign producer may.
func (w *world) produceRaw(value []byte) {
	w.t.Helper()
	w.must(w.admin.ProduceTo(context.Background(), rawTopic, w.r.Rand.IntN(w.o.partitions), []stream.Record{{Value: value}}))
}
