package ingest

import (
	"strings"
	"testing"
)

// Whichever gateway logs it and however it spells it, a client certificate is
// one attribute, and it does not take the place of a token.
func TestCertificatesAreSpelledInOneWay(t *testing.T) {
	const sum = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	const colons = "9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0:C5:5A:D0:15:A3:BF:4F:1B:2B:0B:82:2C:D1:5D:6C:15:B0:F0:0A:08"
	key := testHasher.Hash("s3cr3t-k3y-0f-partner")
	envoy := func(members string) string { return strings.Replace(envoyJSON, `"duration"`, members+`,"duration"`, 1) }
	nginx := func(members string) string {
		return `{"time_iso8601":"2026-03-01T10:00:00Z","remote_addr":"203.0.113.9","request_uri":"/x","request_method":"GET","status":200,` + members + `}`
	}
	for _, tt := range []struct{ name, format, in, certificate, credential, kind string }{
		{"Envoy's fingerprint", "envoy", envoy(`"downstream_peer_fingerprint_256":"` + sum + `"`), sum, sum, "certificate"},
		{"Envoy's fingerprint and a key", "envoy", envoy(`"downstream_peer_fingerprint_256":"` + sum + `","x-api-key":"s3cr3t-k3y-0f-partner"`), sum, key, "certificate"},
		{"Envoy saw none", "envoy", envoy(`"downstream_peer_fingerprint_256":null,"x-api-key":"s3cr3t-k3y-0f-partner"`), noCertificate, key, "key"},
		{"the proxy before Envoy saw it", "envoy", envoy(`"x-forwarded-client-cert":"By=spiffe://x;Hash=` + sum + `;URI=spiffe://prod/ns/x"`), sum, "", "certificate"},
		{"nginx, in colons, and a key", "nginx", nginx(`"ssl_client_verify":"SUCCESS","ssl_client_sha256":"` + colons + `","http_x_api_key":"s3cr3t-k3y-0f-partner"`), sum, key, "certificate"},
		{"nginx saw none", "nginx", nginx(`"ssl_client_verify":"NONE","http_x_api_key":"s3cr3t-k3y-0f-partner"`), noCertificate, key, "key"},
		{"nginx did not accept it", "nginx", nginx(`"ssl_client_verify":"FAILED:x","ssl_client_sha256":"` + sum + `","http_x_api_key":"s3cr3t-k3y-0f-partner"`), noCertificate, key, "key"},
		{"a SHA-1 binds nothing", "nginx", nginx(`"ssl_client_verify":"SUCCESS","ssl_client_fingerprint":"da39a3ee5e6b4b0d3255bfef95601890afd80709"`), "", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "certificate"},
		{"no word of it", "nginx", nginx(`"http_x_api_key":"s3cr3t-k3y-0f-partner"`), "", key, "key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev := parseOne(t, tt.format, tt.in)
			if ev.Attributes[certificateAttribute] != tt.certificate || ev.CredentialId != tt.credential || ev.PrincipalType != tt.kind {
				t.Errorf("certificate %q, credential %q, principal of type %s", ev.Attributes[certificateAttribute], ev.CredentialId, ev.PrincipalType)
			}
		})
	}
}
