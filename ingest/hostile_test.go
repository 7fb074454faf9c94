package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

// TestHostileRecordsAreReadOnce parses records of a megabyte and more that are
// made to be looked at again for each of their parts: in quadratic time most of
// them take minutes.
func TestHostileRecordsAreReadOnce(t *testing.T) {
	const size = 1 << 20
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	some := func(s string, n int) string { return strings.Repeat(s, n) }
	for _, tt := range []struct{ name, format, in string }{
		{"brackets that nobody closes", "cloudtrail", fill("[")},
		{"lists in lists that nobody closes", "cloudtrail", fill(`[{"a":1},`)},
		{"envelopes that nobody closes", "cloudtrail", fill(`{"Records":[`)},
		{"objects that nobody closes", "cloudtrail", fill(`{"a":`)},
		{"a forwarding header in the place of the address", "traefik", fill("1.1.1.1, ") + `2.2.2.2 - - [01/Mar/2026:10:00:00 +0000] "GET /x HTTP/1.1" 200 1 "-" "-" 1 "r" "u" 1ms`},
		{"times in the place of the user", "nginx", "203.0.113.9 - " + fill("[01/Mar/2026:10:00:00 ") + ` [01/Mar/2026:10:00:00 +0000] "GET /x HTTP/1.1" 200 1 "-" "-"`},
		{"a wide object of Kubernetes with data in each part", "k8s-audit", `{"kind":"Event","requestObject":{` + some(`"x":{"data":"y"},`, maxNodes/3) + `"z":1}}`},
		{"attributes of OpenTelemetry without a key", "otlp", `{"resourceSpans":[{"scopeSpans":[{"spans":[{` + some(`"value":"a",`, maxNodes-20) + `"kind":2}]}]}]}`},
		{"many spans of a resource with many attributes", "otlp", `{"resourceSpans":[{"resource":{"attributes":[` + some(`{"key":"a","value":{"stringValue":"b"}},`, maxNodes/10) +
			`{}]},"scopeSpans":[{"spans":[` + some(`{"kind":2,"startTimeUnixNano":"1772359560123000000","attributes":[{"key":"http.method","value":{"stringValue":"GET"}}]},`, maxNodes/20) + `{}]}]}]}`},
		{"an activity of many events among many members", "google-workspace", `{"id":{"applicationName":"a","time":"2026-03-01T10:00:00Z","uniqueQualifier":"1"},` + some(`"x":1,`, maxNodes/4) +
			`"events":[` + some(`{"name":"n"},`, maxNodes/4) + `{}]}`},
		{"an activity of many events by an actor of many parts", "google-workspace", `{"id":{"applicationName":"a","time":"2026-03-01T10:00:00Z","uniqueQualifier":"1"},"actor":{` + some(`"x":1,`, maxNodes/4) +
			`"z":1},"events":[` + some(`{"name":"n"},`, maxNodes/4) + `{}]}`},
		{"an activity of many events", "google-workspace", `{"id":{"applicationName":"a","time":"2026-03-01T10:00:00Z","uniqueQualifier":"1"},"events":[` + some(`{"name":"n"},`, maxNodes/2-20) + `{}]}`},
		{"what looks like a push of Pub/Sub", "kong", `{"message":{` + some(`"data":"eyJ9",`, maxNodes-20) + `"x":2}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := New(tt.format, Options{Hasher: testHasher, KeepRaw: true})
			if err != nil {
				t.Fatal(err)
			}
			var n tally
			p.Parse([]byte(tt.in), &n)
			if n.events+n.bad == 0 {
				t.Error("nothing became of it")
			}
			standard.Detect([]byte(tt.in))
		})
	}
}

// tally counts what became of records.
type tally struct{ events, bad int }

// Event implements Handler.
func (n *tally) Event(_ int, ev *schemas.Event) { n.events++; ev.Recycle() }

// Bad implements Handler.
func (n *tally) Bad(int, []byte, error) { n.bad++ }
