package faults

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lapwing-sec/lapwing/internal/clickhouse"
	"github.com/lapwing-sec/lapwing/internal/embedded"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// realEngine is scenario 8 with ClickHouse's own engine, in a process of its own
// that is killed with -9 at random moments, under the wall clock.
var realEngine = Where{Engine: KFake, Variant: "chdb", Env: Processes.Env}

func engineDies(t *testing.T, r *Result) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := embedded.FindLibrary(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	ctx := t.Context()
	engine, err := embedded.StartClickHouse(ctx, embedded.ClickHouseConfig{Dir: t.TempDir(), Log: zerolog.Nop()})
	must(err)
	defer engine.Close() //nolint:errcheck // killed often enough
	db, err := clickhouse.Open(ctx, clickhouse.Config{Addr: []string{engine.Addr()}, Protocol: clickhouse.HTTP, Token: engine.Token()}, zerolog.Nop())
	must(err)
	defer db.Close() //nolint:errcheck // nothing to lose
	must(db.Migrate(ctx))
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	must(err)
	defer cluster.Close()
	client, err := kafka.Connect(ctx, kafka.Config{Brokers: cluster.ListenAddrs()}, nil, zerolog.Nop())
	must(err)
	defer client.Close()
	must(client.EnsureTopics(ctx, kafka.Topics("lapwing.", 1, nil)))

	// Three days of events, so that batches are split.
	const n = 6000
	want := make(rollup)
	var batch stream.Batch
	day := time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)
	for i := range n {
		ev := &schemas.Event{
			Id: strconv.Itoa(i), IdentityId: fmt.Sprintf("kong:consumer/partner-%d", r.Rand.IntN(identities)), Format: "kong", Operation: "GET /v1/orders",
			Time: day.Add(time.Duration(r.Rand.Int64N(int64(72 * time.Hour)))).UnixNano(), RawTopic: rawTopic, RawOffset: int64(i), Tenant: "default",
		}
		ev.BytesOut = uint64(r.Rand.IntN(5000))
		must(batch.AddEvent(ev))
		addTo(want, ev)
	}
	must(client.ProduceTo(ctx, client.Topic("events"), 0, batch.Records()))
	r.Events(n)

	sctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	opt := kafka.StoreOptions{Inserter: db.Events(), MaxRows: 400 + r.Rand.IntN(400), MaxWait: 50 * time.Millisecond}
	go func() { done <- client.RunStore(sctx, opt) }()
	for range 3 + r.Rand.IntN(3) {
		<-time.After(time.Duration(20+r.Rand.IntN(250)) * time.Millisecond) // a moment of the insert, as good as any
		_ = syscall.Kill(engine.PID(), syscall.SIGKILL)                     // it may just be starting
		r.Faults(1)
	}
	began := time.Now()
	for deadline := time.After(3 * time.Minute); ; {
		at, err := client.Committed(ctx, "lapwing-store", client.Topic("events"))
		if err == nil && at[0] >= n && db.Ping(ctx) == nil {
			break
		}
		select {
		case <-deadline:
			t.Fatalf("the store did not catch up: %v, %v", at, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	r.Recovered(time.Since(began))
	stop()
	must(<-done)

	v := new(verdict)
	rows, err := db.Query(ctx, "SELECT count() AS n, uniqExact(id) AS ids FROM events", nil)
	must(err)
	if got := fmt.Sprint(rows.Rows[0]); got != fmt.Sprintf("[%d %d]", n, n) {
		v.lost("rows and ids are %s, want %d", got, n)
	}
	sums, err := db.Query(ctx, "SELECT identity_id, toUnixTimestamp(hour) AS h, sum(calls) AS c, sum(bytes_out) AS b FROM events_hourly GROUP BY identity_id, hour", nil)
	must(err)
	if len(sums.Rows) != len(want) {
		v.lost("the rollup has %d rows, want %d", len(sums.Rows), len(want))
	}
	for _, row := range sums.Rows {
		hour, err := strconv.ParseInt(fmt.Sprint(row[1]), 10, 64)
		must(err)
		s := want[rollupKey{fmt.Sprint(row[0]), hour / 3600}]
		if got := strings.TrimSpace(fmt.Sprint(row[2], " ", row[3])); got != fmt.Sprint(s.calls, " ", s.bytes) {
			v.lost("hour %d of %v sums to %s, want %v", hour, row[0], got, s)
		}
	}
	v.report(t, r)
}
