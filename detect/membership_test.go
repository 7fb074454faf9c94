package detect

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// arrive is what an event does to a profile's topics.
func arrive(p *Profile, topic int, at int64) bool {
	counts := p.saw(topic, at, paneOf(at))
	p.calls++
	p.last = max(p.last, at)
	return counts
}

func TestATopicTakesEffectAtAFixedTime(t *testing.T) {
	start := fleetStart.UnixNano()
	at := func(d time.Duration) int64 { return start + int64(d) }
	for _, c := range []struct {
		name   string
		before []time.Duration // calls in the first topic
		second []time.Duration // calls in the second
		counts bool            // whether the last of them counts
	}{
		{"the first call counts", nil, []time.Duration{0}, true},
		{"a topic of the first hour counts at once", []time.Duration{0}, []time.Duration{50 * time.Minute}, true},
		{"a further topic counts aside at first", []time.Duration{0, 48 * time.Hour}, []time.Duration{50 * time.Hour}, false},
		{"and after an hour counts", []time.Duration{0, 48 * time.Hour}, []time.Duration{50 * time.Hour, 51*time.Hour + time.Minute}, true},
		{"a weekly job stays in its topic", []time.Duration{0, 300 * time.Hour}, []time.Duration{0, 168 * time.Hour}, true},
		{"after ten days it begins again", []time.Duration{0, 100 * time.Hour, 200 * time.Hour, 239 * time.Hour}, []time.Duration{0, 240 * time.Hour}, false},
		{"an identity that left every topic begins anew in all", []time.Duration{0}, []time.Duration{0, 240 * time.Hour}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Profile
			i, got := 0, false
			for _, d := range c.second {
				for ; i < len(c.before) && c.before[i] <= d; i++ {
					arrive(&p, 0, at(c.before[i]))
				}
				got = arrive(&p, 1, at(d))
			}
			if got != c.counts {
				t.Errorf("counts: %v", got)
			}
		})
	}
}

// Two topics, read in any order within the hour that they may be apart: the same
// events count, and afterwards a pane waits for the same topics.
func TestTheOrderOfTopicsChangesNoMembership(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Gaps of minutes, hours or many days: none near the eight days at which a
		// topic is left.
		gap := func() int64 {
			switch rapid.IntRange(0, 9).Draw(t, "scale") {
			case 0:
				return rapid.Int64Range(12*day, 30*day).Draw(t, "days")
			case 1, 2, 3:
				return rapid.Int64Range(0, 20*int64(time.Hour)).Draw(t, "hours")
			default:
				return rapid.Int64Range(0, 20*int64(time.Minute)).Draw(t, "minutes")
			}
		}
		type event struct {
			topic int
			at    int64
		}
		var order []event
		at := fleetStart.UnixNano()
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			at += gap()
			order = append(order, event{rapid.IntRange(0, 1).Draw(t, "topic"), at})
		}
		play := func(events []event) (Profile, map[event]bool) {
			var p Profile
			counts := map[event]bool{}
			for _, e := range events {
				counts[e] = arrive(&p, e.topic, e.at)
			}
			return p, counts
		}
		var other []event
		queue := [2][]event{}
		for _, e := range order {
			queue[e.topic] = append(queue[e.topic], e)
		}
		for len(queue[0])+len(queue[1]) > 0 {
			pick := rapid.IntRange(0, 1).Draw(t, "next")
			// Not more than 40 minutes before the other's next.
			if len(queue[pick]) == 0 || len(queue[1-pick]) > 0 && queue[pick][0].at > queue[1-pick][0].at+int64(40*time.Minute) {
				pick = 1 - pick
			}
			other = append(other, queue[pick][0])
			queue[pick] = queue[pick][1:]
		}
		a, wantCounts := play(order)
		b, gotCounts := play(other)
		for e, want := range wantCounts {
			if gotCounts[e] != want {
				t.Fatalf("%v counts: %v in order, %v else", e, want, gotCounts[e])
			}
		}
		for i := range a.topics {
			for j := range b.topics {
				if x, y := a.topics[i], b.topics[j]; x.topic == y.topic && x.topic != 0 && (x.time != y.time || x.in(paneOf(at)+2*drift) != y.in(paneOf(at)+2*drift)) {
					t.Fatalf("topic %d: %+v in order, %+v else", x.topic, x, y)
				}
			}
		}
	})
}
