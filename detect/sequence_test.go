package detect

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTheLongestChainOfStages(t *testing.T) {
	const look, secret, rights, act = 1 << stageLook, 1 << stageSecret, 1 << stageRights, 1 << stageAct
	for _, c := range []struct {
		name  string
		steps []step
		want  []int
		first int32
	}{
		{"one after the other", []step{{1, look}, {2, secret}, {3, rights}, {4, act}}, []int{0, 1, 2, 3}, 1},
		{"all in one quarter of an hour", []step{{7, look | secret | rights | act}}, []int{0, 1, 2, 3}, 7},
		{"a second look between does not begin anew", []step{{1, look}, {2, secret}, {3, look}, {4, rights}}, []int{0, 1, 2}, 1},
		{"a first secret out of turn does not hide the second", []step{{1, secret}, {2, look}, {3, secret}, {4, act}}, []int{0, 1, 3}, 2},
		{"backwards is no chain", []step{{1, act}, {2, rights}, {3, secret}, {4, look}}, []int{0}, 0},
		{"what does not end now tells nothing new", []step{{1, look}, {2, secret}, {3, rights}, {4, look}}, []int{0}, 0},
	} {
		chain, first := longestChain(c.steps, c.steps[len(c.steps)-1].pane)
		assert.Equal(t, c.want, chain, c.name)
		if len(c.want) > 1 {
			assert.Equal(t, c.first, first, c.name)
		}
	}
}

// Trying every choice of panes finds no longer chain.
func TestNoChainIsLongerThanTheLongest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var steps []step
		for i := range rapid.IntRange(1, 7).Draw(rt, "panes") {
			steps = append(steps, step{int32(i), uint8(rapid.IntRange(1, 15).Draw(rt, "stages"))}) //nolint:gosec // small
		}
		now := steps[len(steps)-1]
		most := 0
		var try func(stage, from, n int)
		try = func(stage, from, n int) {
			if stage == stages {
				return
			}
			try(stage+1, from, n)
			for i := from; i < len(steps); i++ {
				if steps[i].stages&(1<<uint(stage)) != 0 {
					if i == len(steps)-1 {
						most = max(most, n+1)
					}
					try(stage+1, i, n+1)
				}
			}
		}
		try(0, 0, 0)
		chain, _ := longestChain(steps, now.pane)
		assert.Len(rt, chain, most)
	})
}

// The steps of an intrusion in any order of arrival that the log's lateness
// allows give the same alerts; nor does a snapshot between two steps change any.
func TestAChainDoesNotDependOnTheOrderOfArrival(t *testing.T) {
	members, all := fleet(7, 4, 9)
	m := &members[0]
	at := fleetStart.AddDate(0, 0, 8).Add(20 * time.Hour)
	var odd []*schemas.Event
	for i, op := range []string{"iam:ListUsers", "secretsmanager:GetSecretValue", "iam:ListRoles", "iam:CreateAccessKey", "ec2:ModifySnapshotAttribute"} {
		ev := m.event(at.Add(time.Duration(i)*25*time.Minute).UnixNano(), op)
		ev.Service = "iam"
		odd = append(odd, ev)
	}
	log := merge(all, odd)
	stampLate(log)
	play := func(events []*schemas.Event, cut int) (ids []string) {
		e := newEngine(t)
		var out Output
		drive(e, events[:cut], nil, &out)
		again := newEngine(t)
		require.NoError(t, again.Restore(bytes.NewReader(snapshotOf(t, e))))
		drive(again, events[cut:], ends(log), &out)
		for i := range out.Alerts {
			a := &out.Alerts[i]
			for _, f := range a.Unmapped.Lapwing.Findings {
				if f.Detector == "sequence" {
					ids = append(ids, a.ID()+" "+f.Value)
				}
			}
		}
		slices.Sort(ids)
		return slices.Compact(ids)
	}
	want := play(log, len(log))
	require.NotEmpty(t, want)
	for seed := range uint64(3) {
		r := random(seed)
		mixed := slices.Clone(log)
		for i := range mixed { // within ten minutes
			j := i + r.IntN(8)
			if j < len(mixed) && mixed[j].Time-mixed[i].Time < int64(9*time.Minute) {
				mixed[i], mixed[j] = mixed[j], mixed[i]
			}
		}
		stampLate(mixed)
		assert.Equal(t, want, play(mixed, len(mixed)-r.IntN(60)))
	}
}

// stampLate sets watermarks a quarter of an hour behind the newest event.
func stampLate(all []*schemas.Event) {
	newest := int64(0)
	for i, ev := range all {
		newest = max(newest, ev.Time)
		ev.Watermark, ev.RawOffset, ev.RawPartition, ev.RawTopic = newest-int64(20*time.Minute), int64(i), 0, "raw.cloudtrail"
	}
}
