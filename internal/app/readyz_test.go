package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
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
	p.cfg.Enrich.KeepRaw = true // more than one fetch of log
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
	ends, err := p.kc.Ends(ctx, "lapwing.events")
	require.NoError(t, err)
	type answer struct {
		next int64
		code int
		text string
	}
	var answers []answer // while replaying; one goroutine writes them
	reached := make(chan struct{})
	proc.hooks = hooks{onPosition: func(_ int, next, _ int64) {
		code, text := ask()
		if answers = append(answers, answer{next, code, text}); next >= ends[0] && len(answers) > 0 {
			select {
			case <-reached:
			default:
				close(reached)
			}
		}
	}}
	require.NoError(t, proc.start([]string{RoleDetect}))
	select {
	case <-reached:
	case <-time.After(2 * time.Minute):
		t.Fatal("never restored")
	}
	require.Eventually(t, func() bool { code, _ := ask(); return code == http.StatusOK }, time.Minute, 5*time.Millisecond)
	stop()
	require.NoError(t, proc.wait())
	during := 0
	for _, a := range answers {
		if a.next < ends[0] {
			during++
			require.Equal(t, http.StatusServiceUnavailable, a.code, a.text)
			require.Contains(t, a.text, "detect: restoring cell 0: replayed up to")
		}
	}
	t.Logf("%d answers while replaying %d records", during, ends[0])
	require.Positive(t, during)
}
