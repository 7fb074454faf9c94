package docs_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/ingest/receive"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

func TestTheReceiversAreCurrent(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n| path | for | proof | answer | busy | secrets |\n|---|---|---|---|---|---|\n")
	for _, r := range receive.Receivers() {
		secrets := "`ingest." + r.Name + ".secrets`"
		if r.Name == "ingest" {
			secrets = "`ingest.token`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %d | %s |\n", strings.ReplaceAll(strings.Join(r.Paths, "` `"), "...}", "}"), cell(r.Title), cell(r.Auth), cell(r.Answer), r.Busy, secrets)
	}
	b.WriteString("\n")
	generated(t, "docs/sending-logs.md", "<!-- generated from ingest/receive by `go test ./docs -update` -->\n", "### Splunk HEC", b.String())
}

// recorder stands in for Kafka.
type recorder struct {
	mu   sync.Mutex
	recs map[string][]string // by topic
}

func (r *recorder) Produce(_ context.Context, topic string, recs []stream.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range recs {
		r.recs[topic] = append(r.recs[topic], string(recs[i].Value))
	}
	return nil
}

// outcome counts what a parser makes of a record.
type outcome struct {
	events int
	bad    error
}

func (o *outcome) Event(int, *schemas.Event)      { o.events++ }
func (o *outcome) Bad(_ int, _ []byte, err error) { o.bad = err }

// Every example with curl runs as it is written, but for the address, with a
// token and without; it prints what the page says that it prints, and what it
// sends becomes events where the format has a parser.
func TestTheExamplesWithCurlRunAsWritten(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	var trail bytes.Buffer
	z := gzip.NewWriter(&trail)
	_, err := z.Write([]byte(`{"Records":[{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDA","arn":"arn:aws:iam::123456789012:user/ci","accountId":"123456789012","userName":"ci"},` +
		`"eventTime":"2026-01-01T00:00:00Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.9","userAgent":"aws-cli/2","requestID":"R","eventID":"E","eventType":"AwsApiCall","recipientAccountId":"123456789012"}]}`))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	line := `203.0.113.9 - partner-7 [01/Jan/2026:00:00:00 +0000] "GET /v1/orders/17 HTTP/1.1" 200 934 "-" "python-requests/2.31"` + "\n"
	for name, content := range map[string]string{
		"access.log": line + line, "trail.json.gz": trail.String(), ".curlrc": "silent\nshow-error\nfail-with-body\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	const address, token = "http://127.0.0.1:8088", "t0ken-of-the-examples"
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(read(t, "docs/sending-logs.md"), -1)
	ran := ""
	topics := map[string]bool{}
	for _, m := range blocks {
		script := m[1]
		require.Contains(t, script, address)
		ran += script
		var want []string
		for line := range strings.SplitSeq(script, "\n") {
			if answer, ok := strings.CutPrefix(line, "# -> "); ok {
				want = append(want, answer)
			}
		}
		for _, token := range []string{"", token} {
			cfg := receive.Config{}
			if token != "" {
				if !strings.Contains(script, "LAPWING_INGEST_TOKEN") {
					continue
				}
				cfg.Tokens = []string{token}
			}
			kafka := &recorder{recs: map[string][]string{}}
			srv := httptest.NewServer(receive.New(cfg, kafka, nil, zerolog.Nop()))
			cmd := exec.CommandContext(t.Context(), "bash", "-eu", "-o", "pipefail", "-c", strings.ReplaceAll(script, address, srv.URL))
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "CURL_HOME="+dir, "LAPWING_INGEST_TOKEN="+token)
			out, err := cmd.CombinedOutput()
			srv.Close()
			require.NoError(t, err, "%s\n%s", script, out)
			got := strings.Split(strings.TrimSpace(string(out)), "\n")
			require.Len(t, got, len(want), "%s\n%s", script, out)
			for i, w := range want {
				begin, _, open := strings.Cut(w, "…")
				require.True(t, got[i] == w || open && strings.HasPrefix(got[i], begin), "%s\nprints\n%s, the page says\n%s", script, got[i], w)
			}
			require.NotEmpty(t, kafka.recs, script)
			for topic, recs := range kafka.recs {
				topics[topic] = true
				parsed(t, strings.TrimPrefix(topic, "raw."), recs)
			}
		}
	}
	// Every receiver has its example.
	for _, r := range receive.Receivers() {
		require.True(t, slices.ContainsFunc(r.Paths, func(p string) bool {
			base, _, _ := strings.Cut(p, "{")
			return strings.Contains(ran, address+base)
		}), r.Name)
	}
	require.Len(t, topics, 8, "%v", topics)
}

func parsed(t *testing.T, format string, recs []string) {
	t.Helper()
	if !slices.ContainsFunc(ingest.Formats(), func(f ingest.Format) bool { return f.Name == format }) {
		return
	}
	p, err := ingest.New(format, ingest.Options{})
	require.NoError(t, err)
	for _, rec := range recs {
		var o outcome
		p.Parse([]byte(rec), &o)
		require.NoError(t, o.bad, "%s: %s", format, rec)
		require.Positive(t, o.events, "%s: %s", format, rec)
	}
}
