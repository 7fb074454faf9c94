package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// story is the lives of alerts as detect would write them: each opens with a
// page, grows, and most of them close.
type story struct {
	versions []schemas.Alert
	closed   map[string]bool
}

func newStory(w *world, alerts int) *story {
	s := &story{closed: map[string]bool{}}
	type life struct {
		id, identity string
		version      int
		last         int
	}
	var alive []*life
	for i := range alerts {
		l := &life{id: fmt.Sprintf("alert-%d-%d", w.r.Seed, i), identity: fmt.Sprintf("kong:consumer/partner-%d", w.r.Rand.IntN(identities)), last: 2 + w.r.Rand.IntN(4)}
		alive = append(alive, l)
	}
	for len(alive) > 0 {
		k := w.r.Rand.IntN(min(len(alive), 6))
		l := alive[k]
		l.version++
		a := schemas.Alert{ActivityID: schemas.ActivityUpdate, SeverityID: schemas.SeverityHigh, Time: time.Now().UnixMilli(), Message: fmt.Sprintf("version %d", l.version)}
		a.FindingInfo.UID, a.FindingInfo.Title, a.FindingInfo.FirstSeenTime = l.id, "a breach", time.Now().UnixMilli()
		a.FindingInfo.Analytic.UID = "scope-policy"
		a.Actor.User.UID = l.identity
		a.Unmapped.Lapwing.Version, a.Unmapped.Lapwing.Paged = l.version, true
		switch {
		case l.version == 1:
			a.ActivityID, a.Unmapped.Lapwing.Page = 1, true
		case l.version == l.last && w.r.Rand.IntN(4) != 0:
			a.ActivityID = schemas.ActivityClose
			s.closed[l.id] = true
		}
		s.versions = append(s.versions, a)
		if l.version == l.last {
			alive = append(alive[:k], alive[k+1:]...)
		}
	}
	return s
}

// tell writes versions to lapwing.alerts.
func (w *world) tell(versions []schemas.Alert) {
	w.t.Helper()
	byPart := make(map[int][]stream.Record)
	for i := range versions {
		b, err := json.Marshal(&versions[i])
		w.must(err)
		part := stream.Murmur2Partition(versions[i].Actor.User.UID, w.o.cells)
		byPart[part] = append(byPart[part], stream.Record{Key: []byte(versions[i].Actor.User.UID), Value: b})
	}
	for part, recs := range byPart {
		w.must(w.admin.ProduceTo(context.Background(), "lapwing.alerts", part, recs))
	}
}

// delivered waits until every destination has taken all of lapwing.alerts.
func (w *world) delivered(limit time.Duration, destinations ...string) bool {
	ends, err := w.admin.Ends(context.Background(), "lapwing.alerts")
	w.must(err)
	for _, d := range destinations {
		if !w.within(limit, func() bool {
			at, err := w.admin.Committed(context.Background(), "lapwing-alert-"+d, "lapwing.alerts")
			if err != nil {
				return false
			}
			for p := range ends {
				if at[p] < ends[p] && ends[p] > 0 {
					return false
				}
			}
			return true
		}) {
			w.v.lost("%s did not catch up", d)
			return false
		}
	}
	return true
}

// all are the destinations of every world.
var all = []string{"siem", "pager", "manager", "clickhouse"}

// Scenario 10. One destination of four fails for two hours. The others do not
// notice; it catches up in order, and its lag showed.
func oneDestinationFails(t *testing.T, r *Result, o options) *verdict {
	o.cells, o.heartbeat = 1+r.Rand.IntN(2), session/10
	return inWorld(t, r, o, func(w *world) {
		bad := []string{"siem", "pager", "manager"}[r.Rand.IntN(3)]
		var others []string
		for _, d := range all {
			if d != bad {
				others = append(others, d)
			}
		}
		p := w.start(plan{alert: true})
		s := newStory(w, 12+r.Rand.IntN(20))
		half := len(s.versions) / 2
		w.tell(s.versions[:half/2])
		w.delivered(time.Minute, all...)
		w.receivers[bad].setDown(true)
		r.Faults(1)
		w.tell(s.versions[half/2 : half])
		if w.delivered(10*time.Second, others...) {
			w.t.Logf("%s is down, %v have all", bad, others)
		}
		pass(2 * time.Hour)
		if lag, _ := p.metric("lapwing_stage_lag_records", "stage", "lapwing-alert-"+bad); lag == 0 {
			w.v.lost("the lag of %s, which is down, says 0", bad)
		}
		w.tell(s.versions[half:])
		w.delivered(10*time.Second, others...)
		w.receivers[bad].setDown(false)
		began := time.Now()
		w.delivered(5*time.Minute, bad)
		r.Recovered(time.Since(began))
		r.Events(len(s.versions))
		p.stop()
		w.ended(p)
		w.verifyDestinations(w.v)
		for _, d := range all {
			if d != "clickhouse" && d != "manager" {
				w.onceEach(d)
			}
		}
	})
}

// onceEach wants no version twice at a receiver of a process that never died.
func (w *world) onceEach(name string) {
	seen := make(map[message]bool)
	for _, m := range w.receivers[name].messages() {
		if seen[m] {
			w.v.twice("%s got %s twice", name, m)
		}
		seen[m] = true
	}
}

// Scenario 11. The pager is down for longer than alerts last: their closing is
// there before their page was delivered. And whatever repeats afterwards, a
// crash, a replay of the log, opens nothing that is over.
func receiverDown(t *testing.T, r *Result, o options) *verdict {
	o.cells, o.heartbeat = 1+r.Rand.IntN(2), session/10
	return inWorld(t, r, o, func(w *world) {
		w.receivers["pager"].setDown(true)
		w.receivers["manager"].setDown(true)
		r.Faults(1)
		s := newStory(w, 10+r.Rand.IntN(20))
		p := w.start(plan{alert: true})
		for part := 0; part < len(s.versions); part += 20 {
			w.tell(s.versions[part:min(part+20, len(s.versions))])
			pass(10 * time.Minute)
		}
		if n := len(w.receivers["pager"].messages()); n != 0 {
			w.v.twice("%d messages came while the pager was down", n)
		}
		// The process may die while it catches up.
		point, nth := []string{"deliver pager, after", "produce alert-state, before", "produce alert-state, after", "deliver pager, before", "commit alert-pager, before"}[r.Rand.IntN(5)], 1+r.Rand.IntN(6)
		p.wire.mu.Lock()
		for k := range p.wire.visits {
			delete(p.wire.visits, k)
		}
		p.wire.die = func(at string, visit int) bool { return at == point && visit >= nth }
		p.wire.mu.Unlock()
		w.receivers["pager"].setDown(false)
		w.receivers["manager"].setDown(false)
		began := time.Now()
		w.within(2*time.Minute, func() bool { return p.wire.isDead() })
		w.t.Logf("kill at %q, visit %d: %v", point, nth, p.wire.isDead())
		p.kill()
		w.ended(p)
		r.Faults(1)
		p = w.start(plan{alert: true})
		w.delivered(5*time.Minute, all...)
		r.Recovered(time.Since(began))
		// Detect was restored from an older snapshot: it says all of it again.
		w.tell(s.versions)
		w.delivered(5*time.Minute, all...)
		pass(5 * time.Minute)
		r.Events(len(s.versions))
		p.stop()
		w.ended(p)
		w.verifyDestinations(w.v)
	})
}

// Scenario 12. Processes with the alert role are killed and take over from each
// other while alerts open and close, and the alert manager forgets them all.
func alertRoleKilled(t *testing.T, r *Result, o options) *verdict {
	o.cells = 1 + r.Rand.IntN(3)
	return inWorld(t, r, o, func(w *world) {
		s := newStory(w, 20+r.Rand.IntN(20))
		kills := []string{"deliver siem, after", "deliver pager, before", "deliver pager, after", "deliver manager, after", "deliver clickhouse, after",
			"produce alert-state, before", "produce alert-state, after", "commit alert-manager, before", "commit alert-pager, after", "fetch alerts, after"}
		running := []*process{w.start(plan{alert: true})}
		at := 0
		for range 3 + r.Rand.IntN(3) {
			point, nth := kills[r.Rand.IntN(len(kills))], 1+r.Rand.IntN(5)
			p := plan{alert: true}
			p.die = func(a string, visit int) bool { return a == point && visit >= nth }
			running = append(running, w.start(p))
			n := len(s.versions) / 6
			w.tell(s.versions[at : at+n])
			at += n
			pass(time.Duration(20+r.Rand.IntN(40)) * time.Second)
			// The older one leaves, with a word or without.
			if r.Rand.IntN(2) == 0 {
				running[0].kill()
			} else {
				running[0].stop()
			}
			w.ended(running[0])
			running = running[1:]
			r.Faults(1)
		}
		last := w.start(plan{alert: true})
		w.tell(s.versions[at:])
		pass(3 * session)
		for _, p := range running {
			p.kill()
			w.ended(p)
			r.Faults(1)
		}
		began := time.Now()
		w.delivered(5*time.Minute, all...)
		r.Recovered(time.Since(began))
		w.receivers["manager"].forget()
		r.Faults(1)
		pass(3 * time.Minute)
		w.verifyManager()
		r.Events(len(s.versions))
		last.stop()
		w.ended(last)
		w.verifyDestinations(w.v)
	})
}

// verifyManager wants exactly the open alerts at the alert manager, which has
// forgotten everything some minutes ago.
func (w *world) verifyManager() {
	w.t.Helper()
	closed := make(map[string]bool)
	open := make(map[string]bool)
	for _, recs := range w.scan("lapwing.alerts") {
		for i := range recs {
			var a schemas.Alert
			w.must(json.Unmarshal(recs[i].Value, &a))
			open[a.ID()] = open[a.ID()] || a.Unmapped.Lapwing.Page
			closed[a.ID()] = closed[a.ID()] || a.ActivityID == schemas.ActivityClose
		}
	}
	m := w.receivers["manager"]
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range open {
		active := m.until[id].After(time.Now())
		switch {
		case !closed[id] && !active:
			w.v.lost("the alert manager does not know of %s, which is open", id)
		case closed[id] && active:
			w.v.twice("the alert manager shows %s, which has closed", id)
		}
	}
}
