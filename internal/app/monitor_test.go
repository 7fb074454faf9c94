package app

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func get(t *testing.T, url, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

func TestMonitor(t *testing.T) {
	ready := newReadiness()
	ready.set("detect", "waits for its partitions")
	srv := httptest.NewServer(withToken("t0ken", newMonitor(prometheus.NewRegistry(), ready)))
	defer srv.Close()

	code, body := get(t, srv.URL+"/healthz", "")
	require.Equal(t, http.StatusOK, code, "a health check needs no token")
	require.Equal(t, "ok\n", body)

	code, body = get(t, srv.URL+"/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, "detect: waits for its partitions\n", body)
	ready.set("detect", "")
	code, _ = get(t, srv.URL+"/readyz", "")
	require.Equal(t, http.StatusOK, code)

	for _, path := range []string{"/metrics", "/debug/pprof/"} {
		code, _ = get(t, srv.URL+path, "")
		require.Equal(t, http.StatusUnauthorized, code, path)
		code, _ = get(t, srv.URL+path, "wrong")
		require.Equal(t, http.StatusUnauthorized, code, path)
		code, _ = get(t, srv.URL+path, "t0ken")
		require.Equal(t, http.StatusOK, code, path)
	}
}

// oneConn is a listener of a single connection.
type oneConn struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error   { close(l.done); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

func TestACallerThatReadsNoAnswerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		ln := &oneConn{conns: make(chan net.Conn, 1), done: make(chan struct{})}
		ln.conns <- ours
		stuck := make(chan error, 1)
		srv := newServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write(make([]byte, 1<<20))
			stuck <- err
		}))
		served := make(chan error, 1)
		go func() { served <- srv.Serve(ln) }()
		_, err := io.WriteString(theirs, "GET /metrics HTTP/1.1\r\nHost: lapwing\r\n\r\n")
		require.NoError(t, err)
		require.ErrorIs(t, <-stuck, os.ErrDeadlineExceeded)
		require.NoError(t, theirs.Close())
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
}

func TestServeSaysWhatToDoWhenThePortIsTaken(t *testing.T) {
	var life lifecycle
	cfg := Listener{Listen: "127.0.0.1:0", MaxConnections: 1}
	fail := func(err error) { t.Error(err) }
	addr, err := serve(t.Context(), cfg, tls.NoClientCert, http.NotFoundHandler(), &life, "ingest", nil, fail)
	require.NoError(t, err)
	defer func() { require.NoError(t, life.stop(time.Second)) }()
	code, _ := get(t, "http://"+addr+"/", "")
	require.Equal(t, http.StatusNotFound, code)

	cfg.Listen = addr
	_, err = serve(context.Background(), cfg, tls.NoClientCert, http.NotFoundHandler(), &lifecycle{}, "ingest", nil, fail)
	require.ErrorContains(t, err, "address already in use")
	require.ErrorContains(t, err, "ingest.listen")
}
