// Package certs puts into words why two sides of a TLS connection did not come
// to terms: what is wrong, and what the operator can do about it. It also reads
// certificate files, again when they change.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Explain words an error of a TLS handshake with a server. keys is the section of
// the configuration that holds enabled, ca_file, cert_file and server_name, such
// as "kafka.tls". The answer is one line without a full stop, and names no
// secret; "" means that the error is no matter of certificates.
func Explain(err error, keys string) string {
	var (
		unknown  x509.UnknownAuthorityError
		name     x509.HostnameError
		invalid  x509.CertificateInvalidError
		roots    x509.SystemRootsError
		plain    tls.RecordHeaderError
		alert    tls.AlertError
		verified *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &name):
		return fmt.Sprintf("its certificate is for %s, not for %s: use a name that it holds, or set %s.server_name to one", names(name.Certificate), name.Host, keys)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return validity(invalid.Cert) + ": renew it on the server, or mend this machine's clock"
	case errors.As(err, &invalid):
		return fmt.Sprintf("its certificate is not acceptable (%s): replace it on the server", oneLine(invalid))
	case errors.As(err, &unknown):
		return fmt.Sprintf("its certificate comes from an authority that is not trusted here%s: set %s.ca_file to that authority's PEM file", issuer(err), keys)
	case errors.As(err, &roots):
		return fmt.Sprintf("this machine has no trusted authorities: set %s.ca_file", keys)
	case errors.As(err, &verified):
		return fmt.Sprintf("its certificate is not acceptable (%s)", oneLine(verified.Err))
	case errors.As(err, &plain):
		return fmt.Sprintf("it does not speak TLS on this port: choose its TLS port, or set %s.enabled to false", keys)
	case errors.As(err, &alert):
		return refusal(alert, keys)
	}
	var remote *net.OpError
	if errors.As(err, &remote) && remote.Op == "remote error" {
		return refusal(remote.Err, keys)
	}
	return ""
}

// refusal words an alert that the server sent.
func refusal(err error, keys string) string {
	if said := oneLine(err); strings.Contains(said, "certificate") {
		return fmt.Sprintf("it refuses the certificate that we show (%s): set %s.cert_file and key_file to one that it trusts", said, keys)
	}
	return fmt.Sprintf("it ends the TLS handshake (%s): it may want other protocol versions, or a certificate in %s.cert_file", oneLine(err), keys)
}

func validity(c *x509.Certificate) string {
	if c == nil {
		return "its certificate has expired or is not yet valid"
	}
	if now := time.Now(); now.Before(c.NotBefore) {
		return fmt.Sprintf("its certificate is valid only from %s", c.NotBefore.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("its certificate expired on %s", c.NotAfter.UTC().Format(time.RFC3339))
}

// maxNames bounds the names of a certificate that a message shows.
const maxNames = 5

func names(c *x509.Certificate) string {
	if c == nil {
		return "another name"
	}
	all := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	switch n := len(all); {
	case n == 0:
		return "no name at all"
	case n > maxNames:
		return fmt.Sprintf("%s and %d others", strings.Join(all[:maxNames], ", "), n-maxNames)
	}
	return strings.Join(all, ", ")
}

func issuer(err error) string {
	var v *tls.CertificateVerificationError
	if !errors.As(err, &v) || len(v.UnverifiedCertificates) == 0 {
		return ""
	}
	last := v.UnverifiedCertificates[len(v.UnverifiedCertificates)-1]
	if last.Issuer.CommonName == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", last.Issuer.CommonName)
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "x509: ")), " ")
}
