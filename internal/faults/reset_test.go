package faults

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Scenario 14. Retention takes what was not read yet, or a topic is deleted and
// created again. Whoever stands outside the log stops, or says what it has lost,
// in a metric and in the log; nothing is passed over in silence.
func outOfRange(t *testing.T, r *Result, o options) *verdict {
	return inWorld(t, r, o, func(w *world) {
		w.send(w.traffic.burst(80+r.Rand.IntN(40), time.Now(), 10*time.Minute))
		p := w.start(everything())
		if !w.settled(5 * time.Minute) {
			w.v.lost("the process did not catch up")
		}
		p.stop()
		w.ended(p)
		kinds := []func(*world){eventsRetained, eventsRecreated, rawRetained, rawRecreated, alertsRetained}
		kinds[r.Rand.IntN(len(kinds))](w)
		w.r.Events(len(w.traffic.calls))
		r.Faults(1)
	})
}

// stops checks that a process says so when it stops.
func (w *world) stops(p *process, role, text string, err error) {
	w.t.Helper()
	if !errors.Is(err, stream.ErrReset) {
		w.v.lost("%s ended with %v, not because its log is gone", role, err)
	}
	if n, _ := p.metric("lapwing_stage_stopped_total", "stage", role); n == 0 {
		w.v.lost("no metric says that %s stopped", role)
	}
	if !strings.Contains(p.log.String(), text) {
		w.v.lost("the log of %s does not say %q", role, text)
	}
}

// eventsRetained: lapwing.events starts above the position of the state.
func eventsRetained(w *world) {
	more := plan{enrich: true}
	w.send(w.traffic.burst(60, time.Now(), time.Minute))
	p := w.start(more)
	w.within(time.Minute, func() bool { return w.reached(rawTopic, "lapwing-enrich") })
	p.stop()
	ends, err := w.admin.Ends(context.Background(), "lapwing.events")
	w.must(err)
	w.must(w.cluster.DeleteRecords("lapwing.events", 0, ends[0]-5))
	w.cellStops("retention took")
}

// eventsRecreated: lapwing.events ends below the position of the state.
func eventsRecreated(w *world) {
	w.must(w.cluster.DeleteTopic("lapwing.events"))
	pass(time.Second)
	w.must(w.cluster.CreateTopic("lapwing.events", 1, nil))
	w.cellStops("recreated")
}

// cellStops starts detect, which must not go on, and then with leave to.
func (w *world) cellStops(why string) {
	w.t.Helper()
	before := len(w.scan("lapwing.alerts")[0])
	p := w.start(plan{detect: true})
	if !w.within(time.Minute, func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.stopped[0] != nil }) {
		w.v.lost("the cell goes on")
		p.stop()
		return
	}
	w.stops(p, "detect", why, p.stopped[0])
	if p.times("detect") != 0 {
		w.v.lost("detect says that it is ready")
	}
	p.stop()
	if n := len(w.scan("lapwing.alerts")[0]); n != before {
		w.v.twice("a stopped cell raised %d alerts", n-before)
	}
	p = w.start(plan{detect: true, acceptReset: true})
	if !w.within(time.Minute, func() bool { return p.times("detect") > 0 }) {
		w.v.lost("the cell does not go on with leave")
	}
	if !strings.Contains(p.log.String(), "reset accepted") {
		w.v.lost("the log does not say what was given up")
	}
	p.stop()
	w.ended(p)
	if why == "recreated" {
		return // store and sinks would stop as well: their logs are gone, too
	}
	p = w.start(plan{enrich: true, detect: true, alert: true})
	w.live(5 * time.Minute)
	p.stop()
	w.ended(p)
}

// rawRetained: the raw topic starts above enrich's position.
func rawRetained(w *world) {
	calls := w.traffic.burst(60, time.Now(), time.Minute)
	w.send(calls)
	lost := 0.0
	ends, err := w.admin.Ends(context.Background(), rawTopic)
	w.must(err)
	at, err := w.admin.Committed(context.Background(), "lapwing-enrich", rawTopic)
	w.must(err)
	for part := range ends {
		to := at[part] + (ends[part]-at[part])/2
		if to > at[part] {
			w.must(w.cluster.DeleteRecords(rawTopic, int32(part), to))
			lost += float64(to - at[part])
		}
	}
	p := w.start(everything())
	w.live(5 * time.Minute)
	if n, _ := p.metric("lapwing_stage_lost_total", "stage", "enrich"); n != lost {
		w.v.lost("the metric says that %v records are lost, it were %v", n, lost)
	}
	if lost > 0 && !strings.Contains(p.log.String(), "they are lost") {
		w.v.lost("the log does not say that records were lost")
	}
	p.stop()
	w.ended(p)
}

// rawRecreated: the raw topic is another one. Brokers forget the positions in a
// topic that is deleted; then all of the new one is read, though its coordinates
// are those of the old one's events. Where a position is left, or was set by
// hand, beyond the log's end, enrich stops.
func rawRecreated(w *world) {
	w.must(w.cluster.DeleteTopic(rawTopic))
	pass(time.Second)
	w.must(w.cluster.CreateTopic(rawTopic, int32(w.o.partitions), nil))
	if w.r.Rand.IntN(2) == 0 {
		w.setPosition("lapwing-enrich", rawTopic, 0, 1000)
		p := w.start(plan{enrich: true})
		if !w.within(time.Minute, func() bool { return p.failed() != nil }) {
			w.v.lost("enrich goes on with a topic that was recreated")
		}
		w.stops(p, "enrich", "recreated", p.failed())
		p.stop()
		return
	}
	before := len(w.traffic.calls)
	w.send(w.traffic.burst(100, time.Now(), time.Minute))
	p := w.start(everything())
	w.live(5 * time.Minute)
	if !w.settled(5 * time.Minute) {
		w.v.lost("the process did not catch up")
	}
	p.stop()
	w.ended(p)
	seen := make(map[string]int)
	for _, recs := range w.scan("lapwing.events") {
		for i := range recs {
			if !stream.IsControl(&recs[i]) {
				ev := new(schemas.Event)
				w.must(ev.UnmarshalVT(recs[i].Value))
				seen[ev.Attributes["query.n"]]++
			}
		}
	}
	for n := before; n < len(w.traffic.calls); n++ {
		switch seen[strconv.Itoa(n)] {
		case 0:
			w.v.lost("call %d of the new topic is not in lapwing.events", n)
		case 1:
		default:
			w.v.twice("call %d of the new topic is in lapwing.events %d times", n, seen[strconv.Itoa(n)])
		}
	}
}

// setPosition sets a group's position as an operator's tool does, while the
// group has no members.
func (w *world) setPosition(group, topic string, partition int32, offset int64) {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.SetVersion(2)
	req.Group, req.Generation = group, -1
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = topic
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset = partition, offset
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	w.sendRequest(group, req)
}

// alertsRetained: lapwing.alerts starts above a destination's position.
func alertsRetained(w *world) {
	for range 30 {
		c := w.traffic.call(time.Now(), true)
		w.send(w.traffic.records([]issued{c}))
	}
	p := w.start(plan{enrich: true, detect: true})
	w.within(time.Minute, func() bool { return w.reached("lapwing.events", "lapwing-detect") })
	pass(5 * time.Second)
	p.stop()
	ends, err := w.admin.Ends(context.Background(), "lapwing.alerts")
	w.must(err)
	at, err := w.admin.Committed(context.Background(), "lapwing-alert-siem", "lapwing.alerts")
	w.must(err)
	if ends[0]-1 <= at[0] {
		w.v.lost("no alert was raised: %d, %d", ends[0], at[0])
		return
	}
	w.must(w.cluster.DeleteRecords("lapwing.alerts", 0, ends[0]-1))
	p = w.start(everything())
	w.live(5 * time.Minute)
	if n, _ := p.metric("lapwing_stage_lost_total", "stage", "lapwing-alert-siem"); n != float64(ends[0]-1-at[0]) {
		w.v.lost("the metric says that %v alerts are lost, it were %d", n, ends[0]-1-at[0])
	}
	if !strings.Contains(p.log.String(), "they are lost") {
		w.v.lost("the log does not say that alerts were lost")
	}
	p.stop()
	w.ended(p)
}

// reached tells whether a group has read what a topic holds.
func (w *world) reached(topic, group string) bool {
	ends, err := w.admin.Ends(context.Background(), topic)
	w.must(err)
	at, err := w.admin.Committed(context.Background(), group, topic)
	if err != nil {
		return false
	}
	for p := range ends {
		if at[p] < ends[p] && ends[p] > 0 {
			return false
		}
	}
	return true
}
