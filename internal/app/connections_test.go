package app

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// acknowledging is a Kafka that takes everything at once.
type acknowledging struct{}

func (acknowledging) Produce(context.Context, string, []stream.Record) error { return nil }

// receivers starts the listener of the receivers with a bound on connections.
func startReceivers(t *testing.T, most int) string {
	t.Helper()
	cfg := Defaults()
	cfg.Ingest.Listen, cfg.Ingest.MaxConnections, cfg.Ingest.Token = "127.0.0.1:0", most, "t0ken"
	cfg.Ingest.MaxBody = 1 << 20
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	var life lifecycle
	addr, err := serveReceivers(ctx, &cfg, acknowledging{}, prometheus.NewRegistry(), zerolog.Nop(), nil, &life, func(err error) { t.Error(err) })
	require.NoError(t, err)
	t.Cleanup(func() { _ = life.stop(time.Second) }) // hostile connections may stay open until then
	return addr
}

// send posts one record on a connection of its own, as a sender that is new does.
func send(t *testing.T, addr string) int {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/ingest/kong", strings.NewReader("{}"))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer t0ken")
	res, err := c.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(t.Context(), "tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestHostileConnectionsShutNobodyOut(t *testing.T) {
	for name, start := range map[string]string{
		"that say nothing":              "",
		"that never end their header":   "POST /ingest/kong HTTP/1.1\r\nHost: x\r\nX-A: ",
		"that ask once and then stay":   "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n",
		"with a body that nobody takes": "POST /ingest/kong HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const most = 16
			addr := startReceivers(t, most)
			for range 3 * most {
				c := dial(t, addr)
				_, err := io.WriteString(c, start)
				require.NoError(t, err)
			}
			for range 3 {
				require.Equal(t, http.StatusAccepted, send(t, addr))
			}
		})
	}
}

func TestTenThousandConnectionsAreHeldInBoundedMemory(t *testing.T) {
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	n := 10_000
	if room := (int(min(limit.Cur, 1<<20)) - 500) / 2; room < n { // both ends are in this process
		n = room
	}
	const most = 512
	addr := startReceivers(t, most)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := heap()
	goroutines := runtime.NumGoroutine()
	for i := range n {
		c := dial(t, addr)
		_, err := io.WriteString(c, "POST /ingest/kong HTTP/1.1\r\nHost: x\r\nX-A: ")
		require.NoError(t, err)
		if i%2500 == 2499 {
			require.Equal(t, http.StatusAccepted, send(t, addr))
		}
	}
	require.Equal(t, http.StatusAccepted, send(t, addr))
	grown := int64(heap()) - int64(before)
	more := runtime.NumGoroutine() - goroutines
	t.Logf("%d connections: %d kB and %d goroutines more", n, grown>>10, more)
	require.Less(t, more, 2*most+50, "one goroutine for each connection that is held, one more while it is read")
	require.Less(t, grown, int64(64<<20))
}

func TestOversizedRequestsAreRefused(t *testing.T) {
	addr := startReceivers(t, 16)
	status := func(c net.Conn) int {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(30*time.Second)))
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	t.Run("a flood of headers", func(t *testing.T) {
		c := dial(t, addr)
		var b bytes.Buffer
		b.WriteString("POST /ingest/kong HTTP/1.1\r\nHost: x\r\n")
		for i := range 4_000 {
			fmt.Fprintf(&b, "X-%d: %s\r\n", i, strings.Repeat("a", 50))
		}
		go func() { _, _ = c.Write(b.Bytes()) }() // the server stops reading
		require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, status(c))
	})
	t.Run("a body that never ends", func(t *testing.T) {
		c := dial(t, addr)
		_, err := io.WriteString(c, "POST /ingest/kong HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t0ken\r\nTransfer-Encoding: chunked\r\n\r\n")
		require.NoError(t, err)
		chunk := "10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n"
		go func() {
			for {
				if _, err := io.WriteString(c, chunk); err != nil {
					return // cut off
				}
			}
		}()
		require.Equal(t, http.StatusRequestEntityTooLarge, status(c))
	})
	require.Equal(t, http.StatusAccepted, send(t, addr))
}

// Requests under way are never cut off to make room.
func TestServedConnectionsAreKept(t *testing.T) {
	release := make(chan struct{})
	cfg := Defaults().Monitor
	cfg.Listen, cfg.MaxConnections = "127.0.0.1:0", 2
	var life lifecycle
	addr, err := serve(t.Context(), cfg, tls.NoClientCert, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
		w.WriteHeader(http.StatusNoContent)
	}), &life, "monitor", nil, func(err error) { t.Error(err) })
	require.NoError(t, err)
	t.Cleanup(func() { _ = life.stop(time.Second) }) // as it is
	codes := make(chan int, 3)
	ask := func(path string) {
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, http.NoBody)
		if err != nil {
			codes <- -1
			return
		}
		res, err := c.Do(req)
		if err != nil {
			codes <- -1
			return
		}
		_ = res.Body.Close() // empty
		codes <- res.StatusCode
	}
	go ask("/slow")
	go ask("/slow")
	silent := dial(t, addr)
	go ask("/fast")
	close(release)
	for range 3 {
		require.Equal(t, http.StatusNoContent, <-codes)
	}
	_ = silent
}
