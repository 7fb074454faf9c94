package tail

import (
	"errors"
	"fmt"
	"os"
)

// ErrInUse is what Lock wraps while another process holds the checkpoint.
var ErrInUse = errors.New("in use by another lapwing ingest")

// Lock keeps a checkpoint for this process until release is called: two that
// read the same files from the same checkpoint would each send all records. The
// lock is the file beside it with ".lock" behind its name, which stays; it ends
// with the process, however that ends.
func Lock(checkpoint string) (release func() error, err error) {
	f, err := os.OpenFile(checkpoint+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if err := flock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("checkpoint %s: %w", checkpoint, ErrInUse), f.Close())
	}
	return f.Close, nil
}
