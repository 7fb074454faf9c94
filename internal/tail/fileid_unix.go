//go:build unix

package tail

import (
	"fmt"
	"io/fs"
	"syscall"
)

// idsAreUnique: no two files have the same id.
const idsAreUnique = true

// fileID names a file by its device and inode, whatever its path.
func fileID(info fs.FileInfo) string {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	}
	return info.Name()
}
