package app

import (
	"fmt"
	"io"

	"github.com/lapwing-sec/lapwing/internal/safefile"
)

// newFileMode is that of a file of results, before the umask.
const newFileMode = 0o644

// writeFile writes what an option asked for to the file it names; an empty path
// is w.
func writeFile(flag, path string, w io.Writer, write func(w io.Writer) error) error {
	if path == "" {
		return write(w)
	}
	if err := safefile.Replace(path, safefile.Rules{Mode: newFileMode, Keep: true}, write); err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}
