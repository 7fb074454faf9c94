package ingest

import "strings"

// Secrets that stand behind their name in a form of its own: the parts of a
// multipart body, the elements of XML, the blocks of YAML.

const (
	// maxHead bounds the headers of a part, and the tag of an element.
	maxHead = 512
	// maxAttributesSize bounds what stands between a name and its value in a tag.
	maxAttributesSize = 128
)

// part finds what name="password" names, which begins at name and has its value
// at from: the body of a part of multipart/form-data (RFC 7578), the
// value of a parameter or field of a form, the text of an element.
func (r *redactor) part(s string, name, from int, m *memo) (start, end int) {
	from = skipBlanks(s, from)
	to := from
	if from < len(s) && (s[from] == '"' || s[from] == '\'') {
		for to++; to < len(s) && to-from < maxName && s[to] != s[from]; to++ {
		}
		from++
	} else {
		for to < len(s) && to-from < maxName && nameByte(s[to]) {
			to++
		}
	}
	if to >= len(s) || to <= from {
		return 0, 0
	}
	level := nameSecrecy(s[from:to])
	if level == public || level == maybe && !r.guess {
		return 0, 0
	}
	if s[to] == '"' || s[to] == '\'' {
		to++
	}
	head := s[to:min(len(s), to+maxAttributesSize)]
	if strings.Contains(s[max(0, name-64):name], "form-data") {
		head = s[to:min(len(s), to+maxHead)]
		body := bodyOf(head)
		if m.work += len(head); body == 0 {
			return 0, 0
		}
		start = to + body
		if end = max(start, m.boundary(s, start-1)); end == len(s) {
			// Cut off: of what is behind it, the first line only is sure to be its.
			if n := strings.IndexByte(s[start:], '\n'); n >= 0 {
				end = start + n
			}
		}
		for end > start && s[end-1] == '\r' {
			end--
		}
	} else {
		m.work += len(head)
		if tag := strings.IndexAny(head, ">\n"); tag >= 0 {
			if head[tag] == '>' && strings.TrimSpace(head[:tag]) == "" {
				return m.elementText(s, to+tag)
			}
			head = head[:tag]
		}
		const value = "value="
		at := strings.Index(head, value)
		if at <= 0 || strings.IndexByte(" \t&,;", head[at-1]) < 0 {
			return 0, 0
		}
		start = to + at + len(value)
		if start < len(s) && (s[start] == '"' || s[start] == '\'') {
			start++
			end = valueEnd(s, start, s[start-1], 0, false, false)
		} else {
			end = valueEnd(s, start, 0, 0, false, false)
		}
		m.work += end - start
	}
	if level == maybe && !opaque(s[start:end]) {
		return 0, 0
	}
	return shown(s, start, end)
}

// boundary returns where the next line behind i begins that ends a part, or the
// length of s.
func (m *memo) boundary(s string, i int) int {
	if m.delimited == 0 || m.delimited <= i {
		n := strings.Index(s[i:], "\n--")
		if n < 0 {
			n = len(s) - i
		}
		m.delimited = i + n + 1
		m.work += n
	}
	return m.delimited - 1
}

// bodyOf returns where the body begins in what follows the name of a part: behind
// the first empty line, before which headers stand only.
func bodyOf(head string) int {
	for line, at := 0, 0; ; line++ {
		n := strings.IndexByte(head[at:], '\n')
		if n < 0 {
			return 0
		}
		text := strings.TrimSpace(head[at : at+n])
		at += n + 1
		switch {
		case line == 0 && (text == "" || text[0] == ';'): // of the header that names the part
		case line == 0:
			return 0
		case text == "":
			return at
		case strings.IndexByte(text, ':') <= 0:
			return 0
		}
	}
}

// element finds the text of an XML element with a secret's name, whose tag ends
// at i.
func (m *memo) element(s string, i int) (start, end int) {
	begin := i
	for begin > 0 && i-begin < 80 && (nameByte(s[begin-1]) || s[begin-1] == ':') {
		begin--
	}
	switch {
	case begin > 0 && s[begin-1] == '<':
		if nameSecrecy(s[begin:i]) != secret {
			return 0, 0
		}
	case !m.secretTag(s, i):
		return 0, 0
	}
	return m.elementText(s, i)
}

// secretTag reports whether the tag that ends at i has a secret's name and
// attributes. It goes back over every part of a text once.
func (m *memo) secretTag(s string, i int) bool {
	if i > m.tags {
		if at := strings.LastIndexByte(s[m.tags:i], '<'); at >= 0 {
			m.tag = m.tags + at + 1
		}
		m.work += i - m.tags
		m.tags = i
	}
	begin := m.tag
	if begin == 0 || begin >= i || i-begin > maxHead || s[i-1] == '/' {
		return false
	}
	end := begin
	for end < i && end-begin < 80 && (nameByte(s[end]) || s[end] == ':') {
		end++
	}
	return end > begin && isSpace(s[end]) && nameSecrecy(s[begin:end]) == secret
}

// elementText gives the text behind the tag that ends at i, to the next tag. In a
// section of CDATA and in a comment, "<" begins none.
func (m *memo) elementText(s string, i int) (start, end int) {
	const cdata, ends = "<![CDATA[", "]]>"
	start = i + 1
	for end = start; end < len(s); end++ {
		if s[end] != '<' {
			continue
		}
		until := ""
		switch {
		case strings.HasPrefix(s[end:], cdata):
			until = ends
		case strings.HasPrefix(s[end:], "<!--"):
			until = "-->"
		}
		if until == "" {
			break
		}
		n := strings.Index(s[end:], until)
		if n < 0 {
			end = len(s)
			break
		}
		end += n + len(until) - 1
	}
	end = min(end, len(s))
	m.work += end - start
	for start < end && isSpace(s[start]) {
		start++
	}
	for end > start && isSpace(s[end-1]) {
		end--
	}
	// One section is left as it is around the text.
	if inside, ok := strings.CutPrefix(s[start:end], cdata); ok && strings.HasSuffix(inside, ends) && strings.Index(inside, ends) == len(inside)-len(ends) {
		start, end = start+len(cdata), end-len(ends)
	}
	return shown(s, start, end)
}

// yamlHead returns where the lines begin behind the head of a block scalar (YAML
// 1.2, 8.1) at i, or i if there is none.
func (m *memo) yamlHead(s string, i int) int {
	at := i + 1
	for at < len(s) && at-i < 4 && (s[at] == '-' || s[at] == '+' || isDigit(s[at])) {
		at++
	}
	for at = skipBlanksOfLine(s, at); at < len(s) && s[at] == '#'; {
		n := strings.IndexByte(s[at:min(len(s), at+maxHead)], '\n')
		if n < 0 {
			return i
		}
		at += n
	}
	if at < len(s) && s[at] == '\r' {
		at++
	}
	if at >= len(s) || s[at] != '\n' {
		return i
	}
	return at + 1
}

func skipBlanksOfLine(s string, i int) int {
	for from := i; i < len(s) && (s[i] == ' ' || s[i] == '\t') && i-from < 16; i++ {
	}
	return i
}

// yamlBlock gives the text of the block scalar whose name begins at name, whose
// head at head and whose lines at i: the lines that are indented like the first.
func (m *memo) yamlBlock(s string, name, head, i int) (start, end int) {
	line := 1 + strings.LastIndexByte(s[:name], '\n')
	m.work += name - line
	lead, column := 0, 0 // of the line, and of the name behind the dashes of lists
	for at := line; at < name && (s[at] == ' ' || s[at] == '-'); at++ {
		if s[at] == ' ' && column == lead {
			lead++
		}
		column++
	}
	from, indent := i, 0
	for i < len(s) {
		n := strings.IndexByte(s[i:], '\n')
		if n < 0 {
			n = len(s) - i
		}
		text := strings.TrimRight(s[i:i+n], " \t\r")
		width := 0
		for width < len(text) && text[width] == ' ' {
			width++
		}
		if text != "" {
			if start == 0 {
				if indent = width; width <= lead {
					break
				}
				for _, c := range []byte(s[head+1 : min(len(s), head+3)]) {
					if isDigit(c) {
						indent = min(indent, column+int(c-'0'))
					}
				}
				start = i + width
			}
			if width < indent {
				break
			}
			end = i + len(text)
		}
		i += n + 1
	}
	m.work += min(i, len(s)) - from
	if end <= start {
		return 0, 0
	}
	return shown(s, start, end)
}
