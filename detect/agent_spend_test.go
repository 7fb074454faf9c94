package detect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestAPassedLimitOfSpendingIsSaidAgainWhenItIsPassedByFar(t *testing.T) {
	limited := func(e *Engine, m *member, at time.Time, cost uint64) (values []string) {
		ev := m.event(at.UnixNano(), m.ops[0])
		ev.CostMicros, ev.Declared = cost, &schemas.Declared{Managed: true, SpendMicrosPerDay: 5e6}
		var out Output
		for _, ev := range stamp([]*schemas.Event{ev}) {
			e.Event(ev, &out)
		}
		for _, a := range out.Alerts {
			if a.ActivityID == schemas.ActivityClose {
				continue
			}
			for _, x := range a.FindingInfo.RelatedAnalytics {
				values = append(values, x.UID)
			}
		}
		return values
	}
	e, m, at := settled(t, 9)
	day := func(n int) time.Time { return at.AddDate(0, 0, n).Add(time.Hour) }
	for _, c := range []struct {
		name string
		at   time.Time
		cost uint64
		said bool
	}{
		{"within the limit", day(0), 4_900_000, false},
		{"passed", day(0).Add(time.Minute), 200_000, true},
		{"more of the same day", day(0).Add(2 * time.Minute), 5_000_000, false},
		{"passed again three days on", day(3), 6_000_000, false},
		{"passed a thousandfold on that day", day(3).Add(time.Minute), 6_000_000_000, true},
	} {
		got := limited(e, m, c.at, c.cost)
		assert.Equal(t, c.said, len(got) > 0, "%s: %v", c.name, got)
	}

	// What was spent today is not learned: neither a reset nor another's profile changes it.
	p, _ := e.store.find(m.id)
	state := e.encodeProfile(p)
	p.spent = spent{day: dayOf(day(3).UnixNano()), micros: 42}
	e.resetProfile(p, p.first)
	assert.EqualValues(t, 42, p.spent.micros, "after a reset")
	require.NoError(t, e.decodeProfile(p, state))
	assert.EqualValues(t, 42, p.spent.micros, "after an import")
}
