//go:build !unix

package tail

import "os"

// flock does nothing where there are no advisory locks.
func flock(*os.File) error { return nil }
