package detect

import (
	"bytes"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each of these killed the cell for good: the import is in the log, so that a
// restart met it again.
func TestAProfileWithNumbersThatNoEngineWritesIsRefused(t *testing.T) {
	e, members := known(t)
	p, _ := e.store.find(members[0].id)
	keep := *p
	for name, set := range map[string]func(){
		"endless evidence":           func() { p.stats.near[0] = float32(math.Inf(1)) },
		"evidence that is no number": func() { p.stats.far[0] = float32(math.NaN()) },
		"the largest evidence":       func() { p.stats.near[0] = math.MaxFloat32 },
		"a level that is no number":  func() { p.stats.rate.mean = float32(math.NaN()) },
		"a negative variance":        func() { p.stats.rate.variance = -1 },
		"an endless gap":             func() { p.stats.gapMax = float32(math.Inf(1)) },
		"the beginning of time":      func() { p.first = math.MinInt64 },
		"the end of time":            func() { p.stats.lastSeen = math.MaxInt64 },
		"a pane beyond all time":     func() { p.stats.lastPane = math.MaxInt64 },
		"a place that is nowhere":    func() { p.place.Latitude = float32(math.NaN()) },
	} {
		set()
		state := e.encodeProfile(p)
		*p = keep
		require.ErrorIs(t, CheckProfileState(state), errDamaged, name)
	}
	require.NoError(t, CheckProfileState(e.encodeProfile(p)))
}

func TestAWordOfNoTimeIsRefused(t *testing.T) {
	e, members := known(t)
	for _, at := range []int64{math.MinInt64, -1, math.MaxInt64} {
		before := e.stats.Unusable
		e.Control(&schemas.Control{Kind: schemas.ControlKind_CONTROL_KIND_PROFILE, Action: ProfileReset, IdentityId: members[0].id, Time: at}, &Output{})
		assert.Equal(t, before+1, e.stats.Unusable)
	}
	assert.Empty(t, e.ProfileWords())
}

func TestExtremesAreClamped(t *testing.T) {
	for _, s := range []float64{math.MaxFloat64, math.Inf(1), 1e18} {
		assert.Equal(t, bins-1, binOf(s))
	}
	assert.Zero(t, binOf(math.NaN()))
	assert.Zero(t, binOf(math.Inf(-1)))
	assert.Equal(t, "-9,223,372,036,854,775,808", thousands(math.MinInt64))
	assert.Equal(t, "-999", thousands(-999))
	assert.Equal(t, "-1,000", thousands(-1000))
}

// poison sets numbers of a profile to extremes, about one in share.
func poison(v reflect.Value, r *rand.Rand, share int) {
	switch v.Kind() { //nolint:exhaustive // the others are left alone
	case reflect.Struct:
		for i := range v.NumField() {
			switch v.Type().Field(i).Name {
			case "self", "open", "slots", "group": // of the engine, not of what is sent
				continue
			}
			f := v.Field(i)
			poison(reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem(), r, share)
		}
		return
	case reflect.Array:
		for i := range v.Len() {
			poison(v.Index(i), r, share)
		}
		return
	}
	if r.IntN(share) != 0 {
		return
	}
	switch {
	case v.CanFloat():
		extremes := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat32, -math.MaxFloat32, 1e20, 1e12, 1e6, -1, 0}
		v.SetFloat(extremes[r.IntN(len(extremes))])
	case v.CanInt():
		most := int64(1)<<(8*v.Type().Size()-1) - 1
		v.SetInt([]int64{most, -most - 1, min(maxTime, most), -1, 0, 1}[r.IntN(6)])
	case v.CanUint():
		v.SetUint([]uint64{0, 1, 0x7f, math.MaxUint64}[r.IntN(4)] & (1<<(8*v.Type().Size()) - 1))
	}
}

// A poisoned profile is refused, or the engine goes on with it.
func TestAPoisonedProfileStopsNothing(t *testing.T) {
	accepted := 0
	for seed := range uint64(24) {
		r := random(seed)
		all := restless(seed, 600)
		half := len(all) / 2
		e := newEngine(t)
		drive(e, all[:half], nil, &Output{})
		p, _ := e.store.find(all[0].IdentityId)
		keep := *p
		poison(reflect.ValueOf(p).Elem(), r, []int{5, 40, 400}[seed%3])
		p.self, p.open, p.slots = keep.self, keep.open, keep.slots
		state := e.encodeProfile(p)
		*p = keep
		if CheckProfileState(state) == nil {
			accepted++
		}
		goesOn(t, e, all[0].IdentityId, state, all[half:])
	}
	assert.NotZero(t, accepted)
	assert.Less(t, accepted, 24)
}

// goesOn imports a profile and has the engine judge what comes after.
func goesOn(t *testing.T, e *Engine, id string, state []byte, rest []*schemas.Event) {
	t.Helper()
	var out Output
	e.Control(profileControl(ProfileImport, id, time.Unix(0, rest[0].Time), state), &out)
	drive(e, rest, ends(rest), &out)
	lines(t, &out)
	other := newEngine(t)
	require.NoError(t, other.Restore(bytes.NewReader(snapshotOf(t, e))))
}
