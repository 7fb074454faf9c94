package embedded

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// childAttr puts the child into a process group of its own, so that an
// interrupt typed at the terminal reaches the parent alone, which then stops
// the child in its own order; and has the kernel kill it with its parent.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// spool copies r into an anonymous memory file and returns the path by which
// this process can read it, its size, and what frees it.
func spool(r io.Reader) (path string, size int64, free func() error, err error) {
	fd, err := unix.MemfdCreate("lapwing-insert", unix.MFD_CLOEXEC)
	if err != nil {
		return spoolFile(r)
	}
	f := os.NewFile(uintptr(fd), "memfd")
	size, err = io.Copy(f, r)
	if err != nil {
		_ = f.Close() // the copy's error is the one to tell
		return "", 0, nil, fmt.Errorf("read the body: %w", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd), size, f.Close, nil
}
