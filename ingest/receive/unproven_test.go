package receive

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

func signature(secret, body string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(body))
	return fmt.Sprintf("sha256=%x", h.Sum(nil))
}

// idleBody is one that does not come before it is closed.
type idleBody struct{ asked, closed chan struct{} }

func (b *idleBody) Read([]byte) (int, error) {
	b.asked <- struct{}{}
	<-b.closed
	return 0, io.ErrUnexpectedEOF
}

// Whoever claims a signature is not known before the body is there. However many
// of them there are, and however slow, those with a proof get through.
func TestThoseWhoseSignatureIsNotCheckedYetTakeNothingFromOthers(t *testing.T) {
	const key = "a-good-token"
	h := New(Config{Tokens: []string{key}, MaxConcurrent: 8}, &recordingProducer{}, nil, zerolog.Nop())
	body := &idleBody{make(chan struct{}), make(chan struct{})}
	idle := func(addr string) int {
		req := httptest.NewRequest(http.MethodPost, "/github/webhook", body)
		req.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))
		req.RemoteAddr = addr + ":1234"
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		return rec.Code
	}
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() { idle(fmt.Sprint("203.0.113.", i)) })
		<-body.asked
	}
	for i := range 12 {
		if code := idle(fmt.Sprint("203.0.113.", i)); code != http.StatusServiceUnavailable {
			t.Fatalf("one more without a proof: %d", code)
		}
	}
	if n := len(h.work.slots); n != 0 {
		t.Errorf("%d places of others are taken", n)
	}
	if got := from(h, "203.0.113.0", exchange{path: "/ingest/kong", body: kongRecord, header: []string{"Authorization", "Bearer " + key}}); got.Code != http.StatusAccepted {
		t.Errorf("a sender with the token: %d %s", got.Code, got.Body)
	}
	close(body.closed)
	wg.Wait()
	for _, p := range []*pool{h.work, h.unproven} {
		if len(p.slots) != 0 || !p.bytes.TryAcquire(p.most) || len(p.senders.active) != 0 {
			t.Error("something is still held")
		}
	}
}

func TestATimeForBodiesOfTheUnknown(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{0: 10 * time.Second, time.Second: time.Second, time.Hour: 10 * time.Second} {
		if got := New(Config{ReadTimeout: given}, &recordingProducer{}, nil, zerolog.Nop()).unproven.timeout; got != want {
			t.Errorf("with %s for others: %s, want %s", given, got, want)
		}
	}
}

// A signed body is one delivery, whatever its headers say.
func TestASignedBodyIsTakenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &recordingProducer{}
		h := New(Config{Secrets: map[string][]string{"github": {"the secret"}}}, out, nil, zerolog.Nop())
		body := `{"action":"created","starred_at":null,"key":{"id":7},"repository":{"full_name":"o/r"},"sender":{"login":"ci-bot"}}`
		send := func(event, delivery string) (code int, answer string) {
			got := post(h, "/github/webhook", body, "X-Hub-Signature-256", signature("the secret", body), "X-GitHub-Event", event, "X-GitHub-Delivery", delivery)
			return got.Code, strings.TrimSpace(got.Body.String())
		}
		step := func(what, event, delivery string, code int, answer string, records int) {
			t.Helper()
			if c, a := send(event, delivery); c != code || !strings.HasPrefix(a, answer) || len(out.values) != records {
				t.Fatalf("%s: %d %s, %d records in the log", what, c, a, len(out.values))
			}
		}
		out.err = errors.New("down")
		step("the log is away", "star", "1", 503, "", 0)
		out.err = nil
		step("sent again by its sender", "star", "1", 202, `{"accepted":1}`, 1)
		step("replayed as it was", "star", "1", 202, `{"accepted":0}`, 1)
		step("replayed as another event with another id", "deploy_key", "2", 202, `{"accepted":0}`, 1)
		<-time.After(seenFor)
		step("an hour later", "deploy_key", "3", 202, `{"accepted":0}`, 1)
		<-time.After(2 * seenFor)
		step("when the memory has gone, the same id for the window of events", "star", "4", 202, `{"accepted":1}`, 2)
	})
}
