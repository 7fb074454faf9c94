package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func FuzzTraefik(f *testing.F) { fuzzParser(f, "traefik") }

const traefikLine = `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412 HTTP/1.1" 200 1934 "-" "curl/8.5.0" 45 "orders@docker" "http://10.0.3.17:8080" 57ms`

const traefikJSON = `{"ClientAddr":"203.0.113.9:51124","ClientHost":"203.0.113.9","ClientPort":"51124","ClientUsername":"reports","DownstreamContentSize":1934,"DownstreamStatus":200,"Duration":57000000,"OriginContentSize":1934,"OriginDuration":51000000,"OriginStatus":200,"Overhead":6000000,"RequestAddr":"api.example.com","RequestContentSize":12,"RequestCount":45,"RequestHost":"api.example.com","RequestMethod":"GET","RequestPath":"/v1/orders/8412?expand=items","RequestPort":"-","RequestProtocol":"HTTP/2.0","RequestScheme":"https","RetryAttempts":0,"RouterName":"orders@docker","ServiceAddr":"10.0.3.17:8080","ServiceName":"orders-v1@docker","ServiceURL":"http://10.0.3.17:8080","StartLocal":"2026-03-01T11:00:00.25+01:00","StartUTC":"2026-03-01T10:00:00.250000001Z","TLSCipher":"TLS_AES_128_GCM_SHA256","TLSVersion":"1.3","entryPointName":"websecure","level":"info","msg":"","request_User-Agent":"curl/8.5.0","request_X-Request-Id":"abc-1","time":"2026-03-01T10:00:00Z"}`

func traefikEvent(mutate func(*schemas.Event)) *schemas.Event {
	return nginxEvent(func(ev *schemas.Event) {
		ev.Time, ev.LatencyUs, ev.BytesIn, ev.RequestId = at("2026-03-01T10:00:00.250000001Z"), 57000, 12, "abc-1"
		ev.Host, ev.Service = "api.example.com", "orders-v1@docker"
		known2("user", "reports")(ev)
		mutate(ev)
	})
}

func traefikSamples() []sample {
	return []sample{
		{"a common line", "traefik", traefikLine, nginxEvent(func(ev *schemas.Event) {
			ev.LatencyUs, ev.Service = 57000, "orders@docker"
		}), map[string]string{"RequestCount": "45", "RouterName": "orders@docker", "ServiceURL": "http://10.0.3.17:8080"}},
		{"a chain of routers ends in the one that serves", "traefik", strings.Replace(traefikLine, "orders@docker", "root@file -> orders@file", 1), nginxEvent(func(ev *schemas.Event) {
			ev.LatencyUs, ev.Service = 57000, "orders@file"
		}), map[string]string{"RouterName": "root@file -> orders@file"}},
		{"a request that got no answer", "traefik", `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412 HTTP/1.1" - - "-" "curl/8.5.0" 46 "-" "-" 0ms`, nginxEvent(func(ev *schemas.Event) {
			ev.StatusCode, ev.Outcome, ev.BytesOut = 0, schemas.Outcome_OUTCOME_UNSPECIFIED, 0
		}), nil},
		{"the forwarding header in place of the client", "traefik", strings.Replace(traefikLine, "203.0.113.9", "198.51.100.4, 203.0.113.9", 1), nginxEvent(func(ev *schemas.Event) {
			ev.LatencyUs, ev.Service, ev.ForwardedFor = 57000, "orders@docker", []string{"198.51.100.4", "203.0.113.9"}
		}), nil},
		{"a JSON object", "traefik", traefikJSON, traefikEvent(func(*schemas.Event) {}), map[string]string{"query": "expand=items", "RouterName": "orders@docker", "TLSVersion": "1.3", "OriginDuration": "51000000", "entryPointName": "websecure"}},
		{"a JSON object whose client came through a proxy", "traefik", strings.Replace(traefikJSON, `"ClientHost":"203.0.113.9"`, `"ClientHost":"198.51.100.4,10.0.0.50"`, 1), traefikEvent(func(ev *schemas.Event) {
			ev.ForwardedFor = []string{"198.51.100.4", "10.0.0.50"}
		}), nil},
		{"a client certificate", "traefik", strings.Replace(strings.Replace(traefikJSON, `"ClientUsername":"reports"`, `"ClientUsername":"-"`, 1), `"TLSVersion"`, `"TLSClientSubject":"CN=ledger,O=Example","TLSVersion"`, 1), traefikEvent(func(ev *schemas.Event) {
			known2("certificate", "CN=ledger,O=Example")(ev)
			ev.ClientCertificate = "CN=ledger,O=Example"
		}), nil},
		{"a bearer token that the service behind checks", "traefik", strings.Replace(strings.Replace(traefikJSON, `"ClientUsername":"reports",`, "", 1), `"request_User-Agent"`, `"request_Authorization":"Bearer tok-abcdef-0123456789","request_User-Agent"`, 1), traefikEvent(func(ev *schemas.Event) {
			known2("key", h("tok-abcdef-0123456789"))(ev)
			ev.CredentialId, ev.CredentialType = h("tok-abcdef-0123456789"), "token"
		}), nil},
		{"no backend answered", "traefik", `{"ClientAddr":"[2001:db8::7]:51124","ClientHost":"2001:db8::7","ClientUsername":"-","DownstreamStatus":0,"RequestMethod":"GET","RequestPath":"/v1/orders/8412","StartUTC":"2026-03-01T10:00:00Z","request_User-Agent":"curl/8.5.0"}`, nginxEvent(func(ev *schemas.Event) {
			ev.SrcIp, ev.StatusCode, ev.Outcome, ev.BytesOut = "2001:db8::7", 0, schemas.Outcome_OUTCOME_UNSPECIFIED, 0
		}), nil},
	}
}

func traefikCanaries() []canaryRecord {
	with := func(member string) string { return strings.Replace(traefikJSON, `"level":`, member+`,"level":`, 1) }
	return []canaryRecord{
		{"a query of a line", "traefik", strings.Replace(traefikLine, "8412", "8412?token="+canary, 1)},
		{"a query of an object", "traefik", strings.Replace(traefikJSON, "expand=items", "access_token="+canary, 1)},
		{"a header", "traefik", with(`"request_Authorization":"Bearer ` + canary + `"`)},
		{"a header with a key", "traefik", with(`"request_X-Api-Key":"` + canary + `"`)},
		{"a cookie that is set", "traefik", with(`"downstream_Set-Cookie":"s=` + canary + `"`)},
		{"a cookie of the origin", "traefik", with(`"origin_Set-Cookie":"s=` + canary + `"`)},
	}
}
