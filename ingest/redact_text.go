package ingest

import (
	"net/url"
	"strings"
)

// value hides a whole value that stands under a secret name, but for a scheme
// before it ("Bearer").
func (r *redactor) value(s string) string {
	if hidden(s) {
		return s
	}
	n := scheme(s)
	if hidden(s[n:]) || isHash(s[n:]) {
		return s
	}
	return s[:n] + r.hash.Hash(s[n:])
}

// triggers are the bytes at which a secret may be recognised.
var triggers = func() (t [256]bool) {
	for _, c := range []byte("J=:%_-z. \t+>(@") {
		t[c] = true
	}
	return t
}()

// text hides what looks like a secret inside running text: values after secret
// names (a=b, "a":"b", a: b), tokens by shape, passwords in URLs.
func (r *redactor) text(s string) string {
	if len(s) == awsSecretSize && awsSecretShape(s) {
		return r.hash.Hash(s)
	}
	if strings.IndexByte(s, '%') >= 0 || strings.IndexByte(s, '\\') >= 0 {
		return r.blobs(r.covered(s))
	}
	return r.blobs(r.plain(s))
}

// plain hides what looks like a secret in s as it is spelled, and where blanks may
// be spelled as +.
func (r *redactor) plain(s string) string {
	var b []byte
	var m memo
	last := 0
	for i := m.next(s, 0); i < len(s); i = m.next(s, i+1) {
		if !m.possible(s, i) {
			continue
		}
		start, end := r.search(s, i, &m)
		if start < last || end <= start {
			continue
		}
		if b == nil {
			b = make([]byte, 0, len(s)+40)
		}
		b = append(append(b, s[last:start]...), r.hash.Hash(s[start:end])...)
		last, i = end, end-1
	}
	if m.form {
		return r.covered(s)
	}
	if b == nil {
		return s
	}
	return string(append(b, s[last:]...))
}

// memo keeps what one pass over a text has learned of what lies ahead, so that
// no part of it is searched once for every name in it: records are chosen by
// those who attack.
type memo struct {
	// dull: no value that starts before it and runs up to it is a credential.
	dull int
	// form: a + was seen that may stand for a blank.
	form bool
	// bare answers isBare once it was asked.
	bare, asked bool
	// option: a word that begins with a dash stands before it, at most
	// maxOption bytes back.
	option int
	// tags: what stands before it was searched for tags, and the last one begins
	// before tag.
	tags, tag int
	// delimited: the first end of a part behind it, and one; zero until asked.
	delimited int
	// shell is the command line that was read on the way here.
	shell shell
	// statement answers isStatement once it was asked, and of CREATE SECRET.
	statement, makesSecret, toldStatement bool
	// work counts the bytes that searches have read beyond their trigger.
	work int
}

// maxWork is how often searches may read each byte of a text. What texts do that
// were made to be slow stays below a tenth of it (TestSearchesReadATextOnce).
const maxWork = 256

// search is find within bounds: a text that still makes it read more than it may
// is hidden from there on, so that no mistake of ours makes it slow.
func (r *redactor) search(s string, i int, m *memo) (start, end int) {
	if m.work > maxWork*len(s)+1<<16 {
		return i, len(s)
	}
	return r.find(s, i, m)
}

// isBare reports whether s is nothing but a URL, in which a quote is just
// another byte.
func (m *memo) isBare(s string) bool {
	if !m.asked {
		m.asked = true
		m.bare = (s[0] == '/' || strings.HasPrefix(s, "http")) && strings.IndexByte(s, ' ') < 0
	}
	return m.bare
}

// find returns the secret recognised at trigger i, or an empty span.
func (r *redactor) find(s string, i int, m *memo) (start, end int) {
	switch s[i] {
	case '=':
		if i+1 < len(s) && s[i+1] == '>' {
			return r.pair(s, i, i+2, false, m) // name => value
		}
		return r.pair(s, i, i+1, false, m)
	case '>':
		return m.element(s, i)
	case '%':
		if i+2 < len(s) && s[i+1] == '3' && s[i+2]|0x20 == 'd' {
			return r.pair(s, i, i+3, true, m)
		}
	case ':':
		if strings.HasPrefix(s[i:], "://") {
			return userinfo(s, i+3)
		}
		if i+1 < len(s) && s[i+1] == '=' {
			return 0, 0 // name := value, which the sign itself finds
		}
		// A colon names a value in JSON and in headers; in an ARN it only separates.
		if i+1 < len(s) && (isSpace(s[i+1]) || s[i+1] == '"' || s[i+1] == '\\' || s[i+1] == '\'' || i > 0 && (s[i-1] == '"' || s[i-1] == '\'')) {
			return r.pair(s, i, i+1, false, m)
		}
		return r.tight(s, i, m)
	case 'J':
		if start, end = sessionToken(s, i-3, "IQoJb3JpZ2lu"); end > start {
			return start, end
		}
		if i >= 2 && s[i-2] == 'e' && s[i-1] == 'y' && (i == 2 || !isAlnum(s[i-3])) {
			return jwt(s, i-2)
		}
	case ' ', '\t', '+':
		m.form = m.form || s[i] == '+' && blankInForm(s, i)
		if start, end = m.schemeToken(s, i); end > start || s[i] == '+' {
			return start, end
		}
		if start, end = m.optionValue(s, i); end > start {
			return start, end
		}
		return m.worded(s, i)
	case '-':
		if strings.HasPrefix(s[i:], "-----BEGIN") {
			return privateKey(s, i)
		}
		if start, end = prefixed(s, i); end > start {
			return start, end
		}
		return m.dashed(s, i)
	case '(':
		return m.call(s, i)
	case '@':
		return schemeless(s, i)
	case 'z':
		if start, end = sessionToken(s, i-11, "FwoGZXIvYXdz"); end > start {
			return start, end
		}
		return prefixed(s, i)
	case '.':
		if start, end = m.webhook(s, i); end > start {
			return start, end
		}
		return prefixed(s, i)
	case '_':
		return prefixed(s, i)
	}
	return 0, 0
}

// pair finds the value after the separator s[i:from], if the name before it is
// a secret's. encoded says that the separator was percent-encoded, so that an
// encoded '&' ends the value.
func (r *redactor) pair(s string, i, from int, encoded bool, m *memo) (start, end int) {
	to := i
	for to > 0 && i-to < 16 && (s[to-1] == '"' || s[to-1] == '\\' || s[to-1] == '\'' || s[to-1] == ':' && s[i] == '=' || isSpace(s[to-1])) {
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
	level, block := nameSecrecy(name), false
	if s[i] == ':' && holdsSecrets(name) {
		at := i + 1
		for at < len(s) && isSpace(s[at]) {
			at++
		}
		if block = listsTexts(s, at, name); block {
			level = secret
		}
	}
	if level == maybe && s[i] == '=' && begin > 0 && (s[begin-1] == '?' || s[begin-1] == '&') && strings.EqualFold(name, "code") {
		least := 12
		if r.guess { // where code may be anything
			least = 16
		}
		if start, end = m.functionKey(s, from, least); end > start || !r.guess {
			return start, end
		}
	}
	if level == public || level == maybe && !r.guess {
		if s[i] == '=' && len(name) == len("name") && name[0]|0x20 == 'n' && name[1:] == "ame" {
			return r.part(s, begin, from, m)
		}
		return 0, 0
	}
	start = from
	for start < len(s) && isSpace(s[start]) {
		start++
	}
	m.work += start - from
	if level == secret && s[i] == ':' && start < len(s) && (s[start] == '|' || s[start] == '>') {
		if lines := m.yamlHead(s, start); lines > start {
			return m.yamlBlock(s, begin, start, lines)
		}
	}
	start += callsPassword(s[start:])
	quote, escapes := byte(0), 0
	for start+escapes < len(s) && escapes < 16 && s[start+escapes] == '\\' {
		escapes++
	}
	if at := start + escapes; at < len(s) && (s[at] == '"' || s[at] == '\'') {
		quote = s[at] // with backslashes: JSON inside a JSON string
		start = at + 1
	}
	if block || quote == 0 && level == secret && opens(s, start) {
		return m.blockOf(s, start)
	}
	if quote == 0 && start+1 < len(s) && s[start+1] == '\'' && prefixesLiteral(s[start]) {
		quote, start = '\'', start+2 // PASSWORD = N'x'
	}
	if rest, ok := strings.CutPrefix(s[start:], `\x22`); ok && quote == 0 {
		// nginx's way to write a quote.
		n := strings.Index(rest, `\x22`)
		if n < 0 {
			n = len(rest)
		}
		m.work += n
		if start += 4; hidden(rest[:n]) || isHash(rest[:n]) || level == maybe && !opaque(rest[:n]) {
			return 0, 0
		}
		return start, start + n
	}
	word := scheme(s[start:])
	whole := quote == 0 && s[i] == ':' && (cookieName(name) || manyParts(s[start:start+word]))
	start += word
	if level == maybe && quote == 0 {
		return m.credential(s, start, encoded)
	}
	end = valueEnd(s, start, quote, escapes, encoded, m.isBare(s))
	if whole {
		for end < len(s) && s[end] != '\n' && (s[end] != '"' || word > 0) {
			end++
		}
	}
	v := s[start:end]
	if m.work += len(v); hidden(v) || isHash(v) || level == maybe && !opaque(v) {
		return 0, 0
	}
	return start, end
}

// credential finds the value that starts at i if it is opaque as a whole. It
// walks over a run of characters once only: where one value ends in what no
// credential holds, so does every other that starts before.
func (m *memo) credential(s string, i int, encoded bool) (start, end int) {
	if i < m.dull {
		return 0, 0
	}
	letters, numbers := false, false
	end = i
	for end < len(s) && (tokenByte(s[end]) || strings.IndexByte("+=~", s[end]) >= 0) {
		letters = letters || isLetter(s[end])
		numbers = numbers || isDigit(s[end])
		end++
	}
	after := end
	for after < len(s) && strings.IndexByte(punctuation, s[after]) >= 0 {
		after++
	}
	m.work += after - i
	if !letters || !numbers || !endsValue(s, after, encoded, m.isBare(s)) {
		m.dull = after
		return 0, 0
	}
	if end-i < 16 || isHash(s[i:end]) {
		return 0, 0
	}
	return i, end
}

// punctuation is what may stand behind a value in running text.
const punctuation = ",;)]}>'"

// endsValue reports whether a value without quotes ends before s[i].
func endsValue(s string, i int, encoded, bare bool) bool {
	if i >= len(s) {
		return true
	}
	switch s[i] {
	case ' ', '\t', '\r', '\n', '&':
		return true
	case '"':
		return !bare
	case '\\':
		return !bare && i+1 < len(s) && s[i+1] == '"'
	case '%':
		return encoded && i+2 < len(s) && s[i+1] == '2' && s[i+2] == '6'
	}
	return false
}

// isHash reports whether v was hidden already.
func isHash(v string) bool {
	return len(v) == len(hashPrefix)+32 && strings.HasPrefix(v, hashPrefix) && isHex(v[len(hashPrefix):])
}

func cookieName(name string) bool {
	return len(name) >= 6 && strings.EqualFold(name[len(name)-6:], "cookie")
}

// notName says that a percent-encoded byte separates names: & ? ; space " # / =
func notName(hex string) bool {
	switch strings.ToLower(hex) {
	case "26", "3f", "3b", "20", "22", "23", "2f", "3d":
		return true
	}
	return false
}

func nameByte(c byte) bool {
	return isAlnum(c) || c == '_' || c == '-' || c == '.' || c == '[' || c == ']' || c == '%'
}

// valueEnd returns where the value that starts at i ends: at its closing
// quote, else at a space, an '&' or a quote. It rather takes too much than too
// little. escapes is the number of backslashes before the opening quote, bare
// says that s is nothing but a URL.
func valueEnd(s string, i int, quote byte, escapes int, encoded, bare bool) int {
	start := i
	if quote != 0 {
		run := 0
		for ; i < len(s); i++ {
			switch s[i] {
			case '\\':
				run++
				continue
			case quote:
				if run <= escapes {
					if quote != '\'' || i == start || run > 0 || i+1 >= len(s) || s[i+1] != '\'' {
						return i - run
					}
					i++ // SQL's way to write a quote in quotes
				}
			}
			run = 0
		}
		return i
	}
	for !endsValue(s, i, encoded, bare) {
		i++
	}
	for i > start && strings.IndexByte(punctuation, s[i-1]) >= 0 {
		i-- // punctuation of the text around it
	}
	return i
}

func tokenByte(c byte) bool { return isAlnum(c) || c == '_' || c == '-' }

// schemeToken finds a token after the word Bearer or Basic.
func (m *memo) schemeToken(s string, i int) (start, end int) {
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
	m.work += end - start
	if !mixed || end-start < 8 {
		return 0, 0
	}
	return start, end
}

// tight finds the value of name:value without a blank, where the name is a
// secret's and no part of an ARN, and the token of a Telegram bot.
func (r *redactor) tight(s string, i int, m *memo) (start, end int) {
	begin := i
	for begin > 0 && i-begin < 40 && tokenByte(s[begin-1]) {
		begin--
	}
	name := s[begin:i]
	if begin > 0 && s[begin-1] == '/' && strings.EqualFold(name, "user") {
		return m.netUse(s, begin-1, i+1)
	}
	if end := begin + len(hashPrefix) + 32; end <= len(s) && isHash(s[begin:end]) {
		return 0, 0 // hidden already
	}
	bot := len(name) > 6 && name[:3] == "bot" && digits(name[3:]) >= 0
	if !bot && (nameSecrecy(name) != secret || begin > 0 && s[begin-1] == ':') {
		return 0, 0
	}
	start = i + 1
	start += scheme(s[start:])
	end = start
	if bot {
		for end < len(s) && tokenByte(s[end]) {
			end++
		}
	} else {
		end = valueEnd(s, start, 0, 0, false, m.isBare(s))
	}
	if m.work += end - start; end-start < 6 || hidden(s[start:end]) || isHash(s[start:end]) {
		return 0, 0
	}
	return start, end
}
