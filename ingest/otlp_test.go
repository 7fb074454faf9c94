package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

// otlpSpans is a message of spans; otlpAttrs writes attributes of text.
func otlpSpans(spans ...string) string {
	return `{"resourceSpans":[{"resource":{"attributes":[` + otlpAttrs("service.name", "orders", "k8s.pod.name", "orders-1", "cloud.provider", "aws", "cloud.region", "eu-central-1", "cloud.account.id", "123456789012") +
		`]},"scopeSpans":[{"scope":{"name":"http"},"spans":[` + strings.Join(spans, ",") + `]}]}]}`
}

func otlpAttrs(pairs ...string) string {
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, `{"key":`+quoteJSON(pairs[i])+`,"value":{"stringValue":`+quoteJSON(pairs[i+1])+`}}`)
	}
	return strings.Join(list, ",")
}

func otlpSpan(kind, attrs string) string {
	return `{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"","name":"GET /v1/orders/{id}","kind":` + kind +
		`,"startTimeUnixNano":"1772359200000000001","endTimeUnixNano":"1772359200012000001","attributes":[` + attrs + `],"status":{}}`
}

const otlpStable = `{"key":"http.response.status_code","value":{"intValue":"200"}},{"key":"db.response.returned_rows","value":{"intValue":"40"}},{"key":"http.response.body.size","value":{"intValue":934}},`

func otlpSamples() []sample {
	stable := &schemas.Event{
		Id: "5b8efff798038103d269b633813fc60c/eee19b7ec3c1b174", RequestId: "5b8efff798038103d269b633813fc60c", Time: at("2026-03-01T10:00:00.000000001Z"), LatencyUs: 12000,
		Principal: "svc-billing", PrincipalType: "user", Scopes: []string{"orders:read", "orders:list"}, Operation: "GET /v1/orders/{id}", RouteTemplate: "/v1/orders/{id}", HttpMethod: "GET", UrlPath: "/v1/orders/17",
		Resources: []string{"/v1/orders/17"}, Service: "orders", Host: "api.example.com", StatusCode: 200, BytesOut: 934, RecordsOut: 40, Outcome: success, UserAgent: "python-requests/2.31",
		SrcIp: "10.0.0.7", ForwardedFor: []string{"203.0.113.9"}, CloudProvider: "aws", Region: "eu-central-1", Account: "123456789012",
	}
	old := &schemas.Event{
		Id: stable.Id, RequestId: stable.RequestId, Time: stable.Time, LatencyUs: 12000, PrincipalType: "anonymous", Anonymous: true, Operation: "POST /v1/pay", RouteTemplate: "/v1/pay", HttpMethod: "POST", UrlPath: "/v1/pay",
		Resources: []string{"/v1/pay"}, Service: "orders", StatusCode: 401, Outcome: denied, SrcIp: "203.0.113.9", CredentialId: h("k"), CredentialType: "api_key", CloudProvider: "aws", Region: "eu-central-1", Account: "123456789012",
	}
	tool := &schemas.Event{
		Id: stable.Id, RequestId: stable.RequestId, Time: stable.Time, LatencyUs: 12000, Principal: "coder", PrincipalType: "agent", Operation: "github/create_issue", Service: "github",
		Outcome: success, Resources: []string{"hooks.example.org"}, CloudProvider: "aws", Region: "eu-central-1", Account: "123456789012",
	}
	grpc := &schemas.Event{
		Id: stable.Id, RequestId: stable.RequestId, Time: stable.Time, LatencyUs: 12000, PrincipalType: "anonymous", Anonymous: true, Operation: "orders.v1.Orders/Create", Service: "orders",
		Outcome: denied, CloudProvider: "aws", Region: "eu-central-1", Account: "123456789012",
	}
	log := &schemas.Event{
		Time: at("2026-03-01T10:00:00Z"), Principal: "alice", PrincipalType: "user", Operation: "DELETE /v1/orders/{id}", RouteTemplate: "/v1/orders/{id}", HttpMethod: "DELETE", UrlPath: "/v1/orders/17",
		Resources: []string{"/v1/orders/17"}, Service: "orders", StatusCode: 204, Outcome: success,
	}
	return []sample{
		{"a server's span with stable names", "otlp", otlpSpans(otlpSpan("2", otlpStable+otlpAttrs("http.request.method", "GET", "http.route", "/v1/orders/{id}", "url.path", "/v1/orders/17", "client.address", "203.0.113.9",
			"network.peer.address", "10.0.0.7", "user_agent.original", "python-requests/2.31", "server.address", "api.example.com", "enduser.id", "svc-billing", "enduser.scope", "orders:read orders:list"))), stable,
			map[string]string{"resource.k8s.pod.name": "orders-1", "span": "GET /v1/orders/{id}"}},
		{"a server's span with old names and a refused key", "otlp", otlpSpans(otlpSpan(`"SPAN_KIND_SERVER"`, `{"key":"http.status_code","value":{"intValue":"401"}},`+otlpAttrs("http.method", "POST", "http.target", "/v1/pay?q=1", "net.peer.ip", "203.0.113.9")+
			`,{"key":"http.request.header.x-api-key","value":{"arrayValue":{"values":[{"stringValue":"k"}]}}}`)), old, map[string]string{"query": "q=1"}},
		{"an agent's call of a tool, made inside it", "otlp", otlpSpans(otlpSpan("1", otlpAttrs("gen_ai.operation.name", "execute_tool", "gen_ai.tool.name", "create_issue", "gen_ai.agent.name", "coder", "mcp.server.name", "github",
			"gen_ai.tool.call.arguments", `{"callback":"https://hooks.example.org/x"}`))), tool, map[string]string{"arguments": "{callback:string}", "service.name": "orders"}},
		{"a call of gRPC", "otlp", otlpSpans(otlpSpan("2", `{"key":"rpc.grpc.status_code","value":{"intValue":"7"}},`+otlpAttrs("rpc.service", "orders.v1.Orders", "rpc.method", "Create"))), grpc, nil},
		{"a log record, one resource a record", "otlp", `{"resource":{"attributes":[` + otlpAttrs("service.name", "orders") + `]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1772359200000000000","body":{"kvlistValue":{"values":[` +
			otlpAttrs("http.request.method", "DELETE", "url.path", "/v1/orders/17", "enduser.id", "alice") + `,{"key":"http.response.status_code","value":{"intValue":"204"}}]}}}]}]}`, log, nil},
	}
}

func otlpCanaries() []canaryRecord {
	server := func(attrs string) string {
		return otlpSpans(otlpSpan("2", otlpAttrs("http.request.method", "GET")+","+attrs))
	}
	return []canaryRecord{
		{"a header's list", "otlp", server(`{"key":"http.request.header.authorization","value":{"arrayValue":{"values":[{"stringValue":"Bearer ` + canary + `"}]}}}`)},
		{"a query", "otlp", server(otlpAttrs("url.query", "access_token="+canary))},
		{"a cookie", "otlp", server(otlpAttrs("http.request.header.cookie", canary))},
		{"a prompt", "otlp", server(otlpAttrs("gen_ai.input.messages", canary))},
		{"a tool's argument", "otlp", server(otlpAttrs("gen_ai.tool.name", "x", "gen_ai.tool.call.arguments", `{"a":"`+canary+`"}`))},
		{"a line in a body", "otlp", otlpLog(`203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET /x?token=` + canary + ` HTTP/1.1" 200 1 "-" "-"`)},
	}
}

func otlpLog(body string) string {
	return `{"resourceLogs":[{"resource":{},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1772359200000000000","body":{"stringValue":` + quoteJSON(body) + `}}]}]}]}`
}

func TestOnlyCallsAmongSpansAndLogsAreEvents(t *testing.T) {
	http := otlpAttrs("http.request.method", "GET", "url.path", "/x")
	for _, tt := range []struct {
		name, in    string
		events, bad int
	}{
		{"a client's span is the caller's view of another's call", otlpSpans(otlpSpan("3", http)), 0, 0},
		{"a span inside is none", otlpSpans(otlpSpan("1", otlpAttrs("code.function", "f"))), 0, 0},
		{"a span of an unknown side with a method is one", otlpSpans(otlpSpan("0", http)), 1, 0},
		{"a server's span without any convention is one", otlpSpans(otlpSpan("2", "")), 1, 0},
		{"several spans in one message", otlpSpans(otlpSpan("2", http), otlpSpan("3", http), otlpSpan("2", http)), 2, 0},
		{"a message without spans", `{"resourceSpans":[]}`, 0, 0},
		{"a message whose spans are no list", `{"resourceSpans":[{"scopeSpans":[{"spans":"x"}]}]}`, 0, 1},
		{"something else among the spans", strings.Replace(otlpSpans(otlpSpan("2", http)), `"spans":[`, `"spans":[1,`, 1), 1, 1},
		{"something else among the resources", `{"resourceSpans":[7]}`, 0, 1},
		{"a message for each line", otlpSpans(otlpSpan("2", http)) + "\n" + otlpSpans(otlpSpan("2", http)), 2, 0},
		{"a span without a time", strings.Replace(otlpSpans(otlpSpan("2", http)), "startTimeUnixNano", "x", 1), 0, 1},
		{"a program's log line", otlpLog("server started"), 0, 0},
		{"a line of an access log", otlpLog(`203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"`), 1, 0},
		{"a broken line of one", otlpLog(`203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" abc 1 "-" "-"`), 0, 1},
		{"an audit event in a body", otlpLog(k8sRecord("get", k8sAdmin, `{"resource":"pods"}`, "")), 1, 0},
		{"several records in a body", otlpLog(`{"Records":[` + trailRole + "," + trailRole + `]}`), 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if c := parseAll(t, "otlp", tt.in); len(c.events) != tt.events || len(c.bad) != tt.bad {
				t.Errorf("%d events, refusals %q; want %d and %d", len(c.events), c.bad, tt.events, tt.bad)
			}
		})
	}
}

func TestTheRecordInABodyKeepsItsFormat(t *testing.T) {
	ev := parseOne(t, "otlp", otlpLog(k8sRecord("get", k8sAdmin, `{"resource":"pods"}`, "")))
	if ev.Format != "k8s-audit" || ev.Operation != "k8s:get pods" || !strings.HasPrefix(ev.Raw, `{"kind":"Event"`) {
		t.Errorf("%v", ev)
	}
}

func FuzzOTLP(f *testing.F) { fuzzParser(f, "otlp") }
