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
// the time in which partitions were worked on.
func TestFaultsThroughput(t *testing.T) {
	for _, engine := range []string{faults.KFake, faults.ApacheKafka} {
		t.Run(engine, func(t *testing.T) {
			where := faults.Where{Engine: engine, Variant: "throughput", Env: throughputEnv}
			if testing.Short() || len(where.Seeds(t)) == 0 {
				t.Skipf("set %s to 1", throughputEnv)
			}
			t.Parallel()
			faults.Find(4).Run(t, where, func(t *testing.T, r *faults.Result) {
				addr := ""
				if engine == faults.ApacheKafka {
					addr = kafkatest.Start(t).Addr
				} else {
					b, err := embedded.StartBroker(embedded.BrokerConfig{Log: zerolog.Nop()})
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
	perRecord     = 20 * time.Millisecond // 50 records a second and partition
	steadyTime    = 15 * time.Second
	stormTime     = time.Minute
	joinEvery     = 5 * time.Second
	floor         = 0.95
)

func measureThroughput(t *testing.T, r *faults.Result, addr string) {
	connect := func() *kafka.Client {
		c, err := kafka.Connect(t.Context(), kafka.Config{Brokers: []string{addr}, Compression: "lz4"}, nil, logger())
		require.NoError(t, err)
		t.Cleanup(c.Close)
		return c
	}
	c := connect()
	topics := kafka.Topics(4, []string{"raw.a"})
	topics[len(topics)-1].Partitions = rawPartitions
	require.NoError(t, c.EnsureTopics(t.Context(), topics))
	const backlog = 8_000 // a partition; more than it can do in the time
	value := make([]byte, 8)
	for p := range rawPartitions {
		recs := make([]stream.Record, backlog)
		for i := range recs {
			recs[i].Value = binary.BigEndian.AppendUint64(value[:0:0], uint64(i))
		}
		require.NoError(t, c.ProduceTo(t.Context(), "raw.a", p, recs))
	}
	var parsed atomic.Int64
	type member struct {
		stop context.CancelFunc
		done chan error
	}
	join := func() *member {
		mc := connect()
		ctx, cancel := context.WithCancel(context.Background())
		m := &member{cancel, make(chan error, 1)}
		go func() {
			m.done <- mc.RunEnrich(ctx, kafka.EnrichOptions{
				RawTopics: []kafka.RawTopic{{Name: "raw.a"}},
				Transform: func(rec *stream.Record, h stream.SubHandler) {
					<-time.After(perRecord)                        // load, not synchronisation
					n := int64(binary.BigEndian.Uint64(rec.Value)) //nolint:gosec // what was sent
					h.Event(0, &schemas.Event{IdentityId: fmt.Sprint("id/", rec.Partition), Time: 1_700_000_000_000_000_000 + n*1_000_000})
					parsed.Add(1)
				},
			})
		}()
		t.Cleanup(cancel)
		return m
	}
	leave := func(m *member) {
		m.stop()
		require.NoError(t, <-m.done)
	}
	rate := func(d time.Duration, meanwhile func()) float64 {
		from, began := parsed.Load(), time.Now()
		meanwhile()
		if left := d - time.Since(began); left > 0 {
			<-time.After(left)
		}
		return float64(parsed.Load()-from) / time.Since(began).Seconds()
	}
	members := []*member{join(), join()}
	deadline := time.Now().Add(time.Minute)
	for parsed.Load() < 10*rawPartitions {
		require.True(t, time.Now().Before(deadline), "the members never began")
		<-time.After(50 * time.Millisecond)
	}
	<-time.After(3 * time.Second)
	steady := rate(steadyTime, func() {})
	storm := rate(stormTime, func() {
		began := time.Now()
		for i := range int(stormTime / joinEvery) {
			<-time.After(time.Until(began.Add(time.Duration(i) * joinEvery)))
			members = append(members, join())
			r.Faults(1)
			if i%2 == 1 {
				<-time.After(joinEvery / 2)
				leave(members[0]) // the oldest
				members = members[1:]
				r.Faults(1)
			}
		}
	})
	// The machine is shared: it may have become slower, or faster, meanwhile.
	steady = (steady + rate(steadyTime, func() {})) / 2
	ratio := storm / steady
	t.Logf("%.0f events/s undisturbed, %.0f with a join every %s and a leave every %s: %.1f %%", steady, storm, joinEvery, 2*joinEvery, 100*ratio)
	r.Throughput(ratio)
	for _, m := range members {
		leave(m)
	}
	// Work done twice is no throughput: what counts are events, each once.
	seen := map[[2]int64]int{}
	require.NoError(t, c.Scan(t.Context(), c.Topic("events"), kafka.ScanOptions{Partition: -1}, func(rec *stream.Record) error {
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
	for at, n := range seen {
		if n > 1 {
			r.Duplicated(n - 1)
			t.Errorf("%v is %d events", at, n)
		}
	}
	r.Events(len(seen))
	require.InDelta(t, len(seen), parsed.Load(), 0.02*float64(len(seen)), "records parsed in vain")
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
