package detect

import (
	"bytes"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// profileControl is the record of an operator's word.
func profileControl(action, id string, at time.Time, state []byte) *schemas.Control {
	return &schemas.Control{
		Kind: schemas.ControlKind_CONTROL_KIND_PROFILE, Action: action, IdentityId: id, Time: at.UnixNano(), Profile: state, By: "ana", Reason: "a test",
	}
}

// known is an engine that has watched a few identities for ten days.
func known(t testing.TB) (*Engine, []member) {
	t.Helper()
	members, all := fleet(7, 6, 10)
	e := newEngine(t)
	drive(e, all, nil, &Output{})
	return e, members
}

// does has a member make a call every minute for an hour.
func does(e *Engine, m *member, from time.Time, op string) {
	var all []*schemas.Event
	for i := range 60 {
		all = append(all, m.event(from.Add(time.Duration(i)*time.Minute).UnixNano(), op))
	}
	drive(e, merge(all), nil, &Output{})
}

func hasOperation(e *Engine, id string, op string) bool {
	p, _ := e.store.find(id)
	return p != nil && e.slots.find(&p.slots, Operation, hashValue(Operation, op)) != nil
}

func TestAPinnedProfileLearnsNothing(t *testing.T) {
	e, members := known(t)
	m := &members[0]
	at := fleetStart.AddDate(0, 0, 10)
	e.Control(profileControl(ProfilePin, m.id, at, nil), &Output{})
	p, _ := e.store.find(m.id)
	before := p.stats
	does(e, m, at.Add(time.Hour), "s3:GetSomethingNew")
	does(e, m, at.Add(5*time.Hour), "s3:GetSomethingNew")
	assert.False(t, hasOperation(e, m.id, "s3:GetSomethingNew"), "what is new stays new")
	assert.Equal(t, before.rate, p.stats.rate)
	assert.Equal(t, before.hours, p.stats.hours)
	e.Control(profileControl(ProfileUnpin, m.id, at.Add(6*time.Hour), nil), &Output{})
	does(e, m, at.Add(7*time.Hour), "s3:GetSomethingNew")
	assert.True(t, hasOperation(e, m.id, "s3:GetSomethingNew"), "and is learned again once it is no longer pinned")
	list := e.ProfileWords()
	require.Len(t, list, 2)
	assert.Equal(t, "ana", list[0].By)
}

func TestAResetForgetsAndCanBeTakenBack(t *testing.T) {
	e, members := known(t)
	m := &members[1]
	at := fleetStart.AddDate(0, 0, 10)
	before, ok := e.ProfileState(m.id)
	require.True(t, ok)
	e.Control(profileControl(ProfileReset, m.id, at, nil), &Output{})
	p, _ := e.store.find(m.id)
	assert.False(t, p.Learned(Operation))
	assert.Zero(t, p.stats.judged)
	assert.False(t, hasOperation(e, m.id, m.ops[0]))
	e.Control(profileControl(ProfileUndo, m.id, at, nil), &Output{})
	after, _ := e.ProfileState(m.id)
	assert.True(t, hasOperation(e, m.id, m.ops[0]))
	assert.Equal(t, len(before), len(after))
	assert.True(t, e.ProfileWords()[0].Undone)
	unusable := e.Stats().Unusable
	e.Control(profileControl(ProfileUndo, m.id, at, nil), &Output{})
	assert.Equal(t, unusable+1, e.Stats().Unusable, "there is nothing left to take back")
}

func TestARenamedRoleBeginsWithItsOldBaseline(t *testing.T) {
	e, members := known(t)
	m := members[2]
	at := fleetStart.AddDate(0, 0, 10)
	state, ok := e.ProfileState(m.id)
	require.True(t, ok)
	require.NoError(t, CheckProfileState(state))
	m.id += "-renamed"
	e.Control(profileControl(ProfileImport, m.id, at, state), &Output{})
	p, _ := e.store.find(m.id)
	require.NotNil(t, p)
	assert.True(t, p.Learned(Operation))
	assert.True(t, hasOperation(e, m.id, m.ops[0]))
	does(e, &m, at.Add(time.Hour), m.ops[0])
	assert.Greater(t, p.Calls(), 60)
}

func TestAProfileThatIsDamagedIsRefused(t *testing.T) {
	e, members := known(t)
	state, _ := e.ProfileState(members[0].id)
	for cut := 0; cut < len(state); cut += 1 + len(state)/200 {
		require.Error(t, CheckProfileState(state[:cut]), "cut at %d of %d", cut, len(state))
	}
	before, _ := e.ProfileState(members[3].id)
	e.Control(profileControl(ProfileImport, members[3].id, fleetStart.AddDate(0, 0, 10), state[:len(state)/2]), &Output{})
	after, _ := e.ProfileState(members[3].id)
	assert.Equal(t, before, after, "and the profile stays as it was")
}

func FuzzProfileState(f *testing.F) {
	e, members := known(f)
	state, _ := e.ProfileState(members[0].id)
	f.Add(state)
	f.Fuzz(func(t *testing.T, state []byte) {
		if CheckProfileState(state) != nil {
			return
		}
		// What is accepted can be written again.
		e, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		e.Control(profileControl(ProfileImport, "x", fleetStart, state), &Output{})
		if _, ok := e.ProfileState("x"); !ok {
			t.Fatal("accepted, and not kept")
		}
		// And the engine goes on with it.
		rest := restless(1, 120)
		goesOn(t, newEngine(t), rest[0].IdentityId, state, rest)
	})
}

// A replay with words in it comes to the same bytes from any snapshot.
func TestASnapshotBetweenWordsChangesNothing(t *testing.T) {
	actions := []string{ProfilePin, ProfileUnpin, ProfileReset, ProfileImport, ProfileUndo}
	rapid.Check(t, func(rt *rapid.T) {
		all := restless(rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(50, 800).Draw(rt, "events"))
		cut := rapid.IntRange(0, len(all)).Draw(rt, "offset")
		said := map[int]*schemas.Control{}
		other := newEngine(t)
		drive(other, all[:len(all)/2], nil, &Output{})
		state, _ := other.ProfileState(all[0].IdentityId)
		for range rapid.IntRange(1, 6).Draw(rt, "words") {
			i := rapid.IntRange(0, len(all)-1).Draw(rt, "at")
			c := profileControl(rapid.SampledFrom(actions).Draw(rt, "action"), all[rapid.IntRange(0, len(all)-1).Draw(rt, "of")].IdentityId, time.Unix(0, all[i].Time), nil)
			if c.Action == ProfileImport {
				c.Profile = state
			}
			said[i] = c
		}
		play := func(e *Engine, from, to int, out *Output) {
			for i := from; i < to; i++ {
				if c := said[i]; c != nil {
					e.Control(c, out)
				}
				e.Event(all[i], out)
			}
		}
		whole := newEngine(t)
		var want, got Output
		play(whole, 0, len(all), &want)
		first := newEngine(t)
		play(first, 0, cut, &got)
		second := newEngine(t)
		if err := second.Restore(bytes.NewReader(snapshotOf(t, first))); err != nil {
			rt.Fatal(err)
		}
		play(second, cut, len(all), &got)
		if a, b := lines(t, &want), lines(t, &got); !bytes.Equal(a, b) {
			rt.Fatalf("alerts differ: %s", firstDifference(a, b))
		}
		if !bytes.Equal(snapshotOf(t, whole), snapshotOf(t, second)) {
			rt.Fatal("the final state differs")
		}
	})
}
