package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// failingStore is a ClickHouse that is down.
type failingStore struct{}

func (failingStore) Insert(context.Context, string, []stream.Record) ([]stream.Rejected, error) {
	return nil, errors.New("connection refused")
}

// hanging is a destination that never answers.
type hanging struct{}

func (hanging) Handle(ctx context.Context, _ []stream.Record) error {
	<-ctx.Done()
	return ctx.Err()
}

// A pipeline that stands still is shown by the shipped alert rule within a minute:
// the fault is made under running stages, their metrics are scraped every ten seconds
// of a clock that the test turns, and Prometheus's own engine evaluates the rule.
func TestAStuckPipelineIsShownWithinAMinute(t *testing.T) {
	promtool, err := filepath.Abs("../../scripts/promtool.sh")
	require.NoError(t, err)
	if out, err := exec.CommandContext(t.Context(), promtool, "fetch").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s", out)
		}
		t.Skipf("%s", out)
	}
	b := newFake(t)
	setup := b.connect(t)
	b.setup(t, setup, 1, "raw.a")
	require.NoError(t, setup.Produce(t.Context(), "raw.a", rawRecords(0, 50, 5)))
	stop := start(t, func(ctx context.Context) error {
		return setup.RunEnrich(ctx, EnrichOptions{RawTopics: []RawTopic{{Name: "raw.a"}}, Transform: transform})
	})
	eventually(t, "events", func() bool { return countEvents(t, setup) == 50 })
	require.NoError(t, stop())
	require.NoError(t, setup.ProduceTo(t.Context(), "lapwing.alerts", 0, []stream.Record{{Key: []byte("k"), Value: []byte("{}")}}))

	for _, tc := range []struct {
		name, stage, topic string
		stuck              bool
		run                func(ctx context.Context, c *Client, ready func()) error
	}{
		{"the store is down", "store", "lapwing.events", true, func(ctx context.Context, c *Client, ready func()) error {
			return c.RunStore(ctx, StoreOptions{Inserter: failingStore{}, MaxWait: 10 * time.Millisecond, OnReady: ready})
		}},
		{"a destination hangs", "lapwing-alert-siem", "lapwing.alerts", true, func(ctx context.Context, c *Client, ready func()) error {
			return c.RunConsumer(ctx, ConsumerOptions{
				Group: "lapwing-alert-siem", Topic: "lapwing.alerts", NewHandler: func(int) (stream.Handler, error) { return hanging{}, nil }, OnReady: ready,
			})
		}},
		{"a raw partition is stuck in its parser", "enrich", "raw.a", true, func(ctx context.Context, c *Client, ready func()) error {
			return c.RunEnrich(ctx, EnrichOptions{
				Group: "lapwing-stuck", RawTopics: []RawTopic{{Name: "raw.a"}}, OnReady: ready,
				Transform: func(*stream.Record, stream.SubHandler) { <-ctx.Done() },
			})
		}},
		{"a destination that answers", "lapwing-alert-soar", "lapwing.alerts", false, func(ctx context.Context, c *Client, ready func()) error {
			return c.RunConsumer(ctx, ConsumerOptions{
				Group: "lapwing-alert-soar", Topic: "lapwing.alerts", NewHandler: func(int) (stream.Handler, error) { return answering{}, nil }, OnReady: ready,
			})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			c, err := Connect(t.Context(), Config{
				Brokers: b.addrs, SessionTimeout: 5 * time.Minute, RequestTimeout: 3 * time.Second, DrainTimeout: 200 * time.Millisecond, lagEvery: 5 * time.Millisecond,
			}, reg, zerolog.Nop())
			require.NoError(t, err)
			t.Cleanup(c.Close)
			var ahead atomic.Int64 // of the wall clock
			c.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			ready := make(chan struct{}, 100)
			halt := start(t, func(ctx context.Context) error { return tc.run(ctx, c, func() { ready <- struct{}{} }) })
			<-ready
			series := map[string][]string{}
			for scrape := range 7 {
				ahead.Store(int64(scrape) * int64(10*time.Second))
				labels := map[string]string{"stage": tc.stage, "topic": tc.topic}
				eventually(t, "the measure of this moment", func() bool {
					age, ok := gaugeOf(t, reg, "lapwing_stage_oldest_unacknowledged_seconds", labels)
					return ok && (!tc.stuck && age == 0 || tc.stuck && age >= float64(10*scrape) && age > 0)
				})
				for _, name := range []string{"lapwing_stage_oldest_unacknowledged_seconds", "lapwing_stage_position"} {
					v, ok := gaugeOf(t, reg, name, labels)
					require.True(t, ok)
					series[name] = append(series[name], fmt.Sprintf("%g", v))
				}
			}
			_ = halt() // a stage that hangs is given up
			var want string
			if tc.stuck {
				want = "{labels: '{}', value: 1}"
			}
			var text strings.Builder
			rules, err := filepath.Abs("../../deploy/prometheus/lapwing.rules.yml")
			require.NoError(t, err)
			fmt.Fprintf(&text, "rule_files: [%s]\nevaluation_interval: 10s\ntests:\n  - interval: 10s\n    input_series:\n", rules)
			for name, values := range series {
				fmt.Fprintf(&text, "      - {series: '%s{stage=\"%s\", topic=\"%s\", partition=\"0\"}', values: '%s'}\n", name, tc.stage, tc.topic, strings.Join(values, " "))
			}
			fmt.Fprintf(&text, "    promql_expr_test:\n      - {expr: 'count(ALERTS{alertname=\"LapwingStageStuck\", alertstate=\"firing\", stage=\"%s\"})', eval_time: 1m, exp_samples: [%s]}\n", tc.stage, want)
			file := filepath.Join(t.TempDir(), "test.yml")
			require.NoError(t, os.WriteFile(file, []byte(text.String()), 0o600))
			out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", file).CombinedOutput()
			require.NoError(t, err, "%s\n%s", out, text.String())
			t.Log(series)
		})
	}
}

// answering takes everything.
type answering struct{}

func (answering) Handle(context.Context, []stream.Record) error { return nil }

// gaugeOf finds the gauge of partition 0 with these labels.
func gaugeOf(t testing.TB, reg *prometheus.Registry, name string, labels map[string]string) (float64, bool) {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			match := true
			for _, l := range m.GetLabel() {
				if want, ok := labels[l.GetName()]; ok && want != l.GetValue() || l.GetName() == "partition" && l.GetValue() != "0" {
					match = false
				}
			}
			if match {
				return m.GetGauge().GetValue(), true
			}
		}
	}
	return 0, false
}
