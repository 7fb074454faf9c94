package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/internal/stream"
)

// While a cell replays its log a load balancer and a rolling update must not take
// the process for one that works.
func TestReadyzIsFalseWhileRestoring(t *testing.T) {
	fleet, err := simulate.New(simulate.Config{Seed: 3, Days: 5, Identities: 20, Events: 6_000})
	require.NoError(t, err)
	p := newPlant(t, 1, fleet)
	var all []simulate.Record
	require.NoError(t, fleet.Records(func(r simulate.Record) error {
		r.Value = slices.Clone(r.Value)
		all = append(all, r)
		return nil
	}))
	p.send(t, all)
	p.judge(t)
	// The snapshots are lost: the cell replays its whole log.
	for _, slot := range []string{"0/A/end", "0/B/end"} {
		require.NoError(t, p.kc.ProduceTo(t.Context(), "lapwing.state", 0, []stream.Record{{Key: []byte(slot)}}))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	proc := newProcess(ctx, p.cfg, zerolog.Nop())
	require.NoError(t, proc.connect(ctx, false))
	monitor := newMonitor(proc.reg, proc.ready)
	ask := func() (int, string) {
		w := httptest.NewRecorder()
		monitor.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/readyz", nil))
		return w.Code, w.Body.String()
	}
	require.NoError(t, proc.start([]string{RoleDetect}))
	restoring := 0
	require.Eventually(t, func() bool {
		code, text := ask()
		if strings.Contains(text, "detect: restoring cell 0: replayed up to") {
			restoring++
			require.Equal(t, http.StatusServiceUnavailable, code)
		}
		return code == http.StatusOK
	}, 2*time.Minute, 200*time.Microsecond)
	stop()
	require.NoError(t, proc.wait())
	require.Positive(t, restoring, "it was never said to restore")
}
