package app

import (
	"errors"
	"os"
	"path/filepath"
)

// outputFile is a file that an option asks for.
type outputFile struct{ flag, path string }

// checkOutputs says what will keep a file from being written, before hours of work for
// it: it is a directory, it would lie in none, or it is another output or an input.
func checkOutputs(outputs []outputFile, inputs []string) error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, Usagef(format, args...)) }
	for i, o := range outputs {
		if o.path == "" {
			continue
		}
		info, err := os.Stat(o.path)
		switch {
		case err == nil && info.IsDir():
			refuse("%s %s: is a directory, want a file", o.flag, o.path)
			continue
		case err == nil && !info.Mode().IsRegular():
			continue // /dev/null, a pipe: others may write to it, too
		}
		if dir := filepath.Dir(o.path); err != nil {
			if in, err := os.Stat(dir); err != nil {
				refuse("%s %s: %s: %s", o.flag, o.path, dir, rootCause(err))
				continue
			} else if !in.IsDir() {
				refuse("%s %s: %s is no directory", o.flag, o.path, dir)
				continue
			}
		}
		for _, other := range outputs[:i] {
			if other.path != "" && sameFile(o.path, other.path) {
				refuse("%s and %s are the same file: %s", other.flag, o.flag, o.path)
			}
		}
		for _, in := range inputs {
			if in != stdinName && sameFile(o.path, in) {
				refuse("%s %s: is a file that is read: name another one", o.flag, o.path)
			}
		}
	}
	return errors.Join(errs...)
}

// sameFile reports whether two names are of one file, also one that is not there yet.
func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	if err1 == nil && err2 == nil {
		return os.SameFile(x, y)
	}
	return absolute(a) == absolute(b)
}
