package ingest

import "bytes"

// cut hands the sub-records of one raw record to each: the elements of a
// top-level array or of {"Records":[…]}, one JSON document after another, or
// the lines of a text. What cannot be cut any further is handed over as it is.
// body is trimmed and not empty.
func cut(body []byte, split Split, each func(sub []byte)) {
	for len(body) > 0 {
		switch {
		case startsArray(body, split):
			body = cutElements(body, 1, each)
		case body[0] == '{':
			if at := recordsArray(body); at > 0 {
				body = cutElements(body, at+1, each)
				if len(body) > 0 && body[0] == '}' {
					body = body[1:]
				}
				break
			}
			end := blockEnd(body)
			each(body[:end])
			body = body[end:]
		default:
			line, rest, _ := bytes.Cut(body, []byte{'\n'})
			each(bytes.TrimSpace(line))
			body = rest
		}
		body = bytes.TrimLeft(body, " \t\r\n,")
	}
}

// startsArray tells a JSON array from a text line that begins with a bracket.
func startsArray(body []byte, split Split) bool {
	if body[0] != '[' {
		return false
	}
	rest := bytes.TrimLeft(body[1:], " \t\r\n")
	return split == SplitJSON || len(rest) > 0 && (rest[0] == '{' || rest[0] == ']')
}

// recordsArray returns the offset of the bracket that opens the array in
// {"Records":[…]}, or 0.
func recordsArray(body []byte) int {
	rest := bytes.TrimLeft(body[1:], " \t\r\n")
	rest, ok := bytes.CutPrefix(rest, []byte(`"Records"`))
	if !ok {
		return 0
	}
	rest = bytes.TrimLeft(rest, " \t\r\n")
	if len(rest) == 0 || rest[0] != ':' {
		return 0
	}
	rest = bytes.TrimLeft(rest[1:], " \t\r\n")
	if len(rest) == 0 || rest[0] != '[' {
		return 0
	}
	return len(body) - len(rest)
}

// cutElements hands over the elements of the array whose content starts at
// from, and returns what follows its end.
func cutElements(body []byte, from int, each func(sub []byte)) []byte {
	body = body[from:]
	for {
		body = bytes.TrimLeft(body, " \t\r\n,")
		if len(body) == 0 {
			return nil
		}
		if body[0] == ']' {
			return bytes.TrimLeft(body[1:], " \t\r\n")
		}
		end := blockEnd(body)
		each(body[:end])
		body = body[end:]
	}
}

// blockEnd returns the length of the value at the start of body by its
// brackets and quotes only, so that a faulty element spoils itself alone. A
// scalar ends before a comma, a bracket or a line's end.
func blockEnd(body []byte) int {
	var b balance
	for i, c := range body {
		if b.step(c) {
			return i + 1
		}
		if b.depth == 0 && !b.quoted && i > 0 && (c == ',' || c == ']' || c == '}' || c == '\n') {
			return i
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
		case b.escaped:
			b.escaped = false
		case c == '\\':
			b.escaped = true
		case c == '"' || c == '\n':
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
