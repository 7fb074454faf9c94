package faults

import (
	"slices"
	"sync"
	"testing"
)

// TestGoroutinesShareTheSourceOfASeed: they may draw at the same time, and among them
// they draw what one would.
func TestGoroutinesShareTheSourceOfASeed(t *testing.T) {
	const drawers, draws = 4, 1000
	want := make([]uint64, drawers*draws)
	for i, r := 0, New(7); i < len(want); i++ {
		want[i] = r.Rand.Uint64()
	}
	r := New(7)
	got := make([][]uint64, drawers)
	var wg sync.WaitGroup
	for i := range drawers {
		wg.Go(func() {
			for range draws {
				got[i] = append(got[i], r.Rand.Uint64())
			}
		})
	}
	wg.Wait()
	all := slices.Concat(got...)
	slices.Sort(all)
	slices.Sort(want)
	if !slices.Equal(all, want) {
		t.Error("what the goroutines drew is not what the seed gives")
	}
}
