package app

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// However small the memory, a sorter gives what sorting in memory gives.
func TestSorterSortsInBoundedMemory(t *testing.T) {
	type rec struct {
		time      int64
		id, value string
	}
	rapid.Check(t, func(t *rapid.T) {
		recs := rapid.SliceOf(rapid.Custom(func(t *rapid.T) rec {
			return rec{
				rapid.Int64Range(-3, 3).Draw(t, "time"),
				rapid.StringN(0, 3, 6).Draw(t, "id"),
				rapid.StringN(0, 20, 40).Draw(t, "value"),
			}
		})).Draw(t, "records")
		s := newSorter(rapid.IntRange(0, 400).Draw(t, "budget"))
		s.fanIn = rapid.IntRange(2, 4).Draw(t, "fanIn")
		for _, r := range recs {
			require.NoError(t, s.Add(r.time, r.id, []byte(r.value)))
		}
		var got, again []rec
		for _, into := range []*[]rec{&got, &again} {
			require.NoError(t, s.Each(func(time int64, id, value []byte) error {
				*into = append(*into, rec{time, string(id), string(value)})
				return nil
			}))
		}
		require.Equal(t, got, again, "a second pass gives the same")
		require.Equal(t, len(recs), s.Len())
		slices.SortFunc(recs, func(a, b rec) int {
			return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.id, b.id), cmp.Compare(a.value, b.value))
		})
		require.Equal(t, len(recs), len(got))
		for i := range recs {
			require.Equal(t, recs[i], got[i])
		}
		dir := s.dir
		require.NoError(t, s.Close())
		if dir != "" {
			require.NoDirExists(t, dir)
		}
	})
}

func TestSorterStopsWhereItsReaderStops(t *testing.T) {
	s := newSorter(100)
	for i := range 20 {
		require.NoError(t, s.Add(int64(i), fmt.Sprint(i), []byte("0123456789")))
	}
	n := 0
	require.ErrorIs(t, s.Each(func(int64, []byte, []byte) error {
		n++
		return os.ErrClosed
	}), os.ErrClosed)
	require.Equal(t, 1, n)
	require.NoError(t, s.Close())
}
