//go:build !unix

package tail

import "io/fs"

// idsAreUnique: no two files have the same id.
const idsAreUnique = false

// fileID names a file by its name: a rotated one is known by its head only.
func fileID(info fs.FileInfo) string { return info.Name() }
