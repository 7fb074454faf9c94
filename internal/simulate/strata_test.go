package simulate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Six turns of a fleet play every attack, and over twelve seeds each one that is not
// about its place or client is put into each stratum.
func TestTurnsPutEveryAttackIntoEveryStratum(t *testing.T) {
	seen := map[string]map[strata]bool{}
	for seed := range uint64(12) {
		for turn := 1; turn <= 6; turn++ {
			f, err := New(Config{Seed: seed + 1, Identities: 60, Days: 8, Turn: turn, HardCases: Selection{None: true}})
			require.NoError(t, err)
			for _, l := range f.Labels() {
				if l.Kind != KindAttack {
					continue
				}
				require.NotEmpty(t, l.Log)
				if seen[l.Name] == nil {
					seen[l.Name] = map[strata]bool{}
				}
				seen[l.Name][strata{l.Network, l.Client}] = true
			}
		}
	}
	for i := range attacks {
		a := &attacks[i]
		require.NotEmpty(t, seen[a.name], a.name)
		if !a.intrinsic {
			require.GreaterOrEqual(t, len(seen[a.name]), 3, "%s was played in %v", a.name, seen[a.name])
		}
	}
}

func TestAProbeIsOneSignalOfAnIdentityThatNeverMadeIt(t *testing.T) {
	f, err := New(Config{Identities: 60, Days: 8, Attacks: Selection{None: true}, HardCases: Selection{None: true}})
	require.NoError(t, err)
	names, harmful := ProbeClasses()
	require.True(t, harmful["reads a secret"])
	played, before := 0, f.Labels()
	for _, class := range names {
		for _, gateway := range []bool{false, true} {
			p := Probe{Class: class, Gateway: gateway, Events: 3, Network: "foreign", Client: "other", Refused: true}
			records, label, ok := f.Probe(p, 1)
			if !ok {
				continue
			}
			played++
			again, _, _ := f.Probe(p, 1)
			require.Len(t, records, 3)
			for i := range records {
				require.Equal(t, string(records[i].Value), string(again[i].Value), "the same each time")
				require.Contains(t, label.Times, records[i].Time.UnixMilli())
				require.Equal(t, label.Log, records[i].Format)
			}
			require.False(t, label.Start.Before(f.Judged()))
		}
	}
	require.GreaterOrEqual(t, played, 15)
	require.Equal(t, before, f.Labels(), "a probe is no part of the fleet")
}

func TestPoisoningsHaveIdentitiesOfTheirOwn(t *testing.T) {
	f, poisons, err := Poisoned(Config{Seed: 1, Identities: 60, Days: 56, LearnDays: 21})
	require.NoError(t, err)
	ids := map[string]bool{}
	for _, p := range poisons {
		require.False(t, ids[p.Identity], p.Name)
		ids[p.Identity] = true
		require.Equal(t, f.Judged(), p.Start)
	}
	require.InDelta(t, 1.35, poisons[1].Level(29), 0.01, "1%% a day over a month")
}

func TestAnInventoryNamesAsManyAsItsCoverageSays(t *testing.T) {
	none := func(cover float64) int {
		f, err := New(Config{Identities: 100, Days: 8, Coverage: cover, Attacks: Selection{None: true}, HardCases: Selection{None: true}})
		require.NoError(t, err)
		return len(f.Inventory().Identities)
	}
	require.Zero(t, none(-1))
	require.InDelta(t, 50, none(0.5), 15)
	require.Greater(t, none(1), none(0))
}
