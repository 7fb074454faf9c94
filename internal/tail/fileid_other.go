//go:build !unix

package tail

import "io/fs"

// fileID names a file by its name: a rotated one is known by its head only.
func fileID(info fs.FileInfo) string { return info.Name() }
