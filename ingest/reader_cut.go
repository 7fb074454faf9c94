package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// cut reads the next record.
func (r *Reader) cut() ([]byte, error) {
	for {
		c, newLine, err := r.skipSpace()
		if err != nil {
			return nil, err
		}
		if r.inArray && newLine && r.split == splitMixed && c != '{' && c != ']' {
			r.inArray, r.records = false, false // a line of text: the array is cut off
		}
		if r.inArray {
			if c == ']' {
				r.inArray = false
				r.discard(1)
				if r.records {
					r.records = false
					if err := r.closeObject(); err != nil {
						return nil, err
					}
				}
				continue
			}
			return r.block(true)
		}
		switch c {
		case '[':
			if r.arrayFollows() {
				r.discard(1)
				r.inArray = true
				continue
			}
			return r.line(r.fields)
		case '{':
			if n := r.recordsFollow(); n > 0 {
				r.discard(n)
				r.inArray, r.records = true, true
				continue
			}
			if r.split == splitMixed && !r.objectFollows() {
				return r.line(r.fields)
			}
			return r.block(false)
		case '#':
			record, err := r.directive()
			if err == nil && record == nil {
				continue
			}
			return record, err
		default:
			return r.line(r.fields)
		}
	}
}

// directive reads a line that begins with #, and returns nil of one that describes
// the lines below it. At one that is still being written the input ends.
func (r *Reader) directive() (record []byte, err error) {
	at := r.offset() + 1
	head, _ := r.in.Peek(len(fieldsDirective)) // an error shows at the next read
	ends := string(head) == fieldsDirective
	record, err = r.line("")
	switch {
	case err != nil:
		if ends {
			r.fields, r.fieldsAt = "", 0 // too long: what stands below is in another order
		}
		return nil, err
	case !isDirective(record):
		return record, nil
	case r.unfinished:
		return nil, io.EOF
	}
	if fields, ok := ownOrder(record); ok {
		if r.fields, r.fieldsAt = fields, at; fields == "" {
			r.fieldsAt = 0
		}
	}
	return nil, nil
}

// discard drops n bytes that were peeked at.
func (r *Reader) discard(n int) {
	if _, err := r.in.Discard(n); err != nil {
		r.err = err // cannot happen: they are buffered
	}
}

// skipSpace drops white space, the NUL bytes that a truncated file leaves, and
// commas between elements. It returns the next byte without taking it, and whether
// a line begins with it.
func (r *Reader) skipSpace() (c byte, newLine bool, err error) {
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return 0, newLine, io.EOF
			}
			return 0, newLine, readError(err)
		}
		switch c {
		case '\n':
			newLine = true
			continue
		case ' ', '\t', '\r', 0:
			continue
		case ',':
			if r.inArray || r.split == splitJSON {
				newLine = false
				continue
			}
		}
		return c, newLine, r.in.UnreadByte()
	}
}

// closeObject drops what follows the array of {"Records":[…]} in its object, up to
// a line that does not go on with it.
func (r *Reader) closeObject() error {
	s := behindArray()
	for {
		c, err := r.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return io.EOF
		case err != nil:
			return readError(err)
		}
		r.looked++
		if s.step(c) || c == '\n' && !s.goesOn(r.lineAhead()) {
			return nil
		}
	}
}

// objectFollows tells a JSON object from a text line that begins with a brace.
func (r *Reader) objectFollows() bool {
	head, _ := r.in.Peek(min(r.in.Buffered(), maxAhead)) // the brace is there
	return startsObject(head)
}

// arrayFollows tells a JSON array from a text line that begins with a bracket.
func (r *Reader) arrayFollows() bool {
	head, _ := r.in.Peek(4096) // an error shows at the next read
	return startsArray(head, r.split)
}

// recordsFollow returns the length of {"Records":[ when that comes next.
func (r *Reader) recordsFollow() int {
	head, _ := r.in.Peek(4096)
	if at := recordsArray(head); at > 0 {
		return at + 1
	}
	return 0
}

func (r *Reader) tooLong() error { return fmt.Errorf("%w of %d bytes", errTooLong, r.max) }

var errTooLong = errors.New("longer than the limit")

// line reads up to the end of the line, and puts the line that describes it
// before it. Of a line that is too long nothing is kept.
func (r *Reader) line(fields string) ([]byte, error) {
	r.buf = r.buf[:0]
	if fields != "" {
		r.buf = append(append(r.buf, fields...), '\n')
	}
	long := false
	for {
		part, err := r.in.ReadSlice('\n')
		if !long && len(r.buf)+len(part) > r.max {
			long = true
		}
		if !long {
			r.buf = append(r.buf, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, readError(err)
		}
		r.unfinished = err != nil
		if long {
			return nil, &RecordError{Err: r.tooLong()}
		}
		return bytes.TrimRight(r.buf, " \t\r\n"), nil
	}
}

// block reads one JSON value up to the bracket that closes it. It gives the value
// up at a line that does not go on with it, and outside an array at one that
// begins with {", so that a broken line spoils itself alone.
func (r *Reader) block(element bool) ([]byte, error) {
	r.buf = r.buf[:0]
	var b balance
	var s syntax
	checked := 0
	long, started, lineStart, done, ended := false, false, false, false, false
	for !done {
		head, err := r.in.Peek(1)
		if len(head) == 0 {
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, readError(err)
			}
			ended = true
			break
		}
		if lineStart {
			if long {
				s.broken = true
			} else {
				s.read(r.buf[checked:])
				checked = len(r.buf)
			}
			next := r.lineAhead()
			if !element && bytes.HasPrefix(next, []byte(`{"`)) {
				break
			}
			if !s.goesOn(next) {
				if element && r.split == splitMixed && leavesArray(r.buf, next) {
					r.inArray, r.records = false, false
				}
				break
			}
		}
		lineStart = false
		chunk, _ := r.in.Peek(r.in.Buffered()) // it is there
		used := 0
		for used < len(chunk) && !done && !lineStart {
			c := chunk[used]
			if started && b.depth == 0 && !b.quoted && (c == ',' || c == ']' || c == '}' || c == '\n') {
				done = true // the end of a scalar
				break
			}
			started = true
			used++
			done = b.step(c)
			lineStart = c == '\n'
		}
		if long = long || len(r.buf)+used > r.max; !long {
			r.buf = append(r.buf, chunk[:used]...)
		}
		r.looked += used
		r.discard(used)
	}
	r.unfinished = ended && !done
	if long {
		return nil, &RecordError{Err: r.tooLong()}
	}
	return bytes.TrimRight(r.buf, " \t\r\n"), nil
}

// lineAhead returns the start of the next line, at most maxAhead bytes of it,
// without taking it. It waits for no more input than that takes.
func (r *Reader) lineAhead() []byte {
	head, _ := r.in.Peek(min(r.in.Buffered(), maxAhead))
	if len(head) < maxAhead && bytes.IndexByte(head, '\n') < 0 {
		head, _ = r.in.Peek(maxAhead) // an error shows at the next read
	}
	head = firstLine(head)
	r.looked += len(head)
	return head
}
