package receive

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

const kongRecord = `{"request":{"method":"GET","uri":"/v1/orders/17","size":75},"response":{"status":200,"size":934},"latencies":{"request":12},"client_ip":"203.0.113.9","started_at":1767225600000,"service":{"name":"orders"},"consumer":{"username":"partner-7"}}`

const nginxLine = `203.0.113.9 - partner-7 [01/Jan/2026:00:00:00 +0000] "GET /v1/orders/17 HTTP/1.1" 200 934 "-" "curl/8"`

// recordingProducer keeps what it is given, or fails.
type recordingProducer struct {
	mu     sync.Mutex
	topics []string
	values []string
	keys   map[string]bool
	err    error
	hold   chan struct{} // when set, Produce waits for it
	inside chan struct{} // when set, told that Produce was entered
}

func (p *recordingProducer) Produce(ctx context.Context, topic string, recs []stream.Record) error {
	if p.inside != nil {
		p.inside <- struct{}{}
	}
	if p.hold != nil {
		select {
		case <-p.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	if p.keys == nil {
		p.keys = map[string]bool{}
	}
	p.topics = append(p.topics, topic)
	for _, r := range recs {
		p.values = append(p.values, string(r.Value))
		p.keys[string(r.Key)] = true
	}
	return nil
}

// send sends a request with headers in pairs and returns the answer.
func send(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

func post(h http.Handler, path, body string, header ...string) *httptest.ResponseRecorder {
	return send(h, http.MethodPost, path, body, header...)
}

func packed(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// The table is what docs and configuration are held against.
func TestEveryReceiverSaysHowToUseIt(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Receivers() {
		if r.Name == "" || r.Title == "" || r.Auth == "" || r.Answer == "" || len(r.Paths) == 0 || r.serve == nil || r.reply == nil {
			t.Errorf("%s: a column is empty", r.Name)
		}
		for _, p := range append(r.Paths, r.Name) {
			if seen[p] {
				t.Errorf("%s: %s stands in the table twice", r.Name, p)
			}
			seen[p] = true
		}
	}
}

// exchange is a recorded request of a vendor and what becomes of it.
type exchange struct {
	name         string
	method, path string // method: POST unless given
	body         string
	header       []string
	cfg          Config
	err          error // the log's
	code         int
	answer       string            // a JSON text; of a wildcard "…" the rest is not compared
	want         map[string]string // records by topic, one a line
	keys         string            // keys in order of the alphabet, joined by a comma
}

// receivedAt is the one part of a record that depends on the clock.
var receivedAt = regexp.MustCompile(`"received_at":"20[0-9T:.-]+Z"`)

func runExchanges(t *testing.T, cases []exchange) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			p := &batchProducer{err: tt.err, got: map[string]string{}, keys: map[string]bool{}}
			if tt.method == "" {
				tt.method = http.MethodPost
			}
			got := send(New(tt.cfg, p, nil, zerolog.Nop()), tt.method, tt.path, tt.body, tt.header...)
			if got.Code != tt.code {
				t.Errorf("answer %d, want %d: %s", got.Code, tt.code, got.Body)
			}
			answer := strings.TrimSpace(got.Body.String())
			if begin, _, open := strings.Cut(tt.answer, "…"); !open && answer != tt.answer || !strings.HasPrefix(answer, begin) {
				t.Errorf("answer\n%s, want\n%s", answer, tt.answer)
			}
			if retry := got.Header().Get("Retry-After"); (retry != "") != (tt.code == http.StatusServiceUnavailable || tt.code == http.StatusTooManyRequests) {
				t.Errorf("Retry-After %q on a %d", retry, tt.code)
			}
			want := tt.want
			if want == nil {
				want = map[string]string{}
			}
			for topic, values := range p.got {
				p.got[topic] = receivedAt.ReplaceAllString(values, `"received_at":"…"`)
			}
			if diff := cmp.Diff(want, p.got); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			if keys := strings.Join(slices.Sorted(maps.Keys(p.keys)), ","); tt.keys != "" && keys != tt.keys {
				t.Errorf("keys %s, want %s", keys, tt.keys)
			}
		})
	}
}

// batchProducer keeps records by topic, one a line.
type batchProducer struct {
	mu   sync.Mutex
	err  error
	got  map[string]string
	keys map[string]bool
}

func (p *batchProducer) Produce(_ context.Context, topic string, recs []stream.Record) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	for _, r := range recs {
		if p.got[topic] != "" {
			p.got[topic] += "\n"
		}
		p.got[topic] += string(r.Value)
		p.keys[string(r.Key)] = true
	}
	return nil
}

// failsFirst refuses the first request.
type failsFirst struct {
	Producer
	calls int
}

func (p *failsFirst) Produce(ctx context.Context, topic string, recs []stream.Record) error {
	if p.calls++; p.calls == 1 {
		return errors.New("not yet")
	}
	return p.Producer.Produce(ctx, topic, recs)
}
