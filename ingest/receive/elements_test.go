package receive

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"
)

// A sender that is let in may still be hostile: what a request makes us allocate
// stays near its own size, however many elements it has room for.
func TestManyElementsAreCountedBeforeTheyAreDecoded(t *testing.T) {
	const size = 4 << 20
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	attribute := `{"key":"k","value":{"stringValue":"` + strings.Repeat("v", 900_000) + `"}}`
	for _, tt := range []struct {
		name, path, body string
		header           []string
	}{
		{"records of Firehose", "/firehose/kong", `{"requestId":"r","records":[` + fill(`{},`) + `{}]}`, nil},
		{"log events of a subscription", "/firehose/kong", `{"requestId":"r","records":[{"data":"` + b64(packed(`{"messageType":"DATA_MESSAGE","logEvents":[`+fill(`{},`)+`{}]}`)) + `"}]}`, nil},
		{"subscriptions behind each other", "/firehose/kong", `{"requestId":"r","records":[{"data":"` + b64(packed(fill(`{"messageType":"x"}`)+`"logEvents"`)) + `"}]}`, nil},
		{"items of Kubernetes", "/kubernetes/audit", `{"kind":"EventList","items":[` + fill(`{},`) + `{}]}`, nil},
		{"events of Okta", "/okta/events", `{"data":{"events":[` + fill(`{},`) + `{}]}}`, nil},
		{"acknowledgements of Splunk", "/services/collector/ack", `{"acks":[` + fill(`1,`) + `1]}`, []string{"X-Splunk-Request-Channel", "9b9b9b9b-0000-4000-8000-000000000000"}},
		{"scopes that each repeat a large resource", "/v1/logs", `{"resourceLogs":[{"resource":{"attributes":[` + attribute + `]},"scopeLogs":[` + fill(`{"logRecords":[{}]},`) + `{}]}]}`, []string{"Content-Type", "application/json"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := New(Config{MaxRecords: 1000, MaxInFlightBytes: 32 << 20}, &recordingProducer{}, nil, zerolog.Nop())
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := post(s, tt.path, tt.body, tt.header...)
			runtime.ReadMemStats(&after)
			if got.Code != http.StatusRequestEntityTooLarge {
				t.Errorf("answer %d %s", got.Code, got.Body)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 128<<20 { // 112 under the race detector
				t.Errorf("%d MiB were allocated for %d", took>>20, len(tt.body)>>20)
			}
		})
	}
}

// An array is cut into what encoding/json finds in it.
func TestElementsAreThoseOfTheArray(t *testing.T) {
	s := New(Config{MaxRecords: 50}, &recordingProducer{}, nil, zerolog.Nop())
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom([]string{`null`, `1`, `-2.5e3`, `true`, `"x"`, `"a\"],}"`, `"\\"`, `""`, `{}`, `[]`, `{"a":[1,"]"]}`, ` [ { } , 2 ] `, "\n{\"k\" : \"}\"}\t"})
		values := rapid.SliceOfN(value, 0, 10).Draw(t, "values")
		text := "[" + strings.Join(values, rapid.SampledFrom([]string{",", " , ", ",\n"}).Draw(t, "comma")) + "]"
		var want []json.RawMessage
		var got elements
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		var have []string
		if bad := got.each(&call{s: s}, func(e []byte) *refusal { have = append(have, string(e)); return nil }); bad != nil {
			t.Fatal(bad)
		}
		var wanted []string
		for _, w := range want {
			wanted = append(wanted, strings.TrimSpace(string(w)))
		}
		if !slices.Equal(have, wanted) {
			t.Fatal(fmt.Sprintf("%q became %q, want %q", text, have, wanted))
		}
	})
}
