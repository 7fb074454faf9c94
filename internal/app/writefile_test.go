package app

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnErrorOfAFileNamesTheOptionThatAskedForIt(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "no", "x.ndjson")
	err := writeFile("--out", missing, nil, func(io.Writer) error { return nil })
	require.EqualError(t, err, "--out: open "+missing+": no such file or directory")
}

func TestWithoutAFileResultsGoToStandardOutput(t *testing.T) {
	var out strings.Builder
	require.NoError(t, writeFile("--out", "", &out, func(w io.Writer) error {
		_, err := io.WriteString(w, "result")
		return err
	}))
	require.Equal(t, "result", out.String())
}

func TestASecretFileIsReadByItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.json")
	require.NoError(t, os.WriteFile(path, nil, 0o644)) //nolint:gosec // the mode is what is tested
	require.NoError(t, writeSecretFile(path, []byte("secret")))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
}
