package receive

import "net/http"

// elements is a JSON array as it was sent. Decoding one into values takes many times
// its bytes (24 for `{},`) before anybody can count them: this one is cut
// element by element. It is part of the text that was decoded.
type elements []byte

// UnmarshalJSON implements json.Unmarshaler. It keeps a part of the decoder's
// input, so that the text must stay as it is for as long as the list is used.
func (l *elements) UnmarshalJSON(text []byte) error {
	*l = text
	return nil
}

// array reports whether the list was there, and not null.
func (l elements) array() bool { return len(l) > 0 && l[0] == '[' }

// each hands over the elements, of which there may be as many as records in a
// request, whatever becomes of them. Something other than an array has none.
func (l elements) each(c *call, do func(element []byte) *refusal) *refusal {
	if !l.array() {
		return nil
	}
	at, n := 1, 0
	for {
		for at < len(l) && (l[at] <= ' ' || l[at] == ',') {
			at++
		}
		if at >= len(l) || l[at] == ']' {
			return nil
		}
		if n++; n > c.s.cfg.MaxRecords {
			return refuse(http.StatusRequestEntityTooLarge, "more than %d records in one request", c.s.cfg.MaxRecords)
		}
		end := at + valueLength(l[at:])
		if bad := do(l[at:end:end]); bad != nil {
			return bad
		}
		at = end
	}
}

// valueLength is the length of the value at the beginning of valid JSON.
func valueLength(text []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			if quoted = !quoted; !quoted && depth == 0 {
				return i + 1
			}
		case quoted:
		case c == '{' || c == '[':
			depth++
		case (c == '}' || c == ']') && depth > 0:
			if depth--; depth == 0 {
				return i + 1
			}
		case depth == 0 && (c == ',' || c == ']' || c <= ' '):
			return i
		}
	}
	return len(text)
}
