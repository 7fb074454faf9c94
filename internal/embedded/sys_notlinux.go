//go:build !linux

package embedded

import (
	"io"
	"syscall"
)

// childAttr leaves the child's group alone: the end of its standard input tells
// it that its parent is gone.
func childAttr() *syscall.SysProcAttr { return nil }

// spool copies r into a temporary file: there are no memory files here.
func spool(r io.Reader) (path string, size int64, free func() error, err error) {
	return spoolFile(r)
}
