package receive

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"

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
