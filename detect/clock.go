package detect

import (
	"math"
	"slices"
	"strings"
)

// maxTopics is how many raw topics a cell tells apart; panes keep one bit for
// each. Further topics share the last clock.
const maxTopics = 64

// maxBehind is how far a topic's time may lie behind its newest watermark: a
// partition that stays further behind is not waited for.
const maxBehind = int64(2 * 3600 * 1e9)

// never is the time of a partition that has not spoken.
const never = math.MinInt64

// clock keeps event time. Each raw partition has a watermark, stated by the
// enricher in band; a topic's time is the minimum over its partitions that are
// not idle, never backwards.
type clock struct {
	topics []topicClock
	last   int // index of the topic looked up last
}

type topicClock struct {
	name   string
	parts  []partitionClock // by id
	time   int64
	newest int64 // newest watermark of a partition that has not ended
	// boundary is the number of the first pane that is not final; unset until
	// the first event.
	boundary int64
	started  bool
	// counts are how many identities were active in each of the last panes, ratios
	// what the whole topic did then against what was expected of it.
	counts [countsKept]uint32
	ratios [countsKept]float32
	// windows are a sample of its identities, by hash: what they did over the last
	// hours.
	windows []windowLoad
	// out says that every partition is idle or has ended: nothing more comes from
	// here, so that nobody waits.
	out bool
}

// countsKept is how many panes' counts of active identities a topic keeps.
const countsKept = 96

type partitionClock struct {
	id        int32
	watermark int64
	idle      bool
	ended     bool
}

// topic is the index of a topic's clock, made when it is first heard of.
func (c *clock) topic(name string) int {
	if c.last < len(c.topics) && c.topics[c.last].name == name {
		return c.last
	}
	for i := range c.topics {
		if c.topics[i].name == name {
			c.last = i
			return i
		}
	}
	if len(c.topics) == maxTopics {
		return maxTopics - 1
	}
	c.topics = append(c.topics, topicClock{name: strings.Clone(name), time: never, newest: never})
	c.last = len(c.topics) - 1
	return c.last
}

func (t *topicClock) part(id int32) *partitionClock {
	for i := range t.parts {
		if t.parts[i].id == id {
			return &t.parts[i]
		}
	}
	i, _ := slices.BinarySearchFunc(t.parts, id, func(p partitionClock, id int32) int { return int(p.id) - int(id) })
	t.parts = slices.Insert(t.parts, i, partitionClock{id: id, watermark: never})
	return &t.parts[i]
}

// announce makes the topic wait for a partition until it speaks.
func (c *clock) announce(topic int, id int32) {
	t := &c.topics[topic]
	t.part(id).idle, t.part(id).ended = false, false
	t.out = false
}

// event moves a partition to the watermark of one of its events. It reports
// whether the topic passed the end of a pane.
func (c *clock) event(topic int, id int32, watermark int64) bool {
	t := &c.topics[topic]
	p := t.part(id)
	if watermark <= p.watermark && !p.idle {
		return false
	}
	p.watermark = max(p.watermark, watermark)
	p.idle, p.ended = false, false
	t.newest = max(t.newest, watermark)
	return t.move()
}

// mark moves a partition to a stated watermark; an idle one holds back nobody.
func (c *clock) mark(topic int, id int32, watermark int64, idle, ended bool) bool {
	t := &c.topics[topic]
	p := t.part(id)
	p.watermark = max(p.watermark, watermark)
	p.idle, p.ended = idle, ended
	if !ended {
		t.newest = max(t.newest, p.watermark)
	}
	return t.move()
}

// move recomputes the topic's time and reports whether a pane ended.
func (t *topicClock) move() bool {
	low, high := int64(math.MaxInt64), int64(never)
	for i := range t.parts {
		if t.parts[i].idle {
			high = max(high, t.parts[i].watermark)
		} else {
			low = min(low, t.parts[i].watermark)
		}
	}
	if t.out = low == math.MaxInt64; t.out { // all idle or ended
		low = high
	}
	if t.newest > never+maxBehind {
		low = max(low, t.newest-maxBehind)
	}
	if low <= t.time || low == never {
		return false
	}
	t.time = low
	if !t.started {
		t.started = true
		t.boundary = never // advance begins with the first pane that has anything
	}
	return paneOf(low) > t.boundary
}

// advance makes final, one by one, the panes that the topic's time has passed:
// the fleet's ratio first, then timers and identities in id order.
//
// What waits for another topic still waits after a pane of this one that had
// nothing to do: only this topic's time goes on here. So the panes up to the next
// work are passed in one step then, too, however far the time leaps.
func (e *Engine) advance(topic int) {
	stuck := false
	for {
		t := &e.clock.topics[topic]
		target := paneOf(t.time)
		if t.boundary >= target {
			return
		}
		if next := e.nextWork(t.boundary, stuck); next > t.boundary {
			// Nothing waits for the panes between: pass them in one step.
			skip := min(next, target)
			t.skip(skip)
			if t.boundary >= target {
				return
			}
		}
		n := t.boundary
		t.boundary++
		stuck = !e.finish(topic, n)
	}
}

func (t *topicClock) skip(to int64) {
	for n := max(t.boundary, to-countsKept); n < to; n++ {
		t.counts[mod(n, countsKept)], t.ratios[mod(n, countsKept)] = 0, 1
	}
	t.boundary = max(t.boundary, to)
}

func mod(a, b int64) int64 { return ((a % b) + b) % b }
