// Package safefile opens and replaces files in folders that others may write to: a
// pipe that somebody put in a file's place is not waited for, and whoever reads a
// file that is replaced sees the old one or the new one, whole.
package safefile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Open opens a file to read. Whoever may write to its folder can put a pipe in its
// place, at whose opening we would wait for good, or a device without end: what is
// no regular file is an error, which names path.
func Open(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	st, err := f.Stat()
	switch {
	case err != nil:
	case st.IsDir():
		err = &fs.PathError{Op: "open", Path: path, Err: errDirectory}
	case !st.Mode().IsRegular():
		err = &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, st, nil
}

var (
	errDirectory  = errors.New("is a directory, want a file")
	errNotRegular = errors.New("is no regular file")
)
