package receive

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"

	"github.com/tidwall/gjson"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// OTLP over HTTP, logs and traces, in protobuf and JSON (opentelemetry-proto,
// docs/specification.md). Records are OTLP JSON, one a resource; a resource
// too large for a record is split between its log records or spans.

const (
	otlpFormat     = "otlp"
	otlpLogsPath   = "/v1/logs"
	otlpTracesPath = "/v1/traces"
	protoType      = "application/x-protobuf"
)

// otlpSignal names the parts of a signal's messages.
type otlpSignal struct {
	resources, scopes, items string
	// rejected counts refused items in the answer's partialSuccess.
	rejected string
	// message describes a resource, and decode turns one into OTLP JSON.
	message protoreflect.MessageDescriptor
	decode  func(resource []byte) ([]byte, error)
}

var (
	otlpLogs   = otlpSignal{"resourceLogs", "scopeLogs", "logRecords", "rejectedLogRecords", (&logs.ResourceLogs{}).ProtoReflect().Descriptor(), decodeLogs}
	otlpTraces = otlpSignal{"resourceSpans", "scopeSpans", "spans", "rejectedSpans", (&trace.ResourceSpans{}).ProtoReflect().Descriptor(), decodeSpans}
)

func signalOf(req *http.Request) *otlpSignal {
	if req.URL.Path == otlpTracesPath {
		return &otlpTraces
	}
	return &otlpLogs
}

func otlpMedia(req *http.Request) string {
	media, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}

func serveOTLP(c *call) *refusal {
	if bad := c.method(http.MethodPost); bad != nil {
		return bad
	}
	media := otlpMedia(c.req)
	if media != protoType && media != jsonType {
		return refuse(http.StatusUnsupportedMediaType, "content type %q is not taken: send %s or %s", clip(media, 80), protoType, jsonType)
	}
	body, bad := c.all()
	if bad != nil {
		return bad
	}
	signal := signalOf(c.req)
	if media == jsonType {
		bad = c.otlpJSON(signal, body)
	} else {
		bad = c.otlpProto(signal, body)
	}
	if bad != nil {
		return bad
	}
	return c.produce()
}

func (c *call) otlpJSON(signal *otlpSignal, body []byte) *refusal {
	// Not gjson's, which calls itself for each bracket.
	if !json.Valid(body) || body[firstByte(body)] != '{' {
		return refuse(http.StatusBadRequest, "the body is not OTLP JSON")
	}
	if bad := c.hold(int64(len(body))); bad != nil { // gjson's copy, of which all else are parts
		return bad
	}
	resources := gjson.ParseBytes(body).Get(signal.resources)
	if resources.Exists() && !resources.IsArray() {
		return refuse(http.StatusBadRequest, "%s is not a list", signal.resources)
	}
	var bad *refusal
	resources.ForEach(func(_, resource gjson.Result) bool {
		bad = c.otlpResource(signal, resource)
		return bad == nil
	})
	return bad
}

// firstByte is where JSON begins, in text that holds some.
func firstByte(text []byte) int { return len(text) - len(bytes.TrimLeft(text, " \t\r\n")) }

// What decoding takes, at most about: for each message in a message, which may
// be two bytes on the wire, and for each byte, its text in JSON included.
const (
	decodedMessage = 256
	decodedByte    = 6
)

// otlpProto decodes resource by resource, so that one at a time is held in the
// large form that messages have in memory.
func (c *call) otlpProto(signal *otlpSignal, body []byte) *refusal {
	for len(body) > 0 {
		number, wire, n := protowire.ConsumeTag(body)
		if n < 0 {
			return refuse(http.StatusBadRequest, "the body is not an OTLP message: %v", protowire.ParseError(n))
		}
		body = body[n:]
		if number != 1 || wire != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(number, wire, body); n < 0 {
				return refuse(http.StatusBadRequest, "the body is not an OTLP message: %v", protowire.ParseError(n))
			}
			body = body[n:]
			continue
		}
		message, n := protowire.ConsumeBytes(body)
		if n < 0 {
			return refuse(http.StatusBadRequest, "the body is not an OTLP message: %v", protowire.ParseError(n))
		}
		body = body[n:]
		messages, err := countMessages(signal.message, message, 0)
		if err != nil {
			return refuse(http.StatusBadRequest, "%s cannot be decoded: %v", signal.resources, err)
		}
		decoding := decodedMessage*messages + decodedByte*int64(len(message))
		if bad := c.hold(decoding); bad != nil {
			return bad
		}
		resource, err := signal.decode(message)
		if err != nil {
			return refuse(http.StatusBadRequest, "%s cannot be decoded", signal.resources)
		}
		bad := c.otlpResource(signal, gjson.ParseBytes(resource))
		c.free += decoding
		if bad != nil {
			return bad
		}
	}
	return nil
}

// otlpResource adds one resource's log records or spans.
func (c *call) otlpResource(signal *otlpSignal, resource gjson.Result) *refusal {
	var bad *refusal
	rejected, err := signal.split(resource, c.s.cfg.MaxRecordBytes, func(piece []byte) bool {
		bad = c.add(otlpFormat, c.sender(), piece)
		return bad == nil
	})
	if bad != nil {
		return bad
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "an element of %s: %v", signal.resources, err)
	}
	if rejected > 0 {
		c.rejected += int64(rejected)
		c.note = "longer than a record may be, " + strconv.Itoa(c.s.cfg.MaxRecordBytes) + " bytes with its resource and scope"
	}
	return nil
}

var errOTLPShape = errors.New("not what OTLP JSON has there")

var errStopped = errors.New("stopped")

// split makes records of a resource, each of at most limit bytes and a message
// of its own with the same resource and scope, and hands them to add, one at a
// time, until add has no room for more: each repeats the resource, so that all
// together can be far larger than the request. It counts the items that no
// record has room for. A resource without items gives none.
func (s *otlpSignal) split(resource gjson.Result, limit int, add func(piece []byte) bool) (rejected int, err error) {
	if !resource.IsObject() {
		return 0, errOTLPShape
	}
	scopes := resource.Get(s.scopes)
	total := 0
	each(scopes, &err, func(scope gjson.Result) {
		if !scope.IsObject() {
			err = errOTLPShape
		}
		each(scope.Get(s.items), &err, func(gjson.Result) { total++ })
	})
	if err != nil || total == 0 {
		return 0, err
	}
	put := func(piece []byte) {
		if !add(piece) {
			err = errStopped
		}
	}
	if whole := len(s.resources) + len(resource.Raw) + len(`{"":[]}`); whole <= limit {
		piece := append(make([]byte, 0, whole), `{"`+s.resources+`":[`...)
		piece = append(piece, resource.Raw...)
		put(append(piece, `]}`...))
		return 0, err
	}
	head := `{"` + s.resources + `":[` + opened(resource, s.scopes) + `"` + s.scopes + `":[`
	each(scopes, &err, func(scope gjson.Result) {
		prefix := head + opened(scope, s.items) + `"` + s.items + `":[`
		const suffix = `]}]}]}`
		var piece []byte
		each(scope.Get(s.items), &err, func(item gjson.Result) {
			if len(prefix)+len(item.Raw)+len(suffix) > limit {
				rejected++
				return
			}
			if piece != nil && len(piece)+1+len(item.Raw)+len(suffix) > limit {
				put(append(piece, suffix...))
				piece = nil
			}
			if piece == nil {
				piece = append(piece, prefix...)
			} else {
				piece = append(piece, ',')
			}
			piece = append(piece, item.Raw...)
		})
		if piece != nil && err == nil {
			put(append(piece, suffix...))
		}
	})
	return rejected, err
}

// each goes through a list, which may be missing or null, until err is set.
func each(list gjson.Result, err *error, do func(gjson.Result)) {
	if list.Type == gjson.Null {
		return
	}
	if !list.IsArray() {
		*err = errOTLPShape
		return
	}
	list.ForEach(func(_, v gjson.Result) bool {
		do(v)
		return *err == nil
	})
}

// opened is an object's text without one member, up to where it may follow.
func opened(object gjson.Result, without string) string {
	out := []byte{'{'}
	object.ForEach(func(key, value gjson.Result) bool {
		if key.Str != without {
			out = append(out, key.Raw...)
			out = append(out, ':')
			out = append(out, value.Raw...)
			out = append(out, ',')
		}
		return true
	})
	return string(out)
}

// Codes of google.rpc.Status.
const (
	rpcInvalidArgument   = 3
	rpcDeadlineExceeded  = 4
	rpcNotFound          = 5
	rpcPermissionDenied  = 7
	rpcResourceExhausted = 8
	rpcUnimplemented     = 12
	rpcUnavailable       = 14
	rpcUnauthenticated   = 16
)

func rpcCode(status int) int {
	switch status {
	case http.StatusUnauthorized:
		return rpcUnauthenticated
	case http.StatusForbidden:
		return rpcPermissionDenied
	case http.StatusNotFound:
		return rpcNotFound
	case http.StatusMethodNotAllowed:
		return rpcUnimplemented
	case http.StatusRequestTimeout:
		return rpcDeadlineExceeded
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return rpcResourceExhausted
	case http.StatusServiceUnavailable:
		return rpcUnavailable
	}
	return rpcInvalidArgument
}

// replyOTLP answers in the request's encoding. The messages are small and
// written by hand, for the packages that hold them bring gRPC along.
func replyOTLP(c *call, bad *refusal) reply {
	proto := otlpMedia(c.req) == protoType
	if bad != nil {
		code := rpcCode(bad.code)
		if proto { // google.rpc.Status: code = 1, message = 2
			b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(code)) //nolint:gosec // 3 to 16
			b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), bad.reason)
			return reply{bad.code, protoType, b}
		}
		return jsonReply(bad.code, struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		}{code, bad.reason})
	}
	if proto { // Export…ServiceResponse: partial_success = 1 {rejected = 1, error_message = 2}
		var b []byte
		if c.rejected > 0 {
			partial := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(c.rejected)) //nolint:gosec // a count
			partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), c.note)
			b = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
		}
		return reply{http.StatusOK, protoType, b}
	}
	answer := map[string]any{}
	if c.rejected > 0 {
		answer["partialSuccess"] = map[string]string{signalOf(c.req).rejected: strconv.FormatInt(c.rejected, 10), "errorMessage": c.note}
	}
	return jsonReply(http.StatusOK, answer)
}
