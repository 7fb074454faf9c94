package stream

import (
	"fmt"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// pass lets an event of time t through the gates, waiting if need be. What is
// held is written first: others wait for it.
func (r *Raw) pass(t int64) bool {
	for {
		var changed <-chan struct{}
		ok := true
		for _, m := range r.gates {
			if pass, wait := m.Try(t); !pass {
				ok, changed = false, wait
				break
			}
		}
		if ok {
			r.span(t)
			return true
		}
		r.submit(false)
		// Whoever waits at one gate stands at t for all of them: the others
		// would wait for it at the next gate, and it for them here.
		for _, m := range r.gates {
			m.Moved(t)
		}
		select {
		case <-changed:
		case <-r.cfg.Ticker.Chan():
			r.tick()
		case <-r.failed:
			return false
		case <-r.ctx.Done():
			return false
		}
	}
}

// span keeps what is written together within half of what the gates allow, so
// that batches do not undo in the log what the gates keep together.
func (r *Raw) span(t int64) {
	limit := int64(0)
	if g := r.cfg.TopicGate; g != nil {
		limit = g.limit / 2
	}
	if g := r.cfg.AllGate; g != nil && (limit == 0 || g.limit/2 < limit) {
		limit = g.limit / 2
	}
	if limit == 0 {
		return
	}
	if r.spanFrom == 0 {
		r.spanFrom = t
	}
	if t-r.spanFrom > limit {
		r.submit(true)
		r.spanFrom = t
	}
}

// idleRepeat is how often an idle partition's time is written again: it says
// nothing new, and only keeps the brokers from forgetting the producer. With a
// topic for every format most partitions are idle.
const idleRepeat = time.Minute

// tick writes the partition's time to every cell.
func (r *Raw) tick() {
	now := r.cfg.Now()
	if r.idle && now.Sub(r.told) < idleRepeat {
		return
	}
	if !r.idle && r.caughtUp && now.Sub(r.lastInput) >= r.cfg.IdleAfter {
		r.idle = true
		r.standing()
	}
	if r.idle {
		r.told = now
	}
	r.control(&schemas.Control{
		Kind: schemas.ControlKind_CONTROL_KIND_WATERMARK, RawTopic: r.cfg.Topic,
		RawPartition: int32(r.cfg.Partition), Watermark: r.mark(), Idle: r.idle || r.ended, //nolint:gosec // Kafka's partitions are int32
	})
}

// mark is the watermark, which passes the newest event once the partition has
// ended.
func (r *Raw) mark() int64 {
	if r.ended && r.clock.newest != 0 {
		return r.clock.newest + endLead
	}
	return r.clock.watermark()
}

func (r *Raw) endOfPartition() {
	r.ended = true
	r.control(&schemas.Control{
		Kind: schemas.ControlKind_CONTROL_KIND_END, RawTopic: r.cfg.Topic,
		RawPartition: int32(r.cfg.Partition), Watermark: r.mark(), //nolint:gosec // Kafka's partitions are int32
	})
	r.submit(false)
	r.standing()
}

// standing tells the gates whether others have to wait for this partition. One
// that has no backlog holds back nobody of its topic: it would delay them until
// it is idle. What is held together on purpose, a replay, waits for it.
func (r *Raw) standing() {
	out := r.idle || r.ended
	r.gates[0].Out(out || r.caughtUp)
	r.gates[1].Out(out)
}

func (r *Raw) control(c *schemas.Control) {
	for i := range r.cur.cells {
		if err := r.cur.cells[i].AddControl(c); err != nil {
			r.fail(fmt.Errorf("encode a control record: %w", err))
			return
		}
	}
}
