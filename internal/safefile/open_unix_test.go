//go:build unix

package safefile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyARegularFileIsOpenedAndNothingIsWaitedFor(t *testing.T) {
	dir := t.TempDir()
	pipe, file := filepath.Join(dir, "pipe"), filepath.Join(dir, "file")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, os.WriteFile(file, []byte("text"), 0o600))
	for path, want := range map[string]string{
		pipe:                         "open " + pipe + ": is no regular file",
		os.DevNull:                   "open " + os.DevNull + ": is no regular file",
		dir:                          "open " + dir + ": is a directory, want a file",
		filepath.Join(dir, "absent"): "open " + filepath.Join(dir, "absent") + ": no such file or directory",
	} {
		_, _, err := Open(path)
		require.EqualError(t, err, want)
	}
	f, info, err := Open(file)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Equal(t, int64(4), info.Size())
}
