package detect

import (
	"bytes"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

// readsInTurn is an identity that reads 40 secrets in turn, one in five minutes, for
// days; secret makes one of its calls.
func readsInTurn(t *testing.T, days int) (e *Engine, m *member, at time.Time, secret func(at time.Time, name string) *schemas.Event) {
	t.Helper()
	one := quietMember()
	m = &one
	at = fleetStart.AddDate(0, 0, days)
	secret = func(at time.Time, name string) *schemas.Event {
		ev := m.event(at.UnixNano(), "secretsmanager:GetSecretValue")
		ev.Service, ev.Resources = "secretsmanager", []string{name}
		return ev
	}
	var reads []*schemas.Event
	for i := range days * 24 * 12 {
		reads = append(reads, secret(fleetStart.Add(time.Duration(i)*5*time.Minute), "app/"+strconv.Itoa(i%40)))
	}
	e = newEngine(t)
	drive(e, merge(m.events(random(1), fleetStart, at), reads), nil, &Output{})
	return e, m, at, secret
}

func TestABurstIsCountedByPane(t *testing.T) {
	var b burst
	for i := range 9 {
		b, _ = b.with(100, uint32(i)) //nolint:gosec // small
		b, _ = b.with(100, uint32(i)) //nolint:gosec // small
	}
	assert.EqualValues(t, 9, b.now.Count(), "the same secret twice is one")
	assert.Zero(t, b.most, "the pane under way is no history")
	b, _ = b.with(103, 1)
	assert.EqualValues(t, 1, b.now.Count(), "a new pane begins anew")
	assert.EqualValues(t, 9, b.most)
	assert.Zero(t, b.fresh, "it was read before")
	b, _ = b.with(103, 77)
	assert.EqualValues(t, 1, b.fresh)
	after, ok := b.with(102, 78)
	assert.False(t, ok, "an older pane")
	assert.Equal(t, b, after)
}

func TestABurstOfSecretsIsFoundBeforeTheDaysCountTells(t *testing.T) {
	for _, c := range []struct {
		name  string
		days  int
		names string
		found bool
	}{
		{"secrets that it never read", 12, "prod/", true},
		{"its own, as when it starts anew", 12, "app/", false},
		{"on its second day", 1, "prod/", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, _, at, secret := readsInTurn(t, c.days)
			var burst []*schemas.Event
			for i := range 30 {
				burst = append(burst, secret(at.Add(time.Minute+time.Duration(i)*time.Second), c.names+strconv.Itoa(i)))
			}
			// Halfway the state is written and read: what follows is the same.
			all, out := stamp(merge(burst)), Output{}
			drive(e, all[:8], nil, &out)
			other := newEngine(t)
			require.NoError(t, other.Restore(bytes.NewReader(snapshotOf(t, e))))
			again := out
			again.Alerts = append([]schemas.Alert(nil), out.Alerts...)
			drive(e, all[8:], ends(all), &out)
			drive(other, all[8:], ends(all), &again)
			assert.Equal(t, out.Alerts, again.Alerts)
			assert.Equal(t, snapshotOf(t, e), snapshotOf(t, other))

			found := false
			for i := range out.Alerts {
				for _, f := range out.Alerts[i].Unmapped.Lapwing.Findings {
					found = found || f.Detector == "secret-access" && f.Value == "burst" && f.Way == "consequence"
				}
			}
			assert.Equal(t, c.found, found)
		})
	}
}

func TestAPinnedProfileLearnsNoBurst(t *testing.T) {
	e, m, at, secret := readsInTurn(t, 5)
	p, _ := e.store.find(m.id)
	p.flags |= flagPinned
	before := *e.asides[p.self].burst
	var all []*schemas.Event
	for i := range 9 {
		all = append(all, secret(at.Add(time.Duration(i)*time.Second), "prod/"+strconv.Itoa(i)))
	}
	all = append(all, secret(at.Add(time.Hour), "prod/0"), secret(at.Add(61*time.Minute), "prod/1"))
	drive(e, merge(all), nil, &Output{})
	now := *e.asides[p.self].burst
	assert.Equal(t, before.most, now.most)
	assert.Equal(t, before.ever, now.ever)
	assert.EqualValues(t, 2, now.now.Count(), "what is under way is counted all the same")
}
