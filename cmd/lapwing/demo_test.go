package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/kafka/kafkatest"
)

// A small fleet: every part of the way is used, nothing is promised of recall.
var smallFleet = []string{"--days", "8", "--identities", "60"}

// processTime bounds one process of these tests; a hung one fails here.
const processTime = 4 * time.Minute

// demoResult is what demo --json prints.
type demoResult struct {
	ids     []string
	Summary struct {
		Events             int `json:"events"`
		Alerts             int `json:"alerts"`
		EventsInClickHouse int `json:"events_in_clickhouse"`
		AlertsInClickHouse int `json:"alerts_in_clickhouse"`
	} `json:"summary"`
}

// readDemo reads the output of demo --json.
func readDemo(t *testing.T, stdout []byte) demoResult {
	t.Helper()
	var r demoResult
	lines := bytes.Split(bytes.TrimSpace(stdout), []byte("\n"))
	for _, line := range lines[:len(lines)-1] {
		r.ids = append(r.ids, alertID(t, line))
	}
	require.NoError(t, json.Unmarshal(lines[len(lines)-1], &r), "the last line is the summary: %s", lines[len(lines)-1])
	slices.Sort(r.ids)
	require.Equal(t, len(r.ids), r.Summary.Alerts)
	require.Equal(t, r.Summary.Events, r.Summary.EventsInClickHouse, "each event is in ClickHouse once")
	require.Equal(t, r.Summary.Alerts, r.Summary.AlertsInClickHouse)
	return r
}

func alertID(t *testing.T, line []byte) string {
	t.Helper()
	var a struct {
		FindingInfo struct {
			UID string `json:"uid"`
		} `json:"finding_info"`
	}
	require.NoError(t, json.Unmarshal(line, &a))
	require.NotEmpty(t, a.FindingInfo.UID)
	return a.FindingInfo.UID
}

// demo runs demo --json to its end. A small fleet may fall short of the recall
// that the demo promises; that exit code is no failure here.
func demo(t *testing.T, env []string, args ...string) demoResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), processTime)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := command(ctx, t, env, append([]string{"demo", "--json"}, args...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	require.NoError(t, ctx.Err(), "the demo hung: %s", tail(stderr.String()))
	if err != nil {
		require.Contains(t, stderr.String(), "the demo fell short")
		require.NotContains(t, stderr.String(), "in ClickHouse", "counts must agree")
	}
	return readDemo(t, stdout.Bytes())
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// backtestIDs judges the same fleet's records as files.
func backtestIDs(t *testing.T, fleet ...string) []string {
	t.Helper()
	sim := t.TempDir()
	code, _, stderr := lapwing(t, "", append([]string{"simulate", "--out", sim}, fleet...)...)
	require.Zero(t, code, stderr)
	code, stdout, stderr := lapwing(t, "", "backtest", "--inventory", filepath.Join(sim, "inventory.yaml"),
		filepath.Join(sim, "cloudtrail.ndjson"), filepath.Join(sim, "kong.ndjson"), filepath.Join(sim, "nginx.log"))
	require.Zero(t, code, stderr)
	var ids []string
	for line := range strings.Lines(stdout) {
		ids = append(ids, alertID(t, []byte(line)))
	}
	slices.Sort(ids)
	return ids
}

// The way over Kafka and ClickHouse ends with the alerts that the files give.
func TestDemoGivesTheAlertsOfBacktest(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	needEngine(t)
	want := backtestIDs(t, smallFleet...)
	require.NotEmpty(t, want)

	t.Run("on the embedded broker", func(t *testing.T) {
		got := demo(t, nil, append(smallFleet, "--dir", t.TempDir())...)
		require.Equal(t, want, got.ids)
	})
	t.Run("on Apache Kafka", func(t *testing.T) {
		broker := kafkatest.Start(t)
		env := []string{"LAPWING_KAFKA_BROKERS=" + broker.Addr, "LAPWING_KAFKA_REPLICATION=1"}
		got := demo(t, env, append(smallFleet, "--dir", t.TempDir())...)
		require.Equal(t, want, got.ids)
	})
}

// faultSeeds are the seeds of the kill tests: LAPWING_FAULT_SEEDS, else three.
func faultSeeds(t *testing.T) []uint64 {
	t.Helper()
	text := os.Getenv("LAPWING_FAULT_SEEDS")
	if text == "" {
		text = "1 2 3"
	}
	var seeds []uint64
	for _, f := range strings.Fields(text) {
		n, err := strconv.ParseUint(f, 10, 64)
		require.NoError(t, err, "LAPWING_FAULT_SEEDS")
		seeds = append(seeds, n)
	}
	return seeds
}

// A process killed with -9 at random moments and started again ends where an
// undisturbed one does: the same alert ids, the same counts in ClickHouse.
func TestKillDemoAtRandomMoments(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	needEngine(t)
	start := time.Now()
	want := demo(t, nil, append(smallFleet, "--dir", t.TempDir())...)
	undisturbed := time.Since(start)
	for _, seed := range faultSeeds(t) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0)) // a seed reproduces the moments
			dir := t.TempDir()
			const kills = 3
			for range kills {
				after := time.Duration(rng.Float64() * float64(undisturbed))
				t.Logf("kill -9 after %s", after.Round(time.Millisecond))
				if !killDemo(t, after, append(smallFleet, "--dir", dir)...) {
					break // it had ended before
				}
			}
			got := demo(t, nil, append(smallFleet, "--dir", dir)...)
			require.Equal(t, want.ids, got.ids)
			require.Equal(t, want.Summary, got.Summary)
		})
	}
}

// killDemo runs a demo and kills it with -9, its engine with it; false when it
// ended by itself before that.
func killDemo(t *testing.T, after time.Duration, args ...string) bool {
	t.Helper()
	var stderr bytes.Buffer
	cmd := command(t.Context(), t, nil, append([]string{"demo", "--json"}, args...)...)
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		require.True(t, err == nil || asExit(err, &exit) && exit.ExitCode() == 1, "%v: %s", err, tail(stderr.String()))
		return false
	case <-time.After(after):
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, <-ended)
		return true
	}
}
