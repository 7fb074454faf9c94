package receive

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"

	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

func decodeLogs(resource []byte) ([]byte, error) {
	var m logs.ResourceLogs
	if err := proto.Unmarshal(resource, &m); err != nil {
		return nil, err
	}
	for _, scope := range m.ScopeLogs {
		for _, r := range scope.LogRecords {
			hexID(&r.TraceId)
			hexID(&r.SpanId)
		}
	}
	return otlpText(&m)
}

func decodeSpans(resource []byte) ([]byte, error) {
	var m trace.ResourceSpans
	if err := proto.Unmarshal(resource, &m); err != nil {
		return nil, err
	}
	for _, scope := range m.ScopeSpans {
		for _, s := range scope.Spans {
			hexID(&s.TraceId)
			hexID(&s.SpanId)
			hexID(&s.ParentSpanId)
			for _, l := range s.Links {
				hexID(&l.TraceId)
				hexID(&l.SpanId)
			}
		}
	}
	return otlpText(&m)
}

// hexID prepares an id for protojson, which writes bytes in base64 where OTLP
// JSON has hexadecimal digits: these digits are base64 of something too, and
// that takes the id's place. Of an id of odd length, which OTLP has none of,
// nothing is kept.
func hexID(id *[]byte) {
	if len(*id)%2 != 0 {
		*id = nil
		return
	}
	*id, _ = base64.StdEncoding.DecodeString(hex.EncodeToString(*id)) // digits in groups of four: it always decodes
}

// otlpText writes the JSON of OTLP: enums as numbers, 64-bit integers as texts.
func otlpText(m proto.Message) ([]byte, error) {
	text, err := protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Grow(len(text))
	// protojson varies its white space from build to build.
	if err := json.Compact(&out, text); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
