package ingest

import "strings"

// commonTimeSize is the length of the time of the common log format in its usual
// form, in brackets.
const commonTimeSize = len("[10/Oct/2000:13:55:36 -0700]")

// tailMark and frontMark keep the two ends of lines apart from other clean texts.
const (
	tailMark  = 1
	frontMark = 2
)

// idle reports whether nothing can be hidden in a line of the combined format that
// has no backslash: where text would find nothing, at less cost. The line's time,
// which was read, stands in brackets from open on, and its size ends before
// behind. It may say no where there is nothing.
//
// A time holds triggers and never a secret. Before it the caller, and behind the size
// referer and user agent are the same again and again: where they are calm, one look
// at their hash is enough.
func (r *redactor) idle(s string, open, behind int, seen *cleanTexts) bool {
	from, to := open+commonTimeSize, len(s)
	if len(s) == awsSecretSize || from >= len(s) || open == 0 || s[open-1] != ' ' || s[from-1] != ']' || s[open+21] != ' ' || s[open+22] != '+' && s[open+22] != '-' ||
		strings.IndexByte(s, '%') >= 0 {
		return false
	}
	if tail := behind + 1; behind > from && tail < len(s) && s[behind] == ' ' && s[tail] == '"' {
		if hash := seen.hash(s[tail:]); hash != 0 {
			switch hash ^= tailMark; {
			case seen.has(hash):
				to = tail
			case r.calm(s, tail):
				seen.add(hash)
				to = tail
			}
		}
	}
	var m memo
	runs := 0 // from where base64 is sought: there is none in a time
	if r.calmFront(s, open, seen) {
		runs = from
	} else if r.finds(s, 0, open, &m) {
		return false
	}
	return !r.finds(s, from, to, &m) && !m.form && r.blobsFrom(s[:to], runs) == s[:to]
}

// calmFront reports whether no search that starts before the time, which stands in
// brackets from open on, can find anything, whatever the line is otherwise: no place
// is worth one, and no base64 is there. A blank near an option is worth one, so that
// none is remembered for what stands behind the time. Callers come again.
func (r *redactor) calmFront(s string, open int, seen *cleanTexts) bool {
	hash := seen.hash(s[:open])
	if hash == 0 {
		return false
	}
	if hash ^= frontMark; seen.has(hash) {
		return true
	}
	var m memo
	for at := m.next(s[:open], 0); at < open; at = m.next(s[:open], at+1) {
		if m.possible(s, at) {
			return false
		}
	}
	if hasRun(s[:open]) {
		return false
	}
	seen.add(hash)
	return true
}

// calm reports whether no search that starts behind the quote at i, to the end of s,
// can find anything, whatever stands before the quote: no place is worth one, but
// for the beginning of an address without a name in it, and no base64 is there.
// What possible looks at does not reach back beyond the quote; what it remembers
// of options makes it ask for searches of words that it asks for here, too.
func (r *redactor) calm(s string, i int) bool {
	var m memo
	for at := m.next(s, i); at < len(s); at = m.next(s, at+1) {
		if m.possible(s, at) && !strings.HasPrefix(s[at:], "://") {
			return false
		}
	}
	return strings.IndexByte(s[i:], '@') < 0 && !hasRun(s[i:])
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
