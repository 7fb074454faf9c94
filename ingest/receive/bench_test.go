package receive

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

type takesAll struct{}

func (takesAll) Produce(context.Context, string, []stream.Record) error { return nil }

// BenchmarkReceivers measures requests of 1000 records, in bytes of the body.
func BenchmarkReceivers(b *testing.B) {
	var post, hec, k8s, texts []string
	for i := range 1000 {
		rec := strings.Replace(kongRecord, "orders/17", fmt.Sprintf("orders/%d", i), 1)
		post = append(post, rec)
		hec = append(hec, `{"time":1767225600,"host":"gw","sourcetype":"kong","event":`+rec+`}`)
		k8s = append(k8s, rec)
		texts = append(texts, rec)
	}
	otlpBody := marshal(logsOf(texts...))
	for _, bb := range []struct {
		name, path, body string
		header           []string
	}{
		{"post", "/ingest/kong", strings.Join(post, "\n"), nil},
		{"splunk", "/services/collector", strings.Join(hec, "\n"), nil},
		{"firehose", "/firehose/kong", `{"requestId":"r","records":[{"data":"` + b64(strings.Join(post, "\n")) + `"}]}`, nil},
		{"kubernetes", "/kubernetes/audit", `{"kind":"EventList","apiVersion":"v1","items":[` + strings.Join(k8s, ",") + `]}`, nil},
		{"otlp", "/v1/logs", otlpBody, []string{"Content-Type", protoType}},
		{"cloudflare", "/cloudflare/http", strings.Join(post, "\n"), nil},
	} {
		b.Run(bb.name, func(b *testing.B) {
			h := New(Config{}, takesAll{}, nil, zerolog.Nop())
			b.SetBytes(int64(len(bb.body)))
			b.ReportAllocs()
			for b.Loop() {
				req := httptest.NewRequest(http.MethodPost, bb.path, io.NopCloser(strings.NewReader(bb.body)))
				for i := 0; i < len(bb.header); i += 2 {
					req.Header.Set(bb.header[i], bb.header[i+1])
				}
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, req)
				if rec.Code >= 300 {
					b.Fatal(rec.Code, rec.Body)
				}
			}
			b.ReportMetric(float64(len(bb.body)), "body-bytes")
		})
	}
}
