package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func FuzzHAProxy(f *testing.F) { fuzzParser(f, "haproxy") }

const haproxyLine = `203.0.113.9:51124 [01/Mar/2026:10:00:00.250] web~ orders/app1 0/0/1/51/57 200 1934 - - ---- 12/11/3/1/0 0/0 {api.example.com|curl/8.5.0|198.51.100.4} {application/json} "GET /v1/orders/8412?expand=items HTTP/1.1"`

func haproxyEvent(mutate func(*schemas.Event)) *schemas.Event {
	return nginxEvent(func(ev *schemas.Event) {
		ev.Time, ev.LatencyUs, ev.Host, ev.Service = at("2026-03-01T10:00:00.25Z"), 57000, "api.example.com", "orders"
		ev.ForwardedFor = []string{"198.51.100.4"}
		mutate(ev)
	})
}

func haproxySamples() []sample {
	none := func(*schemas.Event) {}
	bare := strings.Replace(haproxyLine, "{api.example.com|curl/8.5.0|198.51.100.4} {application/json} ", "", 1)
	noHeaders := func(ev *schemas.Event) { ev.Host, ev.UserAgent, ev.ForwardedFor = "", "", nil }
	return []sample{
		{"an HTTP line with captured headers", "haproxy", haproxyLine, haproxyEvent(none), map[string]string{"query": "expand=items", "frontend": "web", "server": "app1", "timers": "0/0/1/51/57", "termination_state": "----", "captured_response_1": "application/json"}},
		{"an HTTP line behind a syslog header", "haproxy", "<134>Mar  1 10:00:00 edge haproxy[14389]: " + haproxyLine, haproxyEvent(none), nil},
		{"an HTTP line without captured headers", "haproxy", bare, haproxyEvent(noHeaders), nil},
		{"an HTTPS line", "haproxy", bare + ` 0/0000000000000000/0/0/0 api.example.com/TLSv1.3/TLS_AES_256_GCM_SHA384`, haproxyEvent(noHeaders), map[string]string{"tls": "api.example.com/TLSv1.3/TLS_AES_256_GCM_SHA384"}},
		{"a captured key is hashed", "haproxy", strings.Replace(haproxyLine, "|curl/8.5.0|", "|curl/8.5.0|lw_live_4fK9sQ27xZ|", 1), haproxyEvent(func(ev *schemas.Event) {
			known2("key", h("lw_live_4fK9sQ27xZ"))(ev)
			ev.CredentialId, ev.CredentialType = h("lw_live_4fK9sQ27xZ"), "api_key"
		}), nil},
		{"a captured bearer token", "haproxy", strings.Replace(haproxyLine, "|curl/8.5.0|", "|curl/8.5.0|Bearer tok-abcdef-0123456789|", 1), haproxyEvent(func(ev *schemas.Event) {
			known2("key", h("tok-abcdef-0123456789"))(ev)
			ev.CredentialId, ev.CredentialType = h("tok-abcdef-0123456789"), "token"
		}), nil},
		{"HAProxy refuses", "haproxy", strings.NewReplacer("orders/app1 0/0/1/51/57 200", "web/<NOSRV> 0/-1/-1/-1/0 403", "----", "PR--").Replace(bare), haproxyEvent(func(ev *schemas.Event) {
			noHeaders(ev)
			ev.Service, ev.LatencyUs, ev.StatusCode, ev.Outcome, ev.ErrorCode = "web", 0, 403, denied, "PR--"
		}), nil},
		{"a client that went away", "haproxy", strings.NewReplacer("0/0/1/51/57 200 1934", "0/0/1/-1/57 -1 +0", "----", "CH--").Replace(bare), haproxyEvent(func(ev *schemas.Event) {
			noHeaders(ev)
			ev.StatusCode, ev.Outcome, ev.BytesOut, ev.ErrorCode = 0, failed, 0, "CH--"
		}), nil},
		{"bytes that are no HTTP", "haproxy", strings.NewReplacer(`"GET /v1/orders/8412?expand=items HTTP/1.1"`, `"<BADREQ>"`, "200 1934", "400 187", "----", "PR--").Replace(bare), haproxyEvent(func(ev *schemas.Event) {
			noHeaders(ev)
			ev.HttpMethod, ev.UrlPath, ev.RouteTemplate, ev.Resources, ev.Operation = "", "", "", nil, "INVALID -"
			ev.StatusCode, ev.Outcome, ev.BytesOut, ev.ErrorCode = 400, failed, 187, "PR--"
		}), map[string]string{"request": "<BADREQ>"}},
	}
}

func TestHAProxyLinesWithoutARequestAreRefused(t *testing.T) {
	for in, reason := range map[string]string{
		`203.0.113.9:51124 [01/Mar/2026:10:00:00.250] db pg/pg1 0/0/5007 212 -- 0/0/0/0/3 0/0`: "a TCP connection",
		`203.0.113.9:51124 [01/Mar/2026:10:00:00.250] web/1: SSL handshake failure`:            "no request: SSL handshake failure",
		`203.0.113.9:51124 [41/Mar/2026:10:00:00.250] web orders/app1 0/0/1/51/57 200 1`:       "time: ",
		`203.0.113.9:51124 [01/Mar/2026:10:00:00.250] web orders/app1 0/0/1/51/57 200 1`:       "request: missing",
		`Server orders/app1 is DOWN`: "time: missing",
	} {
		if c := parseAll(t, "haproxy", in); len(c.bad) != 1 || !strings.Contains(c.bad[0], reason) {
			t.Errorf("%s: refused with %q, want %q", in, c.bad, reason)
		}
	}
}

func haproxyCanaries() []canaryRecord {
	return []canaryRecord{
		{"a query", "haproxy", strings.Replace(haproxyLine, "expand=items", "token="+canary, 1)},
		{"a captured key", "haproxy", strings.Replace(haproxyLine, "|curl/8.5.0|", "|curl/8.5.0|"+canary+"|", 1)},
		{"a captured authorization", "haproxy", strings.Replace(haproxyLine, "|curl/8.5.0|", "|curl/8.5.0|Bearer "+canary+"|", 1)},
		{"a captured response header", "haproxy", strings.Replace(haproxyLine, "{application/json}", "{"+canary+"}", 1)},
		{"a captured cookie", "haproxy", strings.Replace(haproxyLine, " 1934 - - ", " 1934 session="+canary+" - ", 1)},
	}
}
