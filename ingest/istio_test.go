package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func FuzzIstio(f *testing.F) { fuzzParser(f, "istio") }

const istioLine = `[2026-03-01T10:00:00.250Z] "GET /v1/orders/8412?expand=items HTTP/1.1" 200 - via_upstream - "-" 12 1934 57 51 "198.51.100.4,203.0.113.9" "curl/8.5.0" "3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f" "api.example.com" "10.0.3.17:8080" outbound|8080|v1|orders.shop.svc.cluster.local 10.42.0.7:51216 10.42.0.7:10443 203.0.113.9:51124 outbound_.8080_._.orders.shop.svc.cluster.local default`

const istioJSON = `{"authority":"api.example.com","bytes_received":12,"bytes_sent":1934,"connection_termination_details":null,"downstream_local_address":"10.42.0.7:10443","downstream_remote_address":"203.0.113.9:51124","duration":57,"method":"GET","path":"/v1/orders/8412?expand=items","protocol":"HTTP/1.1","request_id":"3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f","requested_server_name":null,"response_code":200,"response_code_details":"via_upstream","response_flags":"-","route_name":"default","start_time":"2026-03-01T10:00:00.250Z","upstream_cluster":"outbound|8080|v1|orders.shop.svc.cluster.local","upstream_host":"10.0.3.17:8080","upstream_local_address":"10.42.0.7:51216","upstream_service_time":"51","upstream_transport_failure_reason":null,"user_agent":"curl/8.5.0","x_forwarded_for":"198.51.100.4,203.0.113.9"}`

func istioSamples() []sample {
	event := func(mutate func(*schemas.Event)) *schemas.Event {
		return envoyEvent(func(ev *schemas.Event) {
			ev.Service = "orders.shop.svc.cluster.local"
			mutate(ev)
		})
	}
	none := func(*schemas.Event) {}
	return []sample{
		{"the mesh's text", "istio", istioLine, event(none), map[string]string{"response_code_details": "via_upstream", "requested_server_name": "outbound_.8080_._.orders.shop.svc.cluster.local", "route_name": "default", "upstream_cluster": "outbound|8080|v1|orders.shop.svc.cluster.local"}},
		{"a policy refuses", "istio", strings.NewReplacer(" 200 - via_upstream ", " 403 - rbac_access_denied_matched_policy[none] ", "outbound|8080|v1|orders.shop.svc.cluster.local", "inbound|8080||").Replace(istioLine), event(func(ev *schemas.Event) {
			ev.StatusCode, ev.Outcome, ev.Service = 403, denied, "api.example.com"
		}), map[string]string{"response_code_details": "rbac_access_denied_matched_policy[none]"}},
		{"the upstream's certificate fails", "istio", strings.NewReplacer(` 200 - via_upstream - "-" `, ` 503 UF upstream_reset - "TLS error: expired" `).Replace(istioLine), event(func(ev *schemas.Event) {
			ev.StatusCode, ev.Outcome, ev.ErrorCode, ev.ErrorMessage = 503, failed, "UF", "TLS error: expired"
		}), nil},
		{"the mesh's JSON", "istio", istioJSON, event(none), map[string]string{"upstream_service_time": "51"}},
		{"the caller's SPIFFE id", "istio", strings.Replace(istioJSON, `"duration"`, `"downstream_peer_uri_san":"spiffe://cluster.local/ns/shop/sa/web","duration"`, 1), event(func(ev *schemas.Event) {
			known2("certificate", "spiffe://cluster.local/ns/shop/sa/web")(ev)
			ev.ClientCertificate = "spiffe://cluster.local/ns/shop/sa/web"
		}), nil},
		{"the caller's principal", "istio", strings.Replace(istioJSON, `"duration"`, `"source_principal":"spiffe://cluster.local/ns/shop/sa/web","destination_principal":"spiffe://cluster.local/ns/shop/sa/orders","duration"`, 1), event(func(ev *schemas.Event) {
			known2("certificate", "spiffe://cluster.local/ns/shop/sa/web")(ev)
			ev.ClientCertificate = "spiffe://cluster.local/ns/shop/sa/web"
		}), map[string]string{"destination_principal": "spiffe://cluster.local/ns/shop/sa/orders"}},
	}
}

func istioCanaries() []canaryRecord {
	return []canaryRecord{
		{"a query of the text", "istio", strings.Replace(istioLine, "expand=items", "token="+canary, 1)},
		{"a query of an object", "istio", strings.Replace(istioJSON, "expand=items", "token="+canary, 1)},
		{"a reason", "istio", strings.Replace(istioLine, `- "-" 12`, `- "no token=`+canary+`" 12`, 1)},
		{"a cookie", "istio", strings.Replace(istioJSON, `"duration"`, `"cookie":"s=`+canary+`","duration"`, 1)},
	}
}
