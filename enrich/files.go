package enrich

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// openRegular opens a file. Whoever may write to its folder can put a pipe in
// its place, at whose opening we would wait for good, or a device without end.
func openRegular(path string) (*os.File, os.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	st, err := f.Stat()
	switch {
	case err != nil:
	case st.IsDir():
		err = fmt.Errorf("%s: is a directory, want a file", path)
	case !st.Mode().IsRegular():
		err = fmt.Errorf("%s: is no regular file", path)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, st, nil
}

// readBounded reads a regular file of at most limit bytes.
func readBounded(path string, limit int64) (data []byte, err error) {
	f, st, err := openRegular(path)
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
