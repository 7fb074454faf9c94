package receive

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// secrets are those that a receiver takes, several during a rotation.
type secrets struct {
	sums [][sha256.Size]byte
	keys [][]byte
	// given counts the configured ones: when all were empty, none fits.
	given int
}

func newSecrets(list []string) secrets {
	s := secrets{given: len(list)}
	for _, t := range list {
		if t != "" {
			s.sums = append(s.sums, sha256.Sum256([]byte(t)))
			s.keys = append(s.keys, []byte(t))
		}
	}
	return s
}

// wanted reports whether a sender has to prove itself.
func (s *secrets) wanted() bool { return s.given > 0 }

// has compares a token with every accepted one, in a time that depends on
// neither.
func (s *secrets) has(token string) bool {
	sum := sha256.Sum256([]byte(token))
	match := 0
	for i := range s.sums {
		match |= subtle.ConstantTimeCompare(sum[:], s.sums[i][:])
	}
	return match == 1
}

// signed compares a HMAC-SHA256 of body with that under every accepted secret.
func (s *secrets) signed(body, mac []byte) bool {
	match := 0
	for _, key := range s.keys {
		h := hmac.New(sha256.New, key)
		h.Write(body)
		match |= subtle.ConstantTimeCompare(mac, h.Sum(nil))
	}
	return match == 1
}

// allowed reports whether the sender may send, or will be asked for its
// signature.
func (c *call) allowed(s secrets) bool {
	if !s.wanted() || c.r.token == nil {
		return true
	}
	if c.s.cfg.CertificateIsEnough && c.req.TLS != nil && len(c.req.TLS.VerifiedChains) > 0 {
		return true
	}
	return s.has(c.r.token(c.req))
}

// bearer is the token of "Authorization: Bearer TOKEN" or X-Lapwing-Token.
func bearer(req *http.Request) string {
	if t, ok := scheme(req, "Bearer"); ok {
		return t
	}
	return req.Header.Get(TokenHeader)
}

// authorization is the header's whole value, where senders put a secret of no
// scheme, or the token of Bearer.
func authorization(req *http.Request) string {
	if t, ok := scheme(req, "Bearer"); ok {
		return t
	}
	if v := req.Header.Get("Authorization"); v != "" {
		return v
	}
	return req.Header.Get(TokenHeader)
}

// scheme takes the Authorization header apart (RFC 9110, section 11.4).
func scheme(req *http.Request, name string) (token string, ok bool) {
	got, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	return token, token != "" && strings.EqualFold(got, name)
}
