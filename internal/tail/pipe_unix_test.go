//go:build unix

package tail

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPipeInAFilesPlaceIsNotWaitedFor(t *testing.T) {
	b := newBench(t)
	b.write("access.log", "a line\n")
	info, err := os.Stat(b.path("access.log"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(b.path("access.log")))
	require.NoError(t, syscall.Mkfifo(b.path("access.log"), 0o600))
	require.NoError(t, b.tailer("access.log").file(t.Context(), found{b.path("access.log"), info}))
	require.Len(t, b.skip, 1)
	require.Contains(t, b.skip[0], "is no regular file")
}

func TestThousandsOfShortFilesAreToldApartAtOnce(t *testing.T) {
	c, err := readCheckpoint("")
	require.NoError(t, err)
	head := make([]byte, headBytes)
	for i := range 20_000 {
		short := append([]byte(nil), head[:minHead+i%50]...)
		short[0], short[1], short[2] = 1, byte(i), byte(i>>8)
		m := &mark{HeadBytes: len(short), Head: hash(short)}
		c.Files = append(c.Files, m)
		c.know(m)
	}
	for range 20_000 { // looking at each for each took minutes
		require.Nil(t, c.copied(head))
	}
	head[0], head[1] = 1, 7
	require.Equal(t, minHead+7, c.copied(head).HeadBytes)
}
