package faults

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Scenario 1. A process with all roles is killed at a point of its work, three
// to five times, and another takes its place while records keep coming. Over the
// seeds every place where it can die comes in turn.
func killAtEveryPoint(t *testing.T, r *Result, o options) *verdict {
	all := killPlaces()
	places := make([]string, killsEach+r.Rand.IntN(3))
	for i := range places {
		places[i] = all[r.Rand.IntN(len(all))]
		if i < killsEach {
			places[i] = all[(int(r.Seed-1)*killsEach+i)%len(all)] //nolint:gosec // seeds count from 1
		}
	}
	o.cells, o.partitions, o.snapshotEvents = 1+r.Rand.IntN(2), 1+r.Rand.IntN(3), 30+int64(r.Rand.IntN(60))
	if slices.Contains(places, aPart) {
		o.cells, o.partitions = 2, 1
	}
	return inWorld(t, r, o, func(w *world) {
		for _, place := range places {
			w.send(w.traffic.burst(60+r.Rand.IntN(60), time.Now(), 10*time.Minute))
			point, nth := requestAt(place)
			if nth == 0 {
				nth = 1 + r.Rand.IntN(2)
			}
			if point == "enrich" || point == "apply" {
				nth = 1 + r.Rand.IntN(60)
			}
			p := everything()
			p.die = func(at string, visit int) bool { return at == point && visit >= nth }
			before := place == aPart && w.partWritten()
			proc := w.start(p)
			died := w.within(3*session, func() bool { return proc.wire.isDead() })
			w.t.Logf("kill at %q, visit %d: %s", place, nth, map[bool]string{true: "hit", false: "never came, killed in its sleep"}[died])
			proc.kill()
			w.ended(proc)
			r.Faults(1)
			if died && (place != aPart || !before && w.partWritten()) {
				r.Died(place)
			}
		}
		w.finish()
	})
}

// partWritten reports whether lapwing.events lacks a raw record of which a later
// one is there: a write got to some of the cells only.
func (w *world) partWritten() bool {
	w.t.Helper()
	last := make(map[int32]int64)
	count := make(map[int32]int64)
	for _, recs := range w.scan("lapwing.events") {
		for i := range recs {
			if stream.IsControl(&recs[i]) {
				continue
			}
			ev := new(schemas.Event)
			w.must(ev.UnmarshalVT(recs[i].Value))
			last[ev.RawPartition] = max(last[ev.RawPartition], ev.RawOffset+1)
			count[ev.RawPartition]++
		}
	}
	for p, end := range last {
		if count[p] < end {
			return true
		}
	}
	return false
}

// ended checks what a process left behind: no role of it has given up by
// itself, and it met no snapshot that has its end record and is not whole.
func (w *world) ended(p *process) {
	w.t.Helper()
	if err := p.failed(); err != nil {
		w.v.lost("a role ended by itself: %v", err)
	}
	if log := p.log.String(); strings.Contains(log, "snapshot not usable") {
		w.v.lost("a snapshot with its end record is not whole: %s", line(log, "snapshot not usable"))
	}
}

// line is the line of a log that holds a text.
func line(log, text string) string {
	for l := range strings.Lines(log) {
		if strings.Contains(l, text) {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

// finish starts a process that nothing befalls, waits until it works and has
// caught up, stops it and compares the world with the reference.
func (w *world) finish() {
	w.t.Helper()
	p := w.start(everything())
	w.finishWith(p)
	w.ended(p)
}

func (w *world) finishWith(p *process) {
	w.t.Helper()
	w.live(5 * time.Minute)
	settled := w.settled(10 * time.Minute)
	p.stop()
	if !settled {
		w.v.lost("the last process did not catch up")
	}
	w.verify()
	if len(w.v.all) > 0 && testing.Verbose() {
		w.t.Logf("log of the last process:\n%s", p.log)
	}
}
