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
// object (numbers, UUIDs, hex, ULIDs, prefixed and long opaque ids, e-mail
// addresses, dates) become {id}. Paths are cut after 12 segments. The path
// must come without a query.
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
	segments := 0
	for rest, more := strings.TrimPrefix(path, "/"), true; more; {
		var seg string
		seg, rest, more = strings.Cut(rest, "/")
		if (seg == "" && more) || isID(seg) || strings.IndexByte(seg, ';') >= 0 || strings.IndexByte(seg, '%') >= 0 {
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
	for more := true; more; {
		// Most segments are words in lower case.
		word := 0
		for word < len(path) && path[word] >= 'a' && path[word] <= 'z' {
			word++
		}
		if word > 0 && word < 24 && (word == len(path) || path[word] == '/') && segments < maxSegments && len(b)-start <= maxRouteSize {
			b = append(append(b, '/'), path[:word]...)
			segments++
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
		b = append(b, '/')
		if isID(seg) {
			b = append(b, idSegment...)
		} else {
			b = append(b, clip(seg, 64)...)
		}
	}
	if len(b) == start || ends {
		b = append(b, '/')
	}
	return b
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
	case digits == 0:
		// Words have no digits; a random id of letters alone is long and mixes cases.
		return n >= 24 && upper >= 4 && upper <= letters-4 && marks == 0 && dots == 0
	case letters == 0:
		return true // numbers, dates, phone numbers, versions such as 1.2.3, addresses
	case digits+letters == hexa && n >= 8 && dots == 0:
		return true // UUID, hash, object id
	case n == 26 && marks == 0 && dots == 0:
		return true // ULID
	case n >= 20 && digits >= 3:
		return true
	case marks > 0 && dots == 0:
		// A prefixed id: ord_8fk29dmq, i-0abc, INV-2024-001.
		tail := s[strings.LastIndexAny(s, "-_:")+1:]
		return digits >= 4 || len(tail) >= 8 && hasDigit(tail)
	}
	return digits >= 5
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
