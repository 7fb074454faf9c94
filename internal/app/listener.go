package app

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/internal/certs"
)

// Limits of every HTTP listener.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 2 * time.Minute // of a whole request; receivers have less
	writeTimeout      = 5 * time.Minute // from the header to the end of the answer, a profile's included
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// withToken asks callers for a bearer token; an empty token asks for none.
// Health checks come without one: they say nothing worth hiding.
func withToken(token string, h http.Handler) http.Handler {
	if token == "" {
		return h
	}
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
			got, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			sum := sha256.Sum256([]byte(got))
			if !ok || subtle.ConstantTimeCompare(sum[:], want[:]) != 1 {
				w.Header().Set("WWW-Authenticate", "Bearer")
				http.Error(w, "missing or wrong token: send \"Authorization: Bearer TOKEN\"", http.StatusUnauthorized)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

// server reads a listener's certificate, and again when its files change: TLS 1.2 or
// later. clientAuth is what is asked of callers where client_ca_file is set.
func (c ServerTLS) server(clientAuth tls.ClientAuthType, open certOpener) (*tls.Config, error) {
	files, err := open(certs.Files{Cert: c.CertFile, Key: c.KeyFile, Authorities: c.ClientCAFile})
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: files.Server}
	if c.ClientCAFile == "" {
		return t, nil
	}
	t.ClientAuth, t.ClientCAs = clientAuth, files.Authorities()
	// What GetConfigForClient gives is taken as it is, also in this.
	t.NextProtos = []string{"h2", "http/1.1"}
	base := t.Clone()
	t.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := base.Clone()
		now.ClientCAs = files.Authorities()
		return now, nil
	}
	return t, nil
}

// client gives the TLS settings for a server that we call, nil for plain text. The
// certificate to show is read again when its files change; ca_file is read once.
func (c ClientTLS) client(open certOpener) (*tls.Config, error) {
	if !c.Enabled {
		return nil, nil // nil is crypto/tls's own word for plain text
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CAFile != "" {
		pool, err := certs.Pool(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca_file: %w", err)
		}
		t.RootCAs = pool
	}
	if c.CertFile != "" {
		files, err := open(certs.Files{Cert: c.CertFile, Key: c.KeyFile})
		if err != nil {
			return nil, fmt.Errorf("tls.cert_file: %w", err)
		}
		t.GetClientCertificate = files.Client
	}
	return t, nil
}

// certOpener reads the certificate files of one section of the configuration, and
// again when they change.
type certOpener func(certs.Files) (*certs.Reloaded, error)

// openCerts is the opener of commands that nobody watches.
func openCerts(f certs.Files) (*certs.Reloaded, error) { return certs.Open(f, nil) }

// certMetrics says in the log and on /metrics what became of certificate files that
// changed.
type certMetrics struct {
	log   zerolog.Logger
	stale *prometheus.GaugeVec
	every time.Duration // 0: as certs.Files has it
}

func newCertMetrics(reg prometheus.Registerer, log zerolog.Logger) *certMetrics {
	m := &certMetrics{log: log, stale: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lapwing_certificate_stale", Help: "1 while certificate files have changed but cannot be used, so that those read before are; by what they are for.",
	}, []string{"of"})}
	reg.MustRegister(m.stale)
	return m
}

// of gives the opener of one section of the configuration, or of a destination.
func (m *certMetrics) of(section string) certOpener {
	if m == nil {
		return openCerts
	}
	told := func(err error) {
		gauge := m.stale.WithLabelValues(section)
		if err == nil {
			gauge.Set(0)
			m.log.Info().Str("of", section).Msg("certificate files have changed and are read again")
			return
		}
		gauge.Set(1)
		m.log.Error().Err(err).Str("of", section).Msg("certificate files have changed but cannot be used: those read before stay in force; looked at again every minute")
	}
	return func(f certs.Files) (*certs.Reloaded, error) {
		m.stale.WithLabelValues(section) // from the start, for Prometheus
		f.Every = m.every
		return certs.Open(f, told)
	}
}
