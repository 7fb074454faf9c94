package detect

import (
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

func TestInterleavingTopicsDifferentlyGivesTheSameAlerts(t *testing.T) {
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
}
