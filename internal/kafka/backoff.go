package kafka

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff spaces retries: 20 ms doubling to 2 s, each with up to half of it
// taken off at random, so that partitions do not return in step.
type backoff struct {
	tries int
	next  time.Duration
}

func newBackoff() *backoff { return &backoff{next: 20 * time.Millisecond} }

// wait sleeps and reports whether ctx still lives.
func (b *backoff) wait(ctx context.Context) bool {
	b.tries++
	d := b.next - rand.N(b.next/2) //nolint:gosec // spreads retries, no secret
	b.next = min(2*b.next, 2*time.Second)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
