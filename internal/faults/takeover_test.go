package faults_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/app"
	"github.com/lapwing-sec/lapwing/internal/faults"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

const (
	bigCell    = 100_000 // identities
	bigRounds  = 3       // calls of each that the snapshot holds
	bigReplay  = 50_000  // events behind it
	bigPieces  = 5_000   // events of a write
	bigTimeout = 10 * time.Minute
)

// How long nobody judges the events of a cell of 100,000 identities: when it goes to
// another process, which restores it, and when its owner was counted out of the group
// and gets it back, which keeps what it has in memory. What is told of the progress is
// what happens.
func TestFaultsTakeover(t *testing.T) {
	where := faults.Where{Engine: faults.KFake, Variant: "takeover", Env: throughputEnv}
	if testing.Short() || len(where.Seeds(t)) == 0 {
		t.Skipf("set %s to 1", throughputEnv)
	}
	faults.Find(4).Run(t, where, measureTakeover)
}

func measureTakeover(t *testing.T, r *faults.Result) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	defer cluster.Close()
	connect := func(reg prometheus.Registerer) *kafka.Client {
		c, err := kafka.Connect(t.Context(), kafka.Config{Brokers: cluster.ListenAddrs(), DrainTimeout: bigTimeout}, reg, logger())
		require.NoError(t, err)
		t.Cleanup(c.Close)
		return c
	}
	c := connect(nil)
	require.NoError(t, c.EnsureTopics(t.Context(), kafka.Topics("lapwing.", 1, nil)))
	day := time.Date(2026, 3, 3, 8, 0, 0, 0, time.UTC)
	sent := 0
	send := func(n int) {
		t.Helper()
		for n > 0 {
			var b stream.Batch
			for range min(n, bigPieces) {
				at := day.Add(time.Duration(sent) * time.Millisecond).UnixNano()
				require.NoError(t, b.AddEvent(&schemas.Event{
					Id: fmt.Sprint(sent), Tenant: "default", IdentityId: fmt.Sprintf("aws:1:role/%06d", sent%bigCell), Format: "cloudtrail",
					Operation: fmt.Sprintf("s3:Get%d", sent%40), Time: at, Watermark: at, RawTopic: "raw.a", RawOffset: int64(sent),
				}))
				sent++
				n--
			}
			require.NoError(t, c.ProduceTo(t.Context(), c.Topic("events"), 0, b.Records()))
		}
	}
	send(bigRounds * bigCell)

	first := startOwner(t, connect(nil))
	first.await(t, int64(sent))
	first.end(t) // with a snapshot
	size := int64(0)
	snapshot, found, err := c.Snapshot(t.Context(), 0, func(r io.Reader) (err error) {
		size, err = io.Copy(io.Discard, r)
		return err
	})
	require.NoError(t, err)
	require.True(t, found)
	require.EqualValues(t, sent, snapshot)

	send(bigReplay)
	began := time.Now()
	second := startOwner(t, connect(nil))
	<-second.ready
	cold := time.Since(began)
	require.EqualValues(t, sent, second.position.Load(), "ready is at the log's end")
	require.Positive(t, second.told.Load(), "progress was told of")
	require.False(t, second.backwards.Load(), "and only went on")

	began = time.Now()
	info := cluster.GroupInfo("lapwing-detect")
	require.Len(t, info.Members, 1)
	_, err = (&kafkago.Client{Addr: kafkago.TCP(cluster.ListenAddrs()...)}).LeaveGroup(t.Context(), &kafkago.LeaveGroupRequest{
		GroupID: "lapwing-detect", Members: []kafkago.LeaveGroupRequestMember{{ID: info.Members[0].MemberID}},
	})
	require.NoError(t, err)
	r.Faults(1)
	<-second.ready
	send(1)
	second.await(t, int64(sent))
	warm := time.Since(began)
	require.EqualValues(t, 1, second.made.Load(), "what was in memory is kept")
	second.end(t)

	r.Faults(1)
	r.Events(sent)
	r.Recovered(cold)
	t.Logf("a cell of %d identities, %d MB of state: another process is ready after %.1f s with %d events to replay, its owner, counted out and back, after %.1f s",
		bigCell, size>>20, cold.Seconds(), bigReplay, warm.Seconds())
	if os.Getenv("LAPWING_FAULTS_DIR") != "" {
		fmt.Printf("takeover of %d identities, %d MB of state, %d events to replay: %.1f s; by its owner itself %.1f s\n", bigCell, size>>20, bigReplay, cold.Seconds(), warm.Seconds())
	}
}

// owner is a process with the detect role.
type owner struct {
	stop      context.CancelFunc
	done      chan error
	ready     chan struct{}
	position  atomic.Int64
	made      atomic.Int64 // cells
	told      atomic.Int64 // of progress
	last      atomic.Int64
	backwards atomic.Bool
}

func startOwner(t *testing.T, c *kafka.Client) *owner {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	o := &owner{stop: cancel, done: make(chan error, 1), ready: make(chan struct{}, 8)}
	go func() {
		o.done <- c.RunDetect(ctx, kafka.DetectOptions{
			NewCell: func(cell int) stream.Cell {
				o.made.Add(1)
				e, err := detect.New(detect.Config{Tenant: "default", Cell: cell, Cells: 1, MaxIdentities: 2 * bigCell, ProductVersion: "test"})
				if err != nil {
					panic(err) // the configuration is ours
				}
				return app.NewCell(e)
			},
			OnPosition: func(_ int, next, _ int64) { o.position.Store(next) },
			OnRestoring: func(_ int, next, to int64) {
				if next < o.last.Swap(next) {
					o.backwards.Store(true)
				}
				if next < to {
					o.told.Add(1)
				}
			},
			OnReady: func() { o.ready <- struct{}{} },
		})
	}()
	return o
}

// await waits until everything below an offset was judged.
func (o *owner) await(t *testing.T, offset int64) {
	t.Helper()
	deadline := time.After(bigTimeout)
	for o.position.Load() < offset {
		select {
		case err := <-o.done:
			t.Fatalf("detect ended: %v", err)
		case <-deadline:
			t.Fatalf("judged up to %d of %d", o.position.Load(), offset)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (o *owner) end(t *testing.T) {
	t.Helper()
	o.stop()
	require.NoError(t, <-o.done)
}
