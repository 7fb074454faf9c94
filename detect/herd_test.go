package detect

import (
	"math"
	"slices"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// One of thirty that grows for weeks is far from the others on each day from then
// on: neither its own levels nor its own days in the tail make it usual.
func TestADeviationThatLastsGoesOn(t *testing.T) {
	r := random(3)
	var lists [][]*schemas.Event
	const days = 30
	even := func(i int) member {
		m := newMember(i, r)
		m.perPane, m.wave, m.kind = 0.4, 0, "workload"
		return m
	}
	for i := range 30 {
		m := even(i)
		lists = append(lists, m.events(r, fleetStart, fleetStart.AddDate(0, 0, days)))
	}
	grows := even(30)
	for d := range days {
		lists = append(lists, grows.events(r, fleetStart.AddDate(0, 0, d), fleetStart.AddDate(0, 0, d+1)))
		grows.perPane *= 1.2
	}
	e := newEngine(t)
	all := merge(lists...)
	var far []int
	for len(all) > 0 {
		day := dayOf(all[0].Time)
		n := slices.IndexFunc(all, func(ev *schemas.Event) bool { return dayOf(ev.Time) != day })
		if n < 0 {
			n = len(all)
		}
		drive(e, all[:n], nil, &Output{})
		all = all[n:]
		for id, d := range e.dossiers {
			for i := range d.notes {
				if x := &d.notes[i]; x.meta == &peerDeviationCard && dayOf(x.time) == day {
					require.Equal(t, grows.id, e.store.ids[id], "no other is far")
					far = append(far, int(day-dayOf(fleetStart.UnixNano())))
				}
			}
		}
	}
	require.GreaterOrEqual(t, len(far), 6)
	assert.Equal(t, days-1, far[len(far)-1])
	assert.Equal(t, len(far)-1, far[len(far)-1]-far[0], "each day: %v", far)
}

// What is left of a herd without one of its own is the herd that the others make.
func TestAHerdWithoutOneIsTheOthers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var own spots
		for i := range own {
			own[i] = 200 // apart from all
		}
		whole, others := herds{}, herds{}
		for range rapid.IntRange(1, 30).Draw(rt, "others") {
			var s spots
			for i := range s {
				s[i] = rapid.Uint8Range(0, 90).Draw(rt, "bin")
			}
			whole.note(1, s)
			others.note(1, s)
		}
		times := rapid.IntRange(0, herdDays).Draw(rt, "times")
		for k := range times { // it moved there day by day
			s := own
			for i := range s {
				s[i] -= uint8(k) //nolint:gosec // small
			}
			whole.note(1, s)
		}
		h := &pastHerd{whole[1], whole[1].size()}
		left := h.without(own, times)
		assert.Equal(rt, others[1], slices.DeleteFunc(slices.Clone(left.herd), func(x herdCount) bool { return x.n == 0 }))
		assert.Equal(rt, whole[1].size(), h.size(), "the herd itself stays")
		for f := range features {
			low, high := left.quantile(f, 0.16), left.quantile(f, 0.84)
			assert.LessOrEqual(rt, low, left.quantile(f, 0.5))
			assert.LessOrEqual(rt, left.quantile(f, 0.5), high)
		}
		d, _ := left.distance([features]float64{20, 20, 20, 20, 20})
		assert.False(rt, math.IsNaN(d))
		assert.Positive(rt, d)
	})
}

// Cells that share a herd hold all of it together.
func TestAHerdIsDealtOutWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := herds{}
		for range rapid.IntRange(1, 40).Draw(rt, "notes") {
			m.note(rapid.Uint32Range(0, 3).Draw(rt, "herd"), spots{rapid.Uint8().Draw(rt, "a"), rapid.Uint8Range(0, 3).Draw(rt, "b")})
		}
		of := rapid.IntRange(1, 5).Draw(rt, "cells")
		var sum herds
		for n := range of {
			sum = sum.joined(m.part(7, n, of))
		}
		assert.Equal(rt, m, sum)
	})
}
