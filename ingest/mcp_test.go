package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

const (
	mcpFlat = `{"time":"2026-03-01T10:00:00.5Z","event_id":"call-000017","agent":"support-bot","user":"alice@example.com","session_id":"s-77","server":"crm","tool":"export_contacts",` +
		`"arguments":{"segment":"churned","limit":500,"dry_run":false,"webhook":"https://Drop.example.net:8443/in?x=1","ids":[1,2],"filter":{"since":null}},` +
		`"tokens":{"input":1200,"output":88},"cost_usd":0.0125,"model":"large-3","latency_ms":412,"client_ip":"203.0.113.9","is_error":false,"status":"ok"}`
	mcpRPC = `{"timestamp":"2026-03-01T10:00:00Z","agent":{"name":"coder","id":"ag-1","version":"2"},"mcp_server":"github","request":{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"create_pull_request","arguments":{"title":"x"}}},` +
		`"response":{"jsonrpc":"2.0","id":3,"result":{"content":[{"type":"text","text":"no"}],"isError":true}}}`
	mcpSemconv = `{"@timestamp":"2026-03-01T10:00:00Z","attributes":{"mcp.method.name":"tools/call","gen_ai.tool.name":"web_fetch","gen_ai.agent.name":"researcher","gen_ai.tool.call.arguments":"{\"url\":\"https://evil.example/\"}",` +
		`"server.address":"fetch.internal","error.type":"permission_denied","gen_ai.usage.input_tokens":5,"enduser.id":"bob"}}`
)

func mcpSamples() []sample {
	flat := &schemas.Event{
		Id: "call-000017", Time: at("2026-03-01T10:00:00.5Z"), Principal: "support-bot", PrincipalType: "agent", Delegation: []string{"alice@example.com", "support-bot"},
		SessionId: h("s-77"), Operation: "crm/export_contacts", Service: "crm", Resources: []string{"drop.example.net"}, SrcIp: "203.0.113.9",
		TokensIn: 1200, TokensOut: 88, CostMicros: 12500, LatencyUs: 412000, Outcome: success,
	}
	rpc := &schemas.Event{Time: at("2026-03-01T10:00:00Z"), Principal: "coder", PrincipalType: "agent", Operation: "github/create_pull_request", Service: "github", Outcome: failed}
	semconv := &schemas.Event{
		Time: at("2026-03-01T10:00:00Z"), Principal: "researcher", PrincipalType: "agent", Delegation: []string{"bob", "researcher"}, Operation: "fetch.internal/web_fetch", Service: "fetch.internal",
		Host: "fetch.internal", Resources: []string{"evil.example"}, TokensIn: 5, Outcome: denied, ErrorCode: "permission_denied",
	}
	list := &schemas.Event{
		Time: at("2026-03-01T10:00:00Z"), Principal: "desktop", PrincipalType: "agent", Operation: "files/resources/read", Service: "files", Resources: []string{"file:///etc/hosts"},
		Outcome: success, ReadOnly: schemas.ReadOnly_READ_ONLY_TRUE,
	}
	return []sample{
		{"our own names", "mcp", mcpFlat, flat, map[string]string{
			"arguments": "{segment:string,limit:number,dry_run:boolean,webhook:string,ids:[number],filter:{since:null}}", "domains": "drop.example.net", "model": "large-3", "tool": "export_contacts",
		}},
		{"JSON-RPC in its context, with an answer that is an error", "mcp", mcpRPC, rpc, map[string]string{"arguments": "{title:string}", "method": "tools/call", "agent_id": "ag-1", "agent.version": "2", "rpc_id": "3"}},
		{"OpenTelemetry's names", "mcp", mcpSemconv, semconv, map[string]string{"arguments": "{url:string}", "domains": "evil.example"}},
		{"a resource that is read", "mcp", `{"ts":1772359200,"client":"desktop","server":"files","jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///etc/hosts"},"result":{"contents":[]}}`, list, nil},
	}
}

func mcpCanaries() []canaryRecord {
	return []canaryRecord{
		{"an argument", "mcp", strings.Replace(mcpFlat, "churned", canary, 1)},
		{"a number among the arguments", "mcp", strings.Replace(mcpFlat, `"limit":500`, `"limit":70310472`, 1)},
		{"the path of a URL", "mcp", strings.Replace(mcpFlat, "/in?x=1", "/"+canary, 1)},
		{"a result", "mcp", strings.Replace(mcpRPC, `"text":"no"`, `"text":"`+canary+`"`, 1)},
		{"an argument of JSON-RPC", "mcp", strings.Replace(mcpRPC, `"title":"x"`, `"title":["`+canary+`"]`, 1)},
		{"arguments as text", "mcp", strings.Replace(mcpSemconv, "https://evil.example/", "https://u:"+canary+"@evil.example/", 1)},
		{"a prompt", "mcp", strings.Replace(mcpFlat, `"agent":`, `"prompt":"`+canary+`","agent":`, 1)},
	}
}

func TestShapesOfArgumentsAreBounded(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 30) + `"https://deep.example/"` + strings.Repeat("}", 30)
	ev := parseOne(t, "mcp", strings.Replace(mcpRPC, `{"title":"x"}`, `{"deep":`+deep+`,"urls":["https://a.example","https://b.example"],`+strings.Repeat(`"k":1,`, 500)+`"z":1}`, 1))
	if got := ev.Attributes["arguments"]; len(got) > maxAttributeValue || !strings.HasPrefix(got, "{deep:{a:{a:{a:object}}},urls:[string],k:number") {
		t.Errorf("arguments %s", got)
	}
	if got := ev.Attributes["domains"]; got != "a.example,b.example" {
		t.Errorf("domains %s", got)
	}
}

func TestAnswersThatNameNoCallAreNone(t *testing.T) {
	if c := parseAll(t, "mcp", `{"time":"2026-03-01T10:00:00Z","server":"x","agent":"y","message":{"jsonrpc":"2.0","id":3,"result":{}}}`); len(c.events)+len(c.bad) != 0 {
		t.Errorf("%v %q", c.events, c.bad)
	}
}

func FuzzMCP(f *testing.F) { fuzzParser(f, "mcp") }
