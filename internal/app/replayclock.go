package app

import (
	"math"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/schemas"
)

// replayClock tells an engine the time of raw topics of which the events come in
// the order of their times. A live enricher says of a topic from which nothing
// comes that nobody has to wait for it; here it is known without a wait: what has
// not come by now is not before now. Without it a format of which the first
// record is late, or the next one days away, would hold back everybody's panes.
type replayClock struct {
	engine *detect.Engine
	topics []replayTopic
	byName map[string]int
	pane   int64
}

type replayTopic struct {
	name     string
	disorder int64 // how far its watermark trails its newest event
	newest   int64 // time of that event
	idle     bool
}

// newReplayClock announces the topics, all of them idle.
func newReplayClock(engine *detect.Engine, topics []string, disorder func(format string) int64, out *detect.Output) *replayClock {
	c := &replayClock{engine: engine, byName: make(map[string]int, len(topics)), pane: math.MinInt64}
	for i, name := range topics {
		c.topics = append(c.topics, replayTopic{name: name, disorder: disorder(name), idle: true})
		c.byName[name] = i
		engine.Control(&schemas.Control{Kind: schemas.ControlKind_CONTROL_KIND_FENCE, RawTopic: name}, out)
		engine.Control(&schemas.Control{Kind: schemas.ControlKind_CONTROL_KIND_WATERMARK, RawTopic: name, Watermark: math.MinInt64, Idle: true}, out)
	}
	return c
}

// pass moves time on to that of the next event. What it ends is in out.
func (c *replayClock) pass(to int64, out *detect.Output) {
	n := to / detect.PaneLength
	if n <= c.pane {
		return
	}
	c.pane = n
	for i := range c.topics {
		t := &c.topics[i]
		if t.idle || to-t.newest <= t.disorder+detect.PaneLength {
			continue
		}
		t.idle = true
		c.engine.Control(&schemas.Control{
			Kind: schemas.ControlKind_CONTROL_KIND_WATERMARK, RawTopic: t.name, Watermark: t.newest - t.disorder, Idle: true,
		}, out)
	}
}

// event gives an event to the engine with its topic's watermark at its time.
func (c *replayClock) event(ev *schemas.Event, at int64, out *detect.Output) {
	t := &c.topics[c.byName[ev.RawTopic]]
	t.newest, t.idle = max(t.newest, at), false
	ev.Watermark = t.newest - t.disorder
	c.engine.Event(ev, out)
}

// end ends all topics: time moves on, so that every pane closes.
func (c *replayClock) end(out *detect.Output) {
	for i := range c.topics {
		t := &c.topics[i]
		c.engine.Control(&schemas.Control{
			Kind: schemas.ControlKind_CONTROL_KIND_END, RawTopic: t.name, Watermark: t.newest + int64(endLead),
		}, out)
	}
}
