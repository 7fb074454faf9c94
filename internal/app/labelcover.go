package app

import (
	"time"

	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/schemas"
)

// labelCover notes which labels the input has calls of: what was never logged can't
// be missed.
type labelCover struct {
	labels     map[*simulate.Label]*coveredLabel
	byIdentity map[string][]*coveredLabel // who a label is about
	byEvent    map[string][]*coveredLabel // ids of its events
}

// coveredLabel is what the input has of a label: any call of its identities, and one
// that it may be found by.
type coveredLabel struct {
	opens, until int64 // Unix nanoseconds; until is excluded
	who, what    bool
}

// newLabelCover prepares for labels, which stay the caller's.
func newLabelCover(labels []simulate.Label) *labelCover {
	c := &labelCover{labels: map[*simulate.Label]*coveredLabel{}, byIdentity: map[string][]*coveredLabel{}, byEvent: map[string][]*coveredLabel{}}
	for i := range labels {
		l := &labels[i]
		if l.Kind == simulate.KindHousekeeping {
			continue
		}
		opens, until := l.Window()
		x := &coveredLabel{opens: opens.UnixNano(), until: until.UnixNano()}
		c.labels[l] = x
		for _, id := range l.Who() {
			c.byIdentity[id] = append(c.byIdentity[id], x)
		}
		for _, id := range l.Events {
			c.byEvent[id] = append(c.byEvent[id], x)
		}
	}
	return c
}

// see takes an event of time t.
func (c *labelCover) see(ev *schemas.Event, t int64) {
	for _, x := range c.byIdentity[ev.IdentityId] {
		x.who = true
		x.what = x.what || t >= x.opens && t < x.until
	}
	for _, x := range c.byEvent[ev.Id] {
		x.who, x.what = true, true
	}
}

// unjudged says why the input does not tell whether one of the labels would be found,
// "" where it does.
func (c *labelCover) unjudged(l *simulate.Label, r *simulate.Row, v *verdict) string {
	x := c.labels[l]
	if v.learnUntil.After(v.from) && l.Start.Before(v.learnUntil) {
		return "it began before --learn-until"
	}
	if r.Found || r.ByTime || r.Report || x.what && !l.Silence {
		return ""
	}
	switch {
	case v.events == 0 || !x.who:
		return "no call of this identity in these logs"
	case l.End.Before(v.from):
		return "before the first call in these logs (" + v.from.Format(time.DateTime) + ")"
	case l.Start.After(v.to):
		return "after the last call in these logs (" + v.to.Format(time.DateTime) + ")"
	case l.Silence:
		return ""
	}
	return "no call of this identity at that time in these logs"
}
