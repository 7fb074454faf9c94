package app

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

func TestLifecycleStopsNewestFirstAndJoinsErrors(t *testing.T) {
	var l lifecycle
	var order []string
	boom := errors.New("boom")
	for _, name := range []string{"broker", "database", "roles"} {
		l.onStop(name, func(context.Context) error {
			order = append(order, name)
			if name == "database" {
				return boom
			}
			return nil
		})
	}
	err := l.stop(time.Second)
	require.ErrorIs(t, err, boom)
	require.EqualError(t, err, "stopping database: boom")
	require.Equal(t, []string{"roles", "database", "broker"}, order)
	require.NoError(t, l.stop(time.Second), "a second stop has nothing left to do")
}

func TestLifecycleIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lifecycle
		stopped := false
		hang := make(chan struct{})
		l.onStop("first", func(context.Context) error { stopped = true; return nil })
		l.onStop("hung", func(context.Context) error { <-hang; return nil })
		start := time.Now()
		err := l.stop(5 * time.Second)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, time.Since(start))
		synctest.Wait()
		require.True(t, stopped, "what stands below a hung part is still torn down")
		close(hang)
	})
}

func TestARoleWhoseLogIsGoneStandsStillAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		p := newProcess(ctx, Config{}, zerolog.Nop())
		p.goRole("store", func(context.Context) error { return fmt.Errorf("%w: reset the group's offsets", stream.ErrReset) })
		p.goRole("alert", func(ctx context.Context) error { p.isReady("alert")(); <-ctx.Done(); return nil })
		synctest.Wait()
		require.NoError(t, p.roles.Err(), "the others go on")
		require.Equal(t, []string{"store: the log does not reach the stored state: reset the group's offsets"}, p.ready.missing())
		stop()
		require.NoError(t, p.group.Wait())
	})
}
