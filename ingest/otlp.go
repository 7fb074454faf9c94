package ingest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchOTLP recognises the messages of OTLP, whole (as a collector's file
// exporter writes them) or one resource each (as the receiver does).
func matchOTLP(p *probe) confidence {
	for _, key := range []string{"resourceSpans", "resourceLogs", "scopeSpans", "scopeLogs", "resource_spans", "resource_logs"} {
		if p.has(key) {
			return certain
		}
	}
	return no
}

// splitOTLP hands out the spans and the log records of a message. A parent of
// each record leads to its resource.
func splitOTLP(d *document, n int, each func(n int)) {
	for m := d.first(n); m != none; m = d.after(n, m) {
		switch d.nodes[m].key {
		case "resourceSpans", "resourceLogs", "resource_spans", "resource_logs", "scopeSpans", "scopeLogs", "scope_spans", "scope_logs", "instrumentationLibrarySpans":
			for e := d.first(m); e != none; e = d.after(m, e) {
				if d.nodes[e].kind != kindObject {
					each(e) // to be refused
					continue
				}
				splitOTLP(d, e, each)
			}
		case "spans", "logRecords", "log_records":
			for e := d.first(m); e != none; e = d.after(m, e) {
				each(e)
			}
		}
	}
}

// otlpSecret finds the values of attributes whose keys name secrets, or what
// was said to tools and models.
func otlpSecret(d *document, n int) bool {
	if !otlpAsked(d.nodes[n].key) {
		return false
	}
	key := d.text(d.beside(int(d.nodes[n].parent), "key"))
	return key != "" && (contents(key) || nameSecrecy(key) == secret)
}

func otlpAsked(key string) bool { return key == "value" }

// otel is one span or log record being read.
type otel struct {
	r *record
	a access
	c toolCall

	args                      int
	peer, client, forwarded   string
	path, query, route, oldTo string
	rpcService, rpcMethod     string
	operation, provider       string
	body                      int
}

// parseOTLP reads one span or log record (OpenTelemetry protocol, JSON encoding)
// by the semantic conventions for HTTP, RPC, generative AI and MCP, stable
// and old names alike. A span inside a service, or of its own calls to others,
// is no call, nor is a log record that tells of none.
func parseOTLP(r *record) error {
	d, ev := &r.doc, r.ev
	if d.nodes[r.root].kind != kindObject {
		return errNoObject
	}
	if matchOTLP(&probe{doc: d, root: r.root}) == certain {
		return otlpEmpty(d, r.root)
	}
	o := otel{r: r, args: none, body: none}
	o.a = r.access()
	var start, end, observed, name, kind, status, trace, span string
	log := false
	attributes := none
	for n := d.first(r.root); n != none; n = d.after(r.root, n) {
		v := d.nodes[n].str
		switch d.nodes[n].key {
		case "startTimeUnixNano", "start_time_unix_nano":
			start = v
		case "endTimeUnixNano", "end_time_unix_nano":
			end = v
		case "timeUnixNano", "time_unix_nano":
			start, log = v, true
		case "observedTimeUnixNano", "observed_time_unix_nano":
			observed, log = v, true
		case "body":
			o.body, log = n, true
		case "name":
			name = v
		case "kind":
			kind = v
		case "traceId", "trace_id":
			trace = v
		case "spanId", "span_id":
			span = v
		case "parentSpanId", "parent_span_id":
			attribute(ev, "parent_span", v)
		case "attributes":
			attributes = n
		case "status":
			status = d.text(d.get(n, "code"))
			attribute(ev, "status_message", d.text(d.get(n, "message")))
		case "severityText", "eventName":
			attribute(ev, d.nodes[n].key, v)
		}
	}
	o.attributes(attributes)
	if log && o.body != none && !o.isCall() {
		if inner, err := o.inner(); inner || err != nil {
			return err
		}
	}
	if !o.called(kind, log) {
		return errNoCall
	}
	if t, err := parseEpoch(start); err == nil && t > 0 {
		ev.Time = t
	} else if t, err := parseEpoch(observed); err == nil && t > 0 {
		ev.Time = t
	} else {
		return missing("startTimeUnixNano (of a log record timeUnixNano)")
	}
	if t, err := parseEpoch(end); err == nil {
		ev.LatencyUs = elapsed(ev.Time, t)
	}
	ev.RequestId = trace
	if trace != "" && span != "" && !log && len(trace)+len(span) < maxEventID {
		ev.Id = trace + "/" + span
	}
	o.resource()
	if err := o.finish(name); err != nil {
		return err
	}
	if ev.Outcome == schemas.Outcome_OUTCOME_UNSPECIFIED && !log {
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
		if status == "2" || status == "STATUS_CODE_ERROR" {
			ev.Outcome = schemas.Outcome_OUTCOME_ERROR
		}
	}
	attribute(ev, "span", name)
	return nil
}

// otlpEmpty says what a message without any record is: empty, or malformed.
func otlpEmpty(d *document, n int) error {
	for m := d.first(n); m != none; m = d.after(n, m) {
		switch key := d.nodes[m].key; key {
		case "resourceSpans", "resourceLogs", "resource_spans", "resource_logs", "scopeSpans", "scopeLogs", "scope_spans", "scope_logs", "spans", "logRecords", "log_records":
			if d.nodes[m].kind != kindArray {
				return fmt.Errorf("%s: want a list", key)
			}
			for e := d.first(m); e != none; e = d.after(m, e) {
				if err := otlpEmpty(d, e); !errors.Is(err, errNoCall) {
					return err
				}
			}
		}
	}
	return errNoCall
}

// isCall reports whether the attributes tell of a call.
func (o *otel) isCall() bool {
	return o.a.ev.HttpMethod != "" || o.isTool() || o.rpcMethod != ""
}

// isTool reports whether they tell of a call of a tool or a model.
func (o *otel) isTool() bool { return o.c.tool != "" || o.c.method != "" || o.operation != "" }

// called says which spans are calls: those of a server, those of a tool or a
// model wherever they are made, and HTTP without a word of whose side it is.
func (o *otel) called(kind string, log bool) bool {
	switch {
	case log:
		return o.isCall()
	case kind == "2" || kind == "SPAN_KIND_SERVER", o.isTool():
		return true
	case kind == "" || kind == "0" || kind == "SPAN_KIND_UNSPECIFIED":
		return o.isCall()
	}
	return false
}

// otelScalar returns the scalar in an AnyValue: {"stringValue":"x"}; of a list
// its elements, joined.
func otelScalar(d *document, value int) string {
	in := d.first(value)
	switch {
	case in == none:
		return d.text(value) // not by the protocol, but written by some
	case d.nodes[in].key == "arrayValue" || d.nodes[in].key == "array_value":
		values := d.get(in, "values")
		var list []string
		for v := d.first(values); v != none && len(list) < maxChain; v = d.after(values, v) {
			list = append(list, d.text(d.first(v)))
		}
		return strings.Join(list, ",")
	}
	return d.nodes[in].str
}

// attributes reads a list of KeyValue.
func (o *otel) attributes(list int) {
	d := &o.r.doc
	for n := d.first(list); n != none; n = d.after(list, n) {
		value := d.get(n, "value")
		if value == none {
			continue
		}
		o.attribute(d.text(d.get(n, "key")), otelScalar(d, value), d.first(value))
	}
}

// attribute reads one attribute; inner is the node of its value.
func (o *otel) attribute(key, v string, inner int) {
	ev := o.a.ev
	switch key {
	case "http.request.method", "http.method":
		if m := method(v); m != "" {
			ev.HttpMethod = m
		}
	case "http.route":
		o.route = v
	case "url.path":
		o.path = v
	case "url.query":
		o.query = v
	case "url.full", "http.url":
		o.oldTo = first(o.oldTo, v)
	case "http.target":
		o.oldTo = v
	case "http.response.status_code", "http.status_code":
		setStatus(ev, v)
	case "http.request.body.size", "http.request.size", "http.request_content_length":
		ev.BytesIn = max(ev.BytesIn, count(v))
	case "http.response.body.size", "http.response.size", "http.response_content_length":
		ev.BytesOut = max(ev.BytesOut, count(v))
	case "db.response.returned_rows":
		ev.RecordsOut = count(v)
	case "user_agent.original", "http.user_agent":
		ev.UserAgent = clip(v, maxMessage)
	case "client.address", "http.client_ip":
		o.client = v
	case "network.peer.address", "net.sock.peer.addr", "net.peer.ip":
		o.peer = v
	case "http.request.header.x-forwarded-for", "http.request.header.x_forwarded_for":
		o.forwarded = v
	case "server.address", "http.host", "net.host.name":
		ev.Host = hostName(v)
	case "enduser.id", "user.id", "user.name":
		if o.a.user == "" {
			o.a.user = v
		} else if o.a.user != v {
			attribute(ev, key, v)
		}
		o.c.user = o.a.user
	case "peer.service":
		attribute(ev, key, v)
	case "enduser.scope":
		ev.Scopes = strings.Fields(strings.ReplaceAll(v, ",", " "))
	case "tls.client.subject":
		ev.ClientCertificate = v
	case "tls.client.ja3", "tls.client.hash.sha256":
		ev.TlsFingerprint = first(ev.TlsFingerprint, v)
	case "http.request.header.authorization", "http.request.header.x-api-key", "http.request.header.x_api_key", "http.request.header.api-key":
		id, kind := presented(v, key[strings.LastIndexByte(key, '.')+1:])
		o.a.setKey(id, kind)
	case "rpc.service":
		o.rpcService = v
	case "rpc.method":
		o.rpcMethod = v
	case "rpc.grpc.status_code":
		attribute(ev, key, v)
		switch v {
		case "0":
			ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
		case "7", "16": // PERMISSION_DENIED, UNAUTHENTICATED
			ev.Outcome = schemas.Outcome_OUTCOME_DENIED
		default:
			ev.Outcome = schemas.Outcome_OUTCOME_ERROR
		}
	case "error.type":
		ev.ErrorCode = v
		o.c.code, o.c.failed = v, true
	case "gen_ai.operation.name":
		o.operation = v
	case "gen_ai.provider.name", "gen_ai.system":
		o.provider = first(o.provider, v)
	default:
		switch {
		case key == "gen_ai.tool.call.arguments":
			o.args = inner
		case contents(key):
		case (strings.HasPrefix(key, "gen_ai.") || strings.HasPrefix(key, "mcp.")) && o.c.member(o.r, key, v):
		default:
			attribute(ev, key, v)
		}
	}
}

// resource reads what the message says of where the record was made.
func (o *otel) resource() {
	d, ev := &o.r.doc, o.a.ev
	list := none
	for p := int(d.nodes[o.r.root].parent); p != none && list == none; p = int(d.nodes[p].parent) {
		list = d.path(p, "resource", "attributes")
	}
	// They are read again for each record of the message.
	for n, i := d.first(list), 0; n != none && i < 2*maxAttributes; n, i = d.after(list, n), i+1 {
		key, v := d.text(d.get(n, "key")), otelScalar(d, d.get(n, "value"))
		switch key {
		case "service.name":
			ev.Service = v
		case "cloud.provider":
			ev.CloudProvider = v
		case "cloud.region":
			ev.Region = v
		case "cloud.account.id":
			ev.Account = v
		case "gen_ai.agent.name":
			o.c.agent = first(o.c.agent, v)
		default:
			attribute(ev, "resource."+key, v)
		}
	}
	// The record was made at the service's own place; of the caller nothing is
	// attested.
}

// finish derives the event.
func (o *otel) finish(name string) error {
	ev := o.a.ev
	// The peer connected; client.address is what a header said of it, if it is
	// another.
	peer, client := address(o.peer), address(o.client)
	switch {
	case o.forwarded != "":
		ev.ForwardedFor = forwarded(o.forwarded, ev.ForwardedFor)
	case client != "" && peer != "" && client != peer:
		ev.ForwardedFor = []string{client}
	}
	ev.SrcIp = first(peer, client)
	if peer == "" && o.forwarded == "" && client == "" {
		attribute(ev, "client.address", o.client)
	}
	service := ev.Service
	if o.isTool() {
		o.c.peer, o.c.httpStatus = ev.SrcIp, uint64(ev.StatusCode)
		attribute(ev, "gen_ai.operation.name", o.operation)
		if o.c.server == "" {
			if o.c.tool == "" && o.c.method == "" {
				o.c.server = o.provider
			} else {
				o.c.server = first(ev.Host, service)
			}
		}
		attribute(ev, "service.name", service)
		o.c.arguments(o.r, o.args)
		if o.c.agent == "" && o.c.agentID == "" && o.c.client == "" && o.c.user == "" {
			// An agent that does not name itself is the service that called.
			o.c.agent = service
		}
		return o.c.finish(o.r, o.operation)
	}
	outcome := ev.Outcome
	o.a.target = first(o.path, o.oldTo, "")
	if o.query != "" && !strings.Contains(o.a.target, "?") {
		o.a.target += "?" + strings.TrimPrefix(o.query, "?")
	}
	o.a.finish()
	ev.Service = first(service, ev.Service)
	switch {
	case ev.HttpMethod != "" && o.route != "":
		ev.RouteTemplate = o.route
		ev.Operation = ev.HttpMethod + " " + o.route
	case ev.HttpMethod != "":
	case o.rpcMethod != "":
		ev.RouteTemplate = ""
		ev.Operation = first(o.rpcService, ev.Service, "rpc") + "/" + o.rpcMethod
	default:
		ev.RouteTemplate = ""
		ev.Operation = first(ev.Service, "span") + ":" + first(name, "unnamed")
	}
	if ev.Outcome == schemas.Outcome_OUTCOME_UNSPECIFIED {
		ev.Outcome = outcome
	}
	return nil
}

// inner reads a log record whose body is a record itself: a line or an object
// of another format, as a collector's file receiver takes it. The event is of
// that format then. It reports whether there is such an event.
func (o *otel) inner() (bool, error) {
	r, d := o.r, &o.r.doc
	value := d.first(o.body)
	if value == none || d.nodes[value].key != "stringValue" && d.nodes[value].key != "string_value" {
		if value != none {
			o.attributes(d.get(value, "values")) // a map, read as attributes
		}
		return false, nil
	}
	text, err := d.original(value)
	if err != nil {
		return false, nil
	}
	find := detector{set: r.p.set}
	name, ok := find.detect([]byte(text), "")
	if !ok || name == r.ev.Format {
		return false, nil
	}
	inner, err := r.p.other(name)
	if err != nil {
		return false, err
	}
	var found one
	inner.Parse([]byte(text), &found)
	if found.err != nil {
		if found.ev != nil {
			found.ev.Recycle()
		}
		return false, inField("body", found.err)
	}
	if found.ev == nil {
		return false, errNoCall
	}
	r.ev.Recycle()
	r.ev = found.ev
	return true, nil
}

// one keeps the one event that a parser finds, or why there is none.
type one struct {
	ev  *schemas.Event
	err error
}

// Event implements Handler.
func (o *one) Event(_ int, ev *schemas.Event) {
	if o.ev == nil && o.err == nil {
		o.ev = ev
		return
	}
	ev.Recycle()
	o.err = errors.New("more than one record: send them as log records of their own")
}

// Bad implements Handler.
func (o *one) Bad(_ int, _ []byte, err error) {
	if o.err == nil {
		o.err = err
	}
}
