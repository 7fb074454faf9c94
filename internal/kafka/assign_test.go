package kafka

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Members come, go and forget; after each change two assignments are enough for
// every partition to have one owner and nobody two more than another, and none
// is ever given away while its owner works on it.
func TestAssignmentsAreBalancedAndSticky(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var parts []topicPartition
		for i := range rapid.IntRange(1, 4).Draw(t, "topics") {
			for p := range rapid.IntRange(1, 20).Draw(t, "partitions") {
				parts = append(parts, topicPartition{fmt.Sprint("t", i), p})
			}
		}
		owned := map[string][]topicPartition{}
		generation := 1
		round := func() (moved int, waiting int) {
			generation++
			var claims []claim
			for m, o := range owned {
				claims = append(claims, claim{m, generation - 1, o})
			}
			given, pending := assign(parts, claims)
			for m := range owned {
				for _, tp := range given[m] {
					for other, o := range owned {
						require.False(t, other != m && slices.Contains(o, tp), "%v is %s's and was given to %s", tp, other, m)
					}
				}
				for _, tp := range owned[m] {
					if !slices.Contains(given[m], tp) {
						moved++
					}
				}
				waiting += pending[m]
			}
			for m := range owned {
				owned[m] = given[m]
			}
			return moved, waiting
		}
		for step := range rapid.IntRange(1, 8).Draw(t, "steps") {
			if len(owned) > 1 && rapid.Bool().Draw(t, "leaves") {
				members := slices.Sorted(maps.Keys(owned))
				delete(owned, rapid.SampledFrom(members).Draw(t, "who"))
			} else {
				owned[fmt.Sprintf("m%02d", step)] = nil
			}
			moved, waiting := round()
			require.Equal(t, moved, waiting)
			require.LessOrEqual(t, moved, len(parts)/len(owned)+1, "no more move than a new member gets")
			moved, waiting = round()
			require.Zero(t, moved)
			require.Zero(t, waiting)
			seen := map[topicPartition]int{}
			least, most := len(parts), 0
			for _, o := range owned {
				least, most = min(least, len(o)), max(most, len(o))
				for _, tp := range o {
					seen[tp]++
				}
			}
			require.Len(t, seen, len(parts))
			for tp, n := range seen {
				require.Equal(t, 1, n, "%v", tp)
			}
			require.LessOrEqual(t, most-least, 1)
		}
	})
}

func TestAssign(t *testing.T) {
	tp := func(topic string, parts ...int) (out []topicPartition) {
		for _, p := range parts {
			out = append(out, topicPartition{topic, p})
		}
		return out
	}
	for _, tc := range []struct {
		name    string
		parts   []topicPartition
		claims  []claim
		given   map[string][]topicPartition
		pending map[string]int
	}{
		{name: "a first member gets all", parts: tp("a", 0, 1, 2), claims: []claim{{member: "x"}},
			given: map[string][]topicPartition{"x": tp("a", 0, 1, 2)}, pending: map[string]int{}},
		{name: "a second member waits for what the first gives up", parts: tp("a", 0, 1, 2, 3), claims: []claim{{"x", 1, tp("a", 0, 1, 2, 3)}, {member: "y"}},
			given: map[string][]topicPartition{"x": tp("a", 0, 1), "y": nil}, pending: map[string]int{"y": 2}},
		{name: "of two claims the newer one counts", parts: tp("a", 0, 1), claims: []claim{{"x", 3, tp("a", 0)}, {"y", 5, tp("a", 0)}},
			given: map[string][]topicPartition{"x": tp("a", 1), "y": tp("a", 0)}, pending: map[string]int{}},
		{name: "a claim on a partition that is gone is nothing", parts: tp("a", 0), claims: []claim{{"x", 1, tp("b", 7)}},
			given: map[string][]topicPartition{"x": tp("a", 0)}, pending: map[string]int{}},
		{name: "each topic is spread", parts: append(tp("a", 0, 1), tp("b", 0, 1)...), claims: []claim{{member: "x"}, {member: "y"}},
			given: map[string][]topicPartition{"x": append(tp("a", 0), tp("b", 0)...), "y": append(tp("a", 1), tp("b", 1)...)}, pending: map[string]int{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			given, pending := assign(tc.parts, tc.claims)
			require.Equal(t, tc.given, given)
			require.Equal(t, tc.pending, pending)
		})
	}
}
