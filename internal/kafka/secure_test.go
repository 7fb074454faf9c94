package kafka

import (
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/certs/certtest"
	"github.com/lapwing-sec/lapwing/internal/kafka/kafkatest"
)

// Passwords that must never be printed.
const (
	canaryPassword = "canary-9f2c41d8a07b"
	canaryWrong    = "canary-wrong-5e10e0e"
)

// lines is a log that counts what is written to it.
type logLines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logLines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.buf.String()), "\n")
}

func pool(t testing.TB, file string) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(file)
	require.NoError(t, err)
	p := x509.NewCertPool()
	require.True(t, p.AppendCertsFromPEM(pem))
	return p
}

// secureBroker has one listener for each way in which a connection may go wrong.
type secureBroker struct {
	*kafkatest.Secure
	ca, other *certtest.Authority
	client    certtest.Pair
}

func startSecure(t *testing.T) *secureBroker {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a broker")
	}
	s := &secureBroker{ca: certtest.New(t, "Test CA"), other: certtest.New(t, "Other CA")}
	good := s.ca.Issue(t, "good", false, "127.0.0.1", "localhost")
	expired := s.ca.Issue(t, "expired", true, "127.0.0.1")
	stranger := s.ca.Issue(t, "stranger", false, "kafka.example.com")
	s.client = s.ca.Issue(t, "client", false)
	s.Secure = kafkatest.StartSecure(t, false, []kafkatest.User{{Name: "lapwing", Password: canaryPassword}},
		kafkatest.Listener{Name: "SASL", Protocol: "SASL_SSL", KeyStore: good.Both},
		kafkatest.Listener{Name: "EXPIRED", Protocol: "SSL", KeyStore: expired.Both},
		kafkatest.Listener{Name: "STRANGER", Protocol: "SSL", KeyStore: stranger.Both},
		kafkatest.Listener{Name: "MUTUAL", Protocol: "SSL", KeyStore: good.Both, TrustStore: s.ca.File},
	)
	return s
}

func (s *secureBroker) config(t testing.TB, listener, mechanism string) Config {
	t.Helper()
	cfg := Config{
		Brokers: []string{s.Addrs[listener]}, TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool(t, s.ca.File)},
		RequestTimeout: 3 * time.Second, SessionTimeout: 3 * time.Second,
	}
	if mechanism != "" {
		cfg.SASL = SASL{Mechanism: mechanism, User: "lapwing", Password: canaryPassword}
	}
	return cfg
}

func TestTLSAndSASLOnApacheKafka(t *testing.T) {
	s := startSecure(t)
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run("records go out and come back over TLS with "+mechanism, func(t *testing.T) {
			cfg := s.config(t, "SASL", mechanism)
			cfg.Prefix = strings.ToLower(mechanism) + ".lapwing."
			b := &broker{prefix: cfg.Prefix}
			c, err := Connect(t.Context(), cfg, nil, zerolog.Nop())
			require.NoError(t, err)
			t.Cleanup(c.Close)
			b.setup(t, c, 2, b.raw("a"))
			require.NoError(t, c.Produce(t.Context(), b.raw("a"), rawRecords(0, 500, 20)))
			stop := start(t, func(ctx context.Context) error {
				return c.RunEnrich(ctx, EnrichOptions{Group: b.raw("enrich"), RawTopics: []RawTopic{{Name: b.raw("a")}}, Transform: transform})
			})
			eventually(t, "all events", func() bool { return countEvents(t, c) == 500 })
			require.NoError(t, stop())
		})
	}
	t.Run("a certificate of ours opens a listener that asks for one", func(t *testing.T) {
		cfg := s.config(t, "MUTUAL", "")
		pair, err := tls.LoadX509KeyPair(s.client.Cert, s.client.Key)
		require.NoError(t, err)
		cfg.TLS.Certificates = []tls.Certificate{pair}
		c, err := Connect(t.Context(), cfg, nil, zerolog.Nop())
		require.NoError(t, err)
		c.Close()
	})

	t.Run("one clear line says", func(t *testing.T) { s.testWrong(t) })

	t.Run("the name that the certificate holds is enough", func(t *testing.T) {
		cfg := s.config(t, "STRANGER", "")
		cfg.TLS.ServerName = "kafka.example.com"
		c, err := Connect(t.Context(), cfg, nil, zerolog.Nop())
		require.NoError(t, err)
		c.Close()
	})

	t.Run("a password changed under a running process ends it with one line, after trying again", func(t *testing.T) {
		cfg := s.config(t, "SASL", "SCRAM-SHA-512")
		cfg.Prefix = "rotated.lapwing."
		b := &broker{prefix: cfg.Prefix}
		log := new(logLines)
		c, err := Connect(t.Context(), cfg, nil, zerolog.New(log).Level(zerolog.InfoLevel))
		require.NoError(t, err)
		t.Cleanup(c.Close)
		b.setup(t, c, 2, b.raw("a"))
		require.NoError(t, c.Produce(t.Context(), b.raw("a"), rawRecords(0, 100, 20)))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		ready := make(chan struct{}, 100)
		go func() {
			ended <- c.RunEnrich(ctx, EnrichOptions{
				Group: b.raw("enrich"), RawTopics: []RawTopic{{Name: b.raw("a")}}, Transform: transform, OnReady: func() { ready <- struct{}{} },
			})
		}()
		<-ready
		admin, err := Connect(t.Context(), Config{Brokers: []string{s.Addr}}, nil, zerolog.Nop())
		require.NoError(t, err)
		t.Cleanup(admin.Close)
		salt := []byte("a salt of sixteen")
		res, err := admin.api.AlterUserScramCredentials(t.Context(), &kafkago.AlterUserScramCredentialsRequest{
			Upsertions: []kafkago.UserScramCredentialsUpsertion{{
				Name: "lapwing", Mechanism: kafkago.ScramMechanismSha512, Iterations: 8192, Salt: salt,
				SaltedPassword: salted(canaryWrong, salt, 8192),
			}},
		})
		require.NoError(t, err)
		require.NoError(t, res.Results[0].Error)
		s.Restart(t)
		select {
		case err := <-ended:
			require.ErrorContains(t, err, `user "lapwing" is unknown or its password is wrong`)
			require.NotContains(t, err.Error(), "\n")
			requireNoSecret(t, err.Error())
		case <-time.After(2 * time.Minute):
			t.Error("the process never noticed")
		}
		got := log.all()
		t.Logf("%d lines:\n%s", len(got), strings.Join(got, "\n"))
		require.LessOrEqual(t, len(got), 20, "a flood:\n%s", strings.Join(got, "\n"))
		requireNoSecret(t, strings.Join(got, "\n"))
	})
}

func (s *secureBroker) testWrong(t *testing.T) {
	for _, tc := range []struct {
		name, listener, mechanism string
		change                    func(c *Config)
		want                      string
	}{
		{
			"a wrong password", "SASL", "SCRAM-SHA-512", func(c *Config) { c.SASL.Password = canaryWrong },
			`user "lapwing" is unknown or its password is wrong (SCRAM-SHA-512): mind kafka.sasl.user and password, and that the broker knows the user under this mechanism`,
		},
		{
			"a mechanism that the listener does not offer", "SASL", "PLAIN", func(*Config) {},
			"it does not offer PLAIN: set kafka.sasl.mechanism to one that the listener has",
		},
		{
			"no login where one is asked for", "SASL", "", func(*Config) {},
			"it closes the connection without a word: the port may not speak TLS (kafka.tls.enabled), or want a login (kafka.sasl.mechanism)",
		},
		{
			"plain text on a TLS port", "SASL", "SCRAM-SHA-512", func(c *Config) { c.TLS = nil },
			"it closes the connection without a word: the port may want TLS (kafka.tls.enabled)",
		},
		{
			"an expired certificate", "EXPIRED", "", func(*Config) {},
			"renew it on the server, or mend this machine's clock",
		},
		{
			"a certificate of another host", "STRANGER", "", func(*Config) {},
			"its certificate is for kafka.example.com, not for 127.0.0.1: use a name that it holds, or set kafka.tls.server_name to one",
		},
		{
			"an authority that nobody named", "SASL", "SCRAM-SHA-512", func(c *Config) { c.TLS.RootCAs = pool(t, s.other.File) },
			`its certificate comes from an authority that is not trusted here ("Test CA"): set kafka.tls.ca_file to that authority's PEM file`,
		},
		{
			"no certificate where one is asked for", "MUTUAL", "", func(*Config) {},
			"it refuses the certificate that we show",
		},
		{
			"TLS on a plain port", "", "", func(c *Config) { c.Brokers = []string{s.Addr} },
			"the port may not speak TLS (kafka.tls.enabled)",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg := s.config(t, tc.listener, tc.mechanism)
			tc.change(&cfg)
			log := new(logLines)
			_, err := Connect(t.Context(), cfg, nil, zerolog.New(log))
			require.Error(t, err)
			t.Log(err)
			require.ErrorContains(t, err, "kafka at "+cfg.Brokers[0]+": ")
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "\n")
			require.LessOrEqual(t, len(log.all()), 1)
			requireNoSecret(t, err.Error()+strings.Join(log.all(), "\n"))
		})
	}
}

func salted(password string, salt []byte, iterations int) []byte {
	// RFC 5802, Hi().
	key, err := pbkdf2.Key(sha512.New, password, salt, iterations, sha512.Size)
	if err != nil {
		panic(err)
	}
	return key
}

func requireNoSecret(t testing.TB, text string) {
	t.Helper()
	for _, secret := range []string{canaryPassword, canaryWrong} {
		require.NotContains(t, text, secret)
	}
}
