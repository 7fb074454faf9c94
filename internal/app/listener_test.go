package app

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/certs"
	"github.com/lapwing-sec/lapwing/internal/certs/certtest"
)

// Renewed certificates and authorities are served without a restart; a broken renewal
// is said and changes nothing.
func TestListenerTakesRenewedCertificates(t *testing.T) {
	old, renewed := certtest.New(t, "old"), certtest.New(t, "renewed")
	oldServer, newServer := old.Issue(t, "server", false, "127.0.0.1"), renewed.Issue(t, "server", false, "127.0.0.1")
	oldClient, newClient := old.Issue(t, "client", false), renewed.Issue(t, "client", false)
	dir := t.TempDir()
	place := func(from, to string) {
		t.Helper()
		data, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(dir+"/new", data, 0o600))
		require.NoError(t, os.Rename(dir+"/new", dir+"/"+to))
	}
	place(oldServer.Cert, "tls.crt")
	place(oldServer.Key, "tls.key")
	place(old.File, "ca.crt")

	reg := prometheus.NewRegistry()
	var said bytes.Buffer
	seen := newCertMetrics(reg, zerolog.New(zerolog.SyncWriter(&said)))
	seen.every = 1 // nanosecond
	cfg := Listener{Listen: "127.0.0.1:0", TLS: ServerTLS{CertFile: dir + "/tls.crt", KeyFile: dir + "/tls.key", ClientCAFile: dir + "/ca.crt"}}
	var life lifecycle
	addr, err := serve(t.Context(), cfg, tls.RequireAndVerifyClientCert, http.NotFoundHandler(), &life, "monitor", seen, func(err error) { t.Error(err) })
	require.NoError(t, err)
	defer func() { require.NoError(t, life.stop(time.Second)) }()

	// call gives the protocol of an answer.
	call := func(server *certtest.Authority, client certtest.Pair) (string, error) {
		roots, err := certs.Pool(server.File)
		require.NoError(t, err)
		pair, err := tls.LoadX509KeyPair(client.Cert, client.Key)
		require.NoError(t, err)
		tr := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: roots,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil },
		}}
		defer tr.CloseIdleConnections()
		answer, err := (&http.Client{Transport: tr}).Get("https://" + addr + "/") // the test's own server
		if err != nil {
			return "", err
		}
		return answer.Proto, answer.Body.Close()
	}
	stale := func() float64 { return testutil.ToFloat64(seen.stale.WithLabelValues("monitor")) }

	proto, err := call(old, oldClient)
	require.NoError(t, err)
	require.Equal(t, "HTTP/2.0", proto)
	_, err = call(old, newClient)
	require.Error(t, err) // which one depends on whether the alert or the closing is read first

	place(newServer.Cert, "tls.crt") // its key is not there yet
	_, err = call(old, oldClient)
	require.NoError(t, err)
	require.InDelta(t, 1, stale(), 0)
	require.Contains(t, said.String(), "those read before stay in force")

	place(newServer.Key, "tls.key")
	place(renewed.File, "ca.crt")
	proto, err = call(renewed, newClient)
	require.NoError(t, err)
	require.Equal(t, "HTTP/2.0", proto)
	require.InDelta(t, 0, stale(), 0)
	_, err = call(renewed, oldClient)
	require.Error(t, err)
}
