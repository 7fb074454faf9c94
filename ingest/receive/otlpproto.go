package receive

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"

	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxOTLPDepth bounds how deep messages nest; values in values are what nests.
const maxOTLPDepth = 64

var errOTLPDepth = fmt.Errorf("messages nest deeper than %d", maxOTLPDepth)

// countMessages counts the messages in an encoded one, so that what it takes in
// memory is known before it is decoded.
func countMessages(of protoreflect.MessageDescriptor, b []byte, depth int) (n int64, err error) {
	if depth > maxOTLPDepth {
		return 0, errOTLPDepth
	}
	n = 1
	for len(b) > 0 {
		number, wire, size := protowire.ConsumeTag(b)
		if size < 0 {
			return 0, protowire.ParseError(size)
		}
		b = b[size:]
		if size = protowire.ConsumeFieldValue(number, wire, b); size < 0 {
			return 0, protowire.ParseError(size)
		}
		if field := of.Fields().ByNumber(number); field != nil && field.Message() != nil && wire == protowire.BytesType {
			inner, _ := protowire.ConsumeBytes(b) // it was measured
			more, err := countMessages(field.Message(), inner, depth+1)
			if err != nil {
				return 0, err
			}
			n += more
		}
		b = b[size:]
	}
	return n, nil
}

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
