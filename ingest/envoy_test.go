package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func FuzzEnvoy(f *testing.F) { fuzzParser(f, "envoy") }

const envoyLine = `[2026-03-01T10:00:00.250Z] "GET /v1/orders/8412?expand=items HTTP/2" 200 - 12 1934 57 51 "198.51.100.4,203.0.113.9" "curl/8.5.0" "3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f" "api.example.com" "10.0.3.17:8080"`

const envoyJSON = `{":authority":"api.example.com","bytes_received":12,"bytes_sent":1934,"connection_termination_details":null,"downstream_local_address":"10.42.0.7:10443","downstream_remote_address":"203.0.113.9:51124","duration":57,"method":"GET","protocol":"HTTP/2","requested_server_name":"api.example.com","response_code":200,"response_code_details":"via_upstream","response_flags":"-","route_name":"orders/rule/0","start_time":"2026-03-01T10:00:00.250Z","upstream_cluster":"orders","upstream_host":"10.0.3.17:8080","upstream_local_address":"10.42.0.7:51216","upstream_transport_failure_reason":null,"user-agent":"curl/8.5.0","x-envoy-origin-path":"/v1/orders/8412?expand=items","x-envoy-upstream-service-time":"51","x-forwarded-for":"198.51.100.4,203.0.113.9","x-request-id":"3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f"}`

func envoyEvent(mutate func(*schemas.Event)) *schemas.Event {
	return nginxEvent(func(ev *schemas.Event) {
		ev.Time, ev.LatencyUs, ev.BytesIn, ev.RequestId = at("2026-03-01T10:00:00.25Z"), 57000, 12, "3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f"
		ev.Host, ev.Service, ev.ForwardedFor = "api.example.com", "orders", []string{"198.51.100.4", "203.0.113.9"}
		mutate(ev)
	})
}

func envoySamples() []sample {
	none := func(*schemas.Event) {}
	with := func(members string) string {
		return strings.Replace(envoyJSON, `"duration"`, members+`,"duration"`, 1)
	}
	noCluster := func(ev *schemas.Event) { ev.Service = "api.example.com" }
	return []sample{
		{"the default text", "envoy", envoyLine, envoyEvent(noCluster), map[string]string{"query": "expand=items", "upstream_host": "10.0.3.17:8080", "upstream_service_time": "51"}},
		{"no upstream was found", "envoy", strings.NewReplacer(" 200 - 12 1934 57 51 ", " 503 UH 12 19 0 - ", `"10.0.3.17:8080"`, `"-"`).Replace(envoyLine), envoyEvent(func(ev *schemas.Event) {
			noCluster(ev)
			ev.StatusCode, ev.Outcome, ev.ErrorCode, ev.BytesOut, ev.LatencyUs = 503, failed, "UH", 19, 0
		}), nil},
		{"a client that went away", "envoy", strings.Replace(envoyLine, " 200 - 12 1934 57 51 ", " 0 DC 12 0 57 - ", 1), envoyEvent(func(ev *schemas.Event) {
			noCluster(ev)
			ev.StatusCode, ev.Outcome, ev.ErrorCode, ev.BytesOut = 0, failed, "DC", 0
		}), nil},
		{"a JSON object named after headers", "envoy", envoyJSON, envoyEvent(none), map[string]string{"query": "expand=items", "route_name": "orders/rule/0", "upstream_cluster": "orders", "response_code_details": "via_upstream"}},
		{"a SPIFFE id in the client's certificate", "envoy", with(`"downstream_peer_subject":"O=Example","downstream_peer_uri_san":"spiffe://prod.example/ns/shop/sa/web","downstream_peer_fingerprint_256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","downstream_peer_cert_v_start":"2026-03-01T00:00:00.000Z","downstream_peer_cert_v_end":"2026-03-02T00:00:00.000Z"`), envoyEvent(func(ev *schemas.Event) {
			known2("certificate", "spiffe://prod.example/ns/shop/sa/web")(ev)
			ev.ClientCertificate = "spiffe://prod.example/ns/shop/sa/web"
			ev.CredentialId, ev.CredentialType = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "certificate"
			ev.CredentialIssued, ev.CredentialExpires = at("2026-03-01T00:00:00Z"), at("2026-03-02T00:00:00Z")
		}), map[string]string{"downstream_peer_subject": "O=Example"}},
		{"a certificate without a SPIFFE id", "envoy", with(`"downstream_peer_subject":"CN=ledger,O=Example"`), envoyEvent(func(ev *schemas.Event) {
			known2("certificate", "CN=ledger,O=Example")(ev)
			ev.ClientCertificate = "CN=ledger,O=Example"
		}), nil},
		{"the certificate that the nearest proxy saw", "envoy", with(`"x-forwarded-client-cert":"By=spiffe://x;URI=spiffe://prod.example/first,By=spiffe://y;Hash=aa11;Subject=\"CN=a,O=b;c\";URI=spiffe://prod.example/ns/shop/sa/web"`), envoyEvent(func(ev *schemas.Event) {
			known2("certificate", "spiffe://prod.example/ns/shop/sa/web")(ev)
			ev.ClientCertificate = "spiffe://prod.example/ns/shop/sa/web"
		}), nil},
		{"the subject of a token", "envoy", with(`"jwt_sub":"reports"`), envoyEvent(known2("user", "reports")), nil},
		{"a trusted proxy stands between", "envoy", with(`"downstream_direct_remote_address":"10.0.0.2:4000"`), envoyEvent(func(ev *schemas.Event) { ev.PeerIp = "10.0.0.2" }), nil},
		{"a JSON object reduced to a few members", "envoy", `{"start_time":"2026-03-01T10:00:00.250Z","method":"GET","x-envoy-origin-path":"/v1/orders/8412","response_code":200,"user-agent":"curl/8.5.0","downstream_remote_address":"203.0.113.9:51124",":authority":"api.example.com"}`, envoyEvent(func(ev *schemas.Event) {
			noCluster(ev)
			ev.LatencyUs, ev.BytesIn, ev.BytesOut, ev.RequestId, ev.ForwardedFor = 0, 0, 0, "", nil
		}), nil},
		{"a JSON object named after operators", "envoy", `{"start_time":"2026-03-01T10:00:00.250Z","method":"GET","path":"/v1/orders/8412","protocol":"HTTP/2","response_code":200,"response_flags":"-","bytes_received":12,"bytes_sent":1934,"duration":57,"user_agent":"curl/8.5.0","request_id":"3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f","authority":"api.example.com","upstream_cluster":"orders","x_forwarded_for":"198.51.100.4,203.0.113.9"}`, envoyEvent(none), nil},
	}
}

func TestEnvoyRefusesConnections(t *testing.T) {
	for _, in := range []string{
		`[2026-03-01T10:00:00.250Z] "- - -" 0 - 117 234 12 - "-" "-" "-" "-" "10.0.3.17:5432"`,
		`{"start_time":"2026-03-01T10:00:00.250Z","method":null,"path":null,"protocol":null,"response_code":0,"response_flags":"-","upstream_cluster":"outbound|5432||db.shop.svc.cluster.local","upstream_host":"10.0.3.17:5432"}`,
	} {
		if c := parseAll(t, "envoy", in); len(c.bad) != 1 || !strings.Contains(c.bad[0], "a TCP connection") {
			t.Errorf("%s: refused with %q", in, c.bad)
		}
	}
}

func envoyCanaries() []canaryRecord {
	with := func(member string) string {
		return strings.Replace(envoyJSON, `"duration"`, member+`,"duration"`, 1)
	}
	return []canaryRecord{
		{"a query of the text", "envoy", strings.Replace(envoyLine, "expand=items", "token="+canary, 1)},
		{"a query of an object", "envoy", strings.Replace(envoyJSON, "expand=items", "token="+canary, 1)},
		{"an authorization", "envoy", with(`"authorization":"Bearer ` + canary + `"`)},
		{"a key", "envoy", with(`"x-api-key":"` + canary + `"`)},
		{"a cookie", "envoy", with(`"cookie":"a=1; s=` + canary + `"`)},
		{"a key behind the text", "envoy", strings.Replace(envoyLine, ` "10.0.3.17:8080"`, ` "10.0.3.17:8080" c l d r s n `+canary, 1)},
	}
}
