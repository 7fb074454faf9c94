package ingest

import "strings"

// commonTimeSize is the length of the time of the common log format in its usual
// form, in brackets.
const commonTimeSize = len("[10/Oct/2000:13:55:36 -0700]")

// idle reports whether nothing can be hidden in a line of the combined format, and
// nothing in it is escaped: where text would find nothing, at less cost. The line's
// time, which was read, stands in brackets from open on. A time and an address hold
// triggers and never a secret. It may say no where there is nothing.
func (r *redactor) idle(s string, open int) bool {
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
	return !r.finds(s, address, open, &m) && !r.finds(s, behind, len(s), &m) && !m.form && r.blobs(s) == s
}

// finds reports whether a secret is recognised at a trigger in s[from:to]. At to
// the text ends, or there is a blank before it.
func (r *redactor) finds(s string, from, to int, m *memo) bool {
	for i := m.next(s[:to], from); i < to; i = m.next(s[:to], i+1) {
		if m.possible(s, i) {
			if start, end := r.search(s, i, m); end > start {
				return true
			}
		}
	}
	return false
}
