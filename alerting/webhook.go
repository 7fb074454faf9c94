package alerting

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

func checkWebhook(d Destination) error {
	_, err := webhookKey(d.Secret)
	return errors.Join(checkURL(d.URL, "https", "http"), err)
}

// webhookKey decodes "whsec_<base64>" of 24 to 64 bytes.
func webhookKey(secret string) ([]byte, error) {
	enc, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(enc)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("secret: want whsec_ and the base64 of 24 to 64 random bytes (openssl rand -base64 32)")
	}
	return key, nil
}

// webhookSink posts one alert a request, signed as Standard Webhooks says:
// https://github.com/standard-webhooks/standard-webhooks.
type webhookSink struct {
	post *poster
	key  []byte
	now  func() time.Time
}

func openWebhook(d Destination) (Sink, error) {
	key, err := webhookKey(d.Secret)
	if err != nil {
		return nil, err
	}
	p, err := newPoster(d, d.URL)
	if err != nil {
		return nil, err
	}
	return &webhookSink{p, key, time.Now}, nil
}

// Write implements Sink.
func (s *webhookSink) Write(ctx context.Context, batch []schemas.Alert) []error {
	return inOrder(batch, func(a *schemas.Alert) error {
		body, err := json.Marshal(a)
		if err != nil {
			return stream.Permanent(err)
		}
		// The id names this version, so that a receiver can drop repeats.
		id := a.ID() + "." + strconv.Itoa(a.Version())
		ts := strconv.FormatInt(s.now().Unix(), 10)
		h := http.Header{}
		h.Set("webhook-id", id)
		h.Set("webhook-timestamp", ts)
		h.Set("webhook-signature", signWebhook(s.key, id, ts, body))
		return s.post.post(ctx, h, body)
	})
}

// signWebhook signs "{id}.{timestamp}.{body}".
func signWebhook(key []byte, id, ts string, body []byte) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(id + "." + ts + "."))
	m.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// Close implements Sink.
func (s *webhookSink) Close() error { s.post.close(); return nil }
