package ingest

import "strings"

// words cuts a log line into words and quoted texts.
type words struct {
	s          string
	pos        int
	start, end int // of the last word, without quotes
	secrets    []edit
	count      int
	// bare: whoever wrote the line escapes no quote.
	bare bool
	// pure says that there is no backslash in s.
	pure bool
}

// next returns the next word as it stands, without its quotes. In a quoted
// text a quote is escaped (nginx writes \x22, others a backslash before it).
func (w *words) next() (word string, quoted, ok bool) {
	s := w.s
	for w.pos < len(s) && (s[w.pos] == ' ' || s[w.pos] == '\t') {
		w.pos++
	}
	if w.pos >= len(s) {
		return "", false, false
	}
	w.count++
	i := w.pos
	if s[i] == '"' {
		if w.pure || w.bare {
			if i = strings.IndexByte(s[w.pos+1:], '"'); i < 0 {
				i = len(s) - w.pos - 1
			}
			i += w.pos + 1
		} else {
			i = closingQuote(s, i+1)
		}
		w.start, w.end = w.pos+1, i
		w.pos = min(i+1, len(s))
		return s[w.start:w.end], true, true
	}
	for i < len(s) && s[i] != ' ' && s[i] != '\t' {
		if s[i] == '"' && s[i-1] == '=' && !w.bare { // name="value"
			i = min(closingQuote(s, i+1)+1, len(s))
			continue
		}
		i++
	}
	w.start, w.end, w.pos = w.pos, i, i
	return s[w.start:w.end], false, true
}

func closingQuote(s string, i int) int {
	if i < len(s) {
		if end := strings.IndexByte(s[i:], '"'); end >= 0 && strings.IndexByte(s[i:i+end], '\\') < 0 {
			return i + end
		}
	}
	for i < len(s) && s[i] != '"' {
		if s[i] == '\\' {
			i++
		}
		i++
	}
	return min(i, len(s))
}

// secret marks part of the line as hidden behind text.
func (w *words) secret(start, end int, text string) {
	//nolint:gosec // a record is bounded far below 2 GiB
	w.secrets = append(w.secrets, edit{int32(start), int32(end), text})
}

// redacted returns the line with its secrets replaced.
func (w *words) redacted(r *redactor) string {
	if len(w.secrets) == 0 {
		return r.text(w.s)
	}
	var b strings.Builder
	last := 0
	for _, e := range w.secrets {
		b.WriteString(r.text(w.s[last:e.start]))
		b.WriteString(e.text)
		last = int(e.end)
	}
	b.WriteString(r.text(w.s[last:]))
	return b.String()
}
