package ingest

import (
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// maxCovers is how many encodings around each other are taken off in search of
// secrets: a JSON text in a URL in a query is three, one in a string in JSON takes two.
const maxCovers = 5

// span is a secret in the source and what stands for it.
type span struct {
	start, end int
	text       string
}

// covered hides the secrets in s, also those spelled in another way:
// percent-encoded, escaped as JSON or as nginx do, several times over. It takes
// one layer after the other off and looks again; what it finds is replaced in
// s itself.
func (r *redactor) covered(s string) string {
	found := r.spans(s, nil, nil)
	l := layers.Get().(*layer)
	defer l.free(len(s))
	l.u = append(l.u[:0], s...)
	for i := 0; i < maxCovers && uncover(l, i == 0); i++ {
		l.u, l.v, l.at, l.vat = l.v, l.u, l.vat, l.at
		u := string(l.u)
		found = r.spans(u, l.at, found)
		found = r.linked(u, l.at, found)
		if i == 0 && formEncoded(u) {
			found = r.spans(strings.ReplaceAll(u, "+", " "), l.at, found)
		}
	}
	if formEncoded(s) {
		found = r.spans(strings.ReplaceAll(s, "+", " "), nil, found)
	}
	if len(found) == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+40*len(found))
	last := 0
	for _, f := range found {
		b = append(append(b, s[last:f.start]...), f.text...)
		last = f.end
	}
	return string(append(b, s[last:]...))
}

// formEncoded reports whether a + in s may stand for a blank.
func formEncoded(s string) bool {
	for i := 0; ; i++ {
		n := strings.IndexByte(s[i:], '+')
		if i += n; n < 0 || blankInForm(s, i) {
			return n >= 0
		}
	}
}

// blankInForm reports whether the + at i may stand for a blank (WHATWG URL, 5), as
// in cmd=net+user, and not for itself, as before a time zone. Base64 may look like it.
func blankInForm(s string, i int) bool {
	return i > 0 && i+1 < len(s) && (isAlnum(s[i-1]) || s[i-1] == '\'' || s[i-1] == '"') && !isSpace(s[i+1])
}

// spans adds the secrets in u, whose bytes stand in the source at at (nil: in
// the same places), to found, which is in order and stays so.
func (r *redactor) spans(u string, at []int32, found []span) []span {
	a := adder{r: r, u: u, at: at, found: found}
	var m memo
	last := 0
	for i := 0; i < len(u); i++ {
		if !triggers[u[i]] || !m.possible(u, i) {
			continue
		}
		start, end := r.search(u, i, &m)
		if start < last || end <= start {
			continue
		}
		a.add(start, end)
		last, i = end, end-1
	}
	return a.all()
}

// linked does the same for the tokens of links. Those of the source itself are
// found by blobs.
func (r *redactor) linked(u string, at []int32, found []span) []span {
	a := adder{r: r, u: u, at: at, found: found}
	for i := strings.IndexByte(u, '/'); i >= 0 && i < len(u); i++ {
		from := i
		for i < len(u) && runByte[u[i]] {
			i++
		}
		for l := (links{s: u, at: from, end: i}); l.next(); {
			a.add(l.from, l.to)
		}
	}
	return a.all()
}

// adder merges what is found in one spelling of a text, in order, with what was
// found before. What overlaps becomes one.
type adder struct {
	r     *redactor
	u     string
	at    []int32
	found []span // what was found before
	taken int    // how many of them out has
	out   []span
}

// add takes the secret u[start:end].
func (a *adder) add(start, end int) {
	n := span{start: start, end: end}
	if a.at != nil {
		n.start, n.end = int(a.at[start]), int(a.at[end])
	}
	for a.taken < len(a.found) && a.found[a.taken].start <= n.start {
		a.merge(a.found[a.taken])
		a.taken++
	}
	if k := len(a.out) - 1; k < 0 || n.start >= a.out[k].end { // else no hash of it is needed
		n.text = a.r.hash.Hash(a.u[start:end])
	}
	a.merge(n)
}

func (a *adder) merge(n span) {
	if k := len(a.out) - 1; k >= 0 && n.start < a.out[k].end {
		a.out[k].end = max(a.out[k].end, n.end)
		return
	}
	a.out = append(a.out, n)
}

// all returns everything that was found.
func (a *adder) all() []span {
	if a.out == nil {
		return a.found
	}
	for ; a.taken < len(a.found); a.taken++ {
		a.merge(a.found[a.taken])
	}
	return a.out
}

// layer is a text and what it becomes when one layer of encoding is taken off.
type layer struct {
	u, v    []byte
	at, vat []int32 // of each byte, and of the end, where it stands in the source
}

var layers = sync.Pool{New: func() any { return new(layer) }}

// maxKeptLayer bounds the memory that one long text leaves behind.
const maxKeptLayer = 64 << 10

// free gives the memory back, in which up to n bytes were written.
func (l *layer) free(n int) {
	if cap(l.u) > maxKeptLayer || cap(l.v) > maxKeptLayer {
		return
	}
	clear(l.u[:min(n, cap(l.u))]) // no secret stays behind in the pool
	clear(l.v[:min(n, cap(l.v))])
	layers.Put(l)
}

// uncover takes one layer of encoding off u: %HH, \xHH, \uHHHH and a backslash
// before another byte. first says that u is the source. It reports whether
// there was anything to take off.
func uncover(l *layer, first bool) (changed bool) {
	u, v, vat := l.u, l.v[:0], l.vat[:0]
	where := func(i int) int32 {
		if first {
			return int32(i) //nolint:gosec // a record is bounded far below 2 GiB
		}
		return l.at[i]
	}
	for i := 0; i < len(u); {
		c, n := u[i], 1
		switch {
		case c == '%' && i+2 < len(u):
			if h, ok := hexByte(u[i+1 : i+3]); ok {
				c, n = h, 3
			}
		case c == '\\' && i+1 < len(u):
			c, n = escape(u[i:])
		}
		changed = changed || n > 1
		v, vat = append(v, c), append(vat, where(i))
		i += n
	}
	l.v, l.vat = v, append(vat, where(len(u)))
	return changed
}

// escape reads the escape that b begins with, as one byte.
func escape(b []byte) (c byte, n int) {
	switch b[1] {
	case 'x':
		if len(b) >= 4 {
			if h, ok := hexByte(b[2:4]); ok {
				return h, 4
			}
		}
	case 'u':
		if len(b) >= 6 {
			if r, err := strconv.ParseUint(string(b[2:6]), 16, 16); err == nil {
				if r < utf8.RuneSelf {
					return byte(r), 6
				}
				return '?', 6
			}
		}
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	return b[1], 2
}

func hexByte(b []byte) (byte, bool) {
	h, l := hexDigit(b[0]), hexDigit(b[1])
	return h<<4 | l, h < 16 && l < 16
}

func hexDigit(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0xff
}
