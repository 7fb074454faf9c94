package detect

import (
	"time"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

// State is what a profile knows of a value.
type State uint8

// The states of a value. The zero value means that the event has no such value.
const (
	Absent      State = iota
	Unseen            // never seen, or forgotten
	Quarantined       // seen, but not yet part of the baseline
	Known             // part of the baseline
)

// Sight is what the profile knew of one value of this event before the event.
type Sight struct {
	State State
	// Weight is log2 of the days on which the value was seen, 0..15.
	Weight uint8
	// Day is the day (Unix days) on which it was last seen; 0 when Unseen.
	Day  uint16
	hash uint32
}

// Call is one event as detectors see it: the event, what it can do, and what
// the profile knew of each of its values before it. It is valid during Observe
// only, as are the strings of Event: strings.Clone what you keep (fields of a
// Finding are cloned by the engine).
type Call struct {
	Event *schemas.Event
	// Time is the event time, Unix nanoseconds; Day the same in Unix days.
	Time int64
	Day  uint16
	// Can is what the call can do.
	Can capability.Capability
	// NewCapabilities are those of Can.Set never used before; HeldCapabilities
	// those used before but still in quarantine.
	NewCapabilities, HeldCapabilities capability.Set
	// Success, Denied and Failed tell the outcomes apart; all false when the
	// source does not say.
	Success, Denied, Failed bool
	// First is the identity's first call ever (or since it was evicted).
	First bool
	// Gap is the time since the identity's newest earlier call; 0 on First and
	// for a call that is not newer.
	Gap time.Duration
	// Late and Backfill are as in the event: no rates are drawn from them.
	Late, Backfill bool

	e        *Engine
	sights   [dimensions]Sight
	present  uint64 // dimensions that the engine looked up, one bit each
	settled  uint64 // of those, the ones whose slots learning leaves as they are
	table    []slot // of the profile, until the event is learned
	fired    Trigger
	extra    []extraSight
	tally    [tallies]uint16
	fresh    int // values new after learning
	topic    uint8
	stage    uint8 // stage of an intrusion, one bit; 0 when the call is no step
	budget   uint8 // as a pane's
	outsized uint8 // how far its response exceeds its endpoint's largest
	pane     int64 // number of the pane that Time falls into
	hour     int64 // version of the frozen tables that serves it

	issuedFor context // what its credential was issued for, as far as it tells

	settledBits capability.Set // as settled, of the classes of Can.Set
}

type extraSight struct {
	dim    Dimension
	sight  Sight
	shared bool // counts for adoption, though its dimension does not
}

// Sight is what the profile knew of this event's value in d.
func (c *Call) Sight(d Dimension) Sight { return c.sights[d] }

// New reports whether this event's value in d is outside the baseline and has
// not been seen before. It says nothing about whether d has been learned: ask
// Profile.Learned.
func (c *Call) New(d Dimension) bool { return c.sights[d].State == Unseen }

// See looks up one more value of this event in d, and has the engine learn it
// once every detector has observed the event. Join several parts of a value by
// a zero byte. Use it for the dimensions that the engine does not fill.
func (c *Call) See(p *Profile, d Dimension, value string) Sight {
	h := hashValue(d, value)
	for i := range c.extra {
		if c.extra[i].dim == d && c.extra[i].sight.hash == h {
			return c.extra[i].sight
		}
	}
	s := c.e.look(p, d, h, c.Day)
	if len(c.extra) < maxExtra {
		c.extra = append(c.extra, extraSight{dim: d, sight: s})
	}
	return s
}

// share is See of a value whose dimension is sensitive and that is not: one that
// several peers take up within a day is a change of the fleet.
func (c *Call) share(p *Profile, d Dimension, value string) Sight {
	s := c.See(p, d, value)
	for i := range c.extra {
		if x := &c.extra[i]; x.dim == d && x.sight.hash == s.hash {
			x.shared = true
		}
	}
	return s
}

// Tally adds n to one of the identity's daily counts (see Tally).
func (c *Call) Tally(t Tally, n uint16) { c.tally[t] += n }

// maxExtra bounds the further values that one event may teach.
const maxExtra = 32
