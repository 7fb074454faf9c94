package alerting

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Destination is where alerts go: one entry of the configuration's
// alert.destinations. Each is a consumer group of its own, so one that is
// down delays only itself.
type Destination struct {
	// Name is unique and stable: the delivered versions are remembered under it.
	Name string
	// Kind is a name from Kinds.
	Kind string
	// URL is http(s):// for HTTP kinds, tcp:// or tls:// with a port for syslog.
	URL string
	// Path is the file kind's file.
	Path string
	// Token authenticates: HEC token, PagerDuty routing key, bearer token. A secret.
	Token string
	// Secret signs webhooks: "whsec_" and base64 of 24 to 64 bytes.
	Secret string
	// Format of a syslog message: "cef" (default) or "ocsf".
	Format string
	// MinSeverity drops what is below: informational (default), low, medium, high, critical.
	MinSeverity string
	// Index, Source and Sourcetype are Splunk's; empty leaves the token's defaults.
	Index      string
	Source     string
	Sourcetype string
	// Link is shown to the responder: a URL in which {id} becomes the alert id.
	Link string
	// Timeout bounds one attempt, at most 5 min; 0 is 10 s.
	Timeout time.Duration
	// TLS settings for https:// and tls://.
	TLS TLS
}

// TLS names the files of a client's TLS. The zero value uses the system's roots.
type TLS struct {
	CAFile     string
	CertFile   string
	KeyFile    string
	ServerName string
	// Certificate, where it is set, gives the certificate to show in place of what
	// CertFile and KeyFile held when the destination was opened.
	Certificate func(*tls.CertificateRequestInfo) (*tls.Certificate, error)
}

// Client returns the TLS configuration: TLS 1.2 or later, verification always on.
func (t TLS) Client() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca_file %s: no PEM certificate in it", t.CAFile)
		}
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, errors.New("tls.cert_file and tls.key_file: give both or neither")
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls.cert_file: %w", err)
		}
		c.Certificates, c.GetClientCertificate = []tls.Certificate{pair}, t.Certificate
	}
	return c, nil
}

// minSeverity gives the severity_id below which alerts are dropped.
func (d Destination) minSeverity() (int, error) {
	if d.MinSeverity == "" {
		return schemas.SeverityInfo, nil
	}
	id, ok := schemas.SeverityOf(d.MinSeverity)
	if !ok {
		return 0, fmt.Errorf("min_severity %q: use one of %s", d.MinSeverity, strings.Join(schemas.SeverityWords(), ", "))
	}
	return id, nil
}

// longestTimeout bounds one attempt: a destination that takes longer for one answer
// holds back what waits behind it.
const longestTimeout = 5 * time.Minute

// timeout gives the bound of one attempt.
func (d Destination) timeout() time.Duration {
	if d.Timeout <= 0 {
		return 10 * time.Second
	}
	return min(d.Timeout, longestTimeout)
}

// link gives the URL a responder opens for an alert, or "".
func (d Destination) link(id string) string { return strings.ReplaceAll(d.Link, "{id}", id) }

// Validate reports everything that is wrong with the destination, in the words
// of the configuration file, without connecting anywhere.
func (d Destination) Validate() error {
	var errs []error
	if d.Name == "" {
		errs = append(errs, errors.New("name: every destination needs one"))
	}
	if strings.Trim(d.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || len(d.Name) > 60 {
		errs = append(errs, fmt.Errorf("name %q: use at most 60 of a-z, 0-9 and -", d.Name))
	}
	if _, err := d.minSeverity(); err != nil {
		errs = append(errs, err)
	}
	if d.Timeout < 0 || d.Timeout > longestTimeout {
		errs = append(errs, fmt.Errorf("timeout %s: want at most %s", d.Timeout, longestTimeout))
	}
	k, ok := kindOf(d.Kind)
	if !ok {
		errs = append(errs, fmt.Errorf("kind %q: use one of %s", d.Kind, strings.Join(kindNames(), ", ")))
	} else if err := k.check(d); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
