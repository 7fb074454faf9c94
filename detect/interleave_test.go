package detect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// shuffleTopics merges the partitions of a log in another order: each is read
// in bursts, and none runs more than an hour ahead of the slowest.
func shuffleTopics(all []*schemas.Event, r *rand.Rand) []*schemas.Event {
	type queue struct {
		topic string
		part  int32
		list  []*schemas.Event
	}
	var queues []*queue
	for _, ev := range all {
		i := slices.IndexFunc(queues, func(q *queue) bool { return q.topic == ev.RawTopic && q.part == ev.RawPartition })
		if i < 0 {
			i = len(queues)
			queues = append(queues, &queue{topic: ev.RawTopic, part: ev.RawPartition})
		}
		queues[i].list = append(queues[i].list, ev)
	}
	var out []*schemas.Event
	for {
		queues = slices.DeleteFunc(queues, func(q *queue) bool { return len(q.list) == 0 })
		if len(queues) == 0 {
			return out
		}
		slowest := queues[0].list[0].Time
		for _, q := range queues {
			slowest = min(slowest, q.list[0].Time)
		}
		q := queues[r.IntN(len(queues))]
		for n := r.IntN(500); n >= 0 && len(q.list) > 0 && q.list[0].Time <= slowest+int64(40*time.Minute); n-- {
			out = append(out, q.list[0])
			q.list = q.list[1:]
		}
	}
}

// fences announce every partition before the log begins.
func fences(all []*schemas.Event) []*schemas.Control {
	out := ends(all)
	for _, c := range out {
		c.Kind, c.Watermark = schemas.ControlKind_CONTROL_KIND_FENCE, 0
	}
	return out
}

// eventful is a fleet in which things happen on several identities and topics.
func eventful(t testing.TB, days int) []*schemas.Event {
	t.Helper()
	members, all := fleet(21, 40, days)
	last := fleetStart.AddDate(0, 0, days-1)
	for i := range 12 {
		m := members[i*3]
		burst := m
		burst.perPane, burst.wave = m.perPane*20+200, 0
		at := last.Add(time.Duration(i) * time.Hour)
		switch i % 3 {
		case 0:
			all = append(all, burst.events(random(uint64(100+i)), at, at.Add(45*time.Minute))...) //nolint:gosec // small
		case 1:
			for j, op := range []string{"secretsmanager:GetSecretValue", "iam:CreateAccessKey", "iam:AttachUserPolicy", "s3:DeleteBucket"} {
				ev := m.event(at.Add(time.Duration(j)*7*time.Minute).UnixNano(), op)
				ev.Service, ev.ReadOnly = op[:3], 0
				all = append(all, ev)
			}
		default:
			for j := range 30 {
				ev := m.event(at.Add(time.Duration(j)*20*time.Second).UnixNano(), "ec2:Describe"+formatInt(int64(j)))
				ev.Country, ev.SrcIp, ev.SrcPrefix, ev.Latitude, ev.Client = "BR", "203.0.113.9", "203.0.113.0/24", -15, "curl"
				ev.Outcome = schemas.Outcome_OUTCOME_DENIED
				all = append(all, ev)
			}
		}
	}
	return merge(all)
}

// disordered lets each event of a log come up to so much later than it happened, and
// stamps the watermarks of that order.
func disordered(all []*schemas.Event, by time.Duration, r *rand.Rand) []*schemas.Event {
	type arrival struct {
		ev *schemas.Event
		at int64
	}
	list := make([]arrival, len(all))
	for i, ev := range all {
		list[i] = arrival{ev, ev.Time + r.Int64N(int64(by))}
	}
	slices.SortStableFunc(list, func(a, b arrival) int { return compare(a.at, b.at) })
	out := make([]*schemas.Event, len(list))
	for i := range list {
		out[i] = list[i].ev
	}
	return stamp(out)
}

// Alerts have the same ids however partitions interleave, and in whatever order the calls
// of each come, as long as none is late.
func TestTheOrderOfArrivalGivesTheSameAlerts(t *testing.T) {
	all := eventful(t, 12)
	play := func(events []*schemas.Event) []string {
		e := newEngine(t)
		var out Output
		drive(e, nil, fences(all), &out)
		drive(e, events, ends(all), &out)
		var ids []string
		for i := range out.Alerts {
			a := &out.Alerts[i]
			if id := a.ID() + " " + a.FindingInfo.Analytic.UID + " " + a.Actor.User.UID; a.Version() == 1 {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		return ids
	}
	want := play(all)
	if len(want) < 12 {
		t.Fatalf("only %d alerts: nothing to compare", len(want))
	}
	for seed := range uint64(4) {
		if got := play(shuffleTopics(all, random(seed))); !slices.Equal(want, got) {
			t.Errorf("shuffle %d:\n in order: %d %v\nshuffled: %d %v", seed, len(want), want, len(got), got)
		}
	}
	for seed := range uint64(4) {
		// The watermarks lag a minute behind.
		if got := play(shuffleTopics(disordered(all, 59*time.Second, random(seed)), random(seed))); !slices.Equal(want, got) {
			t.Errorf("disorder %d:\n  in order: %d %v\ndisordered: %d %v", seed, len(want), want, len(got), got)
		}
	}
}

// shared is a fleet of which every third identity calls in both topics, some
// of them once a day only, with what the whole fleet shares: an incident's
// retries, a release, and bursts that begin and end anywhere.
func shared(seed uint64, days int) []*schemas.Event {
	r := random(seed)
	var lists [][]*schemas.Event
	end := fleetStart.AddDate(0, 0, days)
	var members []member
	for i := range 36 {
		m := newMember(i, r)
		from := random(seed*1000 + uint64(i)) //nolint:gosec // small
		lists = append(lists, m.events(from, fleetStart, end))
		if i%3 == 0 {
			other := m
			other.topic = []string{"raw.kong", "raw.cloudtrail"}[i%2]
			other.ops = []string{"GET /v1/a", "GET /v1/b", "POST /v1/c"}
			if i%2 == 0 { // a daily job: half an hour at its time of day
				for d := range days {
					at := fleetStart.AddDate(0, 0, d).Add(time.Duration(i*25+from.IntN(10)) * time.Minute)
					job := other
					job.perPane, job.wave = 12, 0
					lists = append(lists, job.events(from, at, at.Add(30*time.Minute)))
				}
			} else {
				lists = append(lists, other.events(from, fleetStart.Add(time.Duration(i)*time.Hour), end))
			}
			members = append(members, other)
		}
		members = append(members, m)
	}
	late := fleetStart.AddDate(0, 0, days-3)
	burst := func(m member, at time.Time, times float64, length time.Duration) {
		m.perPane, m.wave = m.perPane*times, 0
		lists = append(lists, m.events(r, at, at.Add(length)))
	}
	for hour := range 60 {
		at := late.Add(time.Duration(hour) * time.Hour).Add(time.Duration(r.IntN(60)) * time.Minute)
		m := members[r.IntN(len(members))]
		switch r.IntN(8) {
		case 6: // somebody tries the credentials of many from one address
			for i, x := range members {
				if x.topic == m.topic && i%2 == 0 {
					ev := x.event(at.Add(time.Duration(r.IntN(25))*time.Minute).UnixNano(), x.ops[0])
					ev.SrcIp, ev.SrcPrefix, ev.Outcome = "203.0.113."+formatInt(int64(hour)), "203.0.113.0/24", schemas.Outcome_OUTCOME_DENIED
					lists = append(lists, []*schemas.Event{ev})
				}
			}
		case 7: // one stranger breaks the policies of several
			for i, x := range members {
				if i%5 == hour%5 {
					ev := x.event(at.Add(time.Duration(r.IntN(50))*time.Minute).UnixNano(), x.ops[0])
					ev.SrcIp, ev.SrcPrefix = "192.0.2."+formatInt(int64(hour)), "192.0.2.0/24"
					ev.Declared = &schemas.Declared{Managed: true, Violations: []*schemas.Violation{{Detector: "network-policy", Observed: ev.SrcIp, Expected: "office"}}}
					lists = append(lists, []*schemas.Event{ev})
				}
			}
		case 0: // an incident: everybody in the topic retries
			for _, x := range members {
				if x.topic == m.topic {
					burst(x, at, 4, 30*time.Minute)
				}
			}
		case 1: // a release: the same new call and client, within two hours
			op := "s3:GetRelease" + formatInt(int64(hour))
			for i, x := range members {
				if x.topic == m.topic && i%3 == hour%3 {
					for n := range 4 {
						ev := x.event(at.Add(time.Duration(r.IntN(120))*time.Minute).UnixNano()+int64(n), op)
						ev.Client, ev.SrcIp, ev.SrcPrefix = "release-"+op, "192.0.2.7", "192.0.2.0/24"
						lists = append(lists, []*schemas.Event{ev})
					}
				}
			}
		case 2:
			burst(m, at, 25, 40*time.Minute)
		case 3:
			burst(m, at, 8, 3*time.Hour)
		case 4:
			for i := range 25 {
				ev := m.event(at.Add(time.Duration(i)*time.Minute).UnixNano(), "ec2:Describe"+formatInt(int64(i+hour*100)))
				ev.Client, ev.Outcome = "curl", schemas.Outcome_OUTCOME_DENIED
				lists = append(lists, []*schemas.Event{ev})
			}
		default:
			for i, op := range []string{"secretsmanager:GetSecretValue", "iam:CreateAccessKey", "s3:DeleteBucket"} {
				ev := m.event(at.Add(time.Duration(i)*9*time.Minute).UnixNano(), op)
				ev.Service, ev.ReadOnly = op[:3], 0
				lists = append(lists, []*schemas.Event{ev})
			}
		}
	}
	return merge(lists...)
}

// The same panes close with the same counts, and the same alerts come out,
// however far two topics drift apart within the hour that they may.
func TestAnIdentityInTwoTopicsIsJudgedTheSameHoweverTheyInterleave(t *testing.T) {
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	play := func(events []*schemas.Event) (opened []string, kept map[string]string) {
		e := newEngine(t)
		var out Output
		drive(e, nil, fences(events), &out)
		drive(e, events, ends(events), &out)
		for i := range out.Alerts {
			a := &out.Alerts[i]
			if a.Version() == 1 {
				first := time.UnixMilli(a.FindingInfo.FirstSeenTime).UTC().Format(time.DateTime)
				if len(a.Unmapped.Lapwing.Identities) > 0 {
					first = "" // an incident opens with those of its members that have come
				}
				opened = append(opened, a.Actor.User.UID+" "+a.FindingInfo.Analytic.UID+" "+first+" "+a.ID())
			}
		}
		slices.Sort(opened)
		kept = map[string]string{}
		for i, id := range e.store.ids {
			x := &e.store.at(uint32(i)).stats //nolint:gosec // an index
			kept[id] = fmt.Sprint(x.judged, x.days, x.lastPane, x.lastSeen, x.best, x.gapMax)
		}
		return opened, kept
	}
	for seed := range seeds {
		all := shared(seed, 14)
		want, wantKept := play(all)
		if len(want) < 20 {
			t.Fatalf("only %d alerts: nothing to compare", len(want))
		}
		for shuffle := range uint64(2) {
			got, gotKept := play(shuffleTopics(all, random(seed*100+shuffle)))
			for _, a := range want {
				if !slices.Contains(got, a) {
					t.Errorf("seed %d, shuffle %d: lost %s", seed, shuffle, a)
				}
			}
			for _, a := range got {
				if !slices.Contains(want, a) {
					t.Errorf("seed %d, shuffle %d: new %s", seed, shuffle, a)
				}
			}
			differ := 0
			for id, s := range wantKept {
				if s != gotKept[id] {
					differ++
				}
			}
			if differ > 0 {
				t.Errorf("seed %d, shuffle %d: what closed panes left of %d of %d identities differs", seed, shuffle, differ, len(wantKept))
			}
		}
	}
}
