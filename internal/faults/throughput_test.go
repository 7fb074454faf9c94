package faults_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/embedded"
	"github.com/lapwing-sec/lapwing/internal/faults"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/kafka/kafkatest"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// ThroughputEnv set to 1 runs the measurement, which takes a minute and a half.
const throughputEnv = "LAPWING_FAULTS_THROUGHPUT"

// Two members become eight: one joins every five seconds, and one leaves every
// ten, while 64 partitions flow. Every partition is slow by nature, so that what a stall cost
// cannot be caught up: the share of the undisturbed throughput is the share of
// the time in which partitions were worked on. Beside it works a fleet that nobody
// joins: what the machine does to both of them, whoever else uses it, is no stall.
func TestFaultsThroughput(t *testing.T) {
	for _, engine := range []string{faults.KFake, faults.ApacheKafka} {
		t.Run(engine, func(t *testing.T) {
			where := faults.Where{Engine: engine, Variant: "throughput", Env: throughputEnv}
			if testing.Short() || os.Getenv(throughputEnv) == "0" || len(where.Seeds(t)) == 0 {
				t.Skipf("set %s to 1", throughputEnv)
			}
			t.Parallel()
			faults.Find(4).Run(t, where, func(t *testing.T, r *faults.Result) {
				addr := ""
				if engine == faults.ApacheKafka {
					addr = kafkatest.Start(t).Addr
				} else {
					b, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{Log: zerolog.Nop()})
					require.NoError(t, err)
					t.Cleanup(func() { require.NoError(t, b.Close()) })
					addr = b.Addr()
				}
				measureThroughput(t, r, addr)
			})
		})
	}
}

const (
	rawPartitions = 64
	perRecord     = 40 * time.Millisecond // 25 records a second and partition
	backlog       = 5_000                 // a partition; more than it can do in the time
	steadyTime    = 15 * time.Second
	stormTime     = time.Minute
	joinEvery     = 5 * time.Second
	floor         = 0.95
)

// fleet is the members of one group on topics of their own.
type fleet struct {
	t       *testing.T
	addr    string
	prefix  string
	c       *kafka.Client
	members []*fleetMember
	parsed  atomic.Int64
}

type fleetMember struct {
	stop context.CancelFunc
	done chan error
}

func newFleet(t *testing.T, addr, prefix string) *fleet {
	t.Helper()
	f := &fleet{t: t, addr: addr, prefix: prefix}
	f.c = f.connect()
	topics := kafka.Topics(prefix, 4, []string{prefix + "raw"})
	topics[len(topics)-1].Partitions = rawPartitions
	require.NoError(t, f.c.EnsureTopics(t.Context(), topics))
	value := make([]byte, 8)
	for p := range rawPartitions {
		recs := make([]stream.Record, backlog)
		for i := range recs {
			recs[i].Value = binary.BigEndian.AppendUint64(value[:0:0], uint64(i))
		}
		require.NoError(t, f.c.ProduceTo(t.Context(), prefix+"raw", p, recs))
	}
	return f
}

func (f *fleet) connect() *kafka.Client {
	f.t.Helper()
	c, err := kafka.Connect(f.t.Context(), kafka.Config{Brokers: []string{f.addr}, Prefix: f.prefix, Compression: "lz4"}, nil, logger())
	require.NoError(f.t, err)
	f.t.Cleanup(c.Close)
	return c
}

func (f *fleet) join() {
	f.t.Helper()
	mc := f.connect()
	ctx, cancel := context.WithCancel(context.Background())
	m := &fleetMember{cancel, make(chan error, 1)}
	go func() {
		m.done <- mc.RunEnrich(ctx, kafka.EnrichOptions{
			Group:     f.prefix + "enrich",
			RawTopics: []kafka.RawTopic{{Name: f.prefix + "raw"}},
			Transform: func(rec *stream.Record, h stream.SubHandler) {
				<-time.After(perRecord)                        // load, not synchronisation
				n := int64(binary.BigEndian.Uint64(rec.Value)) //nolint:gosec // what was sent
				h.Event(0, &schemas.Event{IdentityId: fmt.Sprint("id/", rec.Partition), Time: 1_700_000_000_000_000_000 + n*1_000_000})
				f.parsed.Add(1)
			},
		})
	}()
	f.t.Cleanup(cancel)
	f.members = append(f.members, m)
}

// leave takes the oldest member away.
func (f *fleet) leave() {
	f.t.Helper()
	f.members[0].stop()
	require.NoError(f.t, <-f.members[0].done)
	f.members = f.members[1:]
}

// events are those in the log, by their coordinates: work done twice is no
// throughput.
func (f *fleet) events() map[[2]int64]int {
	f.t.Helper()
	seen := map[[2]int64]int{}
	require.NoError(f.t, f.c.Scan(f.t.Context(), f.c.Topic("events"), kafka.ScanOptions{Partition: -1}, func(rec *stream.Record) error {
		if stream.IsControl(rec) {
			return nil
		}
		var ev schemas.Event
		if err := ev.UnmarshalVT(rec.Value); err != nil {
			return err
		}
		seen[[2]int64{int64(ev.RawPartition), ev.RawOffset}]++
		return nil
	}))
	return seen
}

// throughput is what two fleets did in the same time.
type throughput struct {
	stormy, calm float64 // records
	seconds      float64
}

func (a throughput) share() float64 { return a.stormy / a.calm }

func measureThroughput(t *testing.T, r *faults.Result, addr string) {
	stormy, calm := newFleet(t, addr, "stormy."), newFleet(t, addr, "calm.")
	during := func(d time.Duration, meanwhile func()) throughput {
		a, b, began := stormy.parsed.Load(), calm.parsed.Load(), time.Now()
		meanwhile()
		if left := d - time.Since(began); left > 0 {
			<-time.After(left)
		}
		return throughput{float64(stormy.parsed.Load() - a), float64(calm.parsed.Load() - b), time.Since(began).Seconds()}
	}
	deadline := time.Now().Add(2 * time.Minute)
	for _, f := range []*fleet{stormy, calm} {
		f.join()
		f.join()
		for f.parsed.Load() < 10*rawPartitions {
			require.True(t, time.Now().Before(deadline), "the members never began")
			<-time.After(50 * time.Millisecond)
		}
	}
	<-time.After(3 * time.Second)
	before := during(steadyTime, func() {})
	storm := during(stormTime, func() {
		began := time.Now()
		for i := range int(stormTime / joinEvery) {
			<-time.After(time.Until(began.Add(time.Duration(i) * joinEvery)))
			stormy.join()
			r.Faults(1)
			if i%2 == 1 {
				<-time.After(joinEvery / 2)
				stormy.leave()
				r.Faults(1)
			}
		}
	})
	after := during(steadyTime, func() {})
	// How the fleets compare while nobody joins either of them.
	usual := (before.stormy + after.stormy) / (before.calm + after.calm)
	ratio := storm.share() / usual
	alone := storm.stormy / storm.seconds / ((before.stormy + after.stormy) / (before.seconds + after.seconds))
	t.Logf("with a join every %s and a leave every %s %.1f %% of what a fleet without does at the same time (%.0f events/s, it %.0f), %.1f %% of what it did itself before and after",
		joinEvery, 2*joinEvery, 100*ratio, storm.stormy/storm.seconds, storm.calm/storm.seconds, 100*alone)
	r.Throughput(ratio)
	for _, f := range []*fleet{stormy, calm} {
		for len(f.members) > 0 {
			f.leave()
		}
		seen := f.events()
		for at, n := range seen {
			if n > 1 {
				r.Duplicated(n - 1)
				t.Errorf("%v is %d events", at, n)
			}
		}
		r.Events(len(seen))
		require.InDelta(t, len(seen), f.parsed.Load(), 0.02*float64(len(seen)), "records parsed in vain")
	}
	if ratio < floor {
		r.Lost(1)
		t.Error(errors.New("below 95 % of the undisturbed throughput"))
	}
}

// logger is silent unless LAPWING_TEST_LOG is set.
func logger() zerolog.Logger {
	if os.Getenv("LAPWING_TEST_LOG") == "" {
		return zerolog.Nop()
	}
	return zerolog.New(os.Stderr).With().Timestamp().Logger()
}
