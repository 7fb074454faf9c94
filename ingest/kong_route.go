package ingest

import "strings"

// kongTemplate returns the path template of a route whose only path is an
// anchored regular expression with groups for its variable parts, such as
// ~/v1/orders/(?<id>[^/]+)$ for /v1/orders/{id}. The usual path of a route is
// a prefix ("/v1"), which names no operation; then it returns "".
func kongTemplate(d *document, paths int) string {
	only := d.first(paths)
	if only == none || d.after(paths, only) != none {
		return ""
	}
	p, regex := strings.CutPrefix(d.nodes[only].str, "~")
	if !regex {
		return ""
	}
	p, anchored := strings.CutSuffix(p, "$")
	if !anchored || len(p) > maxRouteSize {
		return ""
	}
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		switch c := p[i]; c {
		case '(':
			name, depth := "id", 0
			if rest, ok := strings.CutPrefix(p[i:], "(?<"); ok {
				if j := strings.IndexByte(rest, '>'); j > 0 {
					name = rest[:j]
				}
			}
			class := false
			for ; i < len(p); i++ {
				switch {
				case p[i] == '\\':
					i++
				case p[i] == '[':
					class = true
				case p[i] == ']':
					class = false
				case p[i] == '(' && !class:
					depth++
				case p[i] == ')' && !class:
					depth--
				}
				if depth == 0 {
					break
				}
			}
			b.WriteString("{" + name + "}")
		case '\\':
			if i+1 >= len(p) || isAlnum(p[i+1]) {
				return ""
			}
			i++
			b.WriteByte(p[i])
		case '[', ']', '*', '+', '?', '|', '^', '.', ')', '{', '}':
			return "" // a variable part without a group
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
