package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// needLibrary skips where the engine is not installed, and fails in CI.
func needLibrary(t *testing.T) {
	t.Helper()
	if _, err := FindLibrary(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func start(t *testing.T, dir string) *ClickHouse {
	t.Helper()
	needLibrary(t)
	c, err := StartClickHouse(t.Context(), ClickHouseConfig{Dir: dir, Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.ErrorLevel)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// ask sends one statement as curl would and returns status and answer.
func ask(t *testing.T, c *ClickHouse, token, sql string, args ...string) (int, string) {
	t.Helper()
	q := url.Values{}
	for i := 0; i+1 < len(args); i += 2 {
		q.Set(args[i], args[i+1])
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.Addr()+"/?"+q.Encode(), strings.NewReader(sql))
	require.NoError(t, err)
	if token != "" {
		req.Header.Set("X-ClickHouse-Key", token)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, strings.TrimSpace(string(body))
}

func must(t *testing.T, c *ClickHouse, sql string, args ...string) string {
	t.Helper()
	status, body := ask(t, c, c.Token(), sql, args...)
	require.Equal(t, http.StatusOK, status, "%s: %s", sql, body)
	return body
}

func TestEngineSpeaksHTTP(t *testing.T) {
	c := start(t, t.TempDir())
	t.Logf("version %s, opened in %s", c.Version(), c.openTime())
	must(t, c, "CREATE TABLE t (a UInt32, s String) ENGINE = MergeTree ORDER BY a")

	for _, tc := range []struct {
		name, sql string
		args      []string
		want      string
	}{
		{"a query in the body answers in TabSeparated", "SELECT 1, 'x'", nil, "1\tx"},
		{"a query in the parameter is the same", "", []string{"query", "SELECT 2"}, "2"},
		{"a format clause wins over the default", "SELECT 3 AS a FORMAT JSONEachRow", []string{"default_format", "CSV"}, `{"a":3}`},
		{"parameters are bound by the engine", "SELECT {who:String}, {n:UInt8} + 1", []string{"param_who", "o'brien", "param_n", "4"}, "o\\'brien\t5"},
		{"settings hold for their request", "SELECT getSetting('max_threads')", []string{"max_threads", "3"}, "3"},
		{"inline data after FORMAT is inserted", "INSERT INTO t FORMAT CSV\n1,\"it's\"\n2,two", nil, ""},
		{"a statement in the parameter takes the body as data", "3\tthree\n", []string{"query", "INSERT INTO t (a, s) FORMAT TSV"}, ""},
		{"inline VALUES are inserted", "INSERT INTO t VALUES (4, 'four; four')", nil, ""},
		{"a settings clause may stand before FORMAT", "INSERT INTO t (a, s) SETTINGS insert_deduplicate=0 FORMAT TSV\n5\tfive", nil, ""},
		{"an insert may select", "INSERT INTO t SELECT 6, 'six'", nil, ""},
		{"all of it is there", "SELECT count(), sum(a), countIf(s = 'it''s'), countIf(s = 'four; four') FROM t", nil, "6\t21\t1\t1"},
		{"a semicolon at the end is fine", "SELECT 7;", nil, "7"},
	} {
		require.Equal(t, tc.want, must(t, c, tc.sql, tc.args...), tc.name)
	}

	for _, tc := range []struct{ name, sql, want string }{
		{"a second statement is refused", "SELECT 1; SELECT 2", "Code: 62"},
		{"an unknown table keeps ClickHouse's code", "SELECT * FROM nowhere", "Code: 60"},
		{"a setting that nobody knows is refused", "SELECT 1 SETTINGS no_such = 1", "Code: 115"},
	} {
		status, body := ask(t, c, c.Token(), tc.sql)
		require.NotEqual(t, http.StatusOK, status, tc.name)
		require.Contains(t, body, tc.want, tc.name)
	}
}

func TestEngineServesClickHouseGo(t *testing.T) {
	c := start(t, t.TempDir())
	for _, method := range []clickhouse.CompressionMethod{clickhouse.CompressionNone, clickhouse.CompressionLZ4} {
		conn, err := clickhouse.Open(&clickhouse.Options{
			Protocol: clickhouse.HTTP, Addr: []string{c.Addr()}, Auth: clickhouse.Auth{Username: "default", Password: c.Token()},
			Compression: &clickhouse.Compression{Method: method},
		})
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		ctx := t.Context()
		require.NoError(t, conn.Exec(ctx, "CREATE OR REPLACE TABLE g (id UInt64, at DateTime64(6, 'UTC'), kind LowCardinality(String), ip IPv6, tags Map(LowCardinality(String), String), list Array(String)) ENGINE = MergeTree ORDER BY id"))
		batch, err := conn.PrepareBatch(ctx, "INSERT INTO g (id, at, kind, ip, tags, list)")
		require.NoError(t, err)
		at := time.Date(2026, 3, 1, 2, 3, 4, 5000, time.UTC)
		for i := range 10_000 {
			require.NoError(t, batch.Append(uint64(i), at, "k", "2001:db8::1", map[string]string{"a": "b"}, []string{"x", "y"}))
		}
		require.NoError(t, batch.Send())
		var (
			n    uint64
			got  time.Time
			kind string
			tags map[string]string
			list []string
		)
		require.NoError(t, conn.QueryRow(ctx, "SELECT count() OVER (), at, kind, tags, list FROM g WHERE id < 10000 LIMIT 1").Scan(&n, &got, &kind, &tags, &list))
		require.Equal(t, uint64(10_000), n, method)
		require.Equal(t, at, got.UTC())
		require.Equal(t, map[string]string{"a": "b"}, tags)
		require.Equal(t, []string{"x", "y"}, list)
		var ex *clickhouse.Exception
		require.ErrorAs(t, conn.Exec(ctx, "SELECT * FROM nowhere"), &ex)
		require.Equal(t, int32(60), ex.Code)
	}
}

func TestEngineWantsItsToken(t *testing.T) {
	c := start(t, t.TempDir())
	for _, tc := range []struct{ name, token string }{{"none", ""}, {"a wrong one", "guess"}, {"a prefix", c.Token()[:10]}} {
		status, body := ask(t, c, tc.token, "SELECT 1")
		require.Equal(t, http.StatusForbidden, status, tc.name)
		require.Contains(t, body, "Code: 516", tc.name)
		require.NotContains(t, body, c.Token(), tc.name)
	}
	status, body := ask(t, c, "", "SELECT 1", "password", c.Token())
	require.Equal(t, http.StatusOK, status, "the token as a parameter: %s", body)
	res, err := http.Get("http://" + c.Addr() + "/ping") // loopback
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode, "ping needs none")
}

func TestHuntersOnlyRead(t *testing.T) {
	c := start(t, t.TempDir())
	must(t, c, "CREATE TABLE t (a UInt32, file String) ENGINE = MergeTree ORDER BY a")
	must(t, c, "INSERT INTO t VALUES (1, 'x')")
	for _, sql := range []string{
		"SELECT a FROM t", "WITH 1 AS x SELECT x FROM t", "(SELECT 1) UNION ALL (SELECT 2)", "SHOW TABLES", "DESCRIBE TABLE t", "EXPLAIN SELECT a FROM t", "SELECT file FROM t -- file('x')",
		"SELECT 'file(''/etc/passwd'')'", "SELECT count() FROM numbers(10)", "EXISTS TABLE t", "SELECT {x:String}",
	} {
		status, body := ask(t, c, c.HunterToken(), sql, "param_x", "v")
		require.Equal(t, http.StatusOK, status, "%s: %s", sql, body)
	}
	refused := []string{
		"INSERT INTO t VALUES (2, 'y')", "DROP TABLE t", "TRUNCATE TABLE t", "ALTER TABLE t DELETE WHERE 1", "CREATE TABLE u (a Int8) ENGINE = Memory", "SET readonly = 0", "SYSTEM SHUTDOWN", "KILL QUERY WHERE 1", "OPTIMIZE TABLE t", "RENAME TABLE t TO u",
		"SELECT * FROM file('/etc/passwd', 'LineAsString')", "SELECT * FROM/**/file ('/etc/passwd', LineAsString)", "SELECT * FROM `file`('/etc/passwd', 'LineAsString')", "SELECT * FROM `\\x66ile`('/etc/passwd', 'LineAsString')", "SELECT * FROM url('http://127.0.0.1/', 'LineAsString')",
		"SELECT * FROM s3('http://127.0.0.1/x', 'CSV')", "SELECT * FROM s3Cluster('c', 'http://127.0.0.1/x')", "SELECT * FROM remote('127.0.0.1', system.one)", "SELECT * FROM executable('x', 'TSV', 'a String')", "SELECT * FROM mysql('h:1', 'd', 't', 'u', 'p')",
		"SELECT file('/etc/passwd')", "SELECT 1; DROP TABLE t", "SELECT 1 INTO OUTFILE '/tmp/lapwing-out'", "INSERT INTO FUNCTION file('/tmp/lapwing-out') SELECT 1", "EXPLAIN SYNTAX INSERT INTO t SELECT 1, 'x'", "SELECT 1 SETTINGS readonly = 0", "SELECT 1 SETTINGS max_execution_time = 0",
		"SELECT * FROM fileCluster('c', '/etc/passwd')", "WITH x AS (SELECT * FROM file('/etc/passwd', 'LineAsString')) SELECT * FROM x", "SELECT dictGet('d', 'a', 1)", "/* SELECT */ DROP TABLE t", "'", "SELECT /* ",
		"SELECT query FROM system.processes", "SHOW PROCESSLIST", "SELECT getServerSetting('path')", "EXISTS TABLE `/etc/passwd`", "SELECT count() FROM {d:Identifier}.{p:Identifier}",
	}
	for _, sql := range refused {
		for name, token := range map[string]string{"hunter": c.HunterToken(), "readonly": c.Token()} {
			args := []string{}
			if name == "readonly" {
				args = []string{"readonly", "1"}
			}
			args = append(args, "param_d", "system", "param_p", "processes")
			status, body := ask(t, c, token, sql, args...)
			require.NotEqual(t, http.StatusOK, status, "%s %s: %s", name, sql, body)
		}
	}
	status, _ := ask(t, c, c.HunterToken(), "SELECT 1", "allow_ddl", "1")
	require.NotEqual(t, http.StatusOK, status, "a setting that is not open")
	status, _ = ask(t, c, c.HunterToken(), "SELECT query FROM processes", "database", "system")
	require.NotEqual(t, http.StatusOK, status, "the database that a request names counts as well")
	status, body := ask(t, c, c.HunterToken(), "SELECT sum(number) FROM numbers(3000000000)")
	require.NotEqual(t, http.StatusOK, status, "more rows than the cap: %s", body)
	require.Equal(t, "1", must(t, c, "SELECT count() FROM t"), "nothing of it had an effect")
}

// The engine's own readonly=1 is the second lock: each refusal must hold even if
// the guard before it were passed.
func TestEngineItselfIsReadOnly(t *testing.T) {
	c := start(t, t.TempDir())
	must(t, c, "CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
	for _, sql := range []string{
		"SELECT * FROM file('/etc/passwd', 'LineAsString') SETTINGS readonly = 1", "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString', 'a String') SETTINGS readonly = 1",
		"SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'CSV', 'a String') SETTINGS readonly = 1", "INSERT INTO t SETTINGS readonly = 1 VALUES (1)", "SELECT * FROM remote('127.0.0.1:1', system.one) SETTINGS readonly = 1",
		"SELECT * FROM executable('/bin/true', 'TSV', 'a String') SETTINGS readonly = 1", "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p') SETTINGS readonly = 1", "SELECT * FROM `\\x66ile`('/etc/passwd', 'LineAsString') SETTINGS readonly = 1",
	} {
		status, body := ask(t, c, c.Token(), sql)
		require.NotEqual(t, http.StatusOK, status, sql)
		require.Contains(t, body, "Code: 164", sql)
	}
}

// alive reports whether a process exists.
func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 20*time.Second, 20*time.Millisecond, what)
}

func TestKilledEngineComesBackWithItsData(t *testing.T) {
	c := start(t, t.TempDir())
	must(t, c, "CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
	for range 3 {
		before := must(t, c, "SELECT count() FROM t")
		must(t, c, "INSERT INTO t SELECT number FROM numbers(1000)")
		pid := c.PID()
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		eventually(t, "the old one is gone", func() bool { return !alive(pid) })
		// The address is the same; the request waits in the socket's queue.
		eventually(t, "answers again", func() bool {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.Addr()+"/?password="+c.Token(), strings.NewReader("SELECT 1"))
			require.NoError(t, err)
			res, err := http.DefaultClient.Do(req)
			return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
		})
		require.NotEqual(t, before, must(t, c, "SELECT count() FROM t"))
	}
	require.Equal(t, "3000", must(t, c, "SELECT count() FROM t"))
	require.Equal(t, 4, c.Starts())
}

func TestEngineKeepsItsDataOverARestart(t *testing.T) {
	dir := t.TempDir()
	needLibrary(t)
	c, err := StartClickHouse(t.Context(), ClickHouseConfig{Dir: dir})
	require.NoError(t, err)
	must(t, c, "CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
	must(t, c, "INSERT INTO t VALUES (42)")
	pid := c.PID()
	require.NoError(t, c.Close())
	require.False(t, alive(pid))
	require.NoError(t, c.Close(), "twice is fine")
	require.Equal(t, "42", must(t, start(t, dir), "SELECT a FROM t"))
}

func TestPinnedVersionIsTheOneThatIsFetched(t *testing.T) {
	sums, err := os.ReadFile("../../scripts/chdb.sums")
	require.NoError(t, err)
	for line := range strings.Lines(string(sums)) {
		if strings.HasPrefix(line, "@chdb/") {
			require.Equal(t, ChDBVersion, strings.Fields(line)[1], line)
		}
	}
}

func TestEngineStartSaysWhatIsWrong(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  ClickHouseConfig
		want string
	}{
		{"an address open to others", ClickHouseConfig{Dir: t.TempDir(), Listen: "0.0.0.0:0"}, "loopback only"},
		{"a library that is not there", ClickHouseConfig{Dir: t.TempDir(), Library: "/nonexistent/libchdb.so"}, "/nonexistent/libchdb.so"},
		{"a command that is not there", ClickHouseConfig{Dir: t.TempDir(), Library: "x", Command: []string{"/nonexistent/lapwing"}}, "/nonexistent/lapwing"},
		{"a directory that can't be made", ClickHouseConfig{Dir: "/proc/none", Library: "x"}, "data directory"},
	} {
		_, err := StartClickHouse(t.Context(), tc.cfg)
		require.ErrorContains(t, err, tc.want, tc.name)
	}
	t.Setenv(LibraryEnv, "/nonexistent/libchdb.so")
	_, err := FindLibrary()
	require.ErrorIs(t, err, ErrNoLibrary)
	require.ErrorContains(t, err, "make chdb")
	require.ErrorContains(t, err, "ClickHouse server")
}

func TestContextEndsTheEngine(t *testing.T) {
	needLibrary(t)
	ctx, cancel := context.WithCancel(t.Context())
	c, err := StartClickHouse(ctx, ClickHouseConfig{Dir: t.TempDir()})
	require.NoError(t, err)
	pid := c.PID()
	cancel()
	eventually(t, "the child ended", func() bool { return !alive(pid) })
	if err := c.Close(); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// TestOrphan is the parent that TestParentsDeathEndsTheEngine kills.
func TestOrphan(t *testing.T) {
	if os.Getenv("LAPWING_TEST_ORPHAN") == "" {
		t.Skip("runs only as the child of TestParentsDeathEndsTheEngine")
	}
	c, err := StartClickHouse(context.Background(), ClickHouseConfig{Dir: os.Getenv("LAPWING_TEST_ORPHAN")})
	require.NoError(t, err)
	fmt.Printf("engine %d\n", c.PID())
	select {}
}

func TestParentsDeathEndsTheEngine(t *testing.T) {
	needLibrary(t)
	dir := t.TempDir()
	parent := exec.Command(os.Args[0], "-test.run=^TestOrphan$")
	parent.Env = append(os.Environ(), "LAPWING_TEST_ORPHAN="+dir)
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	var pid int
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, err := fmt.Sscanf(lines.Text(), "engine %d", &pid); err == nil {
			break
		}
	}
	require.NotZero(t, pid)
	require.True(t, alive(pid))
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait() // killed
	eventually(t, "the engine is gone", func() bool { return !alive(pid) })
	require.Equal(t, "1", must(t, start(t, dir), "SELECT 1"), "its directory is free again")
}
