package tail

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/ingest"
)

// bench is a folder of logs, and what was taken from them.
type bench struct {
	formatOf string // instead of auto
	limit    int
	again    bool

	t    *testing.T
	dir  string
	got  []string
	fail error
	now  time.Time
	skip []string
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, dir: t.TempDir(), now: time.Now().Add(time.Hour)}
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name, text string) {
	b.t.Helper()
	require.NoError(b.t, os.MkdirAll(filepath.Dir(b.path(name)), 0o700))
	f, err := os.OpenFile(b.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(b.t, err)
	_, err = f.WriteString(text)
	require.NoError(b.t, errors.Join(err, f.Close()))
}

func (b *bench) rename(from, to string) {
	b.t.Helper()
	require.NoError(b.t, os.Rename(b.path(from), b.path(to)))
}

func (b *bench) compress(name string) {
	b.t.Helper()
	text, err := os.ReadFile(b.path(name))
	require.NoError(b.t, err)
	f, err := os.Create(b.path(name + ".gz"))
	require.NoError(b.t, err)
	z := gzip.NewWriter(f)
	_, err = z.Write(text)
	require.NoError(b.t, errors.Join(err, z.Close(), f.Close(), os.Remove(b.path(name))))
}

// tailer starts anew from the checkpoint, as a new process would.
func (b *bench) tailer(paths ...string) *Tailer {
	b.t.Helper()
	for i := range paths {
		paths[i] = b.path(paths[i])
	}
	tl, err := New(Config{
		Paths: paths, Format: cmp.Or(b.formatOf, ingest.AutoFormat), Checkpoint: b.path(".checkpoint"), Settle: time.Minute,
		MaxRecordBytes: b.limit, Again: b.again,
		Now: func() time.Time { return b.now },
		Send: func(_ context.Context, batch []Record) error {
			if b.fail != nil {
				return b.fail
			}
			for _, r := range batch {
				b.got = append(b.got, string(r.Value))
			}
			return nil
		},
		Skip: func(path string, record int, err error) {
			b.skip = append(b.skip, fmt.Sprintf("%s:%d: %v", filepath.Base(path), record, err))
		},
	})
	require.NoError(b.t, err)
	return tl
}

// pass makes one pass of a new process and returns what it took.
func (b *bench) pass(paths ...string) []string {
	b.t.Helper()
	b.got = nil
	_, err := b.tailer(paths...).Pass(b.t.Context())
	require.NoError(b.t, err)
	return b.got
}

func line(n int) string {
	return fmt.Sprintf(`203.0.113.9 - svc-%d [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/%d HTTP/1.1" 200 512 "-" "python-requests/2.31"`, n, n)
}

func lines(from, to int) string {
	var b strings.Builder
	for n := from; n < to; n++ {
		b.WriteString(line(n) + "\n")
	}
	return b.String()
}

func numbered(from, to int) (out []string) {
	for n := from; n < to; n++ {
		out = append(out, line(n))
	}
	return out
}

func TestWhatWasTakenIsNotTakenAgain(t *testing.T) {
	b := newBench(t)
	b.write("access.log", lines(0, 30))
	require.Equal(t, numbered(0, 30), b.pass("access.log"))
	require.Empty(t, b.pass("access.log"))
	b.write("access.log", lines(30, 33))
	require.Equal(t, numbered(30, 33), b.pass("access.log"))
}

func TestARotatedFileIsTakenToItsEnd(t *testing.T) {
	for name, path := range map[string]string{"named by itself": "logs/access.log", "in its folder": "logs"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.write("logs/access.log", lines(0, 20))
			require.Equal(t, numbered(0, 20), b.pass(path))
			b.write("logs/access.log", lines(20, 25))
			b.rename("logs/access.log", "logs/access.log.1")
			b.write("logs/access.log", lines(25, 40))
			old := time.Now().Add(-time.Hour)
			require.NoError(t, os.Chtimes(b.path("logs/access.log.1"), old, old))
			require.Equal(t, numbered(20, 40), b.pass(path))
			require.Empty(t, b.pass(path))
		})
	}
}

// TestACopyThatIsStillEmptyIsOne: gzip makes the file, is looked at, and writes.
func TestACopyThatIsStillEmptyIsOne(t *testing.T) {
	b := newBench(t)
	b.write("logs/access.log", lines(0, 20))
	require.Equal(t, numbered(0, 20), b.pass("logs"))
	b.rename("logs/access.log", "logs/access.log.1")
	b.write("logs/access.log", lines(20, 22))
	b.write("logs/access.log.1.gz", "")
	require.Equal(t, numbered(20, 22), b.pass("logs"))
	b.compress("logs/access.log.1")
	require.Empty(t, b.pass("logs"))
	require.Empty(t, b.pass("logs"))
}

func TestACompressedCopyIsNotTakenAgain(t *testing.T) {
	b := newBench(t)
	b.write("logs/access.log", lines(0, 20))
	require.Equal(t, numbered(0, 20), b.pass("logs"))
	b.write("logs/access.log", lines(20, 25))
	b.rename("logs/access.log", "logs/access.log.1")
	b.compress("logs/access.log.1")
	require.Equal(t, numbered(20, 25), b.pass("logs"), "only what was written since")
	require.Empty(t, b.pass("logs"))
}

// TestATruncatedFileIsNoCopyOfALongerOne: logs share a header, and of a file that
// was truncated only that is there at first.
func TestATruncatedFileIsNoCopyOfALongerOne(t *testing.T) {
	for _, tt := range []struct {
		name  string
		empty bool
	}{{"truncated in place", false}, {"seen empty first", true}} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			tl := b.tailer("a.log", "b.log")
			pass := func() []string {
				b.got = nil
				_, err := tl.Pass(t.Context())
				require.NoError(t, err)
				return b.got
			}
			header := lines(0, 2)
			require.Greater(t, len(header), minHead)
			if tt.empty {
				b.write("a.log", "")
			} else {
				b.write("a.log", header+lines(100, 120))
			}
			pass()
			b.write("b.log", header)
			pass()
			b.write("b.log", lines(2, 40))
			require.Equal(t, numbered(2, 40), pass())

			require.NoError(t, os.Truncate(b.path("a.log"), 0))
			b.write("a.log", header)
			require.Equal(t, numbered(0, 2), pass())
			b.write("a.log", lines(50, 90))
			require.Equal(t, numbered(50, 90), pass())
		})
	}
}

func TestATruncatedFileIsReadFromItsStart(t *testing.T) {
	b := newBench(t)
	b.write("access.log", lines(0, 20))
	require.Len(t, b.pass("access.log"), 20)
	require.NoError(t, os.Truncate(b.path("access.log"), 0))
	b.write("access.log", lines(50, 52))
	require.Equal(t, numbered(50, 52), b.pass("access.log"))
}

func TestAHalfWrittenRecordWaitsForItsEnd(t *testing.T) {
	b := newBench(t)
	b.now = time.Now()
	b.write("access.log", lines(0, 10)+line(10)[:40])
	require.Equal(t, numbered(0, 10), b.pass("access.log"))
	b.write("access.log", line(10)[40:]+"\n")
	require.Equal(t, numbered(10, 11), b.pass("access.log"))
}

func TestALastLineWithoutAnEndCountsOnceTheFileIsLeftAlone(t *testing.T) {
	b := newBench(t)
	b.now = time.Now()
	b.write("access.log", lines(0, 3)+line(3))
	require.Equal(t, numbered(0, 3), b.pass("access.log"))
	b.now = b.now.Add(time.Hour)
	require.Equal(t, numbered(3, 4), b.pass("access.log"))
	require.Empty(t, b.pass("access.log"))
}

func TestACloudTrailFileWithoutALineEndIsComplete(t *testing.T) {
	record := `{"eventTime":"2026-03-01T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","userIdentity":{"type":"Root","accountId":"111122223333"}}`
	b := newBench(t)
	b.now = time.Now()
	b.write("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/01/a.json", `{"Records":[`+record+","+record+"]}")
	require.Equal(t, []string{record, record}, b.pass("AWSLogs"))
	require.Empty(t, b.pass("AWSLogs"))
}

func TestWhatWasNotDeliveredIsReadAgain(t *testing.T) {
	b := newBench(t)
	b.write("access.log", lines(0, 10))
	tl := b.tailer("access.log")
	b.fail = errors.New("no broker")
	_, err := tl.Pass(t.Context())
	require.ErrorContains(t, err, "no broker")
	b.fail = nil
	_, err = tl.Pass(t.Context())
	require.NoError(t, err)
	require.Equal(t, numbered(0, 10), b.got)
}

func TestAKillBetweenDeliveryAndCheckpointRepeatsAndLosesNothing(t *testing.T) {
	b := newBench(t)
	b.write("access.log", lines(0, 12_000))
	ctx, cancel := context.WithCancel(t.Context())
	tl := b.tailer("access.log")
	send := tl.cfg.Send
	tl.cfg.Send = func(ctx context.Context, batch []Record) error {
		defer cancel() // in the middle of the file
		return send(ctx, batch)
	}
	_, err := tl.Pass(ctx)
	require.ErrorIs(t, err, context.Canceled)
	first := len(b.got)
	require.NotZero(t, first)
	rest := b.pass("access.log")
	require.Equal(t, 12_000, first+len(rest))
	require.Equal(t, line(first), rest[0])
}

func TestWhatCannotBeReadIsSaidAndPassedOver(t *testing.T) {
	b := newBench(t)
	b.write("logs/a.log", "what is this\n"+lines(0, 2))
	b.write("logs/b.log", "\x00\x01\x02")
	b.write("logs/c.log", `{"a":"`+strings.Repeat("x", 2_000_000)+`"}`+"\n"+lines(2, 3))
	b.write("logs/.hidden", lines(7, 8))
	b.write("logs/d.log.tmp", lines(8, 9))
	require.ElementsMatch(t, numbered(0, 3), b.pass("logs"))
	require.Len(t, b.skip, 3)
	require.Contains(t, strings.Join(b.skip, "\n"), "a.log:1: of no known format")
	require.Contains(t, strings.Join(b.skip, "\n"), "b.log:0: not a text log")
	require.Contains(t, strings.Join(b.skip, "\n"), "c.log:1: longer than the limit")
}

func TestAFileThatIsNoLogIsLeftOut(t *testing.T) {
	b := newBench(t)
	b.write("logs/notes.txt", strings.Repeat("dear diary\n", 500))
	b.write("logs/access.log", lines(0, 2))
	b.write("logs/own/state", lines(2, 3))
	tl := b.tailer("logs")
	tl.cfg.Exclude = []string{b.path("logs/own")}
	_, err := tl.Pass(t.Context())
	require.NoError(t, err)
	require.Equal(t, numbered(0, 2), b.got)
	require.Len(t, b.skip, maxSaid+1)
	require.Contains(t, b.skip[maxSaid], "left out after 20 records")
}

func TestABrokenCheckpointStopsRatherThanReadsEverythingAgain(t *testing.T) {
	b := newBench(t)
	b.write("cp.json", "{")
	_, err := New(Config{Checkpoint: b.path("cp.json")})
	require.ErrorContains(t, err, "remove it to read every file from its start")
}

func TestFollowTakesWhatIsWrittenUntilItIsStopped(t *testing.T) {
	b := newBench(t)
	b.write("logs/access.log", lines(0, 3))
	ctx, cancel := context.WithCancel(t.Context())
	tl := b.tailer("logs")
	send := tl.cfg.Send
	tl.cfg.Send = func(ctx context.Context, batch []Record) error {
		err := send(ctx, batch)
		switch len(b.got) {
		case 3:
			b.write("logs/access.log", lines(3, 5))
		case 5:
			cancel()
		}
		return err
	}
	require.NoError(t, tl.Follow(ctx, 20*time.Millisecond, func(_ context.Context, err error) error { return err }))
	require.Equal(t, numbered(0, 5), b.got)
}

func TestASourceIsTheNameWithoutTheMarksOfRotation(t *testing.T) {
	for in, want := range map[string]string{
		"/var/log/access.log": "/var/log/access.log", "/var/log/access.log.1": "/var/log/access.log", "/var/log/access.log.12.gz": "/var/log/access.log",
		"/var/log/access.log-20260301.gz": "/var/log/access.log", "/l/2026/03/01/a.json": "/l/2026/03/01/a.json", "/l/trail-7.json.gz": "/l/trail-7.json",
	} {
		require.Equal(t, want, source(in), in)
	}
}
