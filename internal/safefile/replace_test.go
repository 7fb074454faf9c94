package safefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// results are the rules of a file that an option asked for.
var results = Rules{Mode: 0o644, Keep: true}

func putting(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// alone asserts what is in a folder: nothing half-written stays behind.
func alone(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	require.Equal(t, want, got)
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestAFileIsReplacedWholeAndKeepsItsMode(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.ndjson")
	require.NoError(t, Replace(path, results, putting("one")))
	require.NoError(t, os.Chmod(path, 0o640)) //nolint:gosec // the mode is what is tested
	require.NoError(t, Replace(path, results, putting("two")))
	require.Equal(t, "two", content(t, path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o640), info.Mode())

	err = Replace(path, results, func(w io.Writer) error {
		return errors.Join(putting("half")(w), errors.New("broken"))
	})
	require.EqualError(t, err, "broken")
	require.Equal(t, "two", content(t, path))
	alone(t, dir, "x.ndjson")
}

func TestOfALinkTheFileItLeadsToIsReplaced(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"a", "b"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, sub), 0o700))
	}
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "a", "second")
	require.NoError(t, os.Symlink("a/second", first))
	require.NoError(t, os.Symlink("../b/file", second))
	for _, text := range []string{"new", "again"} {
		require.NoError(t, Replace(first, results, putting(text)))
		require.Equal(t, text, content(t, filepath.Join(dir, "b", "file")))
		alone(t, dir, "a", "b", "first")
		alone(t, filepath.Join(dir, "a"), "second")
		alone(t, filepath.Join(dir, "b"), "file")
	}
	round := filepath.Join(dir, "round")
	require.NoError(t, os.Symlink("round", round))
	require.ErrorContains(t, Replace(round, results, putting("x")), round+": more than 40 symbolic links")
}

func TestErrorsNameTheFileThatWasAskedFor(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "no", "x.ndjson")
	require.EqualError(t, Replace(missing, results, putting("x")), "open "+missing+": no such file or directory")
	require.EqualError(t, Replace(dir, results, putting("x")), dir+": is a directory, want a file")
	path := filepath.Join(dir, "x")
	err := Replace(path, results, func(w io.Writer) error { return w.(*os.File).Truncate(-1) })
	require.EqualError(t, err, "truncate "+path+": invalid argument")
}

func TestACheckThatFailsLeavesTheFileAsItWas(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	err := Replace(path, Rules{Mode: 0o644, Keep: true, Check: func(written string) error {
		require.Equal(t, "new", content(t, written))
		return errors.New("refused")
	}}, putting("new"))
	require.EqualError(t, err, "refused")
	require.Equal(t, "old", content(t, path))
	alone(t, dir, "x")
}

func TestSecretsAreReadByTheirOwnerOnlyWhateverStoodThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, nil, 0o644)) //nolint:gosec // the mode is what is tested
	require.NoError(t, Replace(path, Rules{Mode: 0o600}, putting("secret")))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
}
