//go:build unix

package safefile

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsNoFileIsWrittenToAndStays(t *testing.T) {
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, os.Symlink("pipe", link))
	in, err := os.OpenFile(pipe, os.O_RDWR, 0) // both ends, so that nobody waits
	require.NoError(t, err)
	defer in.Close() //nolint:errcheck // a test's
	for _, path := range []string{pipe, link} {
		require.NoError(t, Replace(path, results, putting("hello")))
		buf := make([]byte, 5)
		_, err = in.Read(buf)
		require.NoError(t, err)
		require.Equal(t, "hello", string(buf))
	}
	alone(t, dir, "link", "pipe")
	info, err := os.Lstat(pipe)
	require.NoError(t, err)
	require.Equal(t, fs.ModeNamedPipe, info.Mode().Type())
	require.NoError(t, Replace(os.DevNull, results, putting("hello")))
	info, err = os.Stat(os.DevNull)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&fs.ModeCharDevice)
}

func TestTheProcesssOwnFilesAreWrittenToInPlace(t *testing.T) {
	if _, err := os.Stat("/dev/fd/0"); err != nil {
		t.Skip("no /dev/fd here")
	}
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "out"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // a test's
	_, err = f.WriteString("head ")
	require.NoError(t, err)
	link := filepath.Join(dir, "stdout")
	require.NoError(t, os.Symlink(filepath.Join("/dev/fd", strconv.Itoa(int(f.Fd()))), link)) // as /dev/stdout is
	require.NoError(t, Replace(link, results, putting("tail")))
	require.Equal(t, "head tail", content(t, f.Name()))
	alone(t, dir, "out", "stdout")
}
