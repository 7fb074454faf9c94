package ingest

import (
	"maps"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/lapwing-sec/lapwing/schemas"
)

const kongConsumer = `{"service":{"id":"0b1f7f1e-6a0c-4f5e-8a55-3f1d2f7f0a01","name":"orders","host":"orders.internal","port":8080,"protocol":"http","path":"/","created_at":1700000000,"connect_timeout":60000},"route":{"id":"1c2f7f1e-6a0c-4f5e-8a55-3f1d2f7f0a02","name":"orders-v1","paths":["/v1"],"methods":["GET","POST"],"strip_path":false},"request":{"id":"3c8d8a1f5b7e4d6c9a0b1c2d3e4f5a6b","method":"GET","uri":"/v1/orders/8412?expand=items","url":"https://api.example.com:443/v1/orders/8412?expand=items","size":"312","querystring":{"expand":"items"},"headers":{"host":"api.example.com","user-agent":"partner-sync/2.1","apikey":"zXcV8812mNbVqWeRtYuI","x-forwarded-for":"198.51.100.4","accept":"*/*"},"tls":{"version":"TLSv1.3","cipher":"TLS_AES_256_GCM_SHA384","client_verify":"NONE"}},"upstream_uri":"/v1/orders/8412?expand=items","response":{"status":200,"size":"1934","headers":{"content-type":"application/json"}},"latencies":{"request":57,"proxy":51,"kong":6},"tries":[{"ip":"10.0.3.17","port":8080,"balancer_latency":0}],"started_at":1767225600123,"client_ip":"198.51.100.4","consumer":{"id":"2d3f7f1e-6a0c-4f5e-8a55-3f1d2f7f0a03","username":"partner-7","custom_id":"crm-7","created_at":1700000000},"authenticated_entity":{"id":"4e5f7f1e-6a0c-4f5e-8a55-3f1d2f7f0a04","consumer_id":"2d3f7f1e-6a0c-4f5e-8a55-3f1d2f7f0a03"},"workspace":"9f1f7f1e-6a0c-4f5e-8a55-3f1d2f7f0a05","workspace_name":"default","source":"upstream"}`

func kongWith(status, headers, rest string) string {
	return `{"request":{"method":"POST","uri":"/v1/payments","headers":{"host":"api.example.com"` + headers + `}},"response":{"status":` + status + `,"size":20},"started_at":1767225600000,"client_ip":"2001:db8::7"` + rest + `}`
}

func kongEvent(status uint32, outcome schemas.Outcome) *schemas.Event {
	return &schemas.Event{
		Time: 1767225600 * 1e9, Operation: "POST /v1/payments", HttpMethod: "POST", UrlPath: "/v1/payments", RouteTemplate: "/v1/payments",
		Host: "api.example.com", StatusCode: status, Outcome: outcome, BytesOut: 20, Resources: []string{"/v1/payments"}, SrcIp: "2001:db8::7",
	}
}

func kongSamples() []sample {
	return []sample{
		{"a consumer reads an order", "kong", kongConsumer, &schemas.Event{
			Id: "3c8d8a1f5b7e4d6c9a0b1c2d3e4f5a6b", RequestId: "3c8d8a1f5b7e4d6c9a0b1c2d3e4f5a6b", Time: 1767225600123 * 1e6,
			Principal: "partner-7", PrincipalType: "consumer", CredentialId: "4e5f7f1e-6a0c-4f5e-8a55-3f1d2f7f0a04", CredentialType: "api_key",
			Operation: "GET /v1/orders/{id}", Service: "orders", HttpMethod: "GET", UrlPath: "/v1/orders/8412", RouteTemplate: "/v1/orders/{id}", Host: "api.example.com",
			StatusCode: 200, Outcome: success, BytesIn: 312, BytesOut: 1934, LatencyUs: 57000, Resources: []string{"/v1/orders/8412"}, SrcIp: "198.51.100.4", UserAgent: "partner-sync/2.1",
			ForwardedFor: []string{"198.51.100.4"},
		}, map[string]string{"query.expand": "items", "consumer.custom_id": "crm-7", "route.name": "orders-v1", "header.apikey": h("zXcV8812mNbVqWeRtYuI"), "upstream.ip": "10.0.3.17", "tls.version": "TLSv1.3"}},
		{"a consumer is known by its custom id only", "kong", kongWith("201", "", `,"consumer":{"id":"2d3f7f1e-6a0c-4f5e-8a55-3f1d2f7f0a03","custom_id":"crm-7"}`), changed(kongEvent(201, success), func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType = "crm-7", "consumer"
		}), nil},
		{"a credential without a consumer is hashed when it is no UUID", "kong", kongWith("200", "", `,"authenticated_entity":{"id":"raw-key-0123456789"}`), changed(kongEvent(200, success), func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.CredentialId, ev.CredentialType = h("raw-key-0123456789"), "credential", h("raw-key-0123456789"), "api_key"
		}), nil},
		{"a key that the service behind checks", "kong", kongWith("200", `,"authorization":"Bearer tok-abcdef-0123456789"`, ""), changed(kongEvent(200, success), func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.CredentialId, ev.CredentialType = h("tok-abcdef-0123456789"), "credential", h("tok-abcdef-0123456789"), "token"
		}), map[string]string{"header.authorization": "Bearer " + h("tok-abcdef-0123456789")}},
		{"a refused key makes no one known", "kong", kongWith("401", `,"x-api-key":"guess-0123456789"`, ""), changed(kongEvent(401, denied), func(ev *schemas.Event) {
			ev.PrincipalType, ev.Anonymous, ev.CredentialId, ev.CredentialType = "anonymous", true, h("guess-0123456789"), "api_key"
		}), nil},
		{"nobody is turned away", "kong", kongWith("403", "", ""), changed(kongEvent(403, denied), func(ev *schemas.Event) {
			ev.PrincipalType, ev.Anonymous = "anonymous", true
		}), nil},
		{"the service behind fails", "kong", kongWith("502", "", `,"service":{"host":"pay.internal"}`), changed(kongEvent(502, failed), func(ev *schemas.Event) {
			ev.PrincipalType, ev.Anonymous, ev.Service = "anonymous", true, "pay.internal"
		}), nil},
		{"a route's regular expression is its template", "kong", strings.Replace(kongWith("200", "", `,"route":{"paths":["~/v1/(?<kind>[^/]+)/(?<id>\\d{1,9})/refund$"]}`), "/v1/payments", "/v1/payments/12/refund", 1), changed(kongEvent(200, success), func(ev *schemas.Event) {
			ev.PrincipalType, ev.Anonymous = "anonymous", true
			ev.RouteTemplate, ev.Operation, ev.UrlPath, ev.Resources = "/v1/{kind}/{id}/refund", "POST /v1/{kind}/{id}/refund", "/v1/payments/12/refund", []string{"/v1/payments/12/refund"}
		}), nil},
		{"an OAuth client acts for a user", "kong", kongWith("200", `,"x-authenticated-userid":"alice","x-authenticated-scope":"orders.read orders.write","x-credential-identifier":"client-77"`, `,"auth_type":"oauth2","consumer":{"username":"crm"},"authenticated_entity":{"id":"4e5f7f1e-6a0c-4f5e-8a55-3f1d2f7f0a04"}`), changed(kongEvent(200, success), func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.CredentialId, ev.CredentialType = "crm", "consumer", "4e5f7f1e-6a0c-4f5e-8a55-3f1d2f7f0a04", "oauth2"
			ev.Scopes, ev.OauthClient, ev.Delegation = []string{"orders.read", "orders.write"}, "client-77", []string{"alice", "crm"}
		}), map[string]string{"credential_identifier": "client-77", "auth_type": "oauth2"}},
		{"a user and a scope that a client with a key sent itself", "kong", kongWith("200", `,"x-authenticated-userid":"alice","x-authenticated-scope":"admin","x-credential-identifier":"key-1"`, `,"consumer":{"username":"crm"},"authenticated_entity":{"id":"4e5f7f1e-6a0c-4f5e-8a55-3f1d2f7f0a04"}`), changed(kongEvent(200, success), func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.CredentialId, ev.CredentialType = "crm", "consumer", "4e5f7f1e-6a0c-4f5e-8a55-3f1d2f7f0a04", "api_key"
		}), map[string]string{"credential_identifier": "key-1", "header.x-authenticated-userid": "alice", "header.x-authenticated-scope": "admin"}},
		{"a user and a scope that no plugin has vouched for", "kong", kongWith("200", `,"x-authenticated-userid":"alice","x-authenticated-scope":"admin"`, ""), changed(kongEvent(200, success), func(ev *schemas.Event) {
			ev.PrincipalType, ev.Anonymous = "anonymous", true
		}), map[string]string{"header.x-authenticated-userid": "alice", "header.x-authenticated-scope": "admin"}},
		{"the consumer for everyone who is not known", "kong", kongWith("200", `,"x-anonymous-consumer":"true"`, `,"consumer":{"username":"guest"}`), changed(kongEvent(200, success), func(ev *schemas.Event) {
			ev.PrincipalType, ev.Anonymous = "anonymous", true
		}), map[string]string{"consumer.username": "guest"}},
		{"a client certificate that Kong has verified", "kong", strings.Replace(kongWith("200", `,"x-client-cert-subject-dn":"CN=ledger,O=Example"`, ""), `"method"`, `"tls":{"client_verify":"SUCCESS"},"method"`, 1), changed(kongEvent(200, success), func(ev *schemas.Event) {
			ev.PrincipalType, ev.Principal, ev.ClientCertificate = "certificate", "CN=ledger,O=Example", "CN=ledger,O=Example"
		}), nil},
		{"a client certificate that it has not", "kong", strings.Replace(kongWith("200", `,"x-client-cert-subject-dn":"CN=ledger,O=Example"`, ""), `"method"`, `"tls":{"client_verify":"NONE"},"method"`, 1), changed(kongEvent(200, success), func(ev *schemas.Event) {
			ev.PrincipalType, ev.Anonymous = "anonymous", true
		}), map[string]string{"header.x-client-cert-subject-dn": "CN=ledger,O=Example"}},
		{"the claims of a token", "kong", kongWith("200", "", `,"jwt_claims":{"sub":"svc-reports","iss":"https://id.example","azp":"reports","scope":"a b","iat":1767225000,"exp":1767228600,"dept":"ops"}`), changed(kongEvent(200, success), func(ev *schemas.Event) {
			ev.PrincipalType, ev.Principal, ev.OauthClient, ev.Scopes = "subject", "svc-reports", "reports", []string{"a", "b"}
			ev.CredentialIssued, ev.CredentialExpires = 1767225000*1e9, 1767228600*1e9
		}), map[string]string{"claims.iss": "https://id.example", "claims.dept": "ops"}},
		{"the claims of a token that was refused", "kong", kongWith("401", "", `,"jwt_claims":{"sub":"svc-reports"}`), changed(kongEvent(401, denied), func(ev *schemas.Event) {
			ev.PrincipalType, ev.Anonymous = "anonymous", true
		}), map[string]string{"refused_subject": "svc-reports"}},
		{"a call to a model", "kong", kongWith("200", "", `,"consumer":{"username":"assistant"},"ai":{"proxy":{"usage":{"prompt_tokens":120,"completion_tokens":30,"cost":0.0021},"meta":{"request_model":"m-1","provider_name":"p"},"payload":{"request":"what was said"}}}`), changed(kongEvent(200, success), func(ev *schemas.Event) {
			ev.PrincipalType, ev.Principal, ev.TokensIn, ev.TokensOut, ev.CostMicros = "consumer", "assistant", 120, 30, 2100
		}), map[string]string{"model": "m-1", "ai.proxy.meta.request_model": "m-1"}},
		{"headers sent twice and a TLS fingerprint", "kong", kongWith("200", `,"user-agent":["a/1","b/2"],"x-ja4":"t13d1516h2_8daaf6152771_b186095e22b6"`, ""), changed(kongEvent(200, success), func(ev *schemas.Event) {
			ev.PrincipalType, ev.Anonymous, ev.UserAgent, ev.TlsFingerprint = "anonymous", true, "a/1", "t13d1516h2_8daaf6152771_b186095e22b6"
		}), nil},
	}
}

// TestKongMembersThatComeTwice: the last one counts, as everywhere in JSON; of
// headers that name the request the first, of addresses all that are readable.
func TestKongMembersThatComeTwice(t *testing.T) {
	ev := parseOne(t, "kong", `{"started_at":1,"client_ip":"unix:","request":{"method":"PUT","uri":"/a","url":"https://a.example/a","size":1,"id":"x1","method":"POST","uri":"/b","url":"https://b.example/b","size":2,"id":"x2",`+
		`"headers":{"User-Agent":"a/1","user-agent":"b/2","X-Request-Id":"y1","kong-request-id":"y2","accept":"*/*"}},"response":{"status":200},"started_at":1767225600000,"client_ip":"203.0.113.9"}`)
	want := &schemas.Event{
		Format: "kong", Time: 1767225600 * 1e9, Id: "x2", RequestId: "x2", PrincipalType: "anonymous", Anonymous: true, Operation: "POST /b", HttpMethod: "POST", UrlPath: "/b", RouteTemplate: "/b",
		Host: "a.example", StatusCode: 200, Outcome: success, BytesIn: 2, Resources: []string{"/b"}, SrcIp: "203.0.113.9", UserAgent: "b/2", Attributes: map[string]string{"client_ip": "unix:"},
	}
	if ev.Raw = ""; !proto.Equal(ev, want) {
		t.Errorf("got %v, want %v", ev, want)
	}
}

// TestKongMembersNamedAsAnAttribute: what custom_fields_by_lua adds comes first and
// stays, in whichever order records with it and without come to a parser.
func TestKongMembersNamedAsAnAttribute(t *testing.T) {
	usual := `{"started_at":1767225600000,"client_ip":"203.0.113.9","request":{"method":"GET","uri":"/a"},"response":{"status":200},"latencies":{"proxy":54,"kong":3},"service":{"host":"orders.internal"},"route":{"name":"orders-get"}`
	attributes := map[string]string{"latencies.proxy": "54", "latencies.kong": "3", "service.host": "orders.internal", "route.name": "orders-get"}
	p, err := New("kong", Options{Hasher: testHasher})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, name := range []string{"", "service.host", "route.name", "latencies.proxy"} {
			in, want := usual+"}", maps.Clone(attributes)
			if name != "" {
				in, want[name] = usual+`,"`+name+`":"mine"}`, "mine"
			}
			var got collect
			if p.Parse([]byte(in), &got); len(got.events) != 1 || !maps.Equal(got.events[0].Attributes, want) {
				t.Fatalf("%s: got %v %q, want %v", in, got.events, got.bad, want)
			}
		}
	}
}

func TestKongTemplates(t *testing.T) {
	for _, tt := range []struct{ name, paths, want string }{
		{"a prefix names no operation", `["/v1"]`, ""},
		{"two paths are ambiguous", `["~/a/(?<id>\\d+)$","~/b$"]`, ""},
		{"an expression without an end is a prefix", `["~/a/(?<id>\\d+)"]`, ""},
		{"an unnamed group is an id", `["~/a/([^/]+)/b$"]`, "/a/{id}/b"},
		{"nested groups count as one", `["~/a/(?<x>(?:\\d+|[a-z()]+))$"]`, "/a/{x}"},
		{"escaped punctuation is itself", `["~/a\\.json$"]`, "/a.json"},
		{"a class outside a group is no template", `["~/a/[0-9]+$"]`, ""},
		{"no paths", `[]`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &document{}
			if err := d.parse(tt.paths); err != nil {
				t.Fatal(err)
			}
			if got := kongTemplate(d, 0); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
