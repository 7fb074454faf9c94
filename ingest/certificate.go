package ingest

import (
	"encoding/hex"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// What a gateway says of the client's certificate is normalised: the subject, or
// the SPIFFE id, is the event's client_certificate; the SHA-256 of the
// certificate, which tokens are bound to (RFC 8705), this attribute, as 64 hex
// digits in lower case, or noCertificate where the log says that there was none.
const (
	certificateAttribute = "client_certificate_sha256"
	noCertificate        = "none"
)

// certificateHash reads a SHA-256 as gateways write it: in hex, with colons
// or without, or in base64. Anything else, such as a SHA-1, is "".
func certificateHash(v string) string {
	v = strings.TrimSpace(v)
	if len(v) > 7 && strings.EqualFold(v[:7], "sha256:") {
		v = v[7:]
	}
	if len(v) == 43 || len(v) == 44 && v[43] == '=' {
		var sum [33]byte
		if n, err := decodeRun(sum[:], v[:43]); err == nil && n == 32 {
			return hex.EncodeToString(sum[:32])
		}
	}
	if strings.IndexByte(v, ':') >= 0 {
		v = strings.ReplaceAll(v, ":", "")
	}
	if v = strings.ToLower(v); len(v) == 64 && isHex(v) {
		return v
	}
	return ""
}

// bound states the certificate of a call; v is its hash as logged.
func bound(ev *schemas.Event, v string) {
	if v != noCertificate {
		v = certificateHash(v)
	}
	attribute(ev, certificateAttribute, v)
}
