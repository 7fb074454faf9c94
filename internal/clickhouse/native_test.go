package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// The native protocol is tested against Debian's clickhouse-server, the one real
// server that a package registry has. It is too old for our tables (18.16), so
// these tests make one of the same column names with plain types, and look at
// connections: what the embedded engine can't show.

const nativePassword = "correct horse"

// nativeServer is one clickhouse-server that can be killed and started again.
type nativeServer struct {
	t    *testing.T
	dir  string
	tcp  int
	http int
	// tls are four more arguments of the script, or none.
	tls []string
	mu  sync.Mutex
	cmd *exec.Cmd
}

func startNative(t *testing.T, tls ...string) *nativeServer {
	t.Helper()
	script, err := filepath.Abs("../../scripts/clickhouse-server.sh")
	require.NoError(t, err)
	if out, err := exec.CommandContext(t.Context(), "bash", script, "fetch").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s", out)
		}
		t.Skipf("%s", out)
	}
	s := &nativeServer{t: t, dir: t.TempDir(), tcp: freePort(t), http: freePort(t), tls: tls}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, ln.Close()) }()
	return ln.Addr().(*net.TCPAddr).Port // of a TCP listener
}

func (s *nativeServer) start() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd = exec.Command("bash", append([]string{"../../scripts/clickhouse-server.sh", "run", s.dir, strconv.Itoa(s.tcp), strconv.Itoa(s.http), nativePassword}, s.tls...)...)
	out, err := os.OpenFile(filepath.Join(s.dir, "out"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(s.t, err)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	require.NoError(s.t, s.cmd.Start())
	require.NoError(s.t, out.Close())
	// A machine that is busy with other packages' tests takes more than half a minute.
	if !assert.Eventually(s.t, func() bool {
		db, err := Open(s.t.Context(), s.config(s.addr()), testLog(s.t))
		return err == nil && db.Close() == nil
	}, 2*time.Minute, 50*time.Millisecond, "clickhouse-server answers") {
		said, _ := os.ReadFile(out.Name()) // what there is of it
		s.t.Fatalf("clickhouse-server said: %s", said[max(0, len(said)-4000):])
	}
}

// kill is kill -9.
func (s *nativeServer) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.cmd.Process.Kill() // it may be dead already
	_ = s.cmd.Wait()
}

func (s *nativeServer) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.tcp)) }

func (s *nativeServer) config(addr string) Config {
	return Config{Addr: []string{addr}, Protocol: Native, Database: "default", User: "default", Password: nativePassword}
}

// openPlain opens a database and makes the table that this server can hold. It
// returns the writer to it.
func openPlain(t *testing.T, cfg Config) (*DB, *events) {
	t.Helper()
	db, err := Open(t.Context(), cfg, testLog(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.settings = nil
	w := &events{db: db, table: "events"}
	var ddl []string
	for _, c := range eventColumns() {
		if strings.HasPrefix(c.plain, "Bool") || strings.HasPrefix(c.plain, "Map") || c.plain == "IPv6" {
			continue
		}
		w.columns = append(w.columns, c)
		ddl = append(ddl, c.name+" "+strings.NewReplacer("DateTime64(6, 'UTC')", "DateTime", "DateTime64(3, 'UTC')", "DateTime").Replace(c.plain))
	}
	require.NoError(t, db.conn.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS events ("+strings.Join(ddl, ", ")+") ENGINE = MergeTree() PARTITION BY toDate(ts) ORDER BY (tenant, identity_id, ts)"))
	return db, w
}

func numbered(t *testing.T, n int) []stream.Record {
	t.Helper()
	evs := make([]*schemas.Event, n)
	for i := range evs {
		evs[i] = event(fmt.Sprint("e", i), fmt.Sprint("aws:1:role/r", i%50), noon.Add(time.Duration(i)*time.Millisecond), func(e *schemas.Event) {
			e.Raw, e.RequestId = strings.Repeat(fmt.Sprint(i), 40), fmt.Sprint(i*7919)
		})
	}
	return records(t, evs...)
}

// insertUntilStored does what the store does: the same batch again after an error.
func insertUntilStored(t *testing.T, w *events, recs []stream.Record) {
	t.Helper()
	require.Eventually(t, func() bool {
		rejected, err := w.Insert(t.Context(), "tok", recs)
		require.Empty(t, rejected, "a broken connection rejects nothing")
		return err == nil
	}, 30*time.Second, 20*time.Millisecond, "stored in the end")
}

// stored counts the distinct events: without tokens this old server may hold an
// event twice after a retry, but never lacks one.
func stored(t *testing.T, db *DB) uint64 {
	t.Helper()
	var n uint64
	require.NoError(t, db.conn.QueryRow(t.Context(), "SELECT uniqExact(id) FROM events").Scan(&n))
	return n
}

func TestNativeProtocol(t *testing.T) {
	server := startNative(t)
	recs := numbered(t, 30_000)

	t.Run("a wrong password is one clear line", func(t *testing.T) {
		cfg := server.config(server.addr())
		cfg.Password = "battery staple"
		_, err := Open(t.Context(), cfg, testLog(t))
		require.EqualError(t, err, "clickhouse at "+server.addr()+`: wrong user or password for user "default": mind clickhouse.user and password`)
	})

	t.Run("a batch arrives whole", func(t *testing.T) {
		db, w := openPlain(t, server.config(server.addr()))
		start := time.Now()
		rejected, err := w.Insert(t.Context(), "tok", recs)
		require.NoError(t, err)
		require.Empty(t, rejected)
		t.Logf("%d events in %s", len(recs), time.Since(start))
		require.Equal(t, uint64(30_000), stored(t, db))
		var op, outcome, raw string
		require.NoError(t, db.conn.QueryRow(t.Context(), "SELECT operation, outcome, raw FROM events WHERE id = 'e12'").Scan(&op, &outcome, &raw))
		require.Equal(t, []string{"s3:GetObject", "success", strings.Repeat("12", 40)}, []string{op, outcome, raw})
		require.NoError(t, db.conn.Exec(t.Context(), "DROP TABLE events"))
	})

	t.Run("a connection cut in the middle of an insert is an error that passes", func(t *testing.T) {
		proxy := startProxy(t, server.addr())
		db, w := openPlain(t, server.config(proxy.addr()))
		proxy.limit.Store(200_000)
		rejected, err := w.Insert(t.Context(), "tok", recs)
		require.Error(t, err)
		require.False(t, stream.IsPermanent(err))
		require.Empty(t, rejected)
		require.NotContains(t, err.Error(), "\n")
		proxy.limit.Store(0)
		insertUntilStored(t, w, recs)
		require.Equal(t, uint64(30_000), stored(t, db))
		require.NoError(t, db.conn.Exec(t.Context(), "DROP TABLE events"))
	})

	t.Run("a server killed in the middle of an insert loses nothing that was acknowledged", func(t *testing.T) {
		proxy := startProxy(t, server.addr())
		db, w := openPlain(t, server.config(proxy.addr()))
		acknowledged := recs[:5_000]
		insertUntilStored(t, w, acknowledged)
		proxy.onBytes(150_000, server.kill)
		_, err := w.Insert(t.Context(), "tok2", recs[5_000:])
		require.Error(t, err)
		require.False(t, stream.IsPermanent(err))
		proxy.onBytes(0, nil)
		server.start()
		require.Eventually(t, func() bool { return db.Ping(t.Context()) == nil }, 20*time.Second, 20*time.Millisecond)
		require.GreaterOrEqual(t, stored(t, db), uint64(5_000))
		insertUntilStored(t, w, recs[5_000:])
		require.Equal(t, uint64(30_000), stored(t, db))
	})

	t.Run("a server that is gone is an error with its address", func(t *testing.T) {
		db, w := openPlain(t, server.config(server.addr()))
		server.kill()
		_, err := w.Insert(t.Context(), "tok3", recs[:10])
		require.Error(t, err)
		require.False(t, stream.IsPermanent(err))
		var ex *clickhouse.Exception
		require.False(t, errors.As(err, &ex), "nobody answered")
		require.ErrorContains(t, db.Ping(t.Context()), server.addr())
	})
}

// proxy passes bytes on to a server, and fails where a test wants it to.
type proxy struct {
	ln net.Listener
	// limit, when above 0, is how many bytes a client may still send before its
	// connection is cut.
	limit atomic.Int64
	hook  atomic.Pointer[func()]
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{ln: ln}
	t.Cleanup(func() { require.NoError(t, ln.Close()) })
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			go p.serve(t.Context(), client, to)
		}
	}()
	return p
}

func (p *proxy) addr() string { return p.ln.Addr().String() }

// onBytes runs f once clients have sent n more bytes, and then cuts.
func (p *proxy) onBytes(n int64, f func()) {
	p.limit.Store(0)
	p.hook.Store(nil)
	if f != nil {
		p.hook.Store(&f)
	}
	p.limit.Store(n)
}

func (p *proxy) serve(ctx context.Context, client net.Conn, to string) {
	defer client.Close() //nolint:errcheck // a test's proxy
	var d net.Dialer
	server, err := d.DialContext(ctx, "tcp", to)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // a test's proxy
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	buf := make([]byte, 16<<10)
	for {
		n, err := client.Read(buf)
		if n > 0 {
			if p.limit.Load() > 0 && p.limit.Add(-int64(n)) <= 0 {
				if f := p.hook.Swap(nil); f != nil {
					(*f)()
				}
				return
			}
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
