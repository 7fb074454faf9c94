package ingest

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// TestOnlyWhatWasAddedIsClean: places are shared, and a text that came into one of
// them takes another's; but none is taken for another.
func TestOnlyWhatWasAddedIsClean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, added := cleanTexts{on: true}, map[uint64]bool{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			hash := rapid.Uint64Range(0, 3).Draw(t, "high")*cleanSlots + rapid.Uint64Range(0, 5).Draw(t, "place")
			if c.has(hash) && !added[hash] {
				t.Fatalf("%x was never added", hash)
			}
			if rapid.Bool().Draw(t, "add") {
				c.add(hash)
				added[hash] = hash != 0
				if c.has(hash) != added[hash] {
					t.Fatalf("%x: clean %t", hash, c.has(hash))
				}
			}
		}
	})
}

func TestTwoTextsOfAPlaceStay(t *testing.T) {
	for _, pair := range [][2]uint64{{2, 3}, {3, 2}, {2, cleanSlots + 2}, {cleanSlots + 3, 3}} {
		t.Run(fmt.Sprint(pair), func(t *testing.T) {
			c := cleanTexts{on: true}
			c.add(pair[0])
			c.add(pair[1])
			if !c.has(pair[0]) || !c.has(pair[1]) {
				t.Error("one took the other's place")
			}
		})
	}
}
