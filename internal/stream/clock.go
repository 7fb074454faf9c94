package stream

import (
	"errors"
	"fmt"
	"time"
)

const (
	// earliest event time that is believed: 2000-01-01T00:00:00Z.
	earliest = int64(946684800) * int64(time.Second)
	// maxFuture beyond the record's own time is no event time at all.
	maxFuture = int64(24 * time.Hour)
	// maxAhead of this process's own clock is the time of no record and no event:
	// what producers say of both is theirs to choose.
	maxAhead = int64(time.Hour)
	// maxLead beyond the record's own time does not move the watermark.
	maxLead = int64(10 * time.Minute)
	// backfillAfter is how far behind its newest event a raw partition counts
	// as being filled with the past.
	backfillAfter = int64(6 * time.Hour)
	// endLead is what an ended partition's last watermark is beyond its newest
	// event, so that every pane of it closes.
	endLead = int64(time.Hour)
)

var errImplausibleTime = errors.New("implausible event time")

// clock is the event time of one raw partition: a function of its records and
// the times at which they were written, of nothing else. Times are Unix
// nanoseconds.
type clock struct {
	newest   int64
	disorder int64
}

// watermark is what no record is expected below; 0 before the first event.
func (c *clock) watermark() int64 {
	if c.newest == 0 {
		return 0
	}
	return c.newest - c.disorder
}

// CheckTime refuses the time of an event that lies before 2000, or more than
// 24 h after its record was written (of records in files, after the start of
// the run). Both are Unix nanoseconds.
func CheckTime(event, written int64) error {
	switch {
	case event < earliest:
		return fmt.Errorf("%w: %s lies before 2000", errImplausibleTime, time.Unix(0, event).UTC().Format(time.RFC3339))
	case event > written+maxFuture:
		return fmt.Errorf("%w: %s is more than 24 h after the record was written or read (%s)", errImplausibleTime,
			time.Unix(0, event).UTC().Format(time.RFC3339), time.Unix(0, written).UTC().Format(time.RFC3339))
	}
	return nil
}

// checkAhead refuses the time of a record or of an event that lies an hour or
// more ahead of now. Once refused or written, the log says what became of the
// event: whoever judges it reads no clock.
func checkAhead(event, written, now int64) error {
	what, t := "event", event
	if written >= now+maxAhead {
		what, t = "record", written
	}
	if t < now+maxAhead {
		return nil
	}
	return fmt.Errorf("%w: the %s's time %s is 1 h or more ahead of now (%s)", errImplausibleTime, what,
		time.Unix(0, t).UTC().Format(time.RFC3339), time.Unix(0, now).UTC().Format(time.RFC3339))
}

// leads reports whether an event is too far ahead to move the watermark.
func (c *clock) leads(event, written int64) bool { return event > written+maxLead }

// observe takes one event's time and says how it stands to those before.
func (c *clock) observe(event, written int64) (late, backfill bool) {
	late = c.newest != 0 && event < c.watermark()
	backfill = c.newest-event > backfillAfter
	if event > c.newest && !c.leads(event, written) {
		c.newest = event
	}
	return late, backfill
}
