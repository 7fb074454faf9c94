package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func FuzzCaddy(f *testing.F) { fuzzParser(f, "caddy") }

const caddyJSON = `{"level":"info","ts":1772359200.25,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"203.0.113.9","remote_port":"51124","client_ip":"203.0.113.9","proto":"HTTP/2.0","method":"GET","host":"api.example.com","uri":"/v1/orders/8412?expand=items","headers":{"User-Agent":["curl/8.5.0"],"Accept":["*/*"],"Authorization":["REDACTED"],"X-Request-Id":["abc-1"]},"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"api.example.com"}},"bytes_read":12,"user_id":"reports","duration":0.057,"size":1934,"status":200,"resp_headers":{"Content-Type":["application/json"],"Server":["Caddy"]}}`

func caddyEvent(mutate func(*schemas.Event)) *schemas.Event {
	return nginxEvent(func(ev *schemas.Event) {
		ev.Time, ev.LatencyUs, ev.BytesIn, ev.RequestId = at("2026-03-01T10:00:00.25Z"), 57000, 12, "abc-1"
		ev.Host, ev.Service = "api.example.com", "api.example.com"
		known2("user", "reports")(ev)
		mutate(ev)
	})
}

func caddySamples() []sample {
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(caddyJSON) }
	none := func(*schemas.Event) {}
	return []sample{
		{"a request", "caddy", caddyJSON, caddyEvent(none), map[string]string{"query": "expand=items", "protocol": "HTTP/2.0", "resp_headers.Content-Type.0": "application/json", "tls.version": "772", "header.authorization": "REDACTED"}},
		{"a proxy that Caddy trusts stands between", "caddy", replace(`"remote_ip":"203.0.113.9"`, `"remote_ip":"10.0.0.2"`, `"Accept":["*/*"]`, `"X-Forwarded-For":["203.0.113.9, 10.0.0.1"]`), caddyEvent(func(ev *schemas.Event) {
			ev.PeerIp, ev.ForwardedFor = "10.0.0.2", []string{"203.0.113.9", "10.0.0.1"}
		}), nil},
		{"a client certificate", "caddy", replace(`"user_id":"reports"`, `"user_id":""`, `"resumed":false`, `"client_common_name":"ledger","client_serial":"77"`), caddyEvent(func(ev *schemas.Event) {
			known2("certificate", "CN=ledger")(ev)
			ev.ClientCertificate = "CN=ledger"
		}), map[string]string{"tls.client_serial": "77"}},
		{"headers that are logged as they came", "caddy", replace(`"REDACTED"`, `"Bearer tok-abcdef-0123456789"`, `"user_id":"reports"`, `"user_id":""`), caddyEvent(func(ev *schemas.Event) {
			known2("key", h("tok-abcdef-0123456789"))(ev)
			ev.CredentialId, ev.CredentialType = h("tok-abcdef-0123456789"), "token"
		}), nil},
		{"a server's own logger, a time and a duration in words", "caddy", replace(`"http.log.access"`, `"http.log.access.log0"`, "1772359200.25", `"2026/03/01 10:00:00.250"`, "0.057", `"57ms"`), caddyEvent(none), map[string]string{"logger": "http.log.access.log0"}},
		{"a duration in nanoseconds", "caddy", replace("0.057", "57000000"), caddyEvent(none), nil},
		{"nothing answered", "caddy", replace(`"status":200`, `"status":0`), caddyEvent(func(ev *schemas.Event) {
			ev.StatusCode, ev.Outcome = 0, schemas.Outcome_OUTCOME_UNSPECIFIED
		}), nil},
		{"an older Caddy", "caddy", `{"level":"info","ts":1772359200.25,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_addr":"203.0.113.9:51124","proto":"HTTP/2.0","method":"GET","host":"api.example.com","uri":"/v1/orders/8412","headers":{"User-Agent":["curl/8.5.0"]}},"common_log":"203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] \"GET /v1/orders/8412 HTTP/2.0\" 200 1934","duration":0.057,"size":1934,"status":200}`, nginxEvent(func(ev *schemas.Event) {
			ev.Time, ev.LatencyUs, ev.Host, ev.Service = at("2026-03-01T10:00:00.25Z"), 57000, "api.example.com", "api.example.com"
		}), nil},
	}
}

func TestCaddysCommonLogIsRead(t *testing.T) {
	ev := parseOne(t, "caddy", apacheCommon)
	if ev.Operation != "GET /v1/orders/{id}" || ev.SrcIp != "203.0.113.9" || ev.StatusCode != 200 {
		t.Errorf("%v", ev)
	}
}

func TestCaddysOtherLinesAreNoCalls(t *testing.T) {
	for _, logger := range []string{"http.handlers.waf", "http.handlers.reverse_proxy", "tls.obtain", "admin.api", "http.log.error"} {
		in := `{"level":"warn","ts":1772359200.25,"logger":"` + logger + `","msg":"[client \"203.0.113.9\"] Coraza: Warning."}`
		if got, ok := standard.Detect([]byte(in)); !ok || got != "caddy" {
			t.Errorf("%s: detected as %q", logger, got)
		}
		if c := parseAll(t, "caddy", in); len(c.bad) != 1 || !strings.Contains(c.bad[0], "is not http.log.access") {
			t.Errorf("%s: refused with %q", logger, c.bad)
		}
	}
}

func caddyCanaries() []canaryRecord {
	return []canaryRecord{
		{"an authorization", "caddy", strings.Replace(caddyJSON, `"REDACTED"`, `"Bearer `+canary+`"`, 1)},
		{"a cookie", "caddy", strings.Replace(caddyJSON, `"Accept":["*/*"]`, `"Cookie":["a=1; s=`+canary+`"]`, 1)},
		{"a query", "caddy", strings.Replace(caddyJSON, "expand=items", "api_key="+canary, 1)},
		{"a cookie that is set", "caddy", strings.Replace(caddyJSON, `"Server":["Caddy"]`, `"Set-Cookie":["s=`+canary+`"]`, 1)},
		{"a redirection", "caddy", strings.Replace(caddyJSON, `"Server":["Caddy"]`, `"Location":["/x?code=`+canary+`"]`, 1)},
		{"a common log line in JSON", "caddy", strings.Replace(caddyJSON, `"bytes_read"`, `"common_log":"1.2.3.4 - - [01/Mar/2026:10:00:00 +0000] \"GET /?token=`+canary+` HTTP/1.1\" 200 1","bytes_read"`, 1)},
	}
}
