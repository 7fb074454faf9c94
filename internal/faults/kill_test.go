package faults

import (
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

func killAtEveryPoint(t *testing.T, r *Result, o options) *verdict {
	o.cells, o.partitions = 1+r.Rand.IntN(2), 1+r.Rand.IntN(3)
	var v *verdict
	inWorld(t, r, o, func(w *world) {
		kills := 3 + r.Rand.IntN(3)
		for range kills {
			w.send(w.traffic.burst(60+r.Rand.IntN(60), time.Now(), 10*time.Minute))
			point, nth := points[r.Rand.IntN(len(points))], 1+r.Rand.IntN(4)
			p := everything()
			p.die = func(at string, visit int) bool { return at == point && visit >= nth }
			proc := w.start(p)
			died := w.within(40*time.Second, func() bool { return proc.wire.isDead() })
			t.Logf("kill at %q, visit %d: %v", point, nth, died)
			proc.kill()
			w.must(proc.failed())
			r.Faults(1)
		}
		v = w.finish()
	})
	return v
}

// finish starts a process that nothing befalls, waits until it works and has
// caught up, stops it and compares the world with the reference.
func (w *world) finish() *verdict {
	w.t.Helper()
	p := w.start(everything())
	w.live(5 * time.Minute)
	settled := w.settled(10 * time.Minute)
	p.stop()
	if err := p.failed(); err != nil || !settled {
		w.t.Logf("log of the last process:\n%s", p.log)
	}
	w.must(p.failed())
	v := w.verify()
	if !settled {
		v.lost("the last process did not catch up")
	}
	return v
}

func TestFaults(t *testing.T) {
	Find(1).Run(t, InProcess, func(t *testing.T, r *Result) {
		killAtEveryPoint(t, r, options{}).fail(t, r)
	})
}

func (v *verdict) fail(t *testing.T, r *Result) {
	t.Helper()
	lost, twice := v.count()
	r.Lost(lost)
	r.Duplicated(twice)
	for i, f := range v.all {
		if i == 10 {
			t.Errorf("and %d more", len(v.all)-i)
			break
		}
		t.Error(f.text)
	}
}
