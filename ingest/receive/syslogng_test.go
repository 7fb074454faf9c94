package receive

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// syslog-ng sends a log's lines to the Splunk receiver in batches, and again
// after a 503: a real sender, as Debian packages it (scripts/syslog-ng.sh).
func TestSyslogNGSendsALogToTheSplunkReceiver(t *testing.T) {
	script, err := filepath.Abs("../../scripts/syslog-ng.sh")
	require.NoError(t, err)
	if out, err := exec.CommandContext(t.Context(), "bash", script, "fetch").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s", out)
		}
		t.Skipf("%s", out)
	}
	p := &recordingProducer{}
	flaky := &failsFirst{Producer: p}
	srv := httptest.NewServer(New(Config{Tokens: []string{hecToken}}, flaky, nil, zerolog.Nop()))
	defer srv.Close()

	dir := t.TempDir()
	var lines []string
	text := ""
	for i := range 25 {
		line := fmt.Sprintf(`203.0.113.9 - partner-7 [01/Jan/2026:00:00:%02d +0000] "GET /v1/orders/17?q=\"x\" HTTP/1.1" 200 934 "-" "curl/8 \\ é"`, i)
		lines = append(lines, line)
		text += line + "\n"
	}
	source, config := filepath.Join(dir, "access.log"), filepath.Join(dir, "syslog-ng.conf")
	require.NoError(t, os.WriteFile(source, []byte(text), 0o600))
	require.NoError(t, os.WriteFile(config, []byte(`@version: 3.38
options { time-reopen(1); };
source nginx { file("`+source+`" flags(no-parse) follow-freq(0.1)); };
destination lapwing {
  http(
    url("`+srv.URL+`/services/collector/event") method("POST")
    headers("Authorization: Splunk `+hecToken+`", "X-Splunk-Request-Channel: `+hecChannel+`")
    body('$(format-json host=edge-1 sourcetype=nginx event=$MSG)')
    delimiter("\n") batch-lines(10) batch-timeout(100) retries(10)
  );
};
log { source(nginx); destination(lapwing); flags(flow-control); };
`), 0o600))
	cmd := exec.Command("bash", script, "run", dir, config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait() // it was told to end
		if t.Failed() {
			said, _ := os.ReadFile(log.Name())
			t.Logf("syslog-ng: %s", said)
		}
		require.NoError(t, log.Close())
	}()
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, line := range lines {
			if !slices.Contains(p.values, line) {
				return false
			}
		}
		return true
	}, 30*time.Second, 20*time.Millisecond, "every line arrives")
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Equal(t, lines, p.values, "each once, in order")
	require.Equal(t, map[string]bool{"edge-1": true}, p.keys)
	require.Greater(t, flaky.calls, 3, "batches, and the first of them again")
}
