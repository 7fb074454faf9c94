package tail

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFilesBeyondTheMarksThatAreKeptAreNotSentAgain(t *testing.T) {
	require.GreaterOrEqual(t, maxMarks, maxFiles)
	b := newBench(t)
	for i := range 5 {
		b.write(fmt.Sprintf("logs/%c.log", 'a'+i), lines(10*i, 10*i+3))
	}
	pass := func() int {
		tl := b.tailer("logs")
		tl.marks.most = 2
		b.got = nil
		_, err := tl.Pass(t.Context())
		require.NoError(t, err)
		return len(b.got)
	}
	require.Equal(t, 15, pass())
	require.Zero(t, pass(), "of five files, two more than are remembered without need")
	require.NoError(t, os.Remove(b.path("logs/a.log")))
	require.NoError(t, os.Remove(b.path("logs/b.log")))
	require.Zero(t, pass())
	require.Len(t, b.tailer("logs").marks.Files, 3, "those that are gone are forgotten")
}

func TestALogUnderSeveralNamesIsSentOnce(t *testing.T) {
	for name, link := range map[string]func(from, to string) error{"symbolic link": os.Symlink, "hard link": os.Link} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.write("logs/a.log", lines(0, 3))
			require.NoError(t, link(b.path("logs/a.log"), b.path("logs/b.log")))
			require.Equal(t, numbered(0, 3), b.pass("logs"))
			b.write("logs/a.log", lines(3, 5))
			require.Equal(t, numbered(3, 5), b.pass("logs", "logs/b.log"))
		})
	}
}
