package app

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// firstSeen is what a team builds in an afternoon: an alert for the first use of
// an operation, a /16 or a country after a week of learning, and for an hour
// with more calls than mean + 6 sigma of the identity's hours. Lapwing is
// compared with it on the same events.
type firstSeen struct {
	ids    map[string]*firstSeenIdentity
	alerts []schemas.Alert
}

type firstSeenIdentity struct {
	since int64
	seen  map[string]bool
	hour  int64
	calls float64
	// Of the hours with calls: how many, mean, sum of squared deviations.
	n, mean, m2 float64
	events      []schemas.RelatedEvent
	told        map[string]int64
}

const firstSeenLearns = 7 * 24 * int64(time.Hour)

func newFirstSeen() *firstSeen { return &firstSeen{ids: map[string]*firstSeenIdentity{}} }

func (b *firstSeen) event(ev *schemas.Event) {
	id := b.ids[ev.IdentityId]
	if id == nil {
		id = &firstSeenIdentity{since: ev.Time, seen: map[string]bool{}, told: map[string]int64{}}
		b.ids[strings.Clone(ev.IdentityId)] = id
	}
	if hour := ev.Time / int64(time.Hour); hour != id.hour {
		if id.calls > 0 {
			id.n++
			d := id.calls - id.mean
			id.mean += d / id.n
			id.m2 += d * (id.calls - id.mean)
		}
		id.hour, id.calls, id.events = hour, 0, id.events[:0]
	}
	id.calls++
	learned := ev.Time-id.since >= firstSeenLearns
	related := schemas.RelatedEvent{UID: strings.Clone(ev.Id), Time: ev.Time / 1e6}
	if len(id.events) < 50 {
		id.events = append(id.events, related)
	}
	network := ""
	if p := strings.Split(ev.SrcIp, "."); len(p) == 4 {
		network = p[0] + "." + p[1]
	}
	for _, v := range [...]string{"operation " + ev.Operation, "network " + network, "country " + ev.Country} {
		if !strings.HasSuffix(v, " ") && !id.seen[v] {
			v = strings.Clone(v)
			id.seen[v] = true
			if learned {
				b.alert(ev, id, "first-"+strings.Fields(v)[0], v, []schemas.RelatedEvent{related})
			}
		}
	}
	if learned && id.n >= 24 && id.calls > id.mean+6*math.Sqrt(id.m2/id.n)+1 {
		b.alert(ev, id, "rate", "rate", id.events)
	}
}

// alert raises one alert a value, of rates one a day.
func (b *firstSeen) alert(ev *schemas.Event, id *firstSeenIdentity, detector, value string, events []schemas.RelatedEvent) {
	if last, ok := id.told[value]; ok && ev.Time-last < 24*int64(time.Hour) {
		return
	}
	id.told[value] = ev.Time
	var a schemas.Alert
	a.FindingInfo.UID = "baseline-" + strconv.Itoa(len(b.alerts))
	a.FindingInfo.Analytic.UID, a.FindingInfo.Title = detector, strings.Clone(value)
	a.FindingInfo.RelatedEvents = append(a.FindingInfo.RelatedEvents, events...)
	a.Actor.User.UID = strings.Clone(ev.IdentityId)
	a.Time, a.ActivityID = ev.Time/1e6, schemas.ActivityCreate
	a.Unmapped.Lapwing.Version, a.Unmapped.Lapwing.Page = 1, true
	a.Unmapped.Lapwing.Family = "learned"
	b.alerts = append(b.alerts, a)
}
