package clickhouse

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The promise behind "each event once": the store sends a planned batch again
// under its token after any failure, so a kill at any moment of an insert ends
// with each event once, in the rollup too.
func TestKilledEngineEndsWithEachEventOnce(t *testing.T) {
	engine := startEngine(t)
	db := openEngine(t, engine)
	require.NoError(t, db.Migrate(t.Context()))
	w := db.Events()
	recs := traffic(t, 8_000, false)
	const batch = 2_000
	kills := 0
	for i := 0; i < len(recs); i += batch {
		token := fmt.Sprintf("cell0/%d-%d", i, i+batch)
		// Kill at a different moment of each insert.
		delay := time.Duration(i/batch*15) * time.Millisecond
		timer := time.AfterFunc(delay, func() { _ = syscall.Kill(engine.PID(), syscall.SIGKILL) })
		first := true
		require.Eventually(t, func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			rejected, err := w.Insert(ctx, token, recs[i:i+batch])
			require.Empty(t, rejected)
			if err != nil && first {
				first = false
				kills++
			}
			return err == nil
		}, 60*time.Second, 10*time.Millisecond)
		timer.Stop()
	}
	require.Eventually(t, func() bool { return db.Ping(t.Context()) == nil }, 30*time.Second, 20*time.Millisecond)
	require.Equal(t, uint64(len(recs)), one[uint64](t, db, "SELECT count() FROM events"))
	require.Equal(t, uint64(len(recs)), one[uint64](t, db, "SELECT uniqExact(id) FROM events"))
	require.Equal(t, uint64(len(recs)), one[uint64](t, db, "SELECT sum(calls) FROM events_hourly"))
	require.Greater(t, engine.Starts(), 1, "it was killed")
	t.Logf("%d inserts hit, engine started %d times", kills, engine.Starts())
}
