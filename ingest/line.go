package ingest

import "strings"

// commonTimeSize is the length of the time of the common log format in its usual
// form, in brackets.
const commonTimeSize = len("[10/Oct/2000:13:55:36 -0700]")

// tailMark keeps the tails of lines apart from other clean texts.
const tailMark = 1

// idle reports whether nothing can be hidden in a line of the combined format, and
// nothing in it is escaped: what text finds nothing in, at a third of its cost.
// The line's time, which was read, stands in brackets from open on. It may say no
// where there is nothing.
//
// A time and an address hold triggers and never a secret. What follows the size,
// referer and user agent, is the same again and again: no search that starts in
// it looks back beyond the quote that it begins with, but for the name of a
// value, which is the size there, and for the words before a key of AWS, which
// blobs looks for in the whole line.
func (r *redactor) idle(s string, open int, clean *cleanTexts) bool {
	behind := open + commonTimeSize
	if len(s) == awsSecretSize || behind >= len(s) || open == 0 || s[open-1] != ' ' || s[behind-1] != ']' || s[open+21] != ' ' || s[open+22] != '+' && s[open+22] != '-' ||
		strings.IndexByte(s, '%') >= 0 || strings.IndexByte(s, '\\') >= 0 {
		return false
	}
	var m memo
	address := strings.IndexByte(s, ' ')
	if !plainIPv4(s[:address]) {
		address = 0
	}
	tail := tailStart(s, behind)
	hash := uint64(0)
	if tail < len(s) {
		if hash = clean.hash(s[tail:]); hash != 0 {
			hash ^= tailMark
		}
	}
	known := clean.has(hash)
	if r.finds(s, address, open, &m) || r.finds(s, behind, tail, &m) || !known && r.finds(s, tail, len(s), &m) {
		return false
	}
	if !known {
		clean.add(hash)
	}
	return r.blobs(s) == s
}

// finds reports whether a secret is recognised at a trigger in s[from:to]. At to
// the text ends, or there is a blank before it.
func (r *redactor) finds(s string, from, to int, m *memo) bool {
	for i := m.next(s[:to], from); i < to; i = m.next(s[:to], i+1) {
		if m.possible(s, i) {
			if start, end := r.find(s, i, m); end > start {
				return true
			}
		}
	}
	return false
}

// tailStart returns where the first quoted text begins behind a request, a status
// and a size, of a line whose request stands at i or behind; or the line's length.
func tailStart(s string, i int) int {
	for range 2 {
		quote := strings.IndexByte(s[i:], '"')
		if quote < 0 {
			return len(s)
		}
		i += quote + 1
	}
	for range 2 {
		if i >= len(s) || s[i] != ' ' {
			return len(s)
		}
		start := i + 1
		for i = start; i < len(s) && isDigit(s[i]); i++ {
		}
		if i == start && i < len(s) && s[i] == '-' {
			i++
		}
		if i == start {
			return len(s)
		}
	}
	if i+1 < len(s) && s[i] == ' ' && s[i+1] == '"' {
		return i + 1
	}
	return len(s)
}
