package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func FuzzApache(f *testing.F) { fuzzParser(f, "apache") }

const apacheCommon = `203.0.113.9 - - [01/Mar/2026:11:00:00 +0100] "GET /v1/orders/8412 HTTP/1.1" 200 1934`

const apacheJSON = `{"time":"2026-03-01T10:00:00.250Z","process":"57000","filename":"proxy:http://app:8080/v1/orders/8412","remoteIP":"203.0.113.9","host":"api.example.com","request":"/v1/orders/8412","query":"?expand=items","method":"GET","status":"200","userAgent":"curl/8.5.0","referer":"-","remoteUser":"reports","bytesSent":"1934"}`

func apacheSamples() []sample {
	none := func(*schemas.Event) {}
	noAgent := func(ev *schemas.Event) { ev.UserAgent = "" }
	return []sample{
		{"a common line ends behind the size", "apache", apacheCommon, nginxEvent(noAgent), nil},
		{"a common line with ident and user", "apache", strings.Replace(apacheCommon, "- -", "inetd reports", 1), nginxEvent(func(ev *schemas.Event) {
			noAgent(ev)
			known2("user", "reports")(ev)
		}), map[string]string{"ident": "inetd"}},
		{"a user whose name holds a space", "apache", strings.Replace(apacheCommon, "- -", "- Nightly Reports", 1), nginxEvent(func(ev *schemas.Event) {
			noAgent(ev)
			known2("user", "Nightly Reports")(ev)
		}), nil},
		{"a name sent with a wrong password makes no one known", "apache", strings.Replace(strings.Replace(apacheCommon, "- -", "- reports", 1), " 200 ", " 401 ", 1), nginxEvent(func(ev *schemas.Event) {
			noAgent(ev)
			ev.StatusCode, ev.Outcome = 401, denied
		}), map[string]string{"refused_user": "reports"}},
		{"nothing was sent", "apache", `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412 HTTP/1.1" 304 - "https://example.com/a" "curl/8.5.0"`, nginxEvent(func(ev *schemas.Event) {
			ev.StatusCode, ev.BytesOut = 304, 0
		}), map[string]string{"referer": "https://example.com/a"}},
		{"a quote in the user agent", "apache", `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412 HTTP/1.1" 200 1934 "-" "a \"b\" \\ c"`, nginxEvent(func(ev *schemas.Event) { ev.UserAgent = `a "b" \ c` }), nil},
		{"the virtual host and its port in front", "apache", `api.example.com:443 ` + apacheCommon + ` "-" "curl/8.5.0"`, nginxEvent(func(ev *schemas.Event) { ev.Host, ev.Service = "api.example.com", "api.example.com" }), nil},
		{"the time taken in microseconds", "apache", apacheCommon + ` "-" "curl/8.5.0" 57012`, nginxEvent(func(ev *schemas.Event) { ev.LatencyUs = 57012 }), nil},
		{"the time taken in seconds", "apache", apacheCommon + ` "-" "curl/8.5.0" 2`, nginxEvent(func(ev *schemas.Event) { ev.LatencyUs = 2e6 }), nil},
		{"bytes on the wire and the time taken", "apache", apacheCommon + ` "-" "curl/8.5.0" 412 2301 57012`, nginxEvent(func(ev *schemas.Event) {
			ev.BytesIn, ev.BytesOut, ev.LatencyUs = 412, 2301, 57012
		}), nil},
		{"the time taken before the bytes on the wire", "apache", apacheCommon + ` "-" "curl/8.5.0" 570 412 2301`, nginxEvent(func(ev *schemas.Event) {
			ev.BytesIn, ev.BytesOut, ev.LatencyUs = 412, 2301, 570
		}), nil},
		{"seconds and microseconds", "apache", apacheCommon + ` "-" "curl/8.5.0" **0/57012**`, nginxEvent(func(ev *schemas.Event) { ev.LatencyUs = 57012 }), nil},
		{"bytes that are no HTTP", "apache", `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "\x16\x03\x01\x9b\n" 400 226 "-" "-"`, nginxEvent(func(ev *schemas.Event) {
			ev.HttpMethod, ev.UrlPath, ev.RouteTemplate, ev.Resources, ev.Operation, ev.UserAgent = "", "", "", nil, "INVALID -", ""
			ev.StatusCode, ev.Outcome, ev.BytesOut = 400, failed, 226
		}), nil},
		{"a JSON object", "apache", apacheJSON, nginxEvent(func(ev *schemas.Event) {
			known2("user", "reports")(ev)
			ev.Time, ev.LatencyUs, ev.Host, ev.Service = at("2026-03-01T10:00:00.25Z"), 57000, "api.example.com", "api.example.com"
		}), map[string]string{"query": "expand=items", "filename": "proxy:http://app:8080/v1/orders/8412"}},
		{"a JSON object with the whole request", "apache", `{"time":"2026-03-01T10:00:00Z","remoteIP":"203.0.113.9","request":"GET /v1/orders/8412 HTTP/1.1","status":200,"bytesSent":1934,"userAgent":"curl/8.5.0"}`, nginxEvent(none), nil},
	}
}

func apacheCanaries() []canaryRecord {
	line := func(target, user, more string) string {
		return `203.0.113.9 - ` + user + ` [01/Mar/2026:10:00:00 +0000] "GET ` + target + ` HTTP/1.1" 200 -` + more
	}
	return []canaryRecord{
		{"a query of a common line", "apache", line("/x?token="+canary, "-", "")},
		{"an escaped quote in a value", "apache", line(`/x?token=a\"`+canary, "-", "")},
		{"a value behind an escaped quote", "apache", line("/x", "-", ` "-" "a \"token\": \"`+canary+`\""`)},
		{"a token for a user", "apache", line("/x", canaryJWT, "")},
		{"a key behind the user agent", "apache", line("/x", "-", ` "-" "-" "`+canary+`"`)},
		{"a cookie behind the user agent", "apache", line("/x", "-", ` "-" "-" cookie="s=`+canary+`"`)},
		{"a query of a JSON object", "apache", strings.Replace(apacheJSON, "expand=items", "api_key="+canary, 1)},
	}
}
