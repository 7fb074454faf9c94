package ingest

import (
	"errors"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// The fields of a connection log's entry ("Connection logs for your Application
// Load Balancer").
const (
	albConnTime = iota
	albConnClient
	albConnClientPort
	albConnPort
	albConnProtocol
	albConnCipher
	albConnLatency
	albConnSubject
	albConnValidity
	albConnSerial
	albConnVerified
	albConnTrace
	albConnExchange
	albConnFields = 24 // more may come: they are kept by their number
)

// albConnNames name what is kept as attributes.
var albConnNames = [...]string{
	albConnClientPort: "client_port", albConnPort: "listener_port", albConnProtocol: "tls_protocol", albConnCipher: "tls_cipher",
	albConnValidity: "leaf_client_cert_validity", albConnSerial: "leaf_client_cert_serial_number", albConnVerified: "tls_verify_status", albConnTrace: "conn_trace_id",
	albConnExchange: "tls_keyexchange",
}

// isALBConnection recognises an entry of a connection log, which has the client's
// address and its port as words of their own.
func isALBConnection(line string) bool {
	stamp, rest, _ := strings.Cut(line, " ")
	client, rest, _ := strings.Cut(rest, " ")
	port, rest, _ := strings.Cut(rest, " ")
	listener, rest, ok := strings.Cut(rest, " ")
	protocol, _, _ := strings.Cut(rest, " ")
	return ok && albTime(stamp) && address(client) != "" && port != "" && digits(port) >= 0 && listener != "" && digits(listener) >= 0 && (protocol == "-" || strings.HasPrefix(protocol, "TLSv"))
}

// parseALBConnection reads one connection to an Application Load Balancer: who
// proved to be what by a certificate, before any request. The trace id leads to
// the requests in the access log.
func parseALBConnection(r *record) error {
	var f [albConnFields]string
	w := words{s: r.line}
	n := 0
	for ; n < len(f); n++ {
		word, _, ok := w.next()
		if !ok {
			break
		}
		f[n] = word
	}
	if n <= albConnVerified {
		return errors.New("tls_verify_status: missing")
	}
	ev := r.ev
	var err error
	if ev.Time, err = parseISO(f[albConnTime]); err != nil {
		return inField("time", err)
	}
	clean := r.p.redactor.text
	setSource(ev, "client_ip", f[albConnClient])
	ev.CloudProvider, ev.Service, ev.Operation = "aws", "elasticloadbalancing", "elasticloadbalancing:Connection"
	if f[albConnProtocol] != "-" {
		ev.Operation = "elasticloadbalancing:TLSConnection"
	}
	ev.LatencyUs = micros(f[albConnLatency], 1e6)
	if f[albConnTrace] != "-" {
		ev.RequestId = clean(f[albConnTrace])
	}
	subject := clean(f[albConnSubject])
	status, reason, _ := strings.Cut(f[albConnVerified], ":")
	switch {
	case status == "Failed":
		// Whoever sent the certificate did not prove to own what it says.
		ev.Outcome, ev.ErrorCode = schemas.Outcome_OUTCOME_DENIED, first(clean(reason), status)
		attribute(ev, "refused_subject", subject)
	case status == "Success" && subject != "-" && subject != "":
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
		ev.PrincipalType, ev.ClientCertificate = "certificate", clip(subject, maxAttributeValue)
		ev.Principal = ev.ClientCertificate
		ev.CredentialType = "certificate"
		if f[albConnSerial] != "-" {
			ev.CredentialId = clip(clean(f[albConnSerial]), maxAttributeValue)
		}
		ev.CredentialIssued, ev.CredentialExpires = validity(f[albConnValidity])
	default:
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
		attribute(ev, "leaf_client_cert_subject", subject)
	}
	for i, name := range albConnNames {
		if name != "" {
			attribute(ev, name, clean(f[i]))
		}
	}
	for i := len(albConnNames); i < n; i++ {
		attribute(ev, r.doc.names.join("extra_", index(i+1)), clean(f[i]))
	}
	return nil
}

// validity reads NotBefore=TIME;NotAfter=TIME, in Unix nanoseconds; what is not
// there is 0.
func validity(s string) (from, to int64) {
	for part := range strings.SplitSeq(s, ";") {
		name, v, _ := strings.Cut(part, "=")
		t, err := parseISO(v)
		if err != nil {
			continue
		}
		switch name {
		case "NotBefore":
			from = t
		case "NotAfter":
			to = t
		}
	}
	return from, to
}
