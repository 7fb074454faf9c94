package enrich

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestTokensComeWithTheirCertificates(t *testing.T) {
	const mine, other = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
	const mineBase64 = "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"
	e := newEnricher(t, `identities:
  - id: kong:consumer/ledger
    credentials:
      - {ref: "hmac:00112233445566778899aabbccddeeff", type: jwt, fingerprint: "9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0:C5:5A:D0:15:A3:BF:4F:1B:2B:0B:82:2C:D1:5D:6C:15:B0:F0:0A:08"}
      - {ref: free, type: api_key}
  - id: spiffe://prod/ns/shop/sa/web
  - id: nginx:certificate/CN=reports
`)
	const bound, none = "hmac:00112233445566778899aabbccddeeff", "no client certificate"
	for _, tt := range []struct {
		name, credential, subject string
		attributes                map[string]string
		observed                  string // "" for no finding
	}{
		{"with its certificate", bound, "", map[string]string{certificateAttribute: mine}, ""},
		{"with another one", bound, "", map[string]string{certificateAttribute: other}, "certificate 60303ae22b998861…"},
		{"without one, where the gateway says so", bound, "", map[string]string{certificateAttribute: noCertificate}, none},
		{"without one, in Kong's words", bound, "", map[string]string{"tls.client_verify": "NONE"}, none},
		{"where the gateway says nothing of certificates", bound, "", nil, ""},
		{"a token that is bound to none", "free", "", map[string]string{certificateAttribute: other}, ""},
		{"a token that nobody declared", "unknown", "", map[string]string{certificateAttribute: other}, ""},
		{"a token that states its certificate itself", "unknown", "", map[string]string{certificateAttribute: other, "cnf.x5t#S256": mineBase64}, "certificate 60303ae22b998861…"},
		{"a token that states this certificate", "unknown", "", map[string]string{certificateAttribute: mine, "cnf.x5t#S256": mineBase64}, ""},
		{"with the certificate of another workload", "free", "spiffe://prod/ns/shop/sa/web", nil, "the certificate of spiffe://prod/ns/shop/sa/web"},
		{"with the certificate of another owner, by its subject", "free", "CN=reports", nil, "the certificate of nginx:certificate/CN=reports"},
		{"with a certificate that nobody declared", "free", "CN=x", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev := &schemas.Event{Format: "nginx", PrincipalType: "user", Principal: "x", CredentialId: tt.credential, ClientCertificate: tt.subject, Attributes: tt.attributes}
			e.Enrich(ev)
			var got []string
			for _, v := range ev.Declared.GetViolations() {
				require.Equal(t, bindingMismatch, v.Detector)
				got = append(got, v.Observed)
			}
			require.Equal(t, tt.observed, strings.Join(got, ", "))
		})
	}
	_, err := ParseInventory("i.yaml", []byte("identities:\n  - id: x\n    credentials: [{ref: a, fingerprint: aa11}]\n"))
	require.ErrorContains(t, err, "i.yaml:3: fingerprint: \"aa11\": want the SHA-256 of a certificate")
}
