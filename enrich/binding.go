package enrich

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// bindingMismatch is the detector that reports tokens which come without the
// certificate that they are bound to.
const bindingMismatch = "binding-mismatch"

// What parsers say of the client's certificate: its SHA-256, or that there was
// none. A gateway that says nothing of certificates breaks nothing.
const (
	certificateAttribute = "client_certificate_sha256"
	noCertificate        = "none"
)

const wantFingerprint = "want the SHA-256 of a certificate: 64 hex digits, with colons or without, as openssl x509 -fingerprint -sha256 prints it"

// certificateOf is the certificate that a call came with: its SHA-256 in hex,
// noCertificate, or "" where the log does not say.
func certificateOf(ev *schemas.Event) string {
	if have := ev.Attributes[certificateAttribute]; have != "" {
		return have
	}
	if ev.Attributes["tls.client_verify"] == "NONE" { // Kong's word
		return noCertificate
	}
	return ""
}

// fingerprintOf reads a SHA-256 as people and tools write it, in hex with colons
// or without, or as the thumbprint of RFC 8705, in base64; "" for anything else.
func fingerprintOf(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 7 && strings.EqualFold(text[:7], "sha256:") {
		text = text[7:]
	}
	if b, err := base64.RawURLEncoding.DecodeString(strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(text)); err == nil && len(b) == 32 {
		return hex.EncodeToString(b)
	}
	text = strings.ToLower(strings.ReplaceAll(text, ":", ""))
	if b, err := hex.DecodeString(text); err == nil && len(b) == 32 {
		return text
	}
	return ""
}

// judgeBinding compares the certificate of a call with the one that its token is
// bound to: by the inventory, else by what the token says of itself (the claim
// cnf.x5t#S256, where it is logged). It also reports a token of one identity
// with the certificate of another.
func (ix *index) judgeBinding(ev *schemas.Event, cred *credential, d *schemas.Declared) {
	if ev.CredentialType == "certificate" {
		return // the certificate is the credential
	}
	want := ""
	if cred != nil {
		want = cred.known.Fingerprint
	}
	if want == "" && len(ev.Attributes) > 0 {
		want = ev.Attributes["cnf.x5t#S256"]
	}
	if want != "" {
		if want = fingerprintOf(want); want != "" {
			switch have := certificateOf(ev); have {
			case "", want:
			case noCertificate:
				violate(d, bindingMismatch, "no client certificate", "certificate "+shortHash(want))
			default:
				violate(d, bindingMismatch, "certificate "+shortHash(have), "certificate "+shortHash(want))
			}
		}
	}
	if cred == nil || ev.ClientCertificate == "" {
		return
	}
	owner, ok := ix.byName[ev.ClientCertificate]
	if !ok {
		owner, ok = ix.byName[ev.Format+":certificate/"+ev.ClientCertificate]
	}
	if ok && owner != cred.owner {
		violate(d, bindingMismatch, "the certificate of "+ix.entries[owner].id, "that of "+ix.entries[cred.owner].id)
	}
}

// shortHash is as much of a hash as people compare.
func shortHash(hash string) string {
	const most = 16
	if len(hash) > most {
		return hash[:most] + "…"
	}
	return hash
}
