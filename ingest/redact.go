package ingest

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"
)

// redactor hides secrets in texts and documents. Secrets are found by the name
// that stands beside a value (nameSecrecy) and by the value's own shape (JWT,
// well-known token prefixes, private keys, passwords in URLs). Ids that logs
// show on purpose (access key ids, ids of consumers) stay.
type redactor struct {
	hash *Hasher
	// guess also hides opaque values of doubtful names ("key", "code"), as
	// gateways' query strings carry them. In CloudTrail "key" is an object key.
	guess bool
}

// document hides every secret in d: in the nodes, so that no parser can copy
// one into a field, and as edits for source. The node also, unless it is none,
// is a secret whatever its name.
func (r *redactor) document(d *document, also int) {
	secretUntil := 0
	for i := range d.nodes {
		n := &d.nodes[i]
		level := public
		if i < secretUntil || i == also {
			level = secret
		} else if n.key != "" {
			level = nameSecrecy(n.key)
			if level == public && n.kind == kindString && (n.key == "value" || n.key == "Value") {
				level = r.namedBeside(d, i)
			}
			if len(n.key) >= 16 && level == public {
				if k := r.text(n.key); k != n.key {
					d.edits = append(d.edits, edit{n.keyStart, n.keyEnd, quoteJSON(k)})
					n.key = k
				}
			}
		}
		switch n.kind {
		case kindObject, kindArray:
			if level == secret {
				secretUntil = max(secretUntil, int(n.next))
			}
		case kindNumber:
			if level == secret {
				n.str, n.kind = r.hash.Hash(n.str), kindString
				d.edits = append(d.edits, edit{n.start, n.end, quoteJSON(n.str)})
			}
		case kindString:
			hiddenText := n.str
			switch {
			case level == secret || level == maybe && r.guess && opaque(n.str):
				hiddenText = r.value(n.str)
			case len(n.str) >= 6:
				hiddenText = r.text(n.str)
			}
			if hiddenText != n.str {
				n.str = hiddenText
				d.edits = append(d.edits, edit{n.start, n.end, quoteJSON(hiddenText)})
			}
		case kindTrue, kindFalse, kindNull:
		}
	}
}

// namedBeside judges a member called "value" by its sibling called "name" or
// "key", as in lists of headers and variables.
func (r *redactor) namedBeside(d *document, i int) secrecy {
	parent := int(d.nodes[i].parent)
	for c := d.first(parent); c != none; c = d.after(parent, c) {
		switch d.nodes[c].key {
		case "name", "Name", "key", "Key":
			return nameSecrecy(d.nodes[c].str)
		}
	}
	return public
}

// source returns d's text with every secret replaced.
func (d *document) source() string {
	if len(d.edits) == 0 {
		return d.src
	}
	b := make([]byte, 0, len(d.src)+40*len(d.edits))
	last := int32(0)
	for _, e := range d.edits {
		b = append(append(b, d.src[last:e.start]...), e.text...)
		last = e.end
	}
	return string(append(b, d.src[last:]...))
}

// quoteJSON writes s as a JSON string.
func quoteJSON(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f && s[i] != '"' && s[i] != '\\'
	}
	if plain {
		return `"` + s + `"`
	}
	b, err := json.Marshal(s)
	if err != nil {
		return `""` // no string makes Marshal fail
	}
	return string(b)
}

// value hides a whole value that stands under a secret name, but for a scheme
// before it ("Bearer").
func (r *redactor) value(s string) string {
	if hidden(s) {
		return s
	}
	n := scheme(s)
	if hidden(s[n:]) {
		return s
	}
	return s[:n] + r.hash.Hash(s[n:])
}

// triggers are the bytes at which a secret may be recognised.
var triggers = func() (t [256]bool) {
	for _, c := range []byte("J=:%_-z. ") {
		t[c] = true
	}
	return t
}()

// text hides what looks like a secret inside running text: values after secret
// names (a=b, "a":"b", a: b), tokens by shape, passwords in URLs.
func (r *redactor) text(s string) string {
	if len(s) == 40 && awsSecretShape(s) {
		return r.hash.Hash(s)
	}
	var b []byte
	last := 0
	for i := 0; i < len(s); i++ {
		if !triggers[s[i]] {
			continue
		}
		start, end := r.find(s, i)
		if start < last || end <= start {
			continue
		}
		if b == nil {
			b = make([]byte, 0, len(s)+40)
		}
		b = append(append(b, s[last:start]...), r.hash.Hash(s[start:end])...)
		last, i = end, end-1
	}
	if b == nil {
		return s
	}
	return string(append(b, s[last:]...))
}

// find returns the secret recognised at trigger i, or an empty span.
func (r *redactor) find(s string, i int) (start, end int) {
	switch s[i] {
	case '=':
		return r.pair(s, i, i+1, false)
	case '%':
		if i+2 < len(s) && s[i+1] == '3' && s[i+2]|0x20 == 'd' {
			return r.pair(s, i, i+3, true)
		}
	case ':':
		if strings.HasPrefix(s[i:], "://") {
			return userinfo(s, i+3)
		}
		// A colon names a value in JSON and in headers; in an ARN it only separates.
		if i+1 < len(s) && (s[i+1] == ' ' || s[i+1] == '"' || s[i+1] == '\\' || s[i+1] == '\'' || i > 0 && (s[i-1] == '"' || s[i-1] == '\'')) {
			return r.pair(s, i, i+1, false)
		}
	case 'J':
		if i >= 2 && s[i-2] == 'e' && s[i-1] == 'y' && (i == 2 || !isAlnum(s[i-3])) {
			return jwt(s, i-2)
		}
	case ' ':
		return schemeToken(s, i)
	case '-':
		if strings.HasPrefix(s[i:], "-----BEGIN ") {
			return privateKey(s, i)
		}
		return prefixed(s, i)
	case '_', 'z', '.':
		return prefixed(s, i)
	}
	return 0, 0
}

// pair finds the value after the separator s[i:from], if the name before it is
// a secret's. encoded says that the separator was percent-encoded, so that an
// encoded '&' ends the value.
func (r *redactor) pair(s string, i, from int, encoded bool) (start, end int) {
	to := i
	for to > 0 && (s[to-1] == '"' || s[to-1] == '\\' || s[to-1] == '\'' || s[to-1] == ' ') {
		to--
	}
	begin := to
	for begin > 0 && to-begin < 80 && nameByte(s[begin-1]) {
		if encoded && s[begin-1] == '%' && to-begin >= 2 && notName(s[begin:begin+2]) {
			begin += 2
			break
		}
		begin--
	}
	name := s[begin:to]
	if strings.IndexByte(name, '%') >= 0 {
		if u, err := url.PathUnescape(name); err == nil {
			name = u
		}
	}
	level := nameSecrecy(name)
	if level == public || level == maybe && !r.guess {
		return 0, 0
	}
	start = from
	for start < len(s) && s[start] == ' ' {
		start++
	}
	quote, escaped := byte(0), false
	if start+1 < len(s) && s[start] == '\\' && s[start+1] == '"' {
		escaped = true // JSON inside a JSON string
		start++
	}
	if start < len(s) && (s[start] == '"' || s[start] == '\'') {
		quote = s[start]
		start++
	}
	start += scheme(s[start:])
	end = valueEnd(s, start, quote, escaped, encoded)
	if quote == 0 && s[i] == ':' && cookieName(name) {
		for end < len(s) && s[end] != '\n' && s[end] != '"' {
			end++
		}
	}
	v := s[start:end]
	if hidden(v) || isHash(v) || level == maybe && !opaque(v) {
		return 0, 0
	}
	return start, end
}

// isHash reports whether v was hidden already.
func isHash(v string) bool {
	return len(v) == len(hashPrefix)+32 && strings.HasPrefix(v, hashPrefix) && isHex(v[len(hashPrefix):])
}

func cookieName(name string) bool {
	return len(name) >= 6 && strings.EqualFold(name[len(name)-6:], "cookie")
}

// notName says that a percent-encoded byte separates names: & ? ; space "
func notName(hex string) bool {
	switch strings.ToLower(hex) {
	case "26", "3f", "3b", "20", "22", "23", "2f":
		return true
	}
	return false
}

func nameByte(c byte) bool {
	return isAlnum(c) || c == '_' || c == '-' || c == '.' || c == '[' || c == ']' || c == '%'
}

// valueEnd returns where the value that starts at i ends: at its closing
// quote, else at a space, an '&' or a quote. It rather takes too much than too
// little. escaped says that the quotes themselves are escaped.
func valueEnd(s string, i int, quote byte, escaped, encoded bool) int {
	start := i
	if quote != 0 {
		for ; i < len(s); i++ {
			if s[i] != quote {
				continue
			}
			if !escaped && s[i-1] != '\\' {
				return i
			}
			if escaped && s[i-1] == '\\' && s[i-2] != '\\' {
				return i - 1
			}
		}
		return i
	}
	// In a bare URL a quote is just another byte.
	bare := (s[0] == '/' || strings.HasPrefix(s, "http")) && strings.IndexByte(s, ' ') < 0
scan:
	for ; i < len(s); i++ {
		switch s[i] {
		case ' ', '\t', '\r', '\n', '&':
			break scan
		case '"':
			if !bare {
				break scan
			}
		case '\\':
			if !bare && i+1 < len(s) && s[i+1] == '"' {
				break scan
			}
		case '%':
			if encoded && i+2 < len(s) && s[i+1] == '2' && s[i+2] == '6' {
				break scan
			}
		}
	}
	for i > start && strings.IndexByte(",;)]}>'", s[i-1]) >= 0 {
		i-- // punctuation of the text around it
	}
	return i
}

// userinfo finds the password in scheme://user:password@host, or a lone token
// before the @.
func userinfo(s string, i int) (start, end int) {
	colon := none
	for j := i; j < len(s) && j-i < 512; j++ {
		switch s[j] {
		case ':':
			if colon == none {
				colon = j
			}
		case '@':
			if colon != none && colon+1 < j {
				return colon + 1, j
			}
			if opaque(s[i:j]) {
				return i, j
			}
			return 0, 0
		case '/', '?', '#', ' ', '"', '\\', '<', '>':
			return 0, 0
		}
	}
	return 0, 0
}

func tokenByte(c byte) bool { return isAlnum(c) || c == '_' || c == '-' }

// jwt finds the compact serialisation of RFC 7515 and RFC 7516: base64url
// parts joined by dots, the first one an object ("eyJ").
func jwt(s string, start int) (int, int) {
	i, parts := start, 0
	for {
		for i < len(s) && tokenByte(s[i]) {
			i++
		}
		parts++
		if parts == 5 || i+1 >= len(s) || s[i] != '.' || !tokenByte(s[i+1]) {
			break
		}
		i++
	}
	if i-start < 16 {
		return 0, 0
	}
	return start, i
}

// schemeToken finds a token after the word Bearer or Basic.
func schemeToken(s string, i int) (start, end int) {
	if i < 5 {
		return 0, 0
	}
	word := s[i-5 : i]
	if !strings.EqualFold(word, "basic") && (i < 6 || !strings.EqualFold(s[i-6:i], "bearer")) {
		return 0, 0
	}
	start, end = i+1, i+1
	mixed := false
	for end < len(s) && (tokenByte(s[end]) || strings.IndexByte("+/=.~", s[end]) >= 0) {
		c := s[end]
		mixed = mixed || c < 'a' || c > 'z'
		end++
	}
	if !mixed || end-start < 8 {
		return 0, 0
	}
	return start, end
}

// tokenPrefixes are the published prefixes of providers' secrets, by the byte
// at which each is recognised: its last, or the z of AIza.
var tokenPrefixes = func() (t [256][]string) {
	for _, p := range []string{
		"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glrt-", "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xapp-",
		"sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_", "sk-", "npm_", "pypi-", "hf_", "dop_v1_", "doo_v1_", "shpat_", "shpss_", "dapi-",
		"hvs.", "ya29.", "SG.", "lin_api_", "pat_", "AIz", "figd_", "sntrys_", "dckr_pat_", "pscale_tkn_", "PMAK-", "NRAK-", "atlasv1_", "sq0csp-", "EAAA_",
	} {
		c := p[len(p)-1]
		t[c] = append(t[c], p)
	}
	return t
}()

// beforeLast holds, by the last byte of a prefix, the bytes that stand before it.
var beforeLast = func() (t [256][256]bool) {
	for last, list := range tokenPrefixes {
		for _, p := range list {
			t[last][p[len(p)-2]] = true
		}
	}
	return t
}()

// prefixed finds a token by the well-known prefix that ends at i.
func prefixed(s string, i int) (start, end int) {
	if i == 0 || !beforeLast[s[i]][s[i-1]] {
		return 0, 0
	}
	for _, p := range tokenPrefixes[s[i]] {
		start = i + 1 - len(p)
		if start < 0 || s[start:i+1] != p || start > 0 && (isAlnum(s[start-1]) || s[start-1] == '-' || s[start-1] == '_') {
			continue
		}
		end = i + 1
		for end < len(s) && (tokenByte(s[end]) || s[end] == '.') {
			end++
		}
		if opaque(strings.ReplaceAll(s[i+1:end], ".", "")) {
			return start, end
		}
	}
	return 0, 0
}

// privateKey finds a PEM block of a private key, to its end or the text's.
func privateKey(s string, i int) (start, end int) {
	line := s[i:min(len(s), i+64)]
	if !strings.Contains(line, "PRIVATE KEY") {
		return 0, 0
	}
	if e := strings.Index(s[i:], "-----END"); e >= 0 {
		if f := strings.Index(s[i+e+8:], "-----"); f >= 0 {
			return i, i + e + 8 + f + 5
		}
	}
	return i, len(s)
}

// awsSecretShape recognises a text that is as a whole like an AWS secret
// access key: 40 characters of base64 with both cases and digits, no SHA-1.
func awsSecretShape(s string) bool {
	upper, lower, digit, slash := false, false, false, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z':
			upper = true
		case c >= 'a' && c <= 'z':
			lower = true
		case isDigit(c):
			digit = true
		case c == '/':
			slash++
		case c == '+':
		default:
			return false
		}
	}
	return upper && lower && digit && slash <= 3
}

// cleanText returns raw as valid UTF-8: bytes that are none become U+FFFD.
// Logs carry such bytes (attackers send them), and a record must not be lost
// for one of them.
func cleanText(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	return strings.ToValidUTF8(string(raw), "\uFFFD")
}
