package faults

import (
	"errors"
	"testing"
	"time"
)

// inserting are the points of a planned batch.
var inserting = around("plan store", "insert", "commit store")

// Scenario 8. ClickHouse dies before it has stored an insert, or after that and
// before it has said so; now and then the storing process dies with it.
func clickHouseDies(t *testing.T, r *Result, o options) *verdict {
	o.cells = 1 + r.Rand.IntN(2)
	return inWorld(t, r, o, func(w *world) {
		failures := 0
		w.warehouse.fail = func() (before, after error) {
			if failures >= 60 || r.Rand.IntN(2) == 0 {
				return nil, nil
			}
			failures++
			if r.Rand.IntN(2) == 0 {
				return errors.New("connection reset by peer"), nil
			}
			return nil, errors.New("read: connection reset by peer")
		}
		for range 2 + r.Rand.IntN(3) {
			w.send(w.traffic.burst(60+r.Rand.IntN(80), time.Now(), 10*time.Minute))
			point, nth := inserting[r.Rand.IntN(len(inserting))], 1+r.Rand.IntN(4)
			p := everything()
			p.maxRows = 40 + r.Rand.IntN(40) // a planned batch keeps its bounds all the same
			p.die = func(at string, visit int) bool { return at == point && visit >= nth }
			proc := w.start(p)
			if w.within(3*session, func() bool { return proc.wire.isDead() }) {
				r.Died(point)
			}
			proc.kill()
			w.ended(proc)
			r.Faults(1)
		}
		w.finish()
		r.Faults(failures)
		if failures == 0 {
			w.t.Error("no insert failed")
		}
	})
}

// metric reads a gauge or counter of a process, summed over its series with the
// label value wanted.
func (p *process) metric(name, label, value string) (sum float64, found bool) {
	families, err := p.reg.Gather()
	if err != nil {
		return 0, false
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			match := false
			for _, l := range m.GetLabel() {
				match = match || l.GetName() == label && l.GetValue() == value
			}
			if match {
				found = true
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum, found
}

// Scenario 9. ClickHouse is down for an hour while records flow: the store stops
// reading once it holds a batch, and its lag shows. Then it drains, and a
// back-fill of a year arrives.
func clickHouseDown(t *testing.T, r *Result, o options) *verdict {
	o.heartbeat = session / 10
	return inWorld(t, r, o, func(w *world) {
		flow := w.start(plan{enrich: true, detect: true})
		store := w.start(plan{store: true})
		w.send(w.traffic.burst(50, time.Now(), time.Minute))
		if !w.within(time.Minute, func() bool { return w.warehouse.count() == 50 }) {
			w.v.lost("the store never began")
		}
		w.warehouse.setDown(true)
		r.Faults(1)
		fetched := 0
		for minute := range 60 {
			w.send(w.traffic.burst(10+r.Rand.IntN(30), time.Now(), time.Minute))
			pass(time.Minute)
			if minute == 20 {
				fetched = store.wire.count("fetch events, before")
			}
		}
		if n := store.wire.count("fetch events, before"); n > fetched+1 {
			w.v.lost("the store went on reading while ClickHouse was down: %d fetches, then %d", fetched, n)
		}
		waiting := len(w.traffic.calls) - 50
		if lag, _ := store.metric("lapwing_stage_lag_records", "stage", "store"); lag < float64(waiting) {
			w.v.lost("%d events wait for ClickHouse, the lag says %v", waiting, lag)
		}
		w.warehouse.setDown(false)
		began := time.Now()
		if !w.within(5*time.Minute, func() bool { return w.warehouse.count() == len(w.traffic.calls) }) {
			w.v.lost("of %d events %d are in ClickHouse", len(w.traffic.calls), w.warehouse.count())
		}
		r.Recovered(time.Since(began))
		w.send(w.backfill(200, 365))
		if !w.within(5*time.Minute, func() bool { return w.warehouse.count() == len(w.traffic.calls) }) {
			w.v.lost("of %d events %d are in ClickHouse after the back-fill", len(w.traffic.calls), w.warehouse.count())
		}
		for _, p := range []*process{store, flow} {
			p.stop()
			w.ended(p)
		}
		w.finish()
	})
}

func (w *wire) count(point string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.visits[point]
}
