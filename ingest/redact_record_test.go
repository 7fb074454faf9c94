package ingest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What was refused is shown without secrets, whatever its format was meant to be.
func TestARefusedRecordIsShownWithoutSecrets(t *testing.T) {
	h := NewHasher([]byte("test key"))
	const password = "pa55-canary-w0rd"
	jwt := "eyJhbGciOiJIUzI1NiJ9." + strings.Repeat("eyJzdWIiOiJjYW5hcnkifQ", 2) + ".c2lnbmF0dXJlLWNhbmFyeQ"
	for _, record := range []string{
		`{"not":"kong","headers":{"authorization":"Bearer ` + jwt + `","x-api-key":"` + password + `"}}`,
		`{"cut off in the middle","password":"` + password + `","authorization":"Bearer ` + jwt,
		`203.0.113.9 - - "GET /?api_key=` + password + `&x=1 HTTP/1.1" 200 "-" "Bearer ` + jwt + `"`,
		"two lines\npassword=" + password + "\nAuthorization: Bearer " + jwt,
		`["` + jwt + `", {"client_secret":"` + password + `"}]`,
	} {
		got := Redact(h, []byte(record))
		require.NotContains(t, got, password, record)
		require.NotContains(t, got, "c2lnbmF0dXJlLWNhbmFyeQ", record)
		require.Contains(t, got, "hmac:", record)
	}
	for _, record := range []string{"", "\xff\xfe", "{", "plain text", `{"a":1}`} {
		require.Equal(t, strings.ToValidUTF8(record, "\uFFFD"), Redact(h, []byte(record)))
	}
}
