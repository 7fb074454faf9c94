package ingest

import (
	"fmt"
	"io"
)

// countingReader counts what was read from it.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// bombReader stops a gzip stream that grows beyond reason.
type bombReader struct {
	z      io.Reader
	packed *countingReader
	n      int64
	floor  int64
}

func (b *bombReader) Read(p []byte) (int, error) {
	n, err := b.z.Read(p)
	b.n += int64(n)
	if b.n > b.floor && b.n > bombRatio*b.packed.n {
		return 0, fmt.Errorf("%w: %d bytes unpack to more than %d, above %d to 1", ErrBomb, b.packed.n, b.n, bombRatio)
	}
	return n, err
}
