package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

const albLine = `https 2026-03-01T10:00:00.186641Z app/orders/50dc6c495c0c9188 203.0.113.7:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 310 2048 "GET https://api.example.com:443/v1/orders/8812?fields=id HTTP/1.1" "curl/8.5" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:111122223333:targetgroup/orders/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "api.example.com" "arn:aws:acm:us-east-2:111122223333:certificate/1234" 1 2026-03-01T10:00:00.015000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1f "-" "-" "-"`

func albEvent(mutate func(*schemas.Event)) *schemas.Event {
	ev := &schemas.Event{
		Time: at("2026-03-01T10:00:00.186641Z"), PrincipalType: "anonymous", Anonymous: true, Operation: "GET /v1/orders/{id}", Service: "orders", HttpMethod: "GET",
		UrlPath: "/v1/orders/8812", RouteTemplate: "/v1/orders/{id}", Host: "api.example.com", StatusCode: 200, Outcome: success, BytesIn: 310, BytesOut: 2048, LatencyUs: 171000,
		RequestId: "Root=1-58337281-1d84f3d73c47ec4e58577259", Resources: []string{"/v1/orders/8812"}, SrcIp: "203.0.113.7", UserAgent: "curl/8.5",
		CloudProvider: "aws", Region: "us-east-2", Account: "111122223333",
	}
	mutate(ev)
	return ev
}

func albSamples() []sample {
	return []sample{
		{"a request through an application load balancer", "alb", albLine, albEvent(func(*schemas.Event) {}), map[string]string{
			"query": "fields=id", "protocol": "HTTP/1.1", "target": "10.0.0.1:80", "ssl_protocol": "TLSv1.2", "actions_executed": "authenticate,forward", "conn_trace_id": "TID_1f", "chosen_cert_arn": "arn:aws:acm:us-east-2:111122223333:certificate/1234",
		}},
		{"a target that did not answer, and fields that are yet to come", "alb", strings.NewReplacer("0.086 0.048 0.037 200 200", "0.001 -1 -1 502 -", `"-" "-" "10.0.0.1:80" "200"`, `"-" "TargetConnectionError" "-" "-"`).Replace(albLine) + ` "new"`, albEvent(func(ev *schemas.Event) {
			ev.StatusCode, ev.Outcome, ev.ErrorCode, ev.LatencyUs = 502, failed, "TargetConnectionError", 1000
		}), map[string]string{"extra_34": "new"}},
		{"an identity provider lets nobody in", "alb", strings.Replace(albLine, "200 200", "561 -", 1), albEvent(func(ev *schemas.Event) {
			ev.StatusCode, ev.Outcome = 561, denied
		}), nil},
		{"a request that is none", "alb", strings.NewReplacer(`"GET https://api.example.com:443/v1/orders/8812?fields=id HTTP/1.1"`, `"- http://api.example.com:80- -"`, "200 200", "400 -", `"curl/8.5"`, `"-"`).Replace(albLine), albEvent(func(ev *schemas.Event) {
			ev.Operation, ev.HttpMethod, ev.UrlPath, ev.RouteTemplate, ev.Resources, ev.UserAgent = "INVALID -", "", "", "", nil, ""
			ev.StatusCode, ev.Outcome = 400, failed
		}), map[string]string{"request": "- http://api.example.com:80- -"}},
		{"a request through a classic load balancer", "alb", `2026-03-01T10:00:00.186641Z old 203.0.113.7:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 310 2048 "GET http://api.example.com:80/v1/orders/8812 HTTP/1.1" "curl/8.5" - -`, albEvent(func(ev *schemas.Event) {
			ev.Service, ev.RequestId, ev.Region, ev.Account = "old", "", "", ""
		}), nil},
		{"a connection through a network load balancer", "alb", `tls 2.0 2026-03-01T10:00:00 net/edge/c6e77e28c25b2234 g3d4b5e8bb8464cd 203.0.113.7:51341 172.100.100.185:443 5 2 98 246 - arn:aws:acm:us-east-2:111122223333:certificate/2a10 - ECDHE-RSA-AES128-SHA tlsv12 - edge.elb.us-east-2.amazonaws.com h2 h2 "h2","http/1.1" 2026-03-01T09:59:59`, &schemas.Event{
			Time: at("2026-03-01T10:00:00Z"), PrincipalType: "anonymous", Anonymous: true, Operation: "elasticloadbalancing:TLSConnection", Service: "edge", Host: "edge.elb.us-east-2.amazonaws.com",
			Outcome: success, BytesIn: 98, BytesOut: 246, LatencyUs: 5000, SrcIp: "203.0.113.7", CloudProvider: "aws", Region: "us-east-2", Account: "111122223333",
		}, map[string]string{"tls_cipher": "ECDHE-RSA-AES128-SHA", "tls_protocol_version": "tlsv12"}},
		{"a connection by a certificate", "alb", albConn, albConnEvent(func(*schemas.Event) {}), map[string]string{
			"listener_port": "443", "tls_protocol": "TLSv1.2", "tls_cipher": "ECDHE-RSA-AES128-GCM-SHA256", "leaf_client_cert_serial_number": "FEF257372D5C14D4", "tls_verify_status": "Success", "conn_trace_id": "TID_3180a73013c8ca4bac2f731159d4b0fe",
		}},
		{"a connection by a certificate that is not trusted", "alb", strings.Replace(albConn, " Success ", " Failed:ClientCertUntrusted ", 1), albConnEvent(func(ev *schemas.Event) {
			ev.PrincipalType, ev.Principal, ev.Anonymous, ev.ClientCertificate = "anonymous", "", true, ""
			ev.CredentialType, ev.CredentialId, ev.CredentialIssued, ev.CredentialExpires = "", "", 0, 0
			ev.Outcome, ev.ErrorCode = denied, "ClientCertUntrusted"
		}), map[string]string{"refused_subject": "CN=orders-sync,O=Acme"}},
		{"a connection without a certificate, and fields that are yet to come", "alb", `2026-03-01T10:00:00.514108Z 203.0.113.7 36280 443 TLSv1.3 TLS_AES_128_GCM_SHA256 0.004 "-" - - - TID_1f x25519`, albConnEvent(func(ev *schemas.Event) {
			ev.PrincipalType, ev.Principal, ev.Anonymous, ev.ClientCertificate = "anonymous", "", true, ""
			ev.CredentialType, ev.CredentialId, ev.CredentialIssued, ev.CredentialExpires = "", "", 0, 0
			ev.LatencyUs, ev.RequestId = 4000, "TID_1f"
		}), map[string]string{"tls_keyexchange": "x25519"}},
		{"a connection without TLS", "alb", `2026-03-01T10:00:00.514108Z 203.0.113.7 36280 80 - - - "-" - - - TID_1f`, albConnEvent(func(ev *schemas.Event) {
			ev.Operation = "elasticloadbalancing:Connection"
			ev.PrincipalType, ev.Principal, ev.Anonymous, ev.ClientCertificate = "anonymous", "", true, ""
			ev.CredentialType, ev.CredentialId, ev.CredentialIssued, ev.CredentialExpires = "", "", 0, 0
			ev.LatencyUs, ev.RequestId = 0, "TID_1f"
		}), map[string]string{"listener_port": "80"}},
	}
}

const albConn = `2026-03-01T10:00:00.514108Z 203.0.113.7 36280 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 4.036 "CN=orders-sync,O=Acme" NotBefore=2025-09-21T22:43:21Z;NotAfter=2026-06-17T22:43:21Z FEF257372D5C14D4 Success TID_3180a73013c8ca4bac2f731159d4b0fe`

func albConnEvent(mutate func(*schemas.Event)) *schemas.Event {
	ev := &schemas.Event{
		Time: at("2026-03-01T10:00:00.514108Z"), PrincipalType: "certificate", Principal: "CN=orders-sync,O=Acme", ClientCertificate: "CN=orders-sync,O=Acme", Operation: "elasticloadbalancing:TLSConnection",
		Service: "elasticloadbalancing", Outcome: success, LatencyUs: 4036000, SrcIp: "203.0.113.7", CloudProvider: "aws", RequestId: "TID_3180a73013c8ca4bac2f731159d4b0fe",
		CredentialType: "certificate", CredentialId: "FEF257372D5C14D4", CredentialIssued: at("2025-09-21T22:43:21Z"), CredentialExpires: at("2026-06-17T22:43:21Z"),
	}
	mutate(ev)
	return ev
}

func albCanaries() []canaryRecord {
	return []canaryRecord{
		{"a key in a request", "alb", strings.Replace(albLine, "fields=id", "api_key="+canary, 1)},
		{"a token in a certificate's subject", "alb", strings.Replace(albConn, "O=Acme", "token="+canary, 1)},
		{"a token in a user agent", "alb", strings.Replace(albLine, "curl/8.5", "x token="+canary, 1)},
		{"a token in a redirect", "alb", strings.Replace(albLine, `"authenticate,forward" "-"`, `"redirect" "https://x/?access_token=`+canary+`"`, 1)},
		{"an opaque key of a doubtful name in a request", "alb", strings.Replace(albLine, "fields=id", "key="+canary, 1)},
	}
}

func FuzzALB(f *testing.F) { fuzzParser(f, "alb") }
