package ingest

import (
	"net/url"
	"strings"
)

// Bounds of a collapsed path.
const (
	maxSegments  = 12
	maxRouteSize = 256
)

const idSegment = "{id}"

// collapsePath turns a request's path into a route: segments that name one
// object (numbers, UUIDs, hex, ULIDs, base64url, prefixed and long opaque ids,
// e-mail addresses, dates, members with digits of a collection) become {id}, those
// of files {id}.pdf, keys of OData Orders({id}). Paths are cut after 12 segments.
// The path must come without a query.
func collapsePath(path string) string {
	if route := collapsed(path); route != "" {
		return route
	}
	return string(appendRoute(make([]byte, 0, min(len(path), maxRouteSize)+8), path))
}

// collapsed returns the route of a path that is one already, else "".
func collapsed(path string) string {
	if path == "" {
		return "/"
	}
	changed := path[0] != '/' || len(path) > maxRouteSize
	segments, prev := 0, ""
	for rest, more := strings.TrimPrefix(path, "/"), true; more; {
		var seg string
		before := prev
		seg, rest, more = strings.Cut(rest, "/")
		prev = seg
		if (seg == "" && more) || !plain(before, seg) || strings.IndexByte(seg, ';') >= 0 || strings.IndexByte(seg, '%') >= 0 {
			changed = true
		}
		if segments++; segments > maxSegments {
			changed = true
		}
	}
	if changed {
		return ""
	}
	return path
}

// operation returns METHOD and the collapsed path as one string, and the path.
func (in *interner) operation(method, path string) (operation, route string) {
	b := append(append(in.buf[:0], method...), ' ')
	if len(path) > 64 { // below it, segments are not clipped
		route = collapsed(path)
	}
	if route != "" {
		b = append(b, route...)
	} else {
		b = appendRoute(b, path)
	}
	operation = in.bytes(b)
	return operation, operation[len(method)+1:]
}

// appendRoute appends the collapsed path.
func appendRoute(b []byte, path string) []byte {
	if route, ok := appendSimple(b, path); ok {
		return route
	}
	return appendAny(b, path)
}

// appendSimple is appendRoute for most paths: short ones of words in lower case,
// versions such as v1, and numbers. What lies between numbers is copied at once.
func appendSimple(b []byte, path string) (route []byte, ok bool) {
	if len(path) > 64 || path == "" || path[0] != '/' {
		return b, false
	}
	kept, segments := 0, 0
	for at := 0; at < len(path); {
		from := at + 1
		word := from
		for word < len(path) && path[word] >= 'a' && path[word] <= 'z' {
			word++
		}
		for at = word; at < len(path) && isDigit(path[at]); {
			at++
		}
		segments++
		switch {
		case at == from || at < len(path) && path[at] != '/' || segments > maxSegments:
			return b, false
		case word == from:
			b = append(append(b, path[kept:from]...), idSegment...)
			kept = at
		case at == word && word-from >= 24 || at > word && at-from > 4: // it may be an id
			return b, false
		}
	}
	return append(b, path[kept:]...), true
}

// appendAny is appendRoute for any path.
func appendAny(b []byte, path string) []byte {
	start, segments, ends := len(b), 0, strings.HasSuffix(path, "/")
	prev := ""
	for more := true; more; {
		// Most segments are words in lower case.
		word := 0
		for word < len(path) && path[word] >= 'a' && path[word] <= 'z' {
			word++
		}
		if word > 0 && word < 24 && (word == len(path) || path[word] == '/') && segments < maxSegments && len(b)-start <= maxRouteSize {
			b = append(append(b, '/'), path[:word]...)
			segments++
			prev = path[:word]
			if more = word < len(path); more {
				path = path[word+1:]
			}
			continue
		}
		end, special := word, false
		for end < len(path) && isDigit(path[end]) {
			end++
		}
		if end > 0 && (end == len(path) || path[end] == '/') && (word == 0 || end <= 4) && segments < maxSegments && len(b)-start <= maxRouteSize {
			// A number, or what is too short for an id with a letter in it: v1.
			if segments++; word == 0 {
				b = append(append(b, '/'), idSegment...)
			} else {
				b = append(append(b, '/'), path[:end]...)
			}
			prev = path[:end]
			if more = end < len(path); more {
				path = path[end+1:]
			}
			continue
		}
		for ; end < len(path) && path[end] != '/'; end++ {
			special = special || path[end] == ';' || path[end] == '%'
		}
		seg := path[:end]
		if more = end < len(path); more {
			path = path[end+1:]
		}
		if seg == "" {
			continue
		}
		if segments++; segments > maxSegments || len(b)-start > maxRouteSize {
			b = append(b, "/…"...)
			break
		}
		if special {
			seg = plainSegment(seg)
		}
		b = appendSegment(append(b, '/'), prev, seg)
		prev = seg
	}
	if len(b) == start || ends {
		b = append(b, '/')
	}
	return b
}

// plain says that a segment stands in the route as it is.
func plain(prev, seg string) bool {
	var buf [96]byte
	return string(appendSegment(buf[:0], prev, seg)) == seg
}

// appendSegment appends a segment, or what of it is no object's name: the kind of
// a file stays ("{id}.pdf"), and the entity that a key of OData picks from
// ("Orders({id})"). prev is the segment before.
func appendSegment(b []byte, prev, seg string) []byte {
	if i := strings.IndexByte(seg, '('); i > 0 && seg[len(seg)-1] == ')' && i < len(seg)-2 {
		return append(append(append(b, clip(seg[:i], 64)...), '('), idSegment+")"...)
	}
	i := -1
	if strings.IndexByte(seg, '@') < 0 {
		i = strings.LastIndexByte(seg, '.')
	}
	switch {
	case i > 0 && isExtension(seg[i+1:]):
		if stem := seg[:i]; isID(stem) || isNumbered(stem) || isMember(prev, stem) {
			return append(append(b, idSegment...), seg[i:]...)
		}
	case isID(seg) || isMember(prev, seg) || i > 0 && isEnding(seg[i+1:]) && (isID(seg[:i]) || isNumbered(seg[:i])):
		return append(b, idSegment...)
	}
	return append(b, clip(seg, 64)...)
}

// isEnding recognises what may be the kind of a file that is not known: up to four
// letters.
func isEnding(s string) bool {
	if len(s) < 2 || len(s) > 4 {
		return false
	}
	for i := range len(s) {
		if !isLetter(s[i]) {
			return false
		}
	}
	return true
}

// isNumbered says that a file's name ends in a number, or has two digits: fan_3.
func isNumbered(stem string) bool {
	n := len(stem)
	return strings.IndexByte(stem, '.') < 0 && (digitsIn(stem) >= 2 || n > 2 && isDigit(stem[n-1]) && (stem[n-2] == '-' || stem[n-2] == '_')) && !hasTerms(stem)
}

// plainSegment takes the parameters off a segment (RFC 3986, 3.3), and its
// percent encoding.
func plainSegment(seg string) string {
	seg, _, _ = strings.Cut(seg, ";")
	if strings.IndexByte(seg, '%') >= 0 {
		if u, err := url.PathUnescape(seg); err == nil {
			seg = strings.ToValidUTF8(u, "\uFFFD")
		}
	}
	return seg
}

// isID reports whether a path segment names one object rather than a kind of
// objects.
func isID(s string) bool {
	n := len(s)
	if n == 0 {
		return false
	}
	digits, letters, upper, hexa, marks, dots := 0, 0, 0, 0, 0, 0
	for i := range n {
		c := s[i]
		switch {
		case isDigit(c):
			digits++
			hexa++
		case isLetter(c):
			letters++
			if c < 'a' {
				upper++
			}
			if c|0x20 <= 'f' {
				hexa++
			}
		case c == '-' || c == '_' || c == '~' || c == '=' || c == ':' || c == '+' || c == ',':
			marks++
		case c == '.':
			dots++
		case c == '@' && i > 0:
			return true // an e-mail address
		default:
			return false
		}
	}
	switch {
	case n >= len(hashPrefix)+32 && strings.HasPrefix(s, hashPrefix):
		return true
	case n >= 8 && dots == 0 && isRandom(s):
		return true
	case digits == 0:
		// Words have no digits; a random id of letters alone is long and mixes cases.
		return n >= 24 && upper >= 4 && upper <= letters-4 && marks == 0 && dots == 0 && (piecesOf(s).scraps || namelike(s) < hardly)
	case letters == 0:
		return true // numbers, dates, phone numbers, versions such as 1.2.3, addresses
	case digits+letters == hexa && n >= 8 && dots == 0:
		return true // UUID, hash, object id
	case n == 26 && marks == 0 && dots == 0:
		return true // ULID
	case hasTerms(s):
		return false
	case n >= 20 && digits >= 3:
		return true
	case marks > 0 && dots == 0:
		// A prefixed id: ord_8fk29dmq, i-0abc, INV-2024-001.
		tail := s[strings.LastIndexAny(s, "-_:")+1:]
		return digits >= 4 || len(tail) >= 8 && hasDigit(tail) || isSlug(s, tail)
	}
	return digits >= 5
}

// isRandom recognises base64url, base62 and base36. Words, told apart by capitals
// or marks, are longer than two letters and can be spoken; of random text every
// second piece is not. Behind a mark (cus_…) less length is enough. What is left of a
// text without its well-known words with a number (k8s) decides.
func isRandom(s string) bool {
	if !isRandomText(s) {
		return false
	}
	if !hasTerms(s) {
		return true
	}
	var buf [maxRouteSize]byte
	rest := appendWithoutTerms(buf[:0], s)
	return isRandomText(string(rest))
}

func isRandomText(s string) bool {
	if mark := strings.IndexAny(s, "_-"); mark > 0 && mark <= 6 && len(s)-mark > 10 && !strings.ContainsAny(s[mark+1:], "_-") {
		tail := s[mark+1:]
		return randomPieces(tail, 10) || mixesCases(tail) && namelike(tail) < doubtful
	}
	return randomPieces(s, 16)
}

func randomPieces(s string, least int) bool {
	p := piecesOf(s)
	if p.upper >= 2 && p.lower >= 2 {
		return len(s) >= least && (p.scraps && (p.odd >= 2 && 3*p.odd >= p.all || namelike(s) < unlikely) || namelike(s) < hardly)
	}
	return p.odd >= 4 && 2*p.odd >= p.all
}

// pieces counts what capitals, digits and marks part a text into.
type pieces struct {
	all, odd     int // odd: no word
	upper, lower int
	scraps       bool // a digit or an odd piece of one or two letters: abbreviations (HttpHdrXfrCtlMgr) leave none
}

func piecesOf(s string) (p pieces) {
	for at := 0; at < len(s); {
		from := at
		switch {
		case isDigit(s[at]):
			for at < len(s) && isDigit(s[at]) {
				at++
			}
			p.all++
			p.scraps = true
			if at < len(s) && isLetter(s[at]) {
				p.odd++ // within a word
			}
			continue
		case !isLetter(s[at]):
			at++
			continue
		}
		for at < len(s) && isUpper(s[at]) {
			at++
		}
		capitals := at - from
		p.upper += capitals
		if capitals > 1 && at < len(s) && isLower(s[at]) { // the last one begins a word
			p.all++
			from = at - 1
			p.scraps = p.scraps || capitals == 2
		}
		for at < len(s) && isLower(s[at]) {
			at++
		}
		p.lower += at - from - min(capitals, 1)
		p.all++
		if !isWord(s[from:at], at < len(s) && isDigit(s[at])) {
			p.odd++
			p.scraps = p.scraps || at-from < 3
		}
	}
	return p
}

// isWord says that a piece can be a word or a part of a name; numbered, that a
// number follows it.
func isWord(s string, numbered bool) bool {
	if len(s) <= 2 {
		switch strings.ToLower(s) {
		case "a", "id", "by", "of", "to", "in", "on", "at", "is", "as", "or", "my", "me", "us", "no", "up", "ip", "db", "ui", "it", "do", "go", "vm":
			return true
		}
		return numbered && len(s) == 1 && s[0]|0x20 == 'v'
	}
	vowels, run := 0, 0
	for i := range len(s) {
		switch s[i] | 0x20 {
		case 'a', 'e', 'i', 'o', 'u', 'y':
			vowels++
			run = 0
		default:
			if run++; run > 4 {
				return isUpper(s[len(s)-1]) // an acronym
			}
		}
	}
	return vowels > 0 || isUpper(s[len(s)-1])
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

func digitsIn(s string) (n int) {
	for i := range len(s) {
		if isDigit(s[i]) {
			n++
		}
	}
	return n
}

func hasDigit(s string) bool {
	for i := range len(s) {
		if isDigit(s[i]) {
			return true
		}
	}
	return false
}

// splitTarget splits a request target into host (of the absolute form), path
// and query; the fragment, if any, goes.
func splitTarget(target string) (host, path, query string) {
	path, query, _ = cutByte(target, '?')
	if i := strings.IndexByte(path, '#'); i >= 0 {
		path, query = path[:i], ""
	} else if i := strings.IndexByte(query, '#'); i >= 0 {
		query = query[:i]
	}
	if path == "" || path[0] == '/' {
		return "", path, query
	}
	if i := strings.Index(path, "://"); i > 0 && i <= 8 {
		host = path[i+3:]
		path = "/"
		if j := strings.IndexByte(host, '/'); j >= 0 {
			host, path = host[:j], host[j:]
		}
		if j := strings.LastIndexByte(host, '@'); j >= 0 {
			host = host[j+1:]
		}
		return host, path, query
	}
	return "", path, query
}

// method returns m when it can be an HTTP method, in upper case, else "".
func method(m string) string {
	if m == "" || len(m) > 20 {
		return ""
	}
	upper := true
	for i := range len(m) {
		switch c := m[i]; {
		case c >= 'A' && c <= 'Z' || c == '-' || c == '_':
		case c >= 'a' && c <= 'z':
			upper = false
		default:
			return ""
		}
	}
	if upper {
		return m // nearly all
	}
	return strings.ToUpper(m)
}
