package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The pictures of docs/how-it-decides.md are drawn by the program; -update
// draws them again.
func TestPlotsAreCurrent(t *testing.T) {
	if testing.Short() {
		t.Skip("judges a fleet of 45 over six weeks")
	}
	plots, err := evalPlots(t.Context(), Defaults())
	require.NoError(t, err)
	require.Len(t, plots, 3)
	for name, svg := range plots {
		file := filepath.Join("..", "..", "docs", name)
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(svg), 0o644)) //nolint:gosec // a picture for the docs
			continue
		}
		have, err := os.ReadFile(file) //nolint:gosec // a file of ours
		require.NoError(t, err, "go test ./internal/app -run PlotsAreCurrent -update draws it")
		require.Equal(t, svg, string(have), name+" is not what is drawn now: -update draws it again")
	}
}
