package tail

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatWasSkippedIsTakenAgainWhenAsked(t *testing.T) {
	b := newBench(t)
	odd := "what is this one 1\n"
	b.write("access.log", lines(0, 3)+odd+lines(3, 5)+strings.ReplaceAll(odd, "1", "2")+lines(5, 6))
	b.formatOf = "nginx"
	b.limit = 130 // the lines have fewer bytes
	long := line(7) + strings.Repeat(" ", 100) + "x"
	b.write("access.log", long+"\n"+lines(8, 9))
	first := b.pass("access.log")
	require.NotContains(t, first, long)
	require.Contains(t, first, line(8), "what follows is taken")
	require.Empty(t, b.pass("access.log"), "and nothing again")

	b.again = true
	require.Empty(t, b.pass("access.log"), "what still can't be sent stays skipped")
	b.limit = 0
	b.fail = errors.New("Kafka is away")
	_, err := b.tailer("access.log").Pass(t.Context())
	require.ErrorIs(t, err, b.fail)
	b.fail = nil
	require.Equal(t, []string{long}, b.pass("access.log"), "only what was skipped")
	require.Empty(t, b.pass("access.log"), "and only once")
}

// A line is read by the #Fields line that stood above it, which the checkpoint only
// points to: its names are whatever somebody wrote.
func TestLinesKeepTheOrderThatStandsAboveThem(t *testing.T) {
	long := strings.Repeat("x", 100)
	text := "#Fields: c-ip date\none\n" + long + "\n#Fields: date c-ip\ntwo\n"
	for _, packed := range []bool{false, true} {
		b := newBench(t)
		b.formatOf, b.limit = "cloudfront", 90
		b.write("log", text)
		path := "log"
		if packed {
			path = "log.gz"
			b.compress("log")
		}
		require.Equal(t, []string{"#Fields: c-ip date\none", "#Fields: date c-ip\ntwo"}, b.pass(path))
		marks, err := os.ReadFile(b.path(".checkpoint"))
		require.NoError(t, err)
		require.NotContains(t, string(marks), "c-ip")
		b.again, b.limit = true, 0
		require.Equal(t, []string{"#Fields: c-ip date\n" + long}, b.pass(path))
		if !packed {
			b.write("log", "three\n")
			require.Equal(t, []string{"#Fields: date c-ip\nthree"}, b.pass(path))
		}
		require.Empty(t, b.pass(path))
	}
}

func TestAFileThatWasLeftOutIsTakenAgain(t *testing.T) {
	b := newBench(t)
	text := strings.Repeat("no log that anybody knows\n", maxUnknown+30)
	b.write("odd.log", text)
	require.Empty(t, b.pass("odd.log"))
	b.formatOf, b.again = "nginx", true
	require.Len(t, b.pass("odd.log"), maxUnknown+30, "with a format, all of it")
	require.Empty(t, b.pass("odd.log"))
}

func TestTwoProcessesDoNotShareACheckpoint(t *testing.T) {
	path := t.TempDir() + "/checkpoint.json"
	release, err := Lock(path)
	require.NoError(t, err)
	_, err = Lock(path)
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, path)
	require.NoError(t, release())
	release, err = Lock(path)
	require.NoError(t, err)
	require.NoError(t, release())
}
