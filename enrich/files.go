package enrich

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/lapwing-sec/lapwing/internal/safefile"
)

// readBounded reads a regular file of at most limit bytes.
func readBounded(path string, limit int64) (data []byte, err error) {
	f, st, err := safefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if st.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes, at most %d are read", path, st.Size(), limit)
	}
	return readUpTo(path, f, st.Size(), limit)
}

// readUpTo reads at most limit bytes, about size of them, which may have become
// more by now.
func readUpTo(path string, f io.Reader, size, limit int64) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	n, err := buf.ReadFrom(io.LimitReader(f, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("%s: more than the %d bytes that are read", path, limit)
	}
	return buf.Bytes(), err
}

// ReadImport reads the bytes of a file to import; unlike a file that is watched,
// it may be a pipe.
func ReadImport(path string) (data []byte, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() || st.Mode().IsRegular() {
		return readBounded(path, MaxInventoryBytes)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return readUpTo(path, f, 0, MaxInventoryBytes)
}
