package app

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/schemas"
)

// fileKey keys the hashes of secrets in parse and backtest unless
// secrets.hmac_key says otherwise: fixed, so that the same file gives the same
// output everywhere, and therefore no protection of weak secrets.
const fileKey = "lapwing-fixed-key-for-files-only"

// stdinName is the file name that means standard input.
const stdinName = "-"

// inputFile is one file on its way through parse or backtest.
type inputFile struct {
	name      string
	good, bad atomic.Int64
	// failure is why the file could not be read, or not to its end.
	failure error
}

// label names the file in messages.
func (f *inputFile) label() string {
	if f.name == stdinName {
		return "stdin"
	}
	return f.name
}

// inputs reads files as records.
type inputs struct {
	std    IO
	set    *ingest.Set
	format string
	files  []*inputFile
	bar    *progress
}

// openInputs checks what can be known before the first byte: the format is one
// that exists, and no file is a directory.
func openInputs(std IO, set *ingest.Set, format string, names []string) (*inputs, error) {
	in := &inputs{std: std, set: set, format: format}
	if format != ingest.AutoFormat && !slices.Contains(set.Names(), format) {
		return nil, unknownFormat(format, set)
	}
	var errs []error
	for _, n := range names {
		if st, err := os.Stat(n); n != stdinName && err == nil && st.IsDir() {
			errs = append(errs, fmt.Errorf("%s is a directory: name the files in it, such as %s/*", n, strings.TrimRight(n, "/")))
		}
		in.files = append(in.files, &inputFile{name: n})
	}
	return in, Usage(errors.Join(errs...))
}

// size is how many bytes there are to read, 0 when that is not known.
func (in *inputs) size() int64 {
	var sum int64
	for _, f := range in.files {
		st, err := os.Stat(f.name)
		if f.name == stdinName || err != nil || !st.Mode().IsRegular() {
			return 0
		}
		sum += st.Size()
	}
	return sum
}

// each hands every record of every file to record, and every one that could
// not be cut out to bad. What stops a file is kept in it, and the next file is
// read. raw is valid during the call only. Only ctx's end ends the reading.
func (in *inputs) each(ctx context.Context, record func(f *inputFile, format string, number int, raw []byte), bad func(f *inputFile, number int, err error)) error {
	for _, f := range in.files {
		if err := in.one(ctx, f, record, bad); err != nil {
			return err
		}
	}
	return nil
}

func (in *inputs) one(ctx context.Context, f *inputFile, record func(f *inputFile, format string, number int, raw []byte), bad func(f *inputFile, number int, err error)) error {
	src := in.std.In
	if f.name != stdinName {
		file, err := os.Open(f.name)
		if err != nil {
			f.failure = errors.New(rootCause(err))
			return nil
		}
		defer file.Close() //nolint:errcheck // opened for reading
		src = file
	}
	if in.bar != nil {
		src = io.TeeReader(src, in.bar)
	}
	r := in.set.NewReader(src, in.format)
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		raw, number, err := r.Next()
		var re *ingest.RecordError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &re):
			bad(f, number, re.Err)
		case err != nil:
			f.failure = err
			return nil
		default:
			record(f, r.Format(), number, raw)
		}
	}
}

// report says of every file that failed why, one line each, and whether any did.
func (in *inputs) report() (failed bool) {
	for _, f := range in.files {
		switch {
		case f.failure != nil:
			fmt.Fprintf(in.std.Err, "lapwing: %s: %s\n", f.label(), oneLine(f.failure.Error()))
			failed = true
		case f.good.Load() == 0 && f.bad.Load() > 0:
			fmt.Fprintf(in.std.Err, "lapwing: %s: not one good record among %d\n", f.label(), f.bad.Load())
			failed = true
		}
	}
	return failed
}

// totals counts good and bad records over all files.
func (in *inputs) totals() (good, bad int64) {
	for _, f := range in.files {
		good += f.good.Load()
		bad += f.bad.Load()
	}
	return good, bad
}

// recordID is the id of an event whose source has none: a hash of the raw
// record and of the sub-record's place in it.
func recordID(raw []byte, index int) string {
	h := sha256.New()
	_, _ = h.Write(raw)
	if index > 0 {
		_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(index))) //nolint:gosec // sub-records of one record
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// oneLine keeps a message on one line, and short enough to read.
func oneLine(s string) string {
	const limit = 400
	s = wholeLine(s)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

// wholeLine is oneLine for what must be seen to its end, since somebody approves
// it.
func wholeLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		return harmless(r)
	}, strings.ToValidUTF8(s, "?"))
}

// harmless replaces what steers a terminal or shows nothing: logs hold what those who
// send requests wrote.
func harmless(r rune) rune {
	if schemas.Steers(r) {
		return '?'
	}
	return r
}
