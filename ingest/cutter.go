package ingest

import (
	"bufio"
	"io"
)

// NewCutter returns a Reader of r that only cuts: JSON documents one after
// another and, where text is true, lines. It knows no format, and Format stays
// empty. A record may be DefaultMaxRecordBytes long; Limit changes that.
func NewCutter(r io.Reader, text bool) *Reader {
	counted := &countingReader{r: r}
	rd := &Reader{in: bufio.NewReaderSize(counted, 64<<10), split: splitJSON, max: DefaultMaxRecordBytes, src: r, counted: counted}
	if text {
		rd.split = splitMixed
	}
	return rd
}
