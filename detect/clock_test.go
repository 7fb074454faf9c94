package detect

import (
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
)

// A pane that waits for another topic made the first go pane by pane: a leap of
// decades took minutes.
func TestALeapInTimeTakesNoStepForEachPane(t *testing.T) {
	e := newEngine(t)
	var out Output
	event := func(topic string, at time.Time) {
		e.Event(&schemas.Event{
			Id: topic + at.String(), IdentityId: "svc:x", RawTopic: topic, Time: at.UnixNano(), Watermark: at.UnixNano(),
			Operation: "s3:GetObject", Outcome: schemas.Outcome_OUTCOME_SUCCESS,
		}, &out)
	}
	event("slow", fleetStart)
	event("quick", fleetStart)
	e.Control(&schemas.Control{Kind: schemas.ControlKind_CONTROL_KIND_WATERMARK, RawTopic: "quick", Watermark: fleetStart.UnixNano()}, &out)
	event("quick", fleetStart.Add(time.Hour))
	later := fleetStart.AddDate(50, 0, 0)
	e.Control(&schemas.Control{Kind: schemas.ControlKind_CONTROL_KIND_WATERMARK, RawTopic: "quick", Watermark: later.UnixNano()}, &out)
	quick := &e.clock.topics[e.clock.topic("quick")]
	assert.Equal(t, paneOf(later.UnixNano()), quick.boundary)
	assert.Positive(t, e.panes.open, "what waits for the slow topic still waits")
	assert.Less(t, e.stats.Finished, uint64(50))
	e.Control(&schemas.Control{Kind: schemas.ControlKind_CONTROL_KIND_WATERMARK, RawTopic: "slow", Watermark: later.UnixNano()}, &out)
	assert.Zero(t, e.panes.open)
	assert.Less(t, e.stats.Finished, uint64(100))
}
