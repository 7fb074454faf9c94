package tail

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACheckpointWithAnEmptyEntryIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint")
	require.NoError(t, os.WriteFile(path, []byte(`{"files":[null,{"file":"1","source":"a"}]}`), 0o600))
	c, err := readCheckpoint(path)
	require.NoError(t, err)
	require.Len(t, c.Files, 1)
	require.NotNil(t, c.byFile("1"))
}
