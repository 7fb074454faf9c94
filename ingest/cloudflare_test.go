package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

const (
	cfHTTP = `{"BotScore":12,"ClientASN":64500,"ClientIP":"203.0.113.9","ClientMTLSAuthCertFingerprint":"9f2c11aa","ClientMTLSAuthStatus":"ok","ClientRequestBytes":512,"ClientRequestHost":"api.example.com","ClientRequestMethod":"GET",` +
		`"ClientRequestPath":"/v1/orders/17","ClientRequestProtocol":"HTTP/2","ClientRequestURI":"/v1/orders/17?expand=items","ClientRequestUserAgent":"python-requests/2.31","Cookies":{},"EdgeResponseBytes":934,"EdgeResponseStatus":200,` +
		`"EdgeStartTimestamp":1772359200000000001,"EdgeTimeToFirstByteMs":41,"JA3Hash":"ja3","JA4":"t13d","OriginResponseStatus":304,"RayID":"8f00aa11bb22cc33","RequestHeaders":{"cf-access-client-id":"aa.access","x-forwarded-for":"198.51.100.4"},"ZoneName":"example.com"}`
	cfAudit = `{"ActionResult":true,"ActionType":"delete","ActorEmail":"alice@example.com","ActorID":"u1","ActorIP":"203.0.113.9","ActorType":"user","ID":"a1","Interface":"API","Metadata":{"name":"x"},"NewValue":{},"OldValue":{"content":"y"},` +
		`"OwnerID":"acc1","ResourceID":"r1","ResourceType":"dns.record","When":"2026-03-01T10:00:00Z"}`
	cfAudit2 = `{"AccountID":"acc1","AccountName":"Example","ActionResult":"failure","ActionTimestamp":"2026-03-01T10:00:00Z","ActionType":"create","ActorContext":"api_token","ActorEmail":"alice@example.com","ActorID":"u1","ActorIPAddress":"203.0.113.9","ActorTokenID":"t-1",` +
		`"ActorTokenName":"deploy","ActorType":"user","AuditLogID":"b1","RawCFRayID":"ray","RawMethod":"POST","RawStatusCode":403,"RawURI":"/client/v4/zones/z1/dns_records","RawUserAgent":"terraform","ResourceID":"r2","ResourceProduct":"dns","ResourceType":"record","ZoneID":"z1","ZoneName":"example.com"}`
	cfAccess   = `{"Action":"login","Allowed":true,"AppDomain":"admin.example.com/x","AppUUID":"app-1","Connection":"onetimepin","Country":"de","CreatedAt":"2026-03-01T10:00:00Z","Email":"alice@example.com","IPAddress":"203.0.113.9","RayID":"ray","UserUID":"uid-1"}`
	cfFirewall = `{"Action":"block","ClientASN":64500,"ClientIP":"203.0.113.9","ClientRequestHost":"api.example.com","ClientRequestMethod":"POST","ClientRequestPath":"/login","ClientRequestQuery":"?a=1","ClientRequestUserAgent":"curl/8","Datetime":"2026-03-01 10:00:00",` +
		`"EdgeResponseStatus":200,"Kind":"firewall","MatchIndex":0,"Metadata":{"ruleset":"r"},"RayID":"8f00aa11bb22cc33","RuleID":"rule-1","Source":"firewallmanaged"}`
)

func cloudflareSamples() []sample {
	http := &schemas.Event{
		Id: "8f00aa11bb22cc33", RequestId: "8f00aa11bb22cc33", Time: at("2026-03-01T10:00:00.000000001Z"), Principal: "9f2c11aa", PrincipalType: "certificate", CredentialId: "9f2c11aa", CredentialType: "certificate",
		Operation: "GET /v1/orders/{id}", RouteTemplate: "/v1/orders/{id}", HttpMethod: "GET", UrlPath: "/v1/orders/17", Resources: []string{"/v1/orders/17"}, Service: "api.example.com", Host: "api.example.com",
		StatusCode: 200, Outcome: success, BytesIn: 512, BytesOut: 934, LatencyUs: 41000, UserAgent: "python-requests/2.31", SrcIp: "203.0.113.9", ForwardedFor: []string{"198.51.100.4"}, TlsFingerprint: "t13d",
	}
	audit := &schemas.Event{
		Id: "a1", Time: at("2026-03-01T10:00:00Z"), Principal: "alice@example.com", PrincipalType: "user", Operation: "cloudflare:dns.record.delete", Service: "cloudflare", Account: "acc1",
		Resources: []string{"dns.record/r1"}, Outcome: success, SrcIp: "203.0.113.9",
	}
	token := &schemas.Event{
		Id: "b1", RequestId: "ray", Time: at("2026-03-01T10:00:00Z"), Principal: "t-1", PrincipalType: "token", CredentialId: "t-1", CredentialType: "api_token", Delegation: []string{"alice@example.com", "t-1"},
		Operation: "cloudflare:record.create", Service: "cloudflare", Account: "acc1", Resources: []string{"record/r2", "zone/z1"}, HttpMethod: "POST", UrlPath: "/client/v4/zones/z1/dns_records",
		StatusCode: 403, Outcome: denied, SrcIp: "203.0.113.9", UserAgent: "terraform",
	}
	access := &schemas.Event{
		RequestId: "ray", Time: at("2026-03-01T10:00:00Z"), Principal: "alice@example.com", PrincipalType: "user", Operation: "access:login", Service: "access", Host: "admin.example.com", UrlPath: "/x",
		Resources: []string{"admin.example.com/x"}, Outcome: success, SrcIp: "203.0.113.9",
	}
	service := &schemas.Event{
		RequestId: "ray", Time: at("2026-03-01T10:00:00Z"), Principal: "st-1", PrincipalType: "service-token", CredentialId: "st-1", CredentialType: "service_token", Operation: "access:login", Service: "access", Host: "admin.example.com", UrlPath: "/x",
		Resources: []string{"admin.example.com/x"}, Outcome: success, SrcIp: "203.0.113.9",
	}
	firewall := &schemas.Event{
		RequestId: "8f00aa11bb22cc33", Time: at("2026-03-01T10:00:00Z"), PrincipalType: "anonymous", Anonymous: true, Operation: "POST /login", RouteTemplate: "/login", HttpMethod: "POST", UrlPath: "/login", Resources: []string{"/login"},
		Service: "api.example.com", Host: "api.example.com", StatusCode: 200, Outcome: denied, UserAgent: "curl/8", SrcIp: "203.0.113.9",
	}
	return []sample{
		{"a request with a client certificate", "cloudflare-http", cfHTTP, http, map[string]string{"BotScore": "12", "ClientMTLSAuthStatus": "ok", "service_token": "aa.access", "JA3Hash": "ja3", "OriginResponseStatus": "304", "query": "expand=items"}},
		{"a user's act", "cloudflare-audit", cfAudit, audit, map[string]string{"actor.id": "u1", "interface": "API", "OldValue.content": "y"}},
		{"an act by a token, refused", "cloudflare-audit", cfAudit2, token, map[string]string{"actor.token_name": "deploy", "actor.email": "alice@example.com", "zone": "example.com"}},
		{"a user is let in", "cloudflare-access", cfAccess, access, map[string]string{"UserUID": "uid-1", "Connection": "onetimepin"}},
		{"a service token is let in", "cloudflare-access", strings.Replace(strings.Replace(cfAccess, `"Email":"alice@example.com"`, `"Email":"","ServiceTokenID":"st-1"`, 1), `"uid-1"`, `""`, 1), service, nil},
		{"a rule blocks a request", "cloudflare-firewall", cfFirewall, firewall, map[string]string{"action": "block", "RuleID": "rule-1", "Source": "firewallmanaged", "query": "a=1"}},
	}
}

func cloudflareCanaries() []canaryRecord {
	return []canaryRecord{
		{"a header", "cloudflare-http", strings.Replace(cfHTTP, `"RequestHeaders":{`, `"RequestHeaders":{"authorization":"Bearer `+canary+`","cf-access-client-secret":"`+canary+`",`, 1)},
		{"a cookie", "cloudflare-http", strings.Replace(cfHTTP, `"Cookies":{}`, `"Cookies":{"x":"`+canary+`"}`, 1)},
		{"a query", "cloudflare-firewall", strings.Replace(cfFirewall, "?a=1", "?token="+canary, 1)},
		{"a token beside an application", "cloudflare-access", strings.Replace(cfAccess, `"AppDomain":"`, `"Token":"`+canary+`","AppDomain":"`, 1)},
		{"a value that was changed", "cloudflare-audit", strings.Replace(cfAudit, `"NewValue":{}`, `"NewValue":{"client_secret":"`+canary+`"}`, 1)},
	}
}

func TestCertificatesThatCloudflareDidNotAcceptNameNobody(t *testing.T) {
	ev := parseOne(t, "cloudflare-http", strings.Replace(cfHTTP, `"ClientMTLSAuthStatus":"ok"`, `"ClientMTLSAuthStatus":"expired"`, 1))
	if !ev.Anonymous || ev.Attributes["refused_certificate"] != "9f2c11aa" {
		t.Errorf("%v", ev)
	}
	if ev := parseOne(t, "cloudflare-access", strings.Replace(strings.Replace(cfAccess, "true", "false", 1), `"uid-1"`, `""`, 1)); !ev.Anonymous || ev.Attributes["refused_user"] != "alice@example.com" {
		t.Errorf("%v", ev)
	}
}

func TestCloudflareTimesInEveryNotation(t *testing.T) {
	for _, stamp := range []string{"1772359200", "1772359200000000000", `"2026-03-01T10:00:00Z"`} {
		if ev := parseOne(t, "cloudflare-http", strings.Replace(cfHTTP, "1772359200000000001", stamp, 1)); ev.Time != at("2026-03-01T10:00:00Z") {
			t.Errorf("%s: %d", stamp, ev.Time)
		}
	}
}

func TestCloudflareAnswersOfTheAPIAreRead(t *testing.T) {
	for _, in := range []string{
		`{"result":[{"id":"v2","account":{"id":"acc1"},"action":{"type":"create","result":"success","time":"2026-03-01T10:00:00Z"},"actor":{"id":"u1","email":"alice@example.com","type":"user","ip_address":"203.0.113.9"},"resource":{"product":"dns","type":"record","id":"r"}}],"success":true}`,
		`{"result":[{"id":"v1","action":{"type":"create","result":true},"actor":{"id":"u1","email":"alice@example.com","type":"user","ip":"203.0.113.9"},"resource":{"type":"record","id":"r"},"owner":{"id":"acc1"},"when":"2026-03-01T10:00:00Z"}]}`,
	} {
		ev := parseOne(t, "cloudflare-audit", in)
		if name, ok := standard.Detect([]byte(in)); !ok || name != "cloudflare-audit" || ev.Operation != "cloudflare:record.create" || ev.Principal != "alice@example.com" || ev.SrcIp != "203.0.113.9" || ev.Outcome != success || ev.Account != "acc1" {
			t.Errorf("detected as %q: %v", name, ev)
		}
	}
}

func FuzzCloudflareHTTP(f *testing.F)     { fuzzParser(f, "cloudflare-http") }
func FuzzCloudflareAudit(f *testing.F)    { fuzzParser(f, "cloudflare-audit") }
func FuzzCloudflareAccess(f *testing.F)   { fuzzParser(f, "cloudflare-access") }
func FuzzCloudflareFirewall(f *testing.F) { fuzzParser(f, "cloudflare-firewall") }

// TestRecordsOfOthersGetTheRightFormat reads reduced records of others.
func TestRecordsOfOthersGetTheRightFormat(t *testing.T) {
	for file, format := range map[string]string{"audit-events/Amazon.EKS.Audit.ndjson": "k8s-audit", "audit-events/Cloudflare.Firewall.ndjson": "cloudflare-firewall", "gateway-logs/k8s-audit*.log": "k8s-audit"} {
		for _, name := range dataFiles(t, file) {
			right, all := 0, 0
			for _, in := range recordsOfOthers(t, name) {
				if !belongs(in, format) {
					continue // the rule's test is about another source
				}
				all++
				if got, _ := standard.Detect([]byte(in)); got == format {
					right++
				} else {
					t.Logf("%s: detected as %q", in[:min(len(in), 300)], got)
				}
				p, err := New(format, Options{KeepRaw: true})
				if err != nil {
					t.Fatal(err)
				}
				var c collect
				if p.Parse([]byte(in), &c); len(c.events)+len(c.bad) != 1 {
					t.Errorf("%s: %d events, refusals %q", in[:min(len(in), 300)], len(c.events), c.bad)
				}
				for _, reason := range c.bad {
					if !strings.Contains(reason, "missing") {
						t.Errorf("refused: %s", reason)
					}
				}
			}
			t.Logf("%s: %d of %d", name, right, all)
			if right*100 < all*98 || all == 0 {
				t.Errorf("%s: %d of %d get the format %s", name, right, all, format)
			}
		}
	}
}
