package kafka

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// What is beyond the bound is forgotten, oldest first, also by calls that wait for
// Kafka at once, and in Kafka as here; what Kafka did not take is not forgotten.
func TestAMemoryForgetsTheOldestAlsoConcurrently(t *testing.T) {
	var mu sync.Mutex
	stored := map[string]bool{}
	var together *sync.WaitGroup // calls wait for each other in Kafka
	var refuse error
	m := &memory{destination: "siem", most: 4, delivered: map[string]delivery{}, table: map[string][]byte{}}
	m.produce = func(_ context.Context, recs []stream.Record) error {
		if together != nil {
			together.Done()
			together.Wait()
		}
		mu.Lock()
		defer mu.Unlock()
		if refuse != nil {
			return refuse
		}
		for _, r := range recs {
			_, id, _ := strings.Cut(string(r.Key), "\x00v")
			if stored[id] = true; r.Value == nil {
				delete(stored, id)
			}
		}
		return nil
	}
	ctx := t.Context()
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		require.NoError(t, m.Remember(ctx, id, 1))
	}
	require.Equal(t, []string{"b", "c", "d", "e", "f"}, m.order)
	require.Zero(t, m.Delivered("a"))

	refuse = errors.New("no leader")
	require.ErrorContains(t, m.Remember(ctx, "g", 1), "no leader")
	require.Equal(t, []string{"b", "c", "d", "e", "f"}, m.order)
	require.Equal(t, 1, m.Delivered("b"))
	refuse = nil

	together = &sync.WaitGroup{}
	together.Add(2)
	var calls sync.WaitGroup
	for _, id := range []string{"x", "y"} {
		calls.Go(func() {
			if err := m.Remember(ctx, id, 1); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	together = nil
	require.NoError(t, m.Remember(ctx, "z", 1))
	require.Len(t, m.order, 5)
	require.Len(t, m.delivered, 5, "nothing is remembered that is in no order, to be forgotten later")
	require.Len(t, stored, 5)
	for _, id := range m.order {
		require.Equal(t, 1, m.Delivered(id))
		require.True(t, stored[id], id)
	}
}
