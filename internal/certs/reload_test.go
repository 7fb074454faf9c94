package certs

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/certs/certtest"
)

// place puts a file in another's stead, as certbot and cert-manager do.
func place(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to+".new", data, 0o600))
	require.NoError(t, os.Rename(to+".new", to))
}

func name(t *testing.T, r *Reloaded) string {
	t.Helper()
	pair, err := r.Server(nil)
	require.NoError(t, err)
	return pair.Leaf.Subject.CommonName
}

func TestCertificateFilesAreReadAgain(t *testing.T) {
	ca := certtest.New(t, "authority")
	first, second, expired := ca.Issue(t, "first", false, "127.0.0.1"), ca.Issue(t, "second", false, "127.0.0.1"), ca.Issue(t, "expired", true, "127.0.0.1")
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, cert, key string)
		want   string // the certificate in force
		told   string // part of what is said; "ok" for a reading that worked, "" for nothing
	}{
		{"files that have not changed are left alone", func(*testing.T, string, string) {}, "first", ""},
		{"a renewed pair is taken", func(t *testing.T, cert, key string) {
			place(t, second.Cert, cert)
			place(t, second.Key, key)
		}, "second", "ok"},
		{"a certificate without its new key is not taken", func(t *testing.T, cert, _ string) { place(t, second.Cert, cert) }, "first", "does not match"},
		{"half a file is not taken", func(t *testing.T, cert, _ string) { require.NoError(t, os.Truncate(cert, 40)) }, "first", "PEM"},
		{"a file that is gone changes nothing", func(t *testing.T, _, key string) { require.NoError(t, os.Remove(key)) }, "first", "no such file"},
		{"one that has expired is not taken", func(t *testing.T, cert, key string) {
			place(t, expired.Cert, cert)
			place(t, expired.Key, key)
		}, "first", "it expired on"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			cert, key := dir+"/tls.crt", dir+"/tls.key"
			place(t, first.Cert, cert)
			place(t, first.Key, key)
			var told []string
			r, err := Open(Files{Cert: cert, Key: key}, func(err error) {
				if err == nil {
					told = append(told, "ok")
					return
				}
				told = append(told, err.Error())
			})
			require.NoError(t, err)
			now := time.Now()
			r.now = func() time.Time { return now }
			require.Equal(t, "first", name(t, r))
			tt.change(t, cert, key)

			now = now.Add(59 * time.Second)
			require.Equal(t, "first", name(t, r), "files are looked at once a minute")
			require.Empty(t, told)
			for range 3 { // what is wrong is said once
				now = now.Add(time.Minute)
				require.Equal(t, tt.want, name(t, r))
			}
			if tt.told == "" {
				require.Empty(t, told)
				return
			}
			require.Len(t, told, 1)
			require.Contains(t, told[0], tt.told)

			place(t, second.Cert, cert)
			place(t, second.Key, key)
			now = now.Add(time.Minute)
			require.Equal(t, "second", name(t, r))
			require.Equal(t, "ok", told[len(told)-1])
		})
	}
}

func TestAuthoritiesAreReadAgain(t *testing.T) {
	before, after := certtest.New(t, "before"), certtest.New(t, "after")
	file := t.TempDir() + "/ca.pem"
	place(t, before.File, file)
	r, err := Open(Files{Authorities: file}, nil)
	require.NoError(t, err)
	now := time.Now()
	r.now = func() time.Time { return now }
	want := func(path string) *x509.CertPool {
		pool, err := Pool(path)
		require.NoError(t, err)
		return pool
	}
	require.True(t, r.Authorities().Equal(want(before.File)))
	place(t, after.File, file)
	now = now.Add(time.Minute)
	require.True(t, r.Authorities().Equal(want(after.File)))
	require.NoError(t, os.WriteFile(file, []byte("nothing"), 0o600))
	now = now.Add(time.Minute)
	require.True(t, r.Authorities().Equal(want(after.File)))
}

func TestOpenRefusesWhatIsWrongFromTheStart(t *testing.T) {
	ca := certtest.New(t, "authority")
	one, other := ca.Issue(t, "one", false), ca.Issue(t, "other", false)
	for name, f := range map[string]Files{
		"no such file":                   {Cert: one.Cert + ".gone", Key: one.Key},
		"does not match":                 {Cert: one.Cert, Key: other.Key},
		"no PEM certificate in it":       {Authorities: one.Key},
		"failed to find any PEM data in": {Cert: "/dev/null", Key: one.Key},
	} {
		_, err := Open(f, nil)
		require.ErrorContains(t, err, name)
	}
}

// A client shows its certificate only to a server that takes its authority.
func TestClientCertificateSuitsTheServer(t *testing.T) {
	ours, theirs := certtest.New(t, "ours"), certtest.New(t, "theirs")
	server, client := ours.Issue(t, "server", false, "127.0.0.1"), ours.Issue(t, "client", false)
	for _, tt := range []struct {
		name, trusts string
		want         int
	}{
		{"one that trusts its authority gets it", ours.File, 1},
		{"one that trusts another gets none", theirs.File, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files, err := Open(Files{Cert: server.Cert, Key: server.Key, Authorities: tt.trusts}, nil)
			require.NoError(t, err)
			shown, err := Open(Files{Cert: client.Cert, Key: client.Key}, nil)
			require.NoError(t, err)
			roots, err := Pool(ours.File)
			require.NoError(t, err)
			a, b := net.Pipe()
			s := tls.Server(a, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: files.Server, ClientAuth: tls.RequestClientCert, ClientCAs: files.Authorities()})
			c := tls.Client(b, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: "127.0.0.1", GetClientCertificate: shown.Client, SessionTicketsDisabled: true})
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := c.HandshakeContext(t.Context()); err != nil {
					t.Error(err)
				}
				_, _ = c.Read(make([]byte, 1)) // takes the session ticket
			})
			require.NoError(t, s.HandshakeContext(t.Context()))
			require.Len(t, s.ConnectionState().PeerCertificates, tt.want)
			require.NoError(t, a.Close())
			wg.Wait()
		})
	}
}
