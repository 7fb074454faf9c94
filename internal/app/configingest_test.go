package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/ingest/receive"
	"github.com/lapwing-sec/lapwing/internal/stream"
)

func TestSendersSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secrets")
	require.NoError(t, os.WriteFile(file, []byte("new-secret\n\nold-secret\n"), 0o600))
	cfg, err := LoadConfig(writeConfig(t, "ingest:\n  token: common-token\n  old_tokens: [former-token]\n  okta: {secrets: [okta-secret]}\n  splunk:\n    acks: false\n    default_format: nginx\n    formats:\n      - {sourcetype: edge, format: kong}\n"), envOf(map[string]string{
		"LAPWING_INGEST_GITHUB_SECRETS_FILE": file,
		"LAPWING_INGEST_FIREHOSE_SECRETS":    "fire-new,fire-old",
		"LAPWING_INGEST_MAX_IN_FLIGHT":       "1GiB",
	}))
	require.NoError(t, err)
	got := cfg.receivers()
	require.Equal(t, []string{"common-token", "former-token"}, got.Tokens)
	require.Equal(t, []string{"new-secret", "old-secret"}, got.Secrets["github"])
	require.Equal(t, []string{"fire-new", "fire-old"}, got.Secrets["firehose"])
	require.Equal(t, []string{"okta-secret"}, got.Secrets["okta"])
	require.Empty(t, got.Secrets["otlp"])
	require.Equal(t, receive.SplunkConfig{NoAcks: true, DefaultFormat: "nginx", Sourcetypes: map[string]string{"edge": "kong"}}, got.Splunk)
	require.Equal(t, int64(1<<30), got.MaxInFlightBytes)
}

// Each receiver but /ingest/{format}, whose secret is ingest.token, has a
// section of its own.
func TestEveryReceiverCanHaveASecretOfItsOwn(t *testing.T) {
	want := map[string]bool{}
	for _, r := range receive.Receivers() {
		want[r.Name] = true
	}
	delete(want, "ingest")
	var cfg Config
	got := map[string]bool{}
	for _, s := range cfg.Ingest.senders() {
		got[s.name] = true
	}
	require.Equal(t, want, got)
	keys := map[string]bool{}
	for _, k := range Keys() {
		keys[k.Name] = k.Secret
	}
	for name := range want {
		require.True(t, keys["ingest."+name+".secrets"], name)
	}
}

func TestIngestConfigRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		want       []string
	}{
		{"certificates that are optional of no authority", "ingest:\n  client_certs: optional\n", []string{"FILE:2: ingest.client_certs: optional needs ingest.tls.client_ca_file"}},
		{"another word for it", "ingest:\n  client_certs: never\n", []string{`FILE:2: ingest.client_certs: "never": want required or optional`}},
		{"a short secret, without printing it", "ingest:\n  okta:\n    secrets: [hunter2]\n", []string{"FILE:3: ingest.okta.secrets: one has 7 characters: want 8 or more"}},
		{"secrets twice", "ingest:\n  okta: {secrets: [long-enough], secrets_file: config_test.go}\n", []string{"ingest.okta.secrets: is set together with ingest.okta.secrets_file: keep one"}},
		{"a file of secrets that is not there", "ingest:\n  okta: {secrets_file: nowhere}\n", []string{"ingest.okta.secrets_file: nowhere: no such file"}},
		{"a sourcetype of an unknown format lists the formats", "ingest:\n  splunk:\n    formats:\n      - {sourcetype: a, format: csv}\n", []string{`FILE:4: ingest.splunk.formats[0].format: "csv": want one of`, "nginx"}},
		{"a sourcetype without a name", "ingest:\n  splunk:\n    formats:\n      - {format: kong}\n", []string{"ingest.splunk.formats[0].sourcetype: want a name"}},
		{"an unknown default format", "ingest:\n  splunk: {default_format: csv}\n", []string{`ingest.splunk.default_format: "csv": want one of`}},
		{"less memory than one request may take", "ingest:\n  max_in_flight: 1MiB\n", []string{"FILE:2: ingest.max_in_flight: 1MiB: want twice ingest.max_decompressed (64MiB) or more"}},
		{"no request at all", "ingest:\n  max_requests: 0\n", []string{"ingest.max_requests: want more than 0"}},
		{"a listener open to the network with one receiver's secret alone", "ingest:\n  listen: 0.0.0.0:8088\n  github: {secrets: [long-enough]}\n", []string{"ingest.listen: 0.0.0.0:8088 is reachable from other machines: set ingest.token"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := writeConfig(t, tc.file)
			_, err := LoadConfig(path, envOf(nil))
			require.Error(t, err)
			for _, part := range tc.want {
				require.Contains(t, err.Error(), strings.ReplaceAll(part, "FILE", path))
			}
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// authority is a certificate authority of a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.cert, a.key = a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.file = a.write("CERTIFICATE", a.cert.Raw)
	return a
}

// issue makes a certificate, signed by the authority, or by itself when there
// is none yet.
func (a *authority) issue(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	out, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return out, key
}

func (a *authority) write(kind string, der []byte) string {
	path := filepath.Join(a.t.TempDir(), "file.pem")
	require.NoError(a.t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

// pair writes a certificate of the authority and its key.
func (a *authority) pair(usage x509.ExtKeyUsage) (certFile, keyFile string) {
	cert, key := a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "leaf"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{usage}})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	return a.write("CERTIFICATE", cert.Raw), a.write("PRIVATE KEY", der)
}

type takesAll struct{}

func (takesAll) Produce(context.Context, string, []stream.Record) error { return nil }

func TestReceiversOverTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	serverCert, serverKey := ours.pair(x509.ExtKeyUsageServerAuth)
	certs := map[string]*authority{"ours": ours, "another's": theirs}
	const refused = -1 // at the handshake
	for _, tt := range []struct {
		name        string
		clientCA    bool
		clientCerts string
		token       string
		cert        string // "", ours, another's
		send        string // the token
		want        int
	}{
		{"TLS and a token", false, clientCertsRequired, "t0ken-of-all", "", "t0ken-of-all", 202},
		{"TLS and no token", false, clientCertsRequired, "t0ken-of-all", "", "", 401},
		{"a certificate alone, where no token is set", true, clientCertsRequired, "", "ours", "", 202},
		{"no certificate where one is required", true, clientCertsRequired, "", "", "", refused},
		{"a certificate of another authority", true, clientCertsRequired, "", "another's", "", refused},
		{"a required certificate does not stand for the token", true, clientCertsRequired, "t0ken-of-all", "ours", "", 401},
		{"both", true, clientCertsRequired, "t0ken-of-all", "ours", "t0ken-of-all", 202},
		{"an optional certificate stands for the token", true, clientCertsOptional, "t0ken-of-all", "ours", "", 202},
		{"the token stands for an optional certificate", true, clientCertsOptional, "t0ken-of-all", "", "t0ken-of-all", 202},
		{"neither", true, clientCertsOptional, "t0ken-of-all", "", "", 401},
		{"an optional certificate must be ours", true, clientCertsOptional, "t0ken-of-all", "another's", "t0ken-of-all", refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Defaults()
			in := &cfg.Ingest
			in.Listen, in.Token, in.ClientCerts = "127.0.0.1:0", Secret(tt.token), tt.clientCerts
			in.TLS = ServerTLS{CertFile: serverCert, KeyFile: serverKey}
			if tt.clientCA {
				in.TLS.ClientCAFile = ours.file
			}
			l := loader{}
			require.NoError(t, l.validate(&cfg))
			var life lifecycle
			addr, err := serveReceivers(t.Context(), &cfg, takesAll{}, nil, zerolog.Nop(), nil, &life, func(err error) { t.Error(err) })
			require.NoError(t, err)
			defer func() { require.NoError(t, life.stop(time.Second)) }()

			roots := x509.NewCertPool()
			roots.AddCert(ours.cert)
			config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
			if tt.cert != "" {
				pair, err := tls.LoadX509KeyPair(certs[tt.cert].pair(x509.ExtKeyUsageClientAuth))
				require.NoError(t, err)
				// Sent whatever the server says it wants.
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
			}
			transport := &http.Transport{TLSClientConfig: config}
			defer transport.CloseIdleConnections()
			req, err := http.NewRequest(http.MethodPost, "https://"+addr+"/ingest/kong", strings.NewReader("{}"))
			require.NoError(t, err)
			if tt.send != "" {
				req.Header.Set("Authorization", "Bearer "+tt.send)
			}
			got, err := (&http.Client{Transport: transport}).Do(req)
			if tt.want == refused {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.NoError(t, got.Body.Close())
			require.Equal(t, tt.want, got.StatusCode)
		})
	}
}
