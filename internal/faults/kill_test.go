package faults

import (
	"strings"
	"testing"
	"time"
)

// points are all places where a process can die, before and after each effect.
var points = []string{
	"fetch raw, before", "fetch raw, after", "enrich",
	"take over, before", "take over, after", "fence events, before", "fence events, after",
	"produce events, before", "produce events, after",
	"fetch events, before", "fetch events, after", "apply",
	"produce alerts, before", "produce alerts, after",
	"fence state, before", "fence state, after", "fetch state, before", "fetch state, after",
	"snapshot chunk, before", "snapshot chunk, after", "snapshot end, before", "snapshot end, after",
	"commit enrich, before", "commit enrich, after", "commit detect, before", "commit detect, after",
	"commit store, before", "commit store, after", "insert, before", "insert, after",
	"fetch alerts, before", "fetch alerts, after",
	"deliver siem, before", "deliver siem, after", "deliver pager, before", "deliver pager, after",
	"deliver clickhouse, before", "deliver clickhouse, after",
	"produce alert-state, before", "produce alert-state, after",
	"commit alert-siem, before", "commit alert-siem, after", "commit alert-pager, after", "commit alert-clickhouse, after",
	"join, before", "join, after",
}

// Scenario 1. A process with all roles is killed at a point of its work, three
// to five times, and another takes its place while records keep coming.
func killAtEveryPoint(t *testing.T, r *Result, o options) *verdict {
	o.cells, o.partitions, o.snapshotEvents = 1+r.Rand.IntN(2), 1+r.Rand.IntN(3), 30+int64(r.Rand.IntN(60))
	return inWorld(t, r, o, func(w *world) {
		for range 3 + r.Rand.IntN(3) {
			w.send(w.traffic.burst(60+r.Rand.IntN(60), time.Now(), 10*time.Minute))
			point, nth := points[r.Rand.IntN(len(points))], 1+r.Rand.IntN(2)
			if point == "enrich" || point == "apply" {
				nth = 1 + r.Rand.IntN(60)
			}
			p := everything()
			p.die = func(at string, visit int) bool { return at == point && visit >= nth }
			proc := w.start(p)
			died := w.within(3*session, func() bool { return proc.wire.isDead() })
			w.t.Logf("kill at %q, visit %d: %s", point, nth, map[bool]string{true: "hit", false: "never came, killed in its sleep"}[died])
			proc.kill()
			w.ended(proc)
			r.Faults(1)
		}
		w.finish()
	})
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
