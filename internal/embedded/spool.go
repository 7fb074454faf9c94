package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// spoolFile copies r into a temporary file and returns its path, its size, and
// what removes it.
func spoolFile(r io.Reader) (path string, size int64, free func() error, err error) {
	f, err := os.CreateTemp("", "lapwing-insert-*")
	if err != nil {
		return "", 0, nil, fmt.Errorf("temporary file for the body: %w", err)
	}
	size, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name()) // the copy's error is the one to tell
		return "", 0, nil, fmt.Errorf("read the body: %w", err)
	}
	return f.Name(), size, func() error { return os.Remove(f.Name()) }, nil
}
