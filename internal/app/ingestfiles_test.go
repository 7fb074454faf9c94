package app

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFollowingSaysWhatItWaitsFor(t *testing.T) {
	dir := t.TempDir()
	none := filepath.Join(dir, "nosuch")
	for _, tc := range []struct {
		name  string
		paths []string
		want  string
	}{
		{"a file that is not there yet", []string{none}, "waiting for " + none + ", which does not exist yet; Ctrl-C ends it\n"},
		{"a directory", []string{dir}, "following " + dir + " (1.2 kB so far); Ctrl-C ends it\n"},
		{"one of each", []string{none, dir}, "following " + dir + " (1.2 kB so far); Ctrl-C ends it\nwaiting for " + none + ", which does not exist yet; Ctrl-C ends it\n"},
	} {
		require.Equal(t, tc.want, followText(tc.paths, 1200), tc.name)
	}
}
