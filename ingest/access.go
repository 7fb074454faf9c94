package ingest

import (
	"fmt"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// access is one HTTP request in an access log, as its fields are found. The
// formats of gateways share it.
type access struct {
	ev *schemas.Event
	r  *redactor
	in *interner
	// seen has what was found calm in lines before.
	seen *cleanTexts

	// line is the line as it may be stored, once whole has looked at it.
	line string
	// pure says that nothing in the line is hidden or escaped, so that its
	// fields need no search of their own.
	pure bool

	user             string // the authenticated user
	subject          string // of the client's certificate, or its SPIFFE id
	key, keyKind     string // a key that the request carried, hashed or a logged id
	certificate      string // the client's certificate by its fingerprint, noCertificate where the log says so
	target, protocol string
	timed            bool // the request's time was read
	unverified       bool // the client's certificate was not accepted
}

// access starts the reading of an access log's record.
func (r *record) access() access {
	return access{ev: r.ev, r: &r.p.redactor, in: &r.doc.names, seen: &r.doc.clean}
}

// finish derives what the fields say together.
func (a *access) finish() {
	ev := a.ev
	host, path, query := splitTarget(a.target)
	if ev.Host == "" {
		ev.Host = hostName(host)
	}
	ev.UrlPath = clip(path, maxMessage)
	ev.Resources = addOnce(ev.Resources, ev.UrlPath, maxResources)
	if query != "" {
		attribute(ev, "query", query)
		if a.key == "" {
			a.key, a.keyKind = queryKey(query)
		}
	}
	attribute(ev, "protocol", a.protocol)
	if ev.HttpMethod == "" {
		ev.Operation, ev.RouteTemplate = invalidMethod+" -", ""
	} else {
		ev.Operation, ev.RouteTemplate = a.in.operation(ev.HttpMethod, ev.UrlPath)
	}
	ev.Outcome = httpOutcome(ev.StatusCode)
	if ev.Service == "" {
		ev.Service = ev.Host
	}
	if a.user != "" && beforeProof(ev.StatusCode) {
		// A gateway logs the name that was sent with a password, right or wrong:
		// whoever chose it must not appear as its owner.
		attribute(ev, "refused_user", clip(a.user, maxAttributeValue))
		a.user = ""
	}
	if a.unverified {
		attribute(ev, "refused_subject", a.subject)
		if a.certificate != noCertificate {
			attribute(ev, "refused_certificate", a.certificate)
		}
		a.subject, a.certificate = "", noCertificate
	}
	if a.certificate != "" && (a.certificate != noCertificate || a.subject == "") {
		bound(ev, a.certificate)
	}
	if a.certificate == noCertificate {
		a.certificate = ""
	}
	if a.key == "" && a.certificate != "" {
		a.key, a.keyKind = a.certificate, "certificate"
	}
	ev.ClientCertificate = clip(a.subject, maxAttributeValue)
	if a.key != "" {
		ev.CredentialId, ev.CredentialType = clip(a.key, maxAttributeValue), a.keyKind
	}
	switch {
	case a.user != "":
		ev.PrincipalType, ev.Principal = "user", clip(a.user, maxAttributeValue)
	case a.subject != "":
		ev.PrincipalType, ev.Principal = "certificate", ev.ClientCertificate
	case a.certificate != "":
		ev.PrincipalType, ev.Principal = "certificate", clip(a.certificate, maxAttributeValue)
	case a.key != "" && ev.StatusCode != 401:
		ev.PrincipalType, ev.Principal = "key", ev.CredentialId
	default:
		// A key that was refused makes no one known: it stays in credential_id.
		ev.PrincipalType, ev.Anonymous = "anonymous", true
	}
}

// beforeProof tells the statuses that a server answers with before it has looked
// at a password, or because of it: of a request that cannot be read or is too
// large, and of one that is sent elsewhere for good, as from HTTP to HTTPS. With
// all others, an application's 403 among them, the user was let in where the
// server asks for passwords at all.
func beforeProof(status uint32) bool {
	switch status {
	case 301, 308, 400, 401, 407, 408, 411, 413, 414, 417, 421, 426, 431, 494, 495, 496, 497:
		return true
	}
	return false
}

// Claimed takes a caller's name for what a server that asks for no password
// makes of it: what the client said. The name stays in the attribute
// claimed_user; the call is its key's, else nobody's. It is for events of access
// logs, and leaves others as they are.
func Claimed(ev *schemas.Event) {
	if ev.PrincipalType != "user" || ev.Principal == "" || ev.HttpMethod == "" && ev.StatusCode == 0 {
		return
	}
	attribute(ev, "claimed_user", ev.Principal)
	ev.Principal, ev.Delegation = "", nil
	switch {
	case ev.ClientCertificate != "":
		ev.PrincipalType, ev.Principal = "certificate", ev.ClientCertificate
	case ev.CredentialId != "" && ev.CredentialType != "basic" && ev.StatusCode != 401:
		ev.PrincipalType, ev.Principal = "key", ev.CredentialId
	default:
		ev.PrincipalType, ev.Anonymous = "anonymous", true
	}
}

// request reads "METHOD target PROTOCOL". What is none of that (a TLS
// handshake on a plain port, a scanner's bytes) stays in an attribute.
func (a *access) request(line string) {
	m, rest, ok := cutByte(line, ' ')
	if a.ev.HttpMethod = method(m); a.ev.HttpMethod == "" || !ok {
		a.ev.HttpMethod = ""
		attribute(a.ev, "request", line)
		return
	}
	a.target = rest
	if i := strings.LastIndexByte(rest, ' '); i >= 0 && strings.HasPrefix(rest[i+1:], "HTTP/") {
		a.target, a.protocol = strings.TrimSpace(rest[:i]), rest[i+1:]
	}
}

// maxStatus is how many digits a status may have, zeros before it included.
const maxStatus = 9

func (a *access) status(s string) error {
	v := digits(s)
	if v < 0 || v > 999 || s == "" || len(s) > maxStatus {
		return fmt.Errorf("status: %q is no HTTP status", clip(s, 40))
	}
	a.ev.StatusCode = uint32(v)
	return nil
}

// whole looks at a line once, before its fields are.
func (a *access) whole(line string) {
	a.line = a.r.text(line)
	a.pure = a.line == line && strings.IndexByte(line, '\\') < 0
}

// raw keeps the line, unless nobody asked for it: as it came where nothing in
// it was hidden.
func (a *access) raw(r *record, w *words) {
	switch {
	case !r.p.opt.KeepRaw:
	case len(w.secrets) > 0:
		a.ev.Raw = w.redacted(a.r)
	case a.line == w.s:
		a.ev.Raw = r.line
	default:
		a.ev.Raw = a.line
	}
}

func (a *access) setUser(user string) {
	if user != "-" && user != "" {
		a.user = user
	}
}

func isName(s string) bool {
	for i := range len(s) {
		if !nameByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// firstOf returns the first of a list of addresses.
func firstOf(s string) string {
	v, _, _ := strings.Cut(s, ",")
	return strings.TrimSpace(v)
}

func (a *access) setKey(id, kind string) {
	if a.key == "" && id != "" && id != "-" {
		a.key, a.keyKind = id, kind
	}
}

// setCertificate takes a fingerprint, of whichever kind; a SHA-256 is preferred.
func (a *access) setCertificate(v string) {
	if v != "" && v != "-" && (certificateHash(v) != "" || a.certificate == "") {
		a.certificate = v
	}
}

// header reads one request header, whose name is in lower case.
func (a *access) header(name, v string) {
	ev := a.ev
	if v == "" || v == "-" {
		return
	}
	switch name {
	case "user-agent":
		ev.UserAgent = clip(v, maxMessage)
	case "host", ":authority":
		ev.Host = first(ev.Host, hostName(v))
	case "x-request-id":
		ev.RequestId = first(ev.RequestId, clip(v, maxAttributeValue))
	case "x-forwarded-for", "forwarded":
		ev.ForwardedFor = forwarded(v, ev.ForwardedFor)
	case "referer":
		attribute(ev, "referer", v)
	case "x-ja4", "x-ja4-hash", "x-ja3", "x-ja3-hash", "x-ja3-fingerprint":
		ev.TlsFingerprint = first(ev.TlsFingerprint, clip(v, maxAttributeValue))
	case "accept", "accept-encoding", "accept-language", "connection", "content-length":
	default:
		if credentialHeader(name) {
			id, kind := presented(v, name)
			a.setKey(id, kind)
		}
		attribute(ev, a.in.join("header.", name), v)
	}
}

// invalidMethod stands for a request that is no HTTP.
const invalidMethod = "INVALID"
