package receive

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// sample is a request of each receiver that succeeds, with the proof left out.
type sample struct {
	receiver, path, body string
	header               []string
}

// padded makes every sample's body about n bytes longer.
func samples(n int) []sample {
	pad := strings.Repeat("p", n)
	object := `{"pad":"` + pad + `"}`
	return []sample{
		{"ingest", "/ingest/kong", object, nil},
		{"splunk", "/services/collector", `{"sourcetype":"kong","event":` + object + `}`, nil},
		{"splunk", "/services/collector/raw?sourcetype=kong", object, nil},
		{"firehose", "/firehose/kong", `{"requestId":"r","timestamp":1,"records":[{"data":"` + b64(object) + `"}]}`, nil},
		{"kubernetes", "/kubernetes/audit", `{"kind":"EventList","items":[` + object + `]}`, nil},
		{"otlp", "/v1/logs", marshal(logsOf(pad)), []string{"Content-Type", protoType}},
		{"otlp", "/v1/traces", `{"resourceSpans":[{"scopeSpans":[{"spans":[` + object + `]}]}]}`, []string{"Content-Type", jsonType}},
		{"okta", "/okta/events", `{"data":{"events":[` + object + `]}}`, nil},
		{"github", "/github/webhook", object, []string{"X-GitHub-Event", "status"}},
		{"cloudflare", "/cloudflare/http", object, nil},
	}
}

// proven adds what proves the sender, by this secret.
func (s sample) proven(secret string) []string {
	switch s.receiver {
	case "splunk":
		return append([]string{"Authorization", "Splunk " + secret}, s.header...)
	case "firehose":
		return append([]string{"X-Amz-Firehose-Access-Key", secret}, s.header...)
	case "okta":
		return append([]string{"Authorization", secret}, s.header...)
	case "github":
		h := hmac.New(sha256.New, []byte(secret))
		h.Write([]byte(s.body))
		return append([]string{"X-Hub-Signature-256", "sha256=" + hex.EncodeToString(h.Sum(nil))}, s.header...)
	}
	return append([]string{"Authorization", "Bearer " + secret}, s.header...)
}

func TestThereIsASampleOfEachReceiver(t *testing.T) {
	for _, r := range Receivers() {
		found := false
		for _, s := range samples(0) {
			found = found || s.receiver == r.Name
		}
		require.True(t, found, r.Name)
	}
}

func TestNoReceiverSucceedsBeforeTheLogHasTheRecords(t *testing.T) {
	for _, s := range samples(1) {
		t.Run(s.path, func(t *testing.T) {
			p := &recordingProducer{hold: make(chan struct{}), inside: make(chan struct{})}
			h := New(Config{}, p, nil, zerolog.Nop())
			done := make(chan *httptest.ResponseRecorder)
			go func() { done <- post(h, s.path, s.body, s.header...) }()
			<-p.inside
			select {
			case got := <-done:
				t.Fatalf("answer %d before the acknowledgement", got.Code)
			default:
			}
			close(p.hold)
			if got := <-done; got.Code >= 300 || len(p.values) != 1 {
				t.Errorf("answer %d %s, records %q", got.Code, got.Body, p.values)
			}
		})
	}
}

func TestEveryReceiverIsPutOffUnderLoad(t *testing.T) {
	for _, s := range samples(1) {
		t.Run(s.path, func(t *testing.T) {
			p := &recordingProducer{hold: make(chan struct{}), inside: make(chan struct{})}
			h := New(Config{MaxConcurrent: 1}, p, nil, zerolog.Nop())
			done := make(chan struct{})
			go func() { defer close(done); post(h, "/ingest/kong", "{}") }()
			<-p.inside
			if got := post(h, s.path, s.body, s.header...); got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") != "1" {
				t.Errorf("too many requests: %d %s, Retry-After %q", got.Code, got.Body, got.Header().Get("Retry-After"))
			}
			close(p.hold)
			<-done
		})
	}
}

// The bytes of all requests together are bounded, whatever they are.
func TestEveryReceiverIsPutOffWhenTooManyBytesAreHeld(t *testing.T) {
	const limit = 400_000
	for _, s := range samples(20_000) {
		t.Run(s.path, func(t *testing.T) {
			p := &recordingProducer{hold: make(chan struct{}), inside: make(chan struct{})}
			h := New(Config{SenderShare: 100, MaxInFlightBytes: limit}, p, nil, zerolog.Nop())
			done := make(chan struct{})
			go func() { defer close(done); post(h, "/ingest/kong", `"`+strings.Repeat("x", 390_000)+`"`) }()
			<-p.inside
			if got := post(h, s.path, s.body, s.header...); got.Code != http.StatusServiceUnavailable || !strings.Contains(got.Body.String(), "too many bytes") || got.Header().Get("Retry-After") == "" {
				t.Errorf("answer %d %s", got.Code, got.Body)
			}
			close(p.hold)
			<-done
			p.hold, p.inside = nil, nil
			if got := post(h, s.path, s.body, s.header...); got.Code >= 300 {
				t.Errorf("afterwards: %d %s", got.Code, got.Body)
			}
			if !h.work.bytes.TryAcquire(limit) {
				t.Error("bytes were not given back")
			}
		})
	}
}

func TestARequestThatCouldNeverBeHeldIsRefusedForGood(t *testing.T) {
	h := New(Config{MaxInFlightBytes: 50_000}, &recordingProducer{}, nil, zerolog.Nop())
	for _, s := range samples(60_000) {
		if got := post(h, s.path, s.body, s.header...); got.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: answer %d %s", s.path, got.Code, got.Body)
		}
	}
}

func TestEveryReceiverCutsWhatIsTooLarge(t *testing.T) {
	for _, s := range samples(3000) {
		h := New(Config{MaxBodyBytes: 2000, MaxUnpackedBytes: 2500}, &recordingProducer{}, nil, zerolog.Nop())
		if got := post(h, s.path, s.body, s.header...); got.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: a large body: %d %s", s.path, got.Code, got.Body)
		}
		bomb := post(h, s.path, packed(s.body), append([]string{"Content-Encoding", "gzip"}, s.header...)...)
		if bomb.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: a bomb: %d %s", s.path, bomb.Code, bomb.Body)
		}
		if got := post(h, s.path, "\x1f\x8b1", append([]string{"Content-Encoding", "gzip"}, s.header...)...); got.Code != http.StatusBadRequest {
			t.Errorf("%s: broken gzip: %d %s", s.path, got.Code, got.Body)
		}
		if got := post(h, s.path, "{}", append([]string{"Content-Encoding", "zstd"}, s.header...)...); got.Code != http.StatusUnsupportedMediaType {
			t.Errorf("%s: another encoding: %d %s", s.path, got.Code, got.Body)
		}
	}
}

// A body that says no length and never ends is cut, not read to its end.
func TestAnEndlessBodyIsCut(t *testing.T) {
	srv := httptest.NewServer(New(Config{MaxBodyBytes: 1 << 20}, &recordingProducer{}, nil, zerolog.Nop()))
	defer srv.Close()
	for _, s := range samples(0) {
		req, err := http.NewRequest(http.MethodPost, srv.URL+s.path, io.NopCloser(endless{}))
		require.NoError(t, err)
		for i := 0; i < len(s.header); i += 2 {
			req.Header.Set(s.header[i], s.header[i+1])
		}
		got, err := srv.Client().Do(req)
		if err != nil {
			continue // the server hung up before it was all sent, as it may
		}
		if got.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %s", s.path, got.Status)
		}
		require.NoError(t, got.Body.Close())
	}
}

// endless is a body of blanks.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// A sender that trickles its body loses its place at the deadline.
func TestEverySlowSenderIsCut(t *testing.T) {
	srv := httptest.NewServer(New(Config{MaxConcurrent: 1, ReadTimeout: 20 * time.Millisecond}, &recordingProducer{}, nil, zerolog.Nop()))
	defer srv.Close()
	for _, s := range samples(0) {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		require.NoError(t, err)
		var head bytes.Buffer
		fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n", s.path)
		for i := 0; i < len(s.header); i += 2 {
			fmt.Fprintf(&head, "%s: %s\r\n", s.header[i], s.header[i+1])
		}
		_, err = conn.Write(append(head.Bytes(), "\r\n{"...))
		require.NoError(t, err)
		got, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		if got.StatusCode != http.StatusRequestTimeout {
			t.Errorf("%s: %s", s.path, got.Status)
		}
		require.NoError(t, got.Body.Close())
		_ = conn.Close() // the server closed it already
	}
}

// A log may take longer than a body may: a deadline that passed during the wait
// would end the request's context, and Produce with it.
func TestTheBodysDeadlineEndsWithTheBody(t *testing.T) {
	for _, s := range samples(1) {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		var during time.Time
		h := New(Config{}, producerFunc(func() { during = w.read[len(w.read)-1] }), nil, zerolog.Nop())
		req := httptest.NewRequest(http.MethodPost, s.path, strings.NewReader(s.body))
		for i := 0; i < len(s.header); i += 2 {
			req.Header.Set(s.header[i], s.header[i+1])
		}
		h.ServeHTTP(w, req)
		if w.Code >= 300 || len(w.read) != 2 || w.read[0].IsZero() || !during.IsZero() || len(w.write) != 1 {
			t.Errorf("%s: answer %d, deadlines %v and %v", s.path, w.Code, w.read, w.write)
		}
	}
}

// deadlines notes the deadlines that are set.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error  { d.read = append(d.read, at); return nil }
func (d *deadlines) SetWriteDeadline(at time.Time) error { d.write = append(d.write, at); return nil }

// producerFunc takes everything.
type producerFunc func()

func (f producerFunc) Produce(context.Context, string, []stream.Record) error { f(); return nil }

func TestEveryReceiverAsksForProof(t *testing.T) {
	cfg := Config{Tokens: []string{"c0mmon-new", "c0mmon-old"}, Secrets: map[string][]string{}}
	own := Config{Tokens: []string{"c0mmon-new"}, Secrets: map[string][]string{}}
	for _, r := range Receivers() {
		own.Secrets[r.Name] = []string{r.Name + "-new", r.Name + "-old"}
	}
	denied := func(code int) bool { return code == http.StatusUnauthorized || code == http.StatusForbidden }
	for _, s := range samples(1) {
		for _, tt := range []struct {
			name   string
			cfg    Config
			header []string
			ok     bool
		}{
			{"nothing is shown", cfg, s.header, false},
			{"an empty secret", cfg, s.proven(""), false},
			{"another secret", cfg, s.proven("c0mmon"), false},
			{"the newest", cfg, s.proven("c0mmon-new"), true},
			{"the oldest of a rotation", cfg, s.proven("c0mmon-old"), true},
			{"its own", own, s.proven(s.receiver + "-new"), true},
			{"its own, the oldest", own, s.proven(s.receiver + "-old"), true},
			{"the common one where it has its own", own, s.proven("c0mmon-new"), false},
			{"only empty ones are configured", Config{Tokens: []string{""}}, s.proven(""), false},
		} {
			p := &recordingProducer{}
			got := post(New(tt.cfg, p, nil, zerolog.Nop()), s.path, s.body, tt.header...)
			if (got.Code < 300) != tt.ok || denied(got.Code) == tt.ok || (len(p.values) > 0) != tt.ok {
				t.Errorf("%s, %s: %d %s, records %q", s.path, tt.name, got.Code, got.Body, p.values)
			}
		}
	}
}

func TestACertificateStandsForATokenButNotForASignature(t *testing.T) {
	for _, enough := range []bool{false, true} {
		h := New(Config{Tokens: []string{"t0ken"}, CertificateIsEnough: enough}, &recordingProducer{}, nil, zerolog.Nop())
		for _, s := range samples(1) {
			for _, verified := range []bool{false, true} {
				req := httptest.NewRequest(http.MethodPost, s.path, strings.NewReader(s.body))
				for i := 0; i < len(s.header); i += 2 {
					req.Header.Set(s.header[i], s.header[i+1])
				}
				req.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
				if verified {
					req.TLS.VerifiedChains = [][]*x509.Certificate{{{}}}
				}
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, req)
				if want := enough && verified && s.receiver != "github"; (rec.Code < 300) != want {
					t.Errorf("%s, enough %v, verified %v: %d", s.path, enough, verified, rec.Code)
				}
			}
		}
	}
}

func TestNoSecretShowsAnywhere(t *testing.T) {
	const canary, wrong = "c4nary-configured", "c4nary-sent"
	var logged bytes.Buffer
	reg := prometheus.NewRegistry()
	out := &recordingProducer{}
	h := New(Config{Tokens: []string{canary}}, out, reg, zerolog.New(&logged).Level(zerolog.TraceLevel))
	var answers strings.Builder
	for _, broken := range []error{nil, errors.New("down")} {
		out.err = broken
		for _, s := range samples(1) {
			for _, secret := range []string{canary, wrong} {
				for _, body := range []string{s.body, "", "{", "\x00"} {
					s.body = body
					got := post(h, s.path, s.body, s.proven(secret)...)
					require.NoError(t, got.Result().Write(&answers))
				}
				got := send(h, http.MethodGet, s.path, "", s.proven(secret)...)
				require.NoError(t, got.Result().Write(&answers))
			}
		}
	}
	families, err := reg.Gather()
	require.NoError(t, err)
	var metrics bytes.Buffer
	for _, f := range families {
		_, err := expfmt.MetricFamilyToText(&metrics, f)
		require.NoError(t, err)
	}
	for where, text := range map[string]string{"an answer": answers.String(), "the log": logged.String(), "a metric": metrics.String()} {
		require.NotEmpty(t, text)
		require.NotContains(t, text, "c4nary", "%s shows a secret", where)
	}
}

func TestAFormatWithoutATopicIsPutOffAtOnce(t *testing.T) {
	p := &recordingProducer{}
	h := New(Config{OnlyTopics: true, Topics: map[string]string{"nginx": "edge"}}, p, nil, zerolog.Nop())
	for _, s := range samples(1) {
		got := post(h, s.path, s.body, s.header...)
		// Where the address names the format, it is one that does not exist.
		if want := strings.HasPrefix(s.path, "/ingest/") || strings.HasPrefix(s.path, "/firehose/"); want != (got.Code == http.StatusNotFound) || len(p.values) > 0 {
			t.Errorf("%s: answer %d %s, records %q", s.path, got.Code, got.Body, p.values)
		}
	}
	got := post(h, "/okta/events", `{"data":{"events":[{}]}}`)
	if got.Code != http.StatusServiceUnavailable || !strings.Contains(got.Body.String(), "no raw topic is configured for okta") || got.Header().Get("Retry-After") == "" {
		t.Errorf("answer %d %s", got.Code, got.Body)
	}
	if got := post(h, "/ingest/nginx", "x"); got.Code != http.StatusAccepted || p.topics[0] != "edge" {
		t.Errorf("answer %d, topics %v", got.Code, p.topics)
	}
}

// Whatever senders ask for, the labels are those of the tables.
func TestLabelsAreBounded(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := New(Config{}, &recordingProducer{}, reg, zerolog.Nop())
	for i := range 50 {
		for _, path := range []string{"/", "/ingest/f%d", "/firehose/f%d", "/cloudflare/d%d", "/x/%d", "/services/collector?sourcetype=s%d"} {
			if strings.Contains(path, "%d") {
				path = fmt.Sprintf(path, i)
			}
			post(h, path, `{"event":{},"sourcetype":"x`+fmt.Sprint(i)+`"}`)
		}
	}
	families, err := reg.Gather()
	require.NoError(t, err)
	known := map[string]bool{"none": true}
	for _, r := range Receivers() {
		known[r.Name] = true
	}
	for _, f := range families {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if l.GetName() == "receiver" && !known[l.GetValue()] {
					t.Errorf("%s has the label %s", f.GetName(), l)
				}
			}
			require.LessOrEqual(t, len(f.Metric), 20)
		}
	}
}

func TestASenderThatLeavesDuringTheWaitGetsNoSuccess(t *testing.T) {
	for _, s := range samples(1) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		req := httptest.NewRequest(http.MethodPost, s.path, strings.NewReader(s.body)).WithContext(ctx)
		for i := 0; i < len(s.header); i += 2 {
			req.Header.Set(s.header[i], s.header[i+1])
		}
		rec := httptest.NewRecorder()
		New(Config{}, &recordingProducer{hold: make(chan struct{})}, nil, zerolog.Nop()).ServeHTTP(rec, req)
		if rec.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: answer %d", s.path, rec.Code)
		}
	}
}
