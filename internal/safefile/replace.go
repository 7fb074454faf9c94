package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// maxLinks bounds how many symbolic links are followed, as Linux does.
const maxLinks = 40

// Rules say how Replace treats a file.
type Rules struct {
	// Mode is that of a new file, before the umask.
	Mode fs.FileMode
	// Keep leaves a file that is replaced its mode and its owner.
	Keep bool
	// Check is asked of the written file before it takes its place; it may be nil.
	Check func(written string) error
}

// Replace writes a file in one step: it is whole, or as it was before, also
// after a crash. Of a symbolic link the file that it leads to is replaced. What
// is no regular file, such as a pipe or /dev/stdout, is written to and stays,
// unchecked. Errors name path, not the file that is written beside it.
func Replace(path string, r Rules, write func(w io.Writer) error) error {
	target, inPlace, err := followLinks(path)
	if err != nil {
		return err
	}
	old, err := os.Stat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case old.IsDir():
		return fmt.Errorf("%s: is a directory, want a file", path)
	case inPlace || !old.Mode().IsRegular():
		f, err := os.OpenFile(target, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	return writeBeside(path, target, old, r, write)
}

// writeBeside writes a file beside target, to which path leads, and puts it in
// its place.
func writeBeside(path, target string, old fs.FileInfo, r Rules, write func(w io.Writer) error) (err error) {
	keep := r.Keep && old != nil
	if keep {
		r.Mode = old.Mode().Perm()
	}
	f, name, err := createBeside(target, r.Mode)
	if err != nil {
		return errorAt(err, name, path)
	}
	defer func() {
		if err != nil {
			err = errors.Join(errorAt(err, name, path), os.Remove(name))
		}
	}()
	werr := write(f)
	if werr == nil && keep {
		keepOwner(f, old)
		werr = f.Chmod(r.Mode) // the umask may have taken some of it
	}
	if err := errors.Join(werr, f.Sync(), f.Close()); err != nil {
		return err
	}
	if r.Check != nil {
		if err := r.Check(name); err != nil {
			return err
		}
	}
	return os.Rename(name, target)
}

// createBeside makes a hidden file in the folder of target. Unlike that of
// os.CreateTemp, its mode obeys the umask.
func createBeside(target string, mode fs.FileMode) (f *os.File, name string, err error) {
	const tries = 100
	for try := 0; ; try++ {
		name = filepath.Join(filepath.Dir(target), fmt.Sprintf(".%s-%08x", filepath.Base(target), rand.Uint32())) //nolint:gosec // O_EXCL makes it ours
		f, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, fs.ErrExist) || try == tries {
			return f, name, err
		}
	}
}

// followLinks gives what a path leads to, which need not exist. inPlace says
// that it is one of the process's own open files (/dev/stdout), which has no
// other name that could be trusted.
func followLinks(path string) (target string, inPlace bool, err error) {
	target = path
	for range maxLinks {
		if strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, "/dev/fd/") {
			return target, true, nil
		}
		to, err := os.Readlink(target)
		if err != nil {
			return target, false, nil // no link: a file, or nothing
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(target), to)
		}
		target = to
	}
	return "", false, fmt.Errorf("%s: more than %d symbolic links", path, maxLinks)
}

// errorAt lets an error of the file system that is about a file beside path
// name path itself.
func errorAt(err error, beside, path string) error {
	var link *os.LinkError
	if errors.As(err, &link) && link.Old == beside {
		return &fs.PathError{Op: "replace", Path: path, Err: link.Err}
	}
	var at *fs.PathError
	if errors.As(err, &at) && at.Path == beside {
		at.Path = path // in place: other errors may be joined to it
	}
	return err
}
