package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
)

// AutoFormat makes a Reader find the format of each record by its content.
const AutoFormat = "auto"

// ErrBinary says that a file is not text.
var ErrBinary = errors.New("not a text log: binary data")

// ErrBomb says that a compressed input unpacks to far more than any log does.
var ErrBomb = errors.New("compressed input refused")

// RecordError is a record that could not be cut out or recognised. Reading
// goes on after it.
type RecordError struct {
	// Number counts the input's records from 1.
	Number int
	Err    error
}

// Error implements error.
func (e *RecordError) Error() string { return fmt.Sprintf("record %d: %v", e.Number, e.Err) }

// Unwrap returns the reason.
func (e *RecordError) Unwrap() error { return e.Err }

// A gzip stream is refused as a bomb once it has given more than bombFloor
// bytes and more than bombRatio times its own length; access logs reach 30.
const (
	bombFloor = 256 << 20
	bombRatio = 200
)

// Reader cuts an input into records: lines of text, JSON documents one after
// another (one a line or spread over several), the elements of a top-level
// array, those of {"Records":[…]}. It reads gzip, finds it by its first bytes,
// holds one record at a time, and is for one goroutine.
type Reader struct {
	set     *Set
	in      *bufio.Reader
	format  string
	split   split
	sniff   detector
	prefer  string // the format that the start of the input speaks for
	auto    bool
	max     int
	number  int
	buf     []byte
	opened  bool
	inArray bool
	records bool // the array is that of {"Records":[…]}, so that its object ends behind it
	err     error

	src     io.Reader
	counted *countingReader // hands the unpacked input to in
	begin   Position
	// fields is the #Fields line that describes the lines below it, where their
	// order is not the usual one, and fieldsAt where it stands (Position.FieldsAt).
	fields   string
	fieldsAt int64
	// unfinished says that the input ended before the last record did.
	unfinished bool
	// looked counts the bytes that JSON blocks were looked for in, for tests to bound.
	looked int
}

// Position is a place between two records of an input. It can be stored, and
// read on from.
type Position struct {
	// Offset counts bytes of the input, unpacked.
	Offset int64 `json:"offset"`
	// Array and Records say that the place is inside a top-level array, and
	// that an object stands around it.
	Array   bool `json:"array,omitempty"`
	Records bool `json:"records,omitempty"`
	// Format is the format of the record before, where it was found by content.
	Format string `json:"format,omitempty"`
	// FieldsAt counts the bytes up to the # of the #Fields line above, it included,
	// where every record below carries that line.
	FieldsAt int64 `json:"fields_at,omitempty"`
}

// NewReader returns a Reader of r, which the caller closes. format is a name
// of the set or AutoFormat; an unknown one is what the first Next returns. A
// record may be DefaultMaxRecordBytes long.
func (s *Set) NewReader(r io.Reader, format string) *Reader {
	return s.NewReaderAt(r, format, Position{})
}

// NewReaderAt returns a Reader that goes on at a position which Position gave
// for the same input. Where r can seek and is not compressed, what stands
// before is not read again.
func (s *Set) NewReaderAt(r io.Reader, format string, at Position) *Reader {
	counted := &countingReader{r: r}
	rd := &Reader{set: s, sniff: detector{set: s}, in: bufio.NewReaderSize(counted, 64<<10), format: format, max: DefaultMaxRecordBytes, src: r, counted: counted, begin: at}
	if format == AutoFormat {
		rd.auto, rd.format = true, ""
	} else if f, err := s.find(format); err != nil {
		rd.err = err
	} else {
		rd.split = f.cutting()
	}
	return rd
}

// Format names the format of the record that Next returned last.
func (r *Reader) Format() string { return r.format }

// Limit bounds a record in bytes; a longer one is a RecordError.
func (r *Reader) Limit(maxRecordBytes int) { r.max = maxRecordBytes }

// Position returns the place behind the record that Next returned last.
func (r *Reader) Position() Position {
	if !r.opened {
		return r.begin
	}
	p := Position{Offset: r.offset(), Array: r.inArray, Records: r.records, FieldsAt: r.fieldsAt}
	if r.auto {
		p.Format = r.format
	}
	return p
}

// offset counts the bytes of the input that were taken, unpacked.
func (r *Reader) offset() int64 { return r.counted.n - int64(r.in.Buffered()) }

// Unfinished reports whether the input ended in the middle of the record that
// Next returned last, or of its line: the rest may still be written.
func (r *Reader) Unfinished() bool { return r.unfinished }

// Next returns the next record, valid until the next call, and its number from
// 1. At the end it returns io.EOF. A *RecordError is about this record alone;
// any other error ends the reading. Blank lines are no records.
func (r *Reader) Next() (record []byte, number int, err error) {
	if r.err != nil {
		return nil, r.number, r.err
	}
	if !r.opened {
		r.opened = true
		if err := r.open(); err != nil {
			r.err = err
			return nil, 0, err
		}
	}
	record, err = r.cut()
	var bad *RecordError
	if err != nil && !errors.As(err, &bad) {
		r.err = err
		return nil, r.number, err
	}
	r.number++
	if bad != nil {
		bad.Number = r.number
		return nil, r.number, bad
	}
	if r.auto {
		if err := r.recognise(record); err != nil {
			return nil, r.number, &RecordError{r.number, err}
		}
	}
	return record, r.number, nil
}

// What a record of no known format is refused with: the list of formats would
// stand behind every record.
var (
	errUnknownJSON = errors.New("of no known format: name it with --format, or describe this JSON by a mapping (docs/sending-logs.md, Any JSON)")
	errUnknownText = errors.New("of no known format: name it with --format (lapwing parse --help lists them)")
)

// recognise finds the format of a record. Where several are equally sure, the
// one that the start of the input speaks for counts.
func (r *Reader) recognise(record []byte) error {
	if name, ok := r.sniff.detect(record, r.prefer); ok {
		r.format = name
		return nil
	}
	if r.format != "" {
		return nil // a broken record of a known kind: its parser says why
	}
	if bytes.HasPrefix(record, []byte("{")) || bytes.HasPrefix(record, []byte("[")) {
		return errUnknownJSON
	}
	return errUnknownText
}

// open unpacks gzip, skips a byte order mark and looks whether this is text.
func (r *Reader) open() error {
	head, err := r.in.Peek(2)
	if err == nil && head[0] == 0x1f && head[1] == 0x8b {
		packed := &countingReader{r: r.in}
		z, err := gzip.NewReader(packed)
		if err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
		r.counted = &countingReader{r: &bombReader{z: z, packed: packed, floor: bombFloor}}
		r.in = bufio.NewReaderSize(r.counted, 64<<10)
		r.src = r.counted // which cannot seek
	}
	if r.begin.Offset > 0 {
		return r.goOn()
	}
	if err := r.skipNUL(); err != nil {
		return err
	}
	sample, err := r.in.Peek(1024)
	if err != nil && !errors.Is(err, io.EOF) {
		return readError(err)
	}
	if isBinary(sample) {
		return fmt.Errorf("%w in the %d bytes at byte %d", ErrBinary, len(sample), r.offset())
	}
	if bytes.HasPrefix(sample, bom) {
		if _, err = r.in.Discard(len(bom)); err != nil {
			return err
		}
	}
	if r.auto {
		r.prefer = r.survey()
	}
	return nil
}

// skipNUL drops the NUL bytes at the start, which a file has that was truncated
// while it was written to.
func (r *Reader) skipNUL() error {
	for {
		if _, err := r.in.Peek(1); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return readError(err)
		}
		chunk, _ := r.in.Peek(r.in.Buffered()) // it is there
		rest := bytes.TrimLeft(chunk, "\x00")
		if r.discard(len(chunk) - len(rest)); len(rest) > 0 {
			return nil
		}
	}
}

// isBinary reports whether more than a tenth of a sample, and more than one byte,
// is control characters or, where one is NUL, no UTF-8 either.
func isBinary(sample []byte) bool {
	control, invalid, nul := 0, 0, false
	for rest := sample; len(rest) > 0; {
		c, n := utf8.DecodeRune(rest)
		switch {
		case c == utf8.RuneError && n == 1:
			invalid++
		case c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != 0x1b || c == 0x7f:
			control++
			nul = nul || c == 0
		}
		rest = rest[n:]
	}
	if nul {
		control += invalid
	}
	return control > 1 && control*10 > len(sample)
}

// goOn goes to the position that the Reader was made for.
func (r *Reader) goOn() error {
	r.inArray, r.records, r.prefer = r.begin.Array, r.begin.Records, r.begin.Format
	if r.auto {
		r.format = r.begin.Format
	}
	if at := r.begin.FieldsAt; at > 0 && at <= r.begin.Offset {
		if err := r.goTo(at - 1); err != nil {
			return err
		}
		var bad *RecordError // if it is another file than it was
		if _, err := r.directive(); err != nil && !errors.As(err, &bad) && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return r.goTo(r.begin.Offset)
}

// goTo goes on at an offset, which is not before the present one where the input
// can't seek.
func (r *Reader) goTo(offset int64) error {
	if s, ok := r.src.(io.Seeker); ok {
		if _, err := s.Seek(offset, io.SeekStart); err != nil {
			return readError(err)
		}
		r.counted.n = offset
		r.in.Reset(r.counted)
		return nil
	}
	if _, err := io.CopyN(io.Discard, r.in, offset-r.offset()); err != nil {
		return readError(err)
	}
	return nil
}

// survey looks at the lines at the start of the input for those that only one
// format can have written: the others are most likely of that format, too. Where
// there are such lines of several formats, most of them decide.
func (r *Reader) survey() string {
	head, _ := r.in.Peek(r.in.Size()) // an error shows at the next read
	sure := make([]int, len(r.set.formats))
	most, best := 0, ""
	for range 200 {
		line, rest, more := bytes.Cut(head, []byte{'\n'})
		if !more {
			break
		}
		if len(line) > 0 && line[0] != '{' && !startsArray(line, splitMixed) {
			if p := (probe{line: unwrapLine(cleanText(line))}); p.line != "" {
				for i := range r.set.formats {
					if r.set.formats[i].match(&p) == certain {
						if sure[i]++; sure[i] > most {
							most, best = sure[i], r.set.formats[i].Name
						}
						break
					}
				}
			}
		}
		head = rest
	}
	return best
}

func readError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("compressed input ends too early: %w", err)
	}
	return fmt.Errorf("reading: %w", err)
}
