package receive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/internal/stream"
)

func TestReceiverTakesRecords(t *testing.T) {
	a, b := `{"a":1}`, `{"b":2}`
	for _, tt := range []struct {
		name, path, body string
		header           []string
		want             []string
		topic            string
	}{
		{"one object", "/ingest/kong", a, nil, []string{a}, "raw.kong"},
		{"Kong's batch", "/ingest/kong", "[" + a + "," + b + "]", []string{"Content-Type", "application/json; charset=utf-8"}, []string{a, b}, "raw.kong"},
		{"NDJSON", "/ingest/cloudtrail", a + "\n" + b + "\n", []string{"Content-Type", "application/x-ndjson"}, []string{a, b}, "raw.cloudtrail"},
		{"an array whose content tells the format", "/ingest/auto", "[" + kongRecord + "," + kongRecord + "]", nil, []string{kongRecord, kongRecord}, "raw.kong"},
		{"lines whose content tells it, in gzip", "/ingest/auto", packed(nginxLine + "\n" + nginxLine + "\n"), nil, []string{nginxLine, nginxLine}, "edge-logs"},
		{"a CloudTrail file", "/ingest/cloudtrail", `{"Records":[` + a + "," + b + "]}", nil, []string{a, b}, "raw.cloudtrail"},
		{"lines of text", "/ingest/nginx", "one\ntwo\r\n\n", []string{"Content-Type", "text/plain"}, []string{"one", "two"}, "edge-logs"},
		{"gzip", "/ingest/kong", packed("[" + a + "]"), []string{"Content-Encoding", "gzip"}, []string{a}, "raw.kong"},
		{"gzip that nobody announced", "/ingest/kong", packed(a + "\n" + b), nil, []string{a, b}, "raw.kong"},
		{"curl's default content type", "/ingest/kong", a, []string{"Content-Type", "application/x-www-form-urlencoded"}, []string{a}, "raw.kong"},
		{"broken JSON, for the dead letter", "/ingest/kong", `{"a":`, nil, []string{`{"a":`}, "raw.kong"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &recordingProducer{}
			h := New(Config{Topics: map[string]string{"nginx": "edge-logs"}}, p, nil, zerolog.Nop())
			answer := post(h, tt.path, tt.body, tt.header...)
			if answer.Code != http.StatusAccepted {
				t.Fatalf("answer %d %s", answer.Code, answer.Body)
			}
			if got, want := strings.TrimSpace(answer.Body.String()), fmt.Sprintf(`{"accepted":%d}`, len(tt.want)); got != want {
				t.Errorf("answer %s, want %s", got, want)
			}
			if diff := cmp.Diff(tt.want, p.values); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			if p.topics[0] != tt.topic {
				t.Errorf("topic %s, want %s", p.topics[0], tt.topic)
			}
			if len(p.keys) != 1 || !p.keys["192.0.2.1"] {
				t.Errorf("keys %v, want the sender's address", p.keys)
			}
		})
	}
}

func TestReceiverTakesFormatsOfAnInstallation(t *testing.T) {
	f, err := ingest.Custom("", "m.yaml", []byte("name: billing\ntime: t\nevent: {operation: op}\n"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := ingest.NewSet(f)
	if err != nil {
		t.Fatal(err)
	}
	p := &recordingProducer{}
	answer := post(New(Config{Formats: set}, p, nil, zerolog.Nop()), "/ingest/billing", `[{"t":1,"op":"x"},{"t":2,"op":"y"}]`)
	if answer.Code != http.StatusAccepted || len(p.values) != 2 || p.topics[0] != "raw.billing" {
		t.Errorf("answer %d %s, records %q to %q", answer.Code, answer.Body, p.values, p.topics)
	}
}

func TestASenderMayChooseTheKey(t *testing.T) {
	p := &recordingProducer{}
	post(New(Config{}, p, nil, zerolog.Nop()), "/ingest/nginx", "line", KeyHeader, "edge-3")
	if !p.keys["edge-3"] {
		t.Errorf("keys %v", p.keys)
	}
}

func TestReceiverRefuses(t *testing.T) {
	small := Config{Tokens: []string{"new", "old"}, MaxBodyBytes: 100, MaxUnpackedBytes: 200, MaxRecordBytes: 50, MaxRecords: 3}
	auth := []string{"Authorization", "Bearer new"}
	for _, tt := range []struct {
		name, path, body string
		header           []string
		err              error
		code             int
		says             string
	}{
		{"no token", "/ingest/kong", "{}", nil, nil, 401, "token"},
		{"a wrong token", "/ingest/kong", "{}", []string{"Authorization", "Bearer nex"}, nil, 401, "token"},
		{"an empty token", "/ingest/kong", "{}", []string{"X-Lapwing-Token", ""}, nil, 401, "token"},
		{"a format that does not exist, with the list", "/ingest/syslog", "{}", auth, nil, 404, "cloudtrail, "},
		{"a path below", "/ingest/kong/x", "{}", auth, nil, 404, "no such format"},
		{"another content type", "/ingest/kong", "<a/>", append([]string{"Content-Type", "text/xml"}, auth...), nil, 415, "text/xml"},
		{"another encoding", "/ingest/kong", "{}", append([]string{"Content-Encoding", "br"}, auth...), nil, 415, "content encoding"},
		{"binary data", "/ingest/kong", "\x00\x01\x02", auth, nil, 415, "binary"},
		{"a body too large", "/ingest/nginx", strings.Repeat("0123456789\n", 20), auth, nil, 413, "larger than 100"},
		{"a body that unpacks to too much", "/ingest/nginx", packed(strings.Repeat("0123456789\n", 90)), append([]string{"Content-Encoding", "gzip"}, auth...), nil, 413, "200 unpacked"},
		{"a record too long", "/ingest/nginx", "ok\n" + strings.Repeat("x", 60), auth, nil, 413, "record 2 is longer than 50"},
		{"too many records", "/ingest/nginx", "1\n2\n3\n4\n", auth, nil, 413, "more than 3 records"},
		{"content that tells no format", "/ingest/auto", `{"a":1}`, auth, nil, 400, "record 1 is of no known format: name the format in the path"},
		{"no records", "/ingest/nginx", "\n\n", auth, nil, 400, "no record"},
		{"broken gzip", "/ingest/nginx", "\x1f\x8b123", auth, nil, 400, "cannot be read"},
		{"gzip that is none", "/ingest/nginx", "plain", append([]string{"Content-Encoding", "gzip"}, auth...), nil, 400, "cannot be read"},
		{"a log that is away", "/ingest/nginx", "x", auth, errors.New("dial tcp broker-7: refused"), 503, "at the moment"},
		{"a log that refuses for good", "/ingest/nginx", "x", auth, stream.Permanent(errors.New("message too large")), 413, "for good"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &recordingProducer{err: tt.err}
			answer := post(New(small, p, nil, zerolog.Nop()), tt.path, tt.body, tt.header...)
			if answer.Code != tt.code || !strings.Contains(answer.Body.String(), tt.says) {
				t.Errorf("answer %d %s, want %d saying %q", answer.Code, answer.Body, tt.code, tt.says)
			}
			if strings.Contains(answer.Body.String(), "broker-7") {
				t.Error("the answer tells of what is inside")
			}
			if retry := answer.Header().Get("Retry-After"); (retry != "") != (tt.code == 503) {
				t.Errorf("Retry-After %q on a %d", retry, tt.code)
			}
			if len(p.values) != 0 {
				t.Errorf("records %q were written", p.values)
			}
		})
	}
}

func TestEveryTokenOfARotationIsTaken(t *testing.T) {
	h := New(Config{Tokens: []string{"new", "old"}}, &recordingProducer{}, nil, zerolog.Nop())
	for _, header := range [][]string{{"Authorization", "Bearer new"}, {"Authorization", "bearer old"}, {TokenHeader, "new"}, {TokenHeader, "old"}} {
		if answer := post(h, "/ingest/nginx", "x", header...); answer.Code != http.StatusAccepted {
			t.Errorf("%v: answer %d", header, answer.Code)
		}
	}
}

func TestEmptyTokensLockTheDoor(t *testing.T) {
	h := New(Config{Tokens: []string{""}}, &recordingProducer{}, nil, zerolog.Nop())
	if answer := post(h, "/ingest/nginx", "x", TokenHeader, ""); answer.Code != http.StatusUnauthorized {
		t.Errorf("answer %d", answer.Code)
	}
}

func TestWebPagesNeedAToken(t *testing.T) {
	p := &recordingProducer{}
	if got := post(New(Config{}, p, nil, zerolog.Nop()), "/ingest/nginx", "x", "Origin", "https://evil.example", "Content-Type", "text/plain"); got.Code != http.StatusForbidden || len(p.values) > 0 {
		t.Errorf("a page without a token: %d, %d records written", got.Code, len(p.values))
	}
	h := New(Config{Tokens: []string{"t"}}, p, nil, zerolog.Nop())
	if got := post(h, "/ingest/nginx", "x", "Origin", "https://ours.example", "Authorization", "Bearer t"); got.Code != http.StatusAccepted {
		t.Errorf("a page with the token: %d", got.Code)
	}
}

func TestOtherMethodsAreTurnedAway(t *testing.T) {
	h := New(Config{}, &recordingProducer{}, nil, zerolog.Nop())
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/ingest/kong", nil))
	if rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") != "POST" {
		t.Errorf("answer %d, Allow %q", rec.Code, rec.Header().Get("Allow"))
	}
}

func TestSuccessComesAfterTheAcknowledgementOnly(t *testing.T) {
	p := &recordingProducer{hold: make(chan struct{}), inside: make(chan struct{})}
	reg := prometheus.NewPedanticRegistry()
	h := New(Config{MaxConcurrent: 1}, p, reg, zerolog.Nop())
	done := make(chan *httptest.ResponseRecorder)
	go func() { done <- post(h, "/ingest/kong", `{"a":1}`) }()
	<-p.inside
	select {
	case <-done:
		t.Fatal("an answer before the acknowledgement")
	default:
	}
	// The only place is taken.
	if answer := post(h, "/ingest/kong", `{"a":2}`); answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") != "1" {
		t.Errorf("answer %d while busy, Retry-After %q", answer.Code, answer.Header().Get("Retry-After"))
	}
	close(p.hold)
	if answer := <-done; answer.Code != http.StatusAccepted {
		t.Errorf("answer %d", answer.Code)
	}
	want := `
# HELP lapwing_ingest_bytes_total Bytes of accepted records, unpacked, by format.
# TYPE lapwing_ingest_bytes_total counter
lapwing_ingest_bytes_total{format="kong"} 7
# HELP lapwing_ingest_records_total Records that the log acknowledged, by format.
# TYPE lapwing_ingest_records_total counter
lapwing_ingest_records_total{format="kong"} 1
# HELP lapwing_ingest_requests_in_flight Requests in work.
# TYPE lapwing_ingest_requests_in_flight gauge
lapwing_ingest_requests_in_flight 0
# HELP lapwing_ingest_requests_total Requests, by receiver and HTTP status.
# TYPE lapwing_ingest_requests_total counter
lapwing_ingest_requests_total{code="202",receiver="ingest"} 1
lapwing_ingest_requests_total{code="503",receiver="ingest"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "lapwing_ingest_bytes_total", "lapwing_ingest_records_total", "lapwing_ingest_requests_in_flight", "lapwing_ingest_requests_total"); err != nil {
		t.Error(err)
	}
}

func TestASenderThatLeavesGetsNothingAcknowledged(t *testing.T) {
	p := &recordingProducer{hold: make(chan struct{})}
	h := New(Config{}, p, nil, zerolog.Nop())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/ingest/kong", strings.NewReader("{}")).WithContext(ctx))
	if rec.Code != http.StatusServiceUnavailable {
		t.Errorf("answer %d", rec.Code)
	}
}

func TestReceiverOverARealConnection(t *testing.T) {
	p := &recordingProducer{}
	server := httptest.NewServer(New(Config{Tokens: []string{"secret"}, MaxBodyBytes: 1 << 20}, p, nil, zerolog.Nop()))
	defer server.Close()
	req, err := http.NewRequest(http.MethodPost, server.URL+"/ingest/kong", strings.NewReader("["+kongRecord+"]"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer secret")
	answer, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusAccepted || len(p.values) != 1 || p.values[0] != kongRecord {
		t.Errorf("answer %d %s %v, records %q", answer.StatusCode, body, err, p.values)
	}
}

func TestASlowBodyGivesItsSlotBack(t *testing.T) {
	srv := httptest.NewServer(New(Config{MaxConcurrent: 1, ReadTimeout: 50 * time.Millisecond}, &recordingProducer{}, nil, zerolog.Nop()))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // the server closed it already
	if _, err := io.WriteString(conn, "POST /ingest/nginx HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusRequestTimeout {
		t.Errorf("a body that never ends: %s", answer.Status)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	next, err := http.Post(srv.URL+"/ingest/nginx", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	if next.StatusCode != http.StatusAccepted {
		t.Errorf("the next sender: %s", next.Status)
	}
	if err := next.Body.Close(); err != nil {
		t.Error(err)
	}
}
