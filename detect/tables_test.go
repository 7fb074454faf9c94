package detect

import "testing"

// One identity that makes up values must not keep the table from knowing what its
// peers have in common.
func TestValuesInCommonOutliveThoseOfOne(t *testing.T) {
	common, late := valueKey{hash: 1}, valueKey{hash: 2}
	madeUp := func(i int) valueKey { return valueKey{dim: Operation, hash: uint32(1000 + i)} } //nolint:gosec // small
	for _, c := range []struct {
		what  string
		flood int
	}{
		{"what fits stays", 90},
		{"more than fits", 150},
		{"far more than fits", 10_000},
	} {
		t.Run(c.what, func(t *testing.T) {
			const bound = 100
			l := &layer{values: map[valueKey]int32{}}
			l.show(common, 3, bound)
			for i := range c.flood {
				l.show(madeUp(i), 1, bound)
			}
			l.show(late, 1, bound)
			l.show(late, 1, bound)
			if len(l.values) > bound {
				t.Errorf("%d values, %d at most", len(l.values), bound)
			}
			if got := l.values[common]; got != 3 {
				t.Errorf("%d identities showed the common value, want 3", got)
			}
			if got := l.values[late]; got != 2 {
				t.Errorf("%d identities showed the value that came after the flood, want 2", got)
			}
			if got := l.values[madeUp(0)]; (got == 1) != (c.flood <= 98) {
				t.Errorf("the first value of the flood counts %d", got)
			}
		})
	}
}

// A table full of values that many have in common makes room as well.
func TestAFullTableOfCommonValuesMakesRoom(t *testing.T) {
	const bound = 100
	l := &layer{values: map[valueKey]int32{}}
	for i := range 3 * bound {
		l.show(valueKey{hash: uint32(i)}, int32(1+i%50), bound) //nolint:gosec // small
		if len(l.values) > bound {
			t.Fatalf("%d values after %d", len(l.values), i+1)
		}
	}
}
