package ingest

import "strings"

// JSON text in a string: what is asked of a cloud's interface, for one, stands in its
// log like that.

// maxPacks bounds how deep JSON text in JSON text is read as documents: a request in
// properties in an event in an envelope. What lies deeper is running text.
const maxPacks = 4

// aroundText is what may stand around JSON: its blanks, and a byte order mark.
const aroundText = " \t\r\n\uFEFF"

// opensText reports whether s may be JSON text of an object or a list.
func opensText(s string) bool {
	return opens(strings.TrimLeft(s, aroundText), 0)
}

// packed hides every secret in the string of node i. Where that is the JSON text of an
// object or a list, it is redacted as a document and stays one: what follows can
// still be read, and names what it would name outside of a string. Anything else is
// running text. It reads each byte maxPacks times at most.
func (r *redactor) packed(d *document, i int) string {
	s := d.nodes[i].str
	text := strings.Trim(s, aroundText)
	var inner document
	if r.packs >= maxPacks || inner.parse(text) != nil {
		return r.text(s)
	}
	deeper := redactor{hash: r.hash, guess: r.guess, packs: r.packs + 1, vault: r.vault || mayHoldRequest(d.nodes[i].key) && writesVault(d, i)}
	deeper.document(&inner, nil)
	if len(inner.edits) == 0 {
		return s
	}
	at := strings.Index(s, text)
	return s[:at] + inner.source(0) + s[at+len(text):]
}

// namesKeyPair recognises the names of the keys that Azure's services have two of.
// With others they are columns of a table.
func namesKeyPair(key string) bool {
	key, _ = columnName(key)
	return len(key) >= len("primarykey") && strings.EqualFold(key[len(key)-len("key"):], "key") &&
		(strings.EqualFold(key[:len("primary")], "primary") || strings.EqualFold(key[:min(len(key), len("secondary"))], "secondary"))
}

// keyLike recognises a key in hex or base64 of either alphabet: 16 bytes or more, and
// no name in small letters.
func keyLike(s string) bool {
	if len(s) < 16 || len(s) > maxOpaque || isUUID(s) {
		return false
	}
	letters, numbers, small := false, false, len(s) < 32 && !isHex(s)
	for i := range len(s) {
		switch c := s[i]; {
		case isLetter(c):
			letters, small = true, small && c >= 'a'
		case isDigit(c):
			numbers = true
		case strings.IndexByte("+/=-_", c) < 0:
			return false
		}
	}
	return letters && numbers && !small
}

// listedSecret reports whether object n is one of secrets, as a container app has them.
func listedSecret(d *document, n int) bool {
	if n == none {
		return false
	}
	list := int(d.nodes[n].parent)
	return list != none && strings.EqualFold(d.nodes[list].key, "secrets")
}

// vaultValue recognises the value of a secret that a record of Azure writes into a key
// vault: it has no name that says so.
func (r *redactor) vaultValue(d *document, i int) bool {
	if !strings.EqualFold(d.nodes[i].key, "value") {
		return false
	}
	if r.vault {
		return true
	}
	parent := int(d.nodes[i].parent)
	return parent != none && strings.EqualFold(d.nodes[parent].key, "properties") && writesVault(d, parent)
}

// mayHoldRequest recognises the members that hold what was asked as text.
func mayHoldRequest(key string) bool {
	key, _ = columnName(key)
	return strings.EqualFold(key, "requestbody") || strings.EqualFold(key, "responsebody") || strings.EqualFold(key, "properties")
}

// writesVault reports whether node n belongs to a record of Azure that writes a
// secret of a key vault, or to that secret in a template. The bounds keep records of
// nothing but such nodes from being searched once for each.
func writesVault(d *document, n int) bool {
	const levels, members = 6, 48
	for range levels {
		if n = int(d.nodes[n].parent); n == none {
			return false
		}
		if d.nodes[n].kind != kindObject {
			continue
		}
		for c, i := d.first(n), 0; c != none && i < members; c, i = d.after(n, c), i+1 {
			key := d.nodes[c].key
			if len(key) < len("type") || key[0]|0x20 != 'o' && key[0]|0x20 != 't' {
				continue
			}
			what := d.nodes[c].str
			if d.nodes[c].kind == kindObject {
				what = d.text(d.beside(c, "value"))
			}
			switch name, _ := columnName(key); {
			case strings.EqualFold(name, "operationName"), strings.EqualFold(name, "operationNameValue"):
				if strings.EqualFold(what, "microsoft.keyvault/vaults/secrets/write") {
					return true
				}
			case strings.EqualFold(name, "type"):
				if strings.EqualFold(what, "microsoft.keyvault/vaults/secrets") {
					return true
				}
			}
		}
	}
	return false
}

// functionKey finds the value of code in the query of an address where it looks like
// the key of a function: base64 of at least that many digits, which may be
// percent-encoded.
func (m *memo) functionKey(s string, start, least int) (from, end int) {
	letters, numbers := false, false
	for end = start; end < len(s) && (isAlnum(s[end]) || strings.IndexByte("-_+/=~%.", s[end]) >= 0); end++ {
		letters, numbers = letters || isLetter(s[end]), numbers || isDigit(s[end])
	}
	m.work += end - start
	if end-start < least || !letters || !numbers || isHash(s[start:end]) {
		return 0, 0
	}
	return start, end
}
