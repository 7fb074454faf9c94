package ingest

import (
	"strconv"
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
		found = r.spans(string(l.u), l.at, found)
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

// spans adds the secrets in u, whose bytes stand in the source at at (nil: in
// the same places), to found, which is in order and stays so. What overlaps becomes one.
func (r *redactor) spans(u string, at []int32, found []span) []span {
	var out []span
	var m memo
	k := 0
	add := func(n span) {
		if len(out) > 0 && n.start < out[len(out)-1].end {
			out[len(out)-1].end = max(out[len(out)-1].end, n.end)
			return
		}
		out = append(out, n)
	}
	last := 0
	for i := 0; i < len(u); i++ {
		if !triggers[u[i]] || !m.possible(u, i) {
			continue
		}
		start, end := r.find(u, i, &m)
		if start < last || end <= start {
			continue
		}
		n := span{start: start, end: end}
		if at != nil {
			n.start, n.end = int(at[start]), int(at[end])
		}
		for k < len(found) && found[k].start <= n.start {
			add(found[k])
			k++
		}
		n.text = r.hash.Hash(u[start:end])
		add(n)
		last, i = end, end-1
	}
	for ; k < len(found); k++ {
		add(found[k])
	}
	return out
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
