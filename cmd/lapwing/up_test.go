package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func asExit(err error, into **exec.ExitError) bool { return errors.As(err, into) }

// lockedBuffer takes a process's output while a test reads it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// upProcess is a running `lapwing up` or `lapwing run`.
type upProcess struct {
	cmd    *exec.Cmd
	stderr *lockedBuffer
	ended  chan error
	ingest string
}

// start starts a lapwing process on free ports.
func start(t *testing.T, env []string, args ...string) *upProcess {
	t.Helper()
	p := &upProcess{stderr: &lockedBuffer{}, ended: make(chan error, 1)}
	p.cmd = command(context.Background(), t, append([]string{"LAPWING_INGEST_LISTEN=127.0.0.1:0", "LAPWING_MONITOR_LISTEN=127.0.0.1:0"}, env...), args...)
	p.cmd.Stderr = p.stderr
	require.NoError(t, p.cmd.Start())
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // it may have ended
	return p
}

// startUp starts `lapwing up` on a directory and waits until it says where.
func startUp(t *testing.T, dir string, env ...string) *upProcess {
	t.Helper()
	require.NoError(t, removeRunFile(dir))
	p := start(t, env, "up", "--dir", dir)
	waitFor(t, "lapwing up to come up", p, func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "run.json"))
		if err != nil {
			return false
		}
		var r struct {
			Ingest string `json:"ingest"`
		}
		require.NoError(t, json.Unmarshal(b, &r))
		p.ingest = r.Ingest
		return true
	})
	return p
}

func removeRunFile(dir string) error {
	err := os.Remove(filepath.Join(dir, "run.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// waitFor waits for a condition; a minute without it, or the process's end,
// fails the test.
func waitFor(t *testing.T, what string, p *upProcess, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok() {
			return
		}
		select {
		case err := <-p.ended:
			t.Fatalf("waiting for %s: the process ended: %v\n%s", what, err, tail(p.stderr.String()))
		case <-deadline:
			t.Fatalf("waiting for %s: a minute has passed", what)
		case <-tick.C:
		}
	}
}

// kill ends the process with -9.
func (p *upProcess) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Kill())
	require.Error(t, <-p.ended)
}

// stop asks the process to drain, and expects a clean exit.
func (p *upProcess) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-p.ended:
		require.NoError(t, err, tail(p.stderr.String()))
	case <-time.After(time.Minute):
		t.Fatal("lapwing up does not stop")
	}
}

// post sends Kong records and returns once they are acknowledged.
func (p *upProcess) post(t *testing.T, from, to int) {
	t.Helper()
	var body strings.Builder
	for i := from; i < to; i++ {
		line := strings.Replace(kongLine, "1767225600000", fmt.Sprint(1767225600000+int64(i)*1000), 1)
		body.WriteString(strings.Replace(line, "partner-7", fmt.Sprintf("partner-%d", i%5), 1) + "\n")
	}
	res, err := http.Post(p.ingest+"/ingest/kong", "application/x-ndjson", strings.NewReader(body.String())) // bounded by the test
	require.NoError(t, err)
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, errors.Join(err, res.Body.Close()))
	require.Equal(t, http.StatusAccepted, res.StatusCode, string(answer))
	require.Contains(t, string(answer), fmt.Sprintf(`"accepted":%d`, to-from))
}

// hunted asks ClickHouse for how many events there are, and how many distinct.
func hunted(t *testing.T, dir string) (events, distinct int) {
	t.Helper()
	t.Setenv("LAPWING_DATA_DIR", dir)
	code, stdout, stderr := lapwing(t, "", "hunt", "sql", "--json",
		"SELECT toInt64(count()) AS events, toInt64(uniqExact(raw_partition, raw_offset, raw_index)) AS distinct FROM events")
	if code != 0 {
		require.Contains(t, stderr, "clickhouse", stderr)
		return 0, 0
	}
	var row struct{ Events, Distinct int }
	require.NoError(t, json.Unmarshal([]byte(stdout), &row))
	return row.Events, row.Distinct
}

// What was acknowledged is in ClickHouse within a moment, once, also when the
// process is killed with -9 right after the acknowledgement.
func TestUpLosesNothingThatItAcknowledged(t *testing.T) {
	needEngine(t)
	dir := t.TempDir()
	p := startUp(t, dir)
	p.post(t, 0, 200)
	start := time.Now()
	waitFor(t, "the first batch", p, func() bool { n, _ := hunted(t, dir); return n == 200 })
	t.Logf("acknowledged to hunted: %s", time.Since(start).Round(time.Millisecond))

	p.post(t, 200, 1200)
	p.kill(t)
	p = startUp(t, dir)
	p.post(t, 1200, 1300)
	waitFor(t, "everything after the crash", p, func() bool { n, _ := hunted(t, dir); return n >= 1300 })
	events, distinct := hunted(t, dir)
	require.Equal(t, 1300, events)
	require.Equal(t, 1300, distinct)

	code, stdout, stderr := lapwing(t, "", "identity", "list", "--unmanaged", "--json")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "kong:consumer/partner-3")
	code, stdout, stderr = lapwing(t, "", "check")
	require.Zero(t, code, stdout+stderr)
	for _, what := range []string{"kafka", "kafka rights", "kafka topics", "cells", "clickhouse", "clickhouse tables", "clickhouse grants", "configuration"} {
		require.Regexp(t, "(?m)^"+what+" +ok ", stdout)
	}
	p.stop(t)
	code, _, stderr = lapwing(t, "", "hunt", "run", "unmanaged-identities")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "start one with `lapwing up`")
}

// Two processes share the work through Kafka's groups; when one is killed the
// other takes over, and each event is stored once all the same.
func TestTwoProcessesShareTheWork(t *testing.T) {
	needEngine(t)
	dir := t.TempDir()
	first := startUp(t, dir)
	b, err := os.ReadFile(filepath.Join(dir, "run.json"))
	require.NoError(t, err)
	var services struct {
		Kafka      []string
		ClickHouse struct {
			Addr  []string
			Token string
		}
	}
	require.NoError(t, json.Unmarshal(b, &services))
	env := []string{
		"LAPWING_KAFKA_BROKERS=" + services.Kafka[0], "LAPWING_CLICKHOUSE_ADDR=" + services.ClickHouse.Addr[0],
		"LAPWING_CLICKHOUSE_PROTOCOL=http", "LAPWING_CLICKHOUSE_PASSWORD=" + services.ClickHouse.Token,
		"LAPWING_SECRETS_HMAC_KEY_FILE=" + filepath.Join(dir, "hmac.key"), "LAPWING_LOG_FORMAT=json",
	}
	second := start(t, env, "run")
	waitFor(t, "lapwing run to come up", second, func() bool {
		for line := range strings.Lines(second.stderr.String()) {
			var entry struct{ Message, Ingest string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == "lapwing runs" {
				second.ingest = "http://" + entry.Ingest
				return true
			}
		}
		return false
	})
	const batch = 300
	first.post(t, 0, batch)
	second.post(t, batch, 2*batch)
	waitFor(t, "both batches", first, func() bool { n, _ := hunted(t, dir); return n >= 2*batch })
	second.post(t, 2*batch, 3*batch)
	second.kill(t)
	first.post(t, 3*batch, 4*batch)
	waitFor(t, "everything, after one was killed", first, func() bool { n, _ := hunted(t, dir); return n >= 4*batch })
	events, distinct := hunted(t, dir)
	require.Equal(t, 4*batch, events)
	require.Equal(t, 4*batch, distinct)
	first.stop(t)
}

// A bad record goes to the dead letter with its reason and can be put back.
func TestDeadLettersAreListedAndReplayed(t *testing.T) {
	needEngine(t)
	dir := t.TempDir()
	p := startUp(t, dir)
	t.Setenv("LAPWING_DATA_DIR", dir)
	res, err := http.Post(p.ingest+"/ingest/kong", "application/x-ndjson", strings.NewReader(`{"not":"kong"}`)) // bounded by the test
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusAccepted, res.StatusCode)
	list := func() string {
		code, stdout, stderr := lapwing(t, "", "deadletter", "list", "--json")
		require.Zero(t, code, stderr)
		return stdout
	}
	waitFor(t, "the dead letter", p, func() bool { return strings.Count(list(), "\n") == 1 })
	require.Contains(t, list(), `"stage":"enrich"`)
	require.Contains(t, list(), `"topic":"raw.kong"`)
	require.Contains(t, list(), `{\"not\":\"kong\"}`)

	code, _, stderr := lapwing(t, "", "deadletter", "replay", "--dry-run")
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "1 record would go to raw.kong")
	code, _, stderr = lapwing(t, "", "deadletter", "replay", "--topic", "raw.kong")
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "1 record sent to raw.kong")
	waitFor(t, "the replayed record to be refused again", p, func() bool { return strings.Count(list(), "\n") == 2 })
	p.stop(t)
}

// A verdict takes effect where it stands in the log, is listed with its reason,
// and can be taken back; a profile is read beside the running detector.
func TestVerdictsTakeEffectAndAreTakenBack(t *testing.T) {
	needEngine(t)
	dir := t.TempDir()
	inventory := filepath.Join(t.TempDir(), "inventory.yaml")
	require.NoError(t, os.WriteFile(inventory, []byte("identities:\n  - id: kong:consumer/partner-1\n    allowed: {networks: [10.0.0.0/8]}\n"), 0o600))
	p := startUp(t, dir, "LAPWING_INVENTORY_FILE="+inventory)
	t.Setenv("LAPWING_DATA_DIR", dir)
	run := func(args ...string) string {
		code, stdout, stderr := lapwing(t, "", args...)
		require.Zero(t, code, stderr)
		return stdout
	}
	p.post(t, 0, 20)
	type alert struct {
		Finding struct {
			UID string `json:"uid"`
		} `json:"finding_info"`
		Unmapped struct {
			Lapwing struct {
				CloseReason string `json:"close_reason"`
			} `json:"lapwing"`
		} `json:"unmapped"`
	}
	list := func() (out []alert) {
		code, stdout, _ := lapwing(t, "", "alert", "list", "--json", "--detector", "network-policy")
		if code != 0 {
			return nil // the table is not there yet
		}
		d := json.NewDecoder(strings.NewReader(stdout))
		for d.More() {
			var a alert
			require.NoError(t, d.Decode(&a))
			out = append(out, a)
		}
		return out
	}
	waitFor(t, "the alert", p, func() bool { return len(list()) == 1 })
	id := list()[0].Finding.UID
	require.Contains(t, run("alert", "show", id[:10]), "outside its declared networks")
	asksForAnAlert(t, p, run, id)
	require.Regexp(t, `kong:consumer/partner-1 .* declared `, run("identity", "list", "--wide"), "the inventory of the one that runs counts")
	code, _, stderr := lapwing(t, "", "alert", "list", "--since", "1ms")
	require.Zero(t, code)
	require.Contains(t, stderr, "the newest alert is of ", "nothing found is no proof that there is nothing")

	run("alert", "expected", id, "--reason", "the new office", "--by", "ana")
	waitFor(t, "the verdict to close it", p, func() bool { return list()[0].Unmapped.Lapwing.CloseReason == "expected by ana" })
	said := run("alert", "feedback", "list", "--json")
	require.Equal(t, 1, strings.Count(said, "\n"), said)
	for _, part := range []string{id, "the new office", "ana", "203.0.113.0/24", "until"} {
		require.Contains(t, said, part)
	}
	p.post(t, 20, 40)
	_, _, stderr = lapwing(t, "", "alert", "undo", id, "--reason", "it was not")
	require.Contains(t, stderr, "undone recorded on alert "+id)
	require.Contains(t, stderr, "the alert stays closed")
	_, _, stderr = lapwing(t, "", "alert", "undo", id)
	require.Contains(t, stderr, "nothing to undo: no verdict on alert "+id+" holds")
	require.Empty(t, run("alert", "feedback", "list", "--json"))
	p.post(t, 40, 60)
	waitFor(t, "the rule to speak again", p, func() bool { l := list(); return len(l) > 1 || l[0].Unmapped.Lapwing.CloseReason == "" })

	// The names of values come from ClickHouse, where events are a second later.
	waitFor(t, "names in the profile", p, func() bool {
		return strings.Contains(run("profile", "show", "kong:consumer/partner-1"), "GET /v1/orders/{id}")
	})
	require.Contains(t, run("profile", "export"), `"identity":"kong:consumer/partner-3"`)
	changesAProfile(t, run)
	p.stop(t)
}

// asksForAnAlert hunts by the beginning of an alert's id and by other spellings
// of an identity's, and for what there is not.
func asksForAnAlert(t *testing.T, p *upProcess, run func(args ...string) string, id string) {
	t.Helper()
	require.NotContains(t, run("alert", "show", id), "lapwing alert show", "it is what was run")
	waitFor(t, "the events, which are in ClickHouse a second later", p, func() bool {
		return strings.Contains(run("hunt", "run", "alert-events", "-p", "alert="+id[:6], "-o", "csv"), "kong:consumer/partner-1")
	})
	for _, tc := range []struct{ hunt, param, want string }{
		{"alert-events", "alert=ffffffffff", `no alert "ffffffffff"`},
		{"alert-events", "alert=ff", "at least 6 characters"},
		{"identity-summary", "identity=partner-1", `no identity "partner-1" is declared or was seen: did you mean kong:consumer/partner-1?`},
		{"minted-then-used", "identity=nobody", `no identity "nobody" is declared or was seen: lapwing identity list shows them`},
	} {
		code, stdout, stderr := lapwing(t, "", "hunt", "run", tc.hunt, "-p", tc.param)
		require.NotZero(t, code, stdout)
		require.Contains(t, stderr, tc.want)
	}
	require.Equal(t, "given_at,given_by,given_with,given_from,used_by,joined_by,used,first_use,minutes_later,first_operation,first_outcome,used_from,country,calls_since,given_event\n",
		run("hunt", "run", "minted-then-used", "-p", "identity=kong:consumer/partner-1", "-o", "csv"), "no rows still have a header")
	require.Contains(t, run("hunt", "run", "minted-then-used", "-p", "identity=kong:consumer/partner-1"), "given_at")
	code, _, stderr := lapwing(t, "", "hunt", "sql", "DROP TABLE events")
	require.NotZero(t, code)
	require.Contains(t, stderr, "only statements that read are answered")
	require.NotContains(t, stderr, "HTTP 4")
}

// changesAProfile has an operator pin, import and reset profiles, and take it back.
func changesAProfile(t *testing.T, run func(args ...string) string) {
	t.Helper()
	const one, other = "kong:consumer/partner-1", "kong:consumer/partner-1-renamed"
	run("profile", "pin", one, "--reason", "frozen for the audit", "--dry-run")
	require.NotContains(t, run("profile", "show", one), "pinned")
	run("profile", "pin", one, "--reason", "frozen for the audit", "--by", "ana")
	require.Contains(t, run("profile", "show", one), "pinned: it learns nothing more")
	code, _, stderr := lapwing(t, "", "profile", "pin", one, "--reason", "again")
	require.Equal(t, 2, code, stderr)
	require.Contains(t, stderr, "is pinned already")
	run("profile", "import", other, "--of", one, "--reason", "renamed")
	require.Contains(t, run("profile", "show", other), "operation              1 value")
	file := filepath.Join(t.TempDir(), "export.ndjson")
	run("profile", "export", one, "--out", file)
	run("profile", "reset", one, "--reason", "a new task")
	require.NotContains(t, run("profile", "show", one), "operation ")
	run("profile", "import", one, "--file", file, "--reason", "not after all")
	require.Contains(t, run("profile", "show", one), "operation ")
	run("profile", "undo", one)
	require.NotContains(t, run("profile", "show", one), "operation ")
	run("profile", "import", "kong:consumer/partner-like", "--file", file, "--of", one, "--reason", "does the same")
	require.Contains(t, run("profile", "show", "kong:consumer/partner-like"), "operation ")
	code, _, stderr = lapwing(t, "", "profile", "import", one, "--file", file, "--of", other, "--reason", "x")
	require.Equal(t, 2, code, stderr)
	require.Contains(t, stderr, `1 profile, none of "`+other+`"`)
	require.Contains(t, run("profile", "show", one, "--file", file), "operation ", "an export is looked into as well")
	list := run("profile", "changes", "--json")
	require.Equal(t, 5, strings.Count(list, "\n"), list)
	require.Equal(t, 1, strings.Count(list, `"undone":true`), list)
	require.Contains(t, list, `"reason":"frozen for the audit"`)
}
