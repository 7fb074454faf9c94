package receive

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"
)

// from sends a request from an address.
func from(h http.Handler, addr string, s exchange) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, s.path, strings.NewReader(s.body))
	for i := 0; i < len(s.header); i += 2 {
		req.Header.Set(s.header[i], s.header[i+1])
	}
	req.RemoteAddr = addr + ":1234"
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

// One sender with its share in work is told so, in its protocol's way, and
// others get through all the same.
func TestASenderBeyondItsShareIsToldSo(t *testing.T) {
	for _, tt := range []struct {
		s    exchange
		code int
		text string
	}{
		{exchange{path: "/ingest/kong", body: kongRecord}, 429, "share of requests"},
		{exchange{path: "/kubernetes/audit", body: `{"kind":"EventList","items":[{}]}`}, 429, `"kind":"Status"`},
		{exchange{path: "/v1/logs", body: `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}`, header: []string{"Content-Type", "application/json"}}, 429, `"code":8`},
		{exchange{path: "/services/collector/event", body: `{"sourcetype":"kong","event":{}}`}, 503, `"code":9`},
		{exchange{path: "/firehose/kong", body: `{"requestId":"r","records":[{"data":"e30="}]}`}, 503, `"requestId":"`},
		{exchange{path: "/okta/events", body: `{"data":{"events":[{}]}}`}, 503, "share"},
	} {
		t.Run(tt.s.path, func(t *testing.T) {
			p := &recordingProducer{hold: make(chan struct{}), inside: make(chan struct{}, 8)}
			h := New(Config{MaxConcurrent: 4, SenderShare: 50}, p, nil, zerolog.Nop())
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() { from(h, "203.0.113.9", tt.s) })
				<-p.inside
			}
			got := from(h, "203.0.113.9", tt.s)
			if got.Code != tt.code || got.Header().Get("Retry-After") != "1" || !strings.Contains(got.Body.String(), tt.text) {
				t.Errorf("the third of one sender: %d %q %s", got.Code, got.Header().Get("Retry-After"), got.Body)
			}
			wg.Go(func() {
				if got := from(h, "203.0.113.10", tt.s); got.Code >= 300 {
					t.Errorf("another sender: %d %s", got.Code, got.Body)
				}
			})
			<-p.inside
			close(p.hold)
			wg.Wait()
			if got := from(h, "203.0.113.9", tt.s); got.Code >= 300 {
				t.Errorf("once the others are done: %d %s", got.Code, got.Body)
			}
			if n := len(h.work.senders.active) + len(h.unproven.senders.active); n > 0 {
				t.Errorf("%d senders are still counted", n)
			}
		})
	}
}

func TestASendersShareOfMemory(t *testing.T) {
	p := &recordingProducer{hold: make(chan struct{}), inside: make(chan struct{}, 8)}
	h := New(Config{MaxInFlightBytes: 1 << 20, SenderShare: 50}, p, nil, zerolog.Nop())
	large := exchange{path: "/ingest/kong", body: strings.Repeat(kongRecord+"\n", 1200)} // 300 kB
	var wg sync.WaitGroup
	wg.Go(func() { from(h, "203.0.113.9", large) })
	<-p.inside
	if got := from(h, "203.0.113.9", large); got.Code != 429 || !strings.Contains(got.Body.String(), "share of memory") {
		t.Errorf("the second large request of one sender: %d %s", got.Code, got.Body)
	}
	wg.Go(func() {
		if got := from(h, "203.0.113.10", large); got.Code != 202 {
			t.Errorf("another sender: %d %s", got.Code, got.Body)
		}
	})
	<-p.inside
	close(p.hold)
	wg.Wait()
	// Alone, a request may take more than a share.
	if got := from(h, "203.0.113.9", exchange{path: "/ingest/kong", body: strings.Repeat(kongRecord+"\n", 2400)}); got.Code != 202 {
		t.Errorf("a request of 600 kB alone: %d %s", got.Code, got.Body)
	}
}

// However requests come and go, what is counted is what is in work.
func TestSendersAreCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSenders(3, 100)
		type request struct {
			name string
			held int64
		}
		var work []request
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				name := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name")
				if s.enter(name) {
					work = append(work, request{name, 0})
				}
			case 1:
				if len(work) > 0 {
					r := &work[rapid.IntRange(0, len(work)-1).Draw(t, "which")]
					if more := rapid.Int64Range(1, 80).Draw(t, "bytes"); s.hold(r.name, r.held, more) {
						r.held += more
					}
				}
			case 2:
				if len(work) > 0 {
					i := rapid.IntRange(0, len(work)-1).Draw(t, "which")
					s.leave(work[i].name, work[i].held)
					work = append(work[:i], work[i+1:]...)
				}
			}
			requests, bytes := map[string]int{}, map[string]int64{}
			for _, r := range work {
				requests[r.name]++
				bytes[r.name] += r.held
			}
			for _, name := range []string{"a", "b"} {
				got := s.active[name]
				if got == nil {
					got = &sender{}
				}
				if got.requests != requests[name] || got.bytes != bytes[name] || got.requests > 3 {
					t.Fatalf("%s: counted %v, in work %d with %d bytes", name, *got, requests[name], bytes[name])
				}
			}
		}
	})
}
