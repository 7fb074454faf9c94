package receive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"github.com/tidwall/gjson"
	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

func text(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}

var (
	traceID = []byte{0x5b, 0x8e, 0xff, 0xf7, 0x98, 0x03, 0x81, 0x03, 0xd2, 0x69, 0xb6, 0x33, 0x81, 0x3f, 0xc6, 0x0c}
	spanID  = []byte{0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x74}
	service = &resource.Resource{Attributes: []*common.KeyValue{{Key: "service.name", Value: text("gateway")}}}
)

func marshal(m proto.Message) string {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func logsOf(bodies ...string) *collectorlogs.ExportLogsServiceRequest {
	rl := &logs.ResourceLogs{Resource: service, ScopeLogs: []*logs.ScopeLogs{{Scope: &common.InstrumentationScope{Name: "s"}}}}
	for _, b := range bodies {
		rl.ScopeLogs[0].LogRecords = append(rl.ScopeLogs[0].LogRecords, &logs.LogRecord{TimeUnixNano: 1544712660300000000, SeverityNumber: logs.SeverityNumber_SEVERITY_NUMBER_INFO, Body: text(b), TraceId: traceID, SpanId: spanID})
	}
	return &collectorlogs.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{rl}}
}

// What the specification shows: hexadecimal ids, enums as numbers, 64-bit
// integers as texts.
const (
	wantLog = `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"gateway"}}]},"scopeLogs":[{"scope":{"name":"s"},"logRecords":[` +
		`{"timeUnixNano":"1544712660300000000","severityNumber":9,"body":{"stringValue":"hi"},"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}]}]}]}`
	wantSpan = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"gateway"}}]},"scopeSpans":[{"spans":[` +
		`{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b174","name":"GET /orders","kind":2,"startTimeUnixNano":"1","attributes":[{"key":"raw","value":{"bytesValue":"AAE="}}],"links":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}]}]}]}]}`
)

func TestOTLP(t *testing.T) {
	spans := &collectortrace.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{Resource: service, ScopeSpans: []*trace.ScopeSpans{{Spans: []*trace.Span{{
		TraceId: traceID, SpanId: spanID, ParentSpanId: spanID, Name: "GET /orders", Kind: trace.Span_SPAN_KIND_SERVER, StartTimeUnixNano: 1,
		Attributes: []*common.KeyValue{{Key: "raw", Value: &common.AnyValue{Value: &common.AnyValue_BytesValue{BytesValue: []byte{0, 1}}}}},
		Links:      []*trace.Span_Link{{TraceId: traceID, SpanId: spanID}},
	}}}}}}}
	cfg := Config{Tokens: []string{"otel-token"}}
	proto := []string{"Authorization", "Bearer otel-token", "Content-Type", "application/x-protobuf"}
	json := []string{"Authorization", "Bearer otel-token", "Content-Type", "application/json"}
	hi := marshal(logsOf("hi"))
	runExchanges(t, []exchange{
		{name: "logs in protobuf", path: "/v1/logs", cfg: cfg, header: proto, body: hi, code: 200, want: map[string]string{"raw.otlp": wantLog}},
		{name: "logs in gzip", path: "/v1/logs", cfg: cfg, header: append([]string{"Content-Encoding", "gzip"}, proto...), body: packed(hi), code: 200, want: map[string]string{"raw.otlp": wantLog}},
		{name: "logs in JSON", path: "/v1/logs", cfg: cfg, header: json, body: wantLog, code: 200, answer: "{}", want: map[string]string{"raw.otlp": wantLog}},
		{name: "spans in protobuf", path: "/v1/traces", cfg: cfg, header: proto, body: marshal(spans), code: 200, want: map[string]string{"raw.otlp": wantSpan}},
		{name: "spans in JSON", path: "/v1/traces", cfg: cfg, header: json, body: wantSpan, code: 200, answer: "{}", want: map[string]string{"raw.otlp": wantSpan}},
		{name: "one record a resource", path: "/v1/logs", cfg: cfg, header: proto, body: hi + hi, code: 200, want: map[string]string{"raw.otlp": wantLog + "\n" + wantLog}},
		{name: "nothing at all is a success", path: "/v1/logs", cfg: cfg, header: proto, code: 200},
		{name: "a resource without logs gives no record", path: "/v1/logs", cfg: cfg, header: json, body: `{"resourceLogs":[{"resource":{}},{"scopeLogs":[{}]}]}`, code: 200, answer: "{}"},
		{name: "a field of a later version is passed over", path: "/v1/logs", cfg: cfg, header: proto, body: hi + "\x12\x01x", code: 200, want: map[string]string{"raw.otlp": wantLog}},

		{name: "no token", path: "/v1/logs", cfg: cfg, header: json[2:], body: wantLog, code: 401, answer: `{"code":16,"message":"a valid token…`},
		{name: "broken JSON", path: "/v1/logs", cfg: cfg, header: json, body: `{"resourceLogs":`, code: 400, answer: `{"code":3,"message":"the body is not OTLP JSON"}`},
		{name: "JSON of another shape", path: "/v1/logs", cfg: cfg, header: json, body: `{"resourceLogs":[7]}`, code: 400, answer: `{"code":3,"message":"an element of resourceLogs…`},
		{name: "a list that is none", path: "/v1/logs", cfg: cfg, header: json, body: `{"resourceLogs":[{"scopeLogs":[{"logRecords":{}}]}]}`, code: 400, answer: `{"code":3,"message":"an element of resourceLogs…`},
		{name: "JSON that is no object", path: "/v1/logs", cfg: cfg, header: json, body: ` []`, code: 400, answer: `{"code":3,…`},
		{name: "nothing where JSON is said", path: "/v1/logs", cfg: cfg, header: json, body: ``, code: 400, answer: `{"code":3,…`},
		{name: "another content type", path: "/v1/logs", cfg: cfg, header: []string{"Authorization", "Bearer otel-token", "Content-Type", "text/plain"}, body: "x", code: 415, answer: `{"code":3,…`},
		{name: "another method", method: http.MethodGet, path: "/v1/traces", cfg: cfg, header: json, code: 405, answer: `{"code":12,…`},
		{name: "a body too large", path: "/v1/logs", cfg: Config{MaxBodyBytes: 10}, header: json, body: wantLog, code: 413, answer: `{"code":8,…`},
		{name: "a log that is away", path: "/v1/logs", cfg: cfg, header: json, err: errors.New("down"), body: wantLog, code: 503, answer: `{"code":14,…`},
	})
}

func TestOTLPErrorsInProtobuf(t *testing.T) {
	h := New(Config{}, &recordingProducer{}, nil, zerolog.Nop())
	for _, body := range []string{"\x0a", "\x0a\x02\x08", "\xff", "\x0a\x01\x0b"} {
		got := post(h, "/v1/logs", body, "Content-Type", "application/x-protobuf")
		var s status.Status
		if err := proto.Unmarshal(got.Body.Bytes(), &s); err != nil || got.Code != 400 || s.Code != 3 || s.Message == "" || got.Header().Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%q: answer %d %v %v", body, got.Code, &s, err)
		}
	}
}

// Two bytes make a message of hundreds in memory: many of them are refused
// before they are decoded, and so are values in values in values.
func TestOTLPDecodingIsBounded(t *testing.T) {
	flood := strings.Repeat("\x12\x00", 1_000_000) // log records without anything
	scope := string(protowire.AppendBytes([]byte{0x12}, []byte(flood)))
	h := New(Config{MaxInFlightBytes: 64 << 20}, &recordingProducer{}, nil, zerolog.Nop())
	got := post(h, "/v1/logs", string(protowire.AppendBytes([]byte{0x0a}, []byte(scope))), "Content-Type", protoType)
	if got.Code != http.StatusRequestEntityTooLarge || !strings.Contains(got.Body.String(), "memory") {
		t.Errorf("a flood: %d %q", got.Code, got.Body)
	}
	value := text("x")
	for range 100 {
		value = &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &common.ArrayValue{Values: []*common.AnyValue{value}}}}
	}
	deep := logsOf("x")
	deep.ResourceLogs[0].ScopeLogs[0].LogRecords[0].Body = value
	if got := post(h, "/v1/logs", marshal(deep), "Content-Type", protoType); got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), "deeper") {
		t.Errorf("deep values: %d %q", got.Code, got.Body)
	}
	if got := post(h, "/v1/logs", strings.Repeat("[", 10_000_000), "Content-Type", jsonType); got.Code != http.StatusBadRequest {
		t.Errorf("deep JSON: %d %q", got.Code, got.Body)
	}
	if n, err := countMessages(otlpLogs.message, []byte(marshal(logsOf("a").ResourceLogs[0])), 0); err != nil || n != 8 {
		t.Errorf("%d messages, %v: want the resource and its attribute with its value, scopes, scope, record and body", n, err)
	}
}

func TestWhatIsTooLongForARecordIsToldInPartialSuccess(t *testing.T) {
	long := strings.Repeat("x", 900)
	request := logsOf("one", long, "two", strings.Repeat("y", 2000), "three")
	asJSON, err := protojson.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ media, body string }{{protoType, marshal(request)}, {jsonType, string(asJSON)}} {
		p := &recordingProducer{}
		got := post(New(Config{MaxRecordBytes: 1000}, p, nil, zerolog.Nop()), "/v1/logs", tt.body, "Content-Type", tt.media)
		var answer collectorlogs.ExportLogsServiceResponse
		unmarshal := proto.Unmarshal
		if tt.media == jsonType {
			unmarshal = protojson.Unmarshal
		}
		if err := unmarshal(got.Body.Bytes(), &answer); err != nil || got.Code != 200 || got.Header().Get("Content-Type") != tt.media {
			t.Fatalf("%s: answer %d %s %v", tt.media, got.Code, got.Body, err)
		}
		if s := answer.PartialSuccess; s.GetRejectedLogRecords() != 2 || !strings.Contains(s.GetErrorMessage(), "1000 bytes") {
			t.Errorf("%s: partial success %v", tt.media, s)
		}
		if all := strings.Join(p.values, ""); !strings.Contains(all, `"one"`) || !strings.Contains(all, `"two"`) || !strings.Contains(all, `"three"`) || strings.Contains(all, "yyy") {
			t.Errorf("%s: records %q", tt.media, p.values)
		}
	}
	var spans collectortrace.ExportTraceServiceResponse
	got := post(New(Config{MaxRecordBytes: 100}, &recordingProducer{}, nil, zerolog.Nop()), "/v1/traces", wantSpan, "Content-Type", jsonType)
	if err := protojson.Unmarshal(got.Body.Bytes(), &spans); err != nil || spans.PartialSuccess.GetRejectedSpans() != 1 {
		t.Errorf("answer %s %v", got.Body, err)
	}
}

// Whatever the limit, the pieces of a resource are OTLP JSON of that size or
// less that hold each log record once, in order, but those that do not fit.
func TestSplittingLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lengths := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 300), 0, 12), 0, 4).Draw(t, "scopes")
		limit := rapid.IntRange(50, 1500).Draw(t, "limit")
		var scopes []string
		var sent []string
		for i, scope := range lengths {
			var items []string
			for _, n := range scope {
				body := fmt.Sprintf("%d-%s", len(sent), strings.Repeat("b", n))
				sent = append(sent, body)
				items = append(items, `{"body":{"stringValue":"`+body+`"}}`)
			}
			scopes = append(scopes, fmt.Sprintf(`{"scope":{"name":"s%d"},"logRecords":[%s],"schemaUrl":"u"}`, i, strings.Join(items, ",")))
		}
		var pieces [][]byte
		rejected, err := otlpLogs.split(gjson.Parse(`{"resource":{"attributes":[]},"scopeLogs":[`+strings.Join(scopes, ",")+`],"schemaUrl":"v"}`), limit, func(piece []byte) bool {
			pieces = append(pieces, piece)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range pieces {
			if len(p) > limit {
				t.Fatalf("a piece of %d bytes, at most %d are wanted", len(p), limit)
			}
			var m logs.LogsData
			if err := protojson.Unmarshal(p, &m); err != nil {
				t.Fatalf("%s: %v", p, err)
			}
			rl := m.ResourceLogs[0]
			if rl.SchemaUrl != "v" || rl.Resource == nil {
				t.Fatalf("a piece without its resource: %s", p)
			}
			for _, scope := range rl.ScopeLogs {
				if scope.SchemaUrl != "u" || scope.Scope.GetName() == "" {
					t.Fatalf("a piece without its scope: %s", p)
				}
				for _, r := range scope.LogRecords {
					got = append(got, r.Body.GetStringValue())
				}
			}
		}
		if len(got)+rejected != len(sent) {
			t.Fatalf("%d sent, %d kept, %d rejected", len(sent), len(got), rejected)
		}
		if rejected == 0 {
			if diff := cmp.Diff(sent, got); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func FuzzOTLP(f *testing.F) {
	f.Add(true, []byte(wantLog))
	f.Add(false, []byte(marshal(logsOf("hi", "ho"))))
	f.Add(true, []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},null,1]}]}]}`))
	f.Fuzz(func(t *testing.T, asJSON bool, body []byte) {
		media := protoType
		if asJSON {
			media = jsonType
		}
		p := &recordingProducer{}
		got := post(New(Config{MaxRecordBytes: 200}, p, nil, zerolog.Nop()), "/v1/logs", string(body), "Content-Type", media)
		if got.Code >= 500 {
			t.Fatalf("answer %d %s", got.Code, got.Body)
		}
		for _, v := range p.values {
			if len(v) > 200 || !json.Valid([]byte(v)) || !bytes.HasPrefix([]byte(v), []byte(`{"resourceLogs":[`)) {
				t.Fatalf("record %q", v)
			}
		}
	})
}
