package ingest

import "bytes"

// split says how a body is cut into records.
type split uint8

const (
	// splitMixed means that a record is a JSON document or, where none begins,
	// one line of text.
	splitMixed split = iota
	// splitJSON means JSON documents one after another.
	splitJSON
)

// cut hands the sub-records of one raw record to each: the elements of a
// top-level array or of {"Records":[…]}, one JSON document after another, or
// the lines of a text. What cannot be cut any further is handed over as it is.
// body is trimmed and not empty.
func cut(body []byte, split split, each func(sub []byte)) {
	for len(body) > 0 {
		switch {
		case startsArray(body, split):
			body, _ = cutElements(body, 1, split, each)
		case body[0] == '{':
			if at := recordsArray(body); at > 0 {
				rest, closed := body, false
				if rest, closed = cutElements(rest, at+1, split, each); closed {
					rest = rest[objectEnd(rest):]
				}
				body = rest
				break
			}
			if split == splitMixed && !startsObject(body) {
				body = cutLine(body, each)
				break
			}
			end := blockEnd(body)
			each(bytes.TrimRight(body[:end], " \t\r\n"))
			body = body[end:]
		default:
			body = cutLine(body, each)
		}
		body = bytes.TrimLeft(body, " \t\r\n,")
	}
}

// cutLine hands over the first line, and returns what follows it.
func cutLine(body []byte, each func(sub []byte)) []byte {
	line, rest, _ := bytes.Cut(body, []byte{'\n'})
	each(bytes.TrimSpace(line))
	return rest
}

// startsArray tells a JSON array from a text line that begins with a bracket.
func startsArray(body []byte, split split) bool {
	if body[0] != '[' {
		return false
	}
	rest := bytes.TrimLeft(body[1:], " \t\r\n")
	return split == splitJSON || len(rest) > 0 && (rest[0] == '{' && startsObject(rest) || rest[0] == ']')
}

// startsObject tells a JSON object from a text line that begins with a brace.
func startsObject(body []byte) bool {
	rest := bytes.TrimLeft(body[1:], " \t\r\n")
	return len(rest) == 0 || rest[0] == '"' || rest[0] == '}' || len(firstLine(body)) < len(body)-len(rest)
}

// recordsArray returns the offset of the bracket that opens the array in
// {"Records":[…]}, also where it has another of the usual names and a few
// members stand before it, or 0.
func recordsArray(body []byte) int {
	rest := body[1:]
	for range 8 {
		rest = bytes.TrimLeft(rest, " \t\r\n,")
		if len(rest) == 0 || rest[0] != '"' {
			return 0
		}
		key, tail, ok := bytes.Cut(rest[1:], []byte{'"'})
		if !ok {
			return 0
		}
		tail = bytes.TrimLeft(tail, " \t\r\n")
		if len(tail) == 0 || tail[0] != ':' {
			return 0
		}
		tail = bytes.TrimLeft(tail[1:], " \t\r\n")
		if len(tail) == 0 {
			return 0
		}
		if tail[0] == '[' {
			switch string(key) {
			case "Records", "records", "items", "value":
				first := bytes.TrimLeft(tail[1:], " \t\r\n")
				if len(first) > 0 && (first[0] == '{' || first[0] == ']') {
					return len(body) - len(tail)
				}
			}
			return 0
		}
		rest = tail[blockEnd(tail):]
	}
	return 0
}

// objectEnd returns the length of the rest of an object, whose members before
// were read, its closing bracket included, or of its part up to a line that does
// not go on with it.
func objectEnd(body []byte) int {
	s := behindArray()
	for i, c := range body {
		if s.step(c) || c == '\n' && !s.goesOn(body[i+1:]) {
			return i + 1
		}
	}
	return len(body)
}

// cutElements hands over the elements of the array whose content starts at
// from, and returns what follows its end, or the line of text at which it is cut
// off; closed tells them apart.
func cutElements(body []byte, from int, split split, each func(sub []byte)) (rest []byte, closed bool) {
	body = body[from:]
	for {
		rest := bytes.TrimLeft(body, " \t\r\n,")
		if len(rest) == 0 {
			return nil, false
		}
		space := body[:len(body)-len(rest)]
		newLine := bytes.IndexByte(space, '\n') > bytes.LastIndexByte(space, ',')
		body = rest
		if body[0] == ']' {
			return bytes.TrimLeft(body[1:], " \t\r\n"), true
		}
		if newLine && split == splitMixed && body[0] != '{' {
			return body, false
		}
		end := blockEnd(body)
		element := body[:end]
		each(bytes.TrimRight(element, " \t\r\n"))
		body = body[end:]
		if element[end-1] == '\n' && split == splitMixed && leavesArray(element, body) {
			return body, false
		}
	}
}

// blockEnd returns the length of the value at the start of body by its
// brackets and quotes, so that a faulty element spoils itself alone; it ends
// before a line that does not go on with it. A scalar ends before a comma, a
// bracket or a line's end.
func blockEnd(body []byte) int {
	var b balance
	var s syntax
	checked := 0
	for i, c := range body {
		if b.step(c) {
			return i + 1
		}
		if b.depth == 0 && !b.quoted && i > 0 && (c == ',' || c == ']' || c == '}' || c == '\n') {
			return i
		}
		if c == '\n' {
			s.read(body[checked : i+1])
			if checked = i + 1; !s.goesOn(body[checked:]) {
				return checked
			}
		}
	}
	return len(body)
}

// balance follows the nesting of JSON byte by byte.
type balance struct {
	depth   int
	quoted  bool
	escaped bool
}

// step takes the next byte and reports whether it closes the outermost block.
// A line's end inside a string is a fault; the string is taken as ended, so
// that a broken record cannot swallow those behind it.
func (b *balance) step(c byte) (closed bool) {
	if b.quoted {
		switch {
		case c == '\n':
			b.quoted, b.escaped = false, false
		case b.escaped:
			b.escaped = false
		case c == '\\':
			b.escaped = true
		case c == '"':
			b.quoted = false
		}
		return false
	}
	switch c {
	case '"':
		b.quoted = true
	case '{', '[':
		b.depth++
	case '}', ']':
		if b.depth > 0 {
			b.depth--
			return b.depth == 0
		}
	}
	return false
}
