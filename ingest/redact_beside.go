package ingest

import "strings"

// What stands beside a value in JSON and names it.

// holdsValue recognises the members that hold what a sibling names: value,
// Values, parameterValue, newValue, and in short val, new, old, current.
func holdsValue(key string) bool {
	switch key {
	case "val", "new", "old", "current":
		return true
	}
	switch c := key[len(key)-1]; {
	case len(key) < 5 || c != 'e' && c != 's':
		return false
	case c == 's':
		key = key[:len(key)-1]
	}
	at := len(key) - len("value")
	return at >= 0 && key[at]|0x20 == 'v' && key[at+1:] == "alue" && (at == 0 || key[at] == 'V' || key[at-1] == '_')
}

// namesSibling recognises the members that name it: name, Key, parameterKey,
// optionName, field.
func namesSibling(key string) bool {
	for _, end := range [...]string{"name", "key", "field"} {
		at := len(key) - len(end)
		if at >= 0 && key[at]|0x20 == end[0] && key[at+1:] == end[1:] && (at == 0 || key[at] < 'a' || key[at-1] == '_') {
			return true
		}
	}
	return false
}

// namedBeside judges a value by its sibling that names it, as in lists of
// headers, variables, options and changes.
func (r *redactor) namedBeside(d *document, i int) (level secrecy) {
	parent := int(d.nodes[i].parent)
	// Such lists have few members beside the two; the bound keeps an object of
	// nothing but values from being searched once for each.
	for c, n := d.first(parent), 0; c != none && n < 16; c, n = d.after(parent, c), n+1 {
		if d.nodes[c].kind == kindString && namesSibling(d.nodes[c].key) {
			level = max(level, nameSecrecy(d.nodes[c].str))
		}
	}
	if level != secret && (listedSecret(d, parent) || r.vaultValue(d, i)) {
		level = secret
	}
	return level
}

// namedBefore judges an element of a list by the text before it: the option of
// a command line, or the name in a list of headers, in pairs or one behind the
// other.
func namedBefore(d *document, i int) secrecy {
	list, name := int(d.nodes[i].parent), d.nodes[i-1].str
	if list == none || d.nodes[list].kind != kindArray || name == "" {
		return public
	}
	if v := d.nodes[i].str; len(name) == 2 && name[0] == '-' || len(v) > 2 && v[0] == '-' && strings.IndexByte(joinedOptions, v[1]) >= 0 {
		if d.isArgument(list, i) {
			return secret
		}
	}
	if nameSecrecy(name) != secret {
		return public
	}
	if name[0] == '-' {
		if strings.HasPrefix(d.nodes[i].str, "-") || strings.IndexByte(name, '=') >= 0 {
			return public
		}
		return secret
	}
	behind := i - list // 2, 4, … are values, where all elements are scalars
	outer := int(d.nodes[list].parent)
	pair := behind == 2 && int(d.nodes[list].next) == i+1 && d.nodes[list].key == "" && outer != none && d.nodes[outer].kind == kindArray
	if pair || behind%2 == 0 && headersKey(d.nodes[list].key) {
		return secret
	}
	return public
}

// isArgument judges an element of a command line behind a short option, or with
// one in it, by the command before it.
func (d *document) isArgument(list, i int) bool {
	var sh shell
	for c := list + 1; c < i && c < list+16; c++ { // a command's name is among the first
		if d.nodes[c].kind == kindString && len(d.nodes[c].str) < maxName {
			sh.word(d.nodes[c].str)
		}
	}
	if sh.client == nil || !sh.armed {
		return false
	}
	option, v := d.nodes[i-1].str, d.nodes[i].str
	if len(option) == 2 && option[0] == '-' && sh.client.takes(option[1]) {
		return v != "" && v[0] != '-'
	}
	return len(v) > 2 && v[0] == '-' && sh.client.joins(v[1]) && !ports(v[2:])
}

func headersKey(key string) bool {
	const end = "headers"
	return len(key) >= len(end) && strings.EqualFold(key[len(key)-len(end):], end)
}

// holdsSecrets recognises members whose texts are secrets wherever they stand
// below, as numbers (of tokens used) are not.
func holdsSecrets(key string) bool {
	switch len(key) {
	case len("tokens"):
		return key[0]|0x20 == 't' && strings.EqualFold(key, "tokens")
	case len("credentials"):
		return key[0]|0x20 == 'c' && strings.EqualFold(key, "credentials")
	}
	return false
}

// describes recognises the members that only say what a credential is, and the
// elements of lists of that name.
func (d *document) describes(n int) bool {
	key := d.nodes[n].key
	if parent := int(d.nodes[n].parent); key == "" && parent != none {
		key = d.nodes[parent].key
	}
	if key == "" || holdsSecrets(key) {
		return false
	}
	key = strings.ToLower(key[max(0, len(key)-16):]) // asked for each element of a list
	for _, end := range [...]string{
		"id", "ids", "uid", "jti", "name", "user", "email", "type", "kind", "at", "date", "time", "expiration", "expiry", "expires", "issued", "arn", "provider", "issuer", "realm", "status", "state",
		"version", "method", "algorithm", "scope", "scopes", "role", "label", "description", "url", "uri", "region", "account", "action", "consumer", "tags", "prefix",
	} {
		if strings.HasSuffix(key, end) {
			return true
		}
	}
	return false
}

// opens reports whether a JSON list or object begins at i.
func opens(s string, i int) bool { return i < len(s) && (s[i] == '[' || s[i] == '{') }

// listsTexts reports whether what begins at i is a list of texts, or of
// credentials an object.
func listsTexts(s string, i int, name string) bool {
	if !opens(s, i) {
		return false
	}
	if s[i] == '{' {
		return len(name) > len("tokens")
	}
	for i++; i < len(s) && (isSpace(s[i]) || s[i] == '\\'); i++ {
	}
	return i < len(s) && (s[i] == '"' || s[i] == '\'' || s[i] == '{' && len(name) > len("tokens"))
}

// blockOf gives the inside of the list or object that begins at i in running
// text, to the text's end where nothing closes it; nothing of one that is empty
// or was hidden already. Quotes are not followed: they may be escaped any number
// of times.
func (m *memo) blockOf(s string, i int) (start, end int) {
	depth := 0
	for end = i; end < len(s); end++ {
		switch s[end] {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		if depth == 0 {
			break
		}
	}
	m.work += end - i
	start = i + 1
	inside := strings.Trim(s[min(start, end):end], " \t\r\n\"'\\")
	if inside == "" || isHash(inside) || hidden(inside) {
		return 0, 0
	}
	return start, end
}
