package receive

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/lapwing-sec/lapwing/ingest"
)

// body gives the request's body unpacked. Reading fails, rather than ends,
// beyond the limits. gzip that nobody announced is found by its first bytes.
func (c *call) body() (io.Reader, *refusal) {
	if c.req.ContentLength > c.s.cfg.MaxBodyBytes {
		return nil, c.tooLarge()
	}
	in := bufio.NewReader(http.MaxBytesReader(c.w, c.req.Body, c.s.cfg.MaxBodyBytes))
	packed := false
	switch enc := strings.ToLower(strings.TrimSpace(c.req.Header.Get("Content-Encoding"))); enc {
	case "", "identity":
		head, _ := in.Peek(2) // an error shows at the next read
		packed = isGzip(head)
	case "gzip", "x-gzip":
		packed = true
	default:
		return nil, refuse(http.StatusUnsupportedMediaType, "content encoding %q is not taken: send gzip or none", clip(enc, 40))
	}
	var body io.Reader = in
	if packed {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, c.bodyError(err)
		}
		body = z
	}
	return &limitReader{r: body, left: c.s.cfg.MaxUnpackedBytes}, nil
}

func isGzip(head []byte) bool { return len(head) >= 2 && head[0] == 0x1f && head[1] == 0x8b }

// all reads the whole body, unpacked.
func (c *call) all() ([]byte, *refusal) {
	body, bad := c.body()
	if bad != nil {
		return nil, bad
	}
	return c.drain(body)
}

// drain reads r into memory that is counted as it grows.
func (c *call) drain(r io.Reader) ([]byte, *refusal) {
	var out bytes.Buffer
	chunk := make([]byte, 32<<10)
	for {
		n, err := r.Read(chunk)
		if n > 0 {
			if bad := c.hold(int64(n)); bad != nil {
				return nil, bad
			}
			out.Write(chunk[:n])
		}
		switch {
		case errors.Is(err, io.EOF):
			return out.Bytes(), nil
		case err != nil:
			return nil, c.bodyError(err)
		}
	}
}

// cut adds every record of a Reader, all of one format unless pick names one
// for each; skip drops a record that is none of the log.
func (c *call) cut(rd *ingest.Reader, key []byte, pick func(record []byte) (format string, bad *refusal), skip func(record []byte) bool) *refusal {
	rd.Limit(c.s.cfg.MaxRecordBytes)
	for {
		rec, number, err := rd.Next()
		var one *ingest.RecordError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &one):
			return refuse(http.StatusRequestEntityTooLarge, "record %d is longer than %d bytes", number, c.s.cfg.MaxRecordBytes)
		case err != nil:
			return c.bodyError(err)
		}
		if skip != nil && skip(rec) {
			continue
		}
		format, bad := pick(rec)
		if bad != nil {
			return bad
		}
		if bad := c.add(format, key, rec); bad != nil {
			return bad
		}
		batch := c.batches[format]
		last := &batch[len(batch)-1]
		last.Value = c.keep(rec)
		if c.size > c.s.cfg.MaxUnpackedBytes {
			return c.tooLarge()
		}
	}
}

// always picks one format.
func always(format string) func([]byte) (string, *refusal) {
	return func([]byte) (string, *refusal) { return format, nil }
}

func (c *call) tooLarge() *refusal {
	return refuse(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes, or %d unpacked", c.s.cfg.MaxBodyBytes, c.s.cfg.MaxUnpackedBytes)
}

func (c *call) bodyError(err error) *refusal {
	var tooBig *http.MaxBytesError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(http.StatusRequestTimeout, "the body did not arrive within %s", c.pool.timeout)
	case errors.As(err, &tooBig) || errors.Is(err, errUnpacked) || errors.Is(err, ingest.ErrBomb):
		return c.tooLarge()
	case errors.Is(err, ingest.ErrBinary):
		return refuse(http.StatusUnsupportedMediaType, "%v", err)
	}
	return refuse(http.StatusBadRequest, "the body cannot be read: %v", err)
}

var errUnpacked = errors.New("unpacked body too large")

// limitReader fails, rather than ends, beyond a number of bytes.
type limitReader struct {
	r    io.Reader
	left int64
}

func (l *limitReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errUnpacked
	}
	return n, err
}
