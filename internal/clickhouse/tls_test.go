package clickhouse

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/certs/certtest"
)

// TLS is tested against Debian's clickhouse-server, too, over both protocols. Its
// age does not matter here: handshakes and logins are the same.

func trust(t testing.TB, file string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(file)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
}

// secureNative starts a server with a certificate and gives its two addresses.
func secureNative(t *testing.T, cert certtest.Pair) (s *nativeServer, addr map[string]string) {
	t.Helper()
	native, https := strconv.Itoa(freePort(t)), strconv.Itoa(freePort(t))
	s = startNative(t, cert.Cert, cert.Key, native, https)
	return s, map[string]string{Native: net.JoinHostPort("127.0.0.1", native), HTTP: net.JoinHostPort("127.0.0.1", https)}
}

func TestTLS(t *testing.T) {
	ca, other := certtest.New(t, "Test CA"), certtest.New(t, "Other CA")
	s, addr := secureNative(t, ca.Issue(t, "good", false, "127.0.0.1"))
	config := func(protocol string) Config {
		c := s.config(addr[protocol])
		c.Protocol, c.TLS = protocol, trust(t, ca.File)
		return c
	}

	t.Run("a query over TLS", func(t *testing.T) {
		db, err := Open(t.Context(), config(Native), testLog(t))
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		v, err := db.Version(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, v)
	})
	for _, protocol := range []string{Native, HTTP} {
		for _, tc := range []struct {
			name   string
			change func(c *Config)
			want   string
		}{
			{
				"a wrong password", func(c *Config) { c.Password = "battery staple" },
				`wrong user or password for user "default": mind clickhouse.user and password`,
			},
			{
				"an authority that nobody named", func(c *Config) { c.TLS = trust(t, other.File) },
				`its certificate comes from an authority that is not trusted here ("Test CA"): set clickhouse.tls.ca_file to that authority's PEM file`,
			},
			{
				"TLS on a plain port", func(c *Config) { c.Addr = []string{s.addr()} },
				"clickhouse.tls.enabled",
			},
			{
				"plain text on a TLS port", func(c *Config) { c.TLS = nil },
				"clickhouse.tls.enabled",
			},
		} {
			t.Run(tc.name+" is one clear line, "+protocol, func(t *testing.T) {
				c := config(protocol)
				tc.change(&c)
				requireOneLine(t, c, tc.want)
			})
		}
	}
	t.Run("a batch arrives whole over TLS", func(t *testing.T) {
		db, w := openPlain(t, config(Native))
		recs := numbered(t, 5_000)
		rejected, err := w.Insert(t.Context(), "tok", recs)
		require.NoError(t, err)
		require.Empty(t, rejected)
		require.Equal(t, uint64(5_000), stored(t, db))
	})
	s.kill()

	_, addr = secureNative(t, ca.Issue(t, "expired", true, "127.0.0.1"))
	for _, protocol := range []string{Native, HTTP} {
		t.Run("an expired certificate is one clear line, "+protocol, func(t *testing.T) {
			requireOneLine(t, config(protocol), "its certificate expired on ")
		})
	}
	_, addr = secureNative(t, ca.Issue(t, "stranger", false, "clickhouse.example.com"))
	for _, protocol := range []string{Native, HTTP} {
		t.Run("a certificate of another host is one clear line, "+protocol, func(t *testing.T) {
			requireOneLine(t, config(protocol), "its certificate is for clickhouse.example.com, not for 127.0.0.1: use a name that it holds, or set clickhouse.tls.server_name to one")
		})
	}
	t.Run("the name that it holds is enough", func(t *testing.T) {
		c := config(Native)
		c.TLS.ServerName = "clickhouse.example.com"
		db, err := Open(t.Context(), c, testLog(t))
		require.NoError(t, err)
		require.NoError(t, db.Close())
	})
}

// Debian's server is too old for queries of this client over HTTP. The engine is
// current, but speaks no TLS: a proxy that ends TLS stands before it.
func TestTLSOnTheCurrentEngine(t *testing.T) {
	engine := startEngine(t)
	ca := certtest.New(t, "Test CA")
	cert := ca.Issue(t, "good", false, "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(cert.Cert, cert.Key)
	require.NoError(t, err)
	front := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: engine.Addr()}))
	front.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	front.StartTLS()
	t.Cleanup(front.Close)
	cfg := Config{Addr: []string{front.Listener.Addr().String()}, Protocol: HTTP, Token: engine.Token(), TLS: trust(t, ca.File)}
	db, err := Open(t.Context(), cfg, testLog(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.Migrate(t.Context()))
	rejected, err := db.Events().Insert(t.Context(), "tok", numbered(t, 1000))
	require.NoError(t, err)
	require.Empty(t, rejected)
	require.Equal(t, uint64(1000), one[uint64](t, db, "SELECT count() FROM events"))
}

func requireOneLine(t *testing.T, c Config, want string) {
	t.Helper()
	_, err := Open(t.Context(), c, testLog(t))
	require.Error(t, err)
	t.Log(err)
	require.ErrorContains(t, err, fmt.Sprintf("clickhouse at %s: ", c.Addr[0]))
	require.ErrorContains(t, err, want)
	require.NotContains(t, err.Error(), "\n")
	for _, secret := range []string{nativePassword, c.Password} {
		require.NotContains(t, err.Error(), secret)
	}
}
