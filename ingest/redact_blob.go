package ingest

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// Secrets that a text shows only to those who decode it, and those that only
// their length and the words around them tell.

// minRun is the least length of a run of base64 that is looked into: 18 bytes.
const minRun = 24

// runByte says which bytes base64 is made of, in both alphabets; padding ends a run.
var runByte = func() (t [256]bool) {
	for c := range t {
		t[c] = isAlnum(byte(c)) || strings.IndexByte("+/-_", byte(c)) >= 0
	}
	return t
}()

// blobs hides runs of base64 that hold a secret, secret access keys of AWS with
// words beside them that say so, and the tokens of links. It looks at every 24th byte only, unless
// a run may be there.
func (r *redactor) blobs(s string) string { return r.blobsFrom(s, 0) }

// blobsFrom is blobs where nothing is hidden before i, nor in a run across it.
func (r *redactor) blobsFrom(s string, i int) string {
	var b []byte
	last := 0
	for i+minRun <= len(s) {
		if !runByte[s[i+minRun-1]] {
			i += minRun
			continue
		}
		start := i + minRun - 1
		for start > i && runByte[s[start-1]] {
			start--
		}
		end := i + minRun
		for end < len(s) && runByte[s[end]] {
			end++
		}
		i = end + 1
		if start > 0 {
			start += escaped(s[start-1], s[start])
		}
		if end-start < minRun {
			continue
		}
		if !r.blob(s, start, end) {
			for l := (links{s: s, at: start, end: end}); l.next(); {
				b = append(append(b, s[last:l.from]...), r.hash.Hash(s[l.from:l.to])...)
				last = l.to
			}
			continue
		}
		for pad := 0; pad < 2 && end < len(s) && s[end] == '='; pad++ {
			end++
		}
		b = append(append(b, s[last:start]...), r.hash.Hash(s[start:end])...)
		last, i = end, end
	}
	if b == nil {
		return s
	}
	return string(append(b, s[last:]...))
}

// hasRun reports whether blobs would look into a run in s.
func hasRun(s string) bool {
	n := 0
	for i := 0; i < len(s) && n < minRun; i++ {
		if n++; !runByte[s[i]] {
			n = 0
		}
	}
	return n >= minRun
}

// escaped is how many bytes at the beginning of a run belong to the escape of the
// byte before it: \x22, \u0022, \n, %22.
func escaped(before, first byte) int {
	switch {
	case before == '%':
		return 2
	case before != '\\':
		return 0
	case first == 'x':
		return 3
	case first == 'u':
		return 5
	}
	return 1
}

// blob judges the run s[start:end].
func (r *redactor) blob(s string, start, end int) bool {
	run := s[start:end]
	if len(run) == awsSecretSize && awsSecretShape(run) && saysSecret(s[max(0, start-48):start]) {
		return true
	}
	if !startsText(run) {
		return false
	}
	var head [9]byte
	if n, err := decodeRun(head[:], run[:12]); err != nil || n < len(head) || !isText(head[:]) {
		return false // what is no text in its beginning is not decoded
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(run)))
	n, err := decodeRun(out, run)
	if err != nil || !isText(out[:n]) {
		return false
	}
	text := string(out[:n])
	if pairOfBasic(text) {
		return true
	}
	inner := redactor{hash: r.hash, guess: true}
	if strings.IndexByte(text, '%') >= 0 || strings.IndexByte(text, '\\') >= 0 {
		return inner.covered(text) != text
	}
	return inner.plain(text) != text
}

// sextets are the values of base64's bytes in both alphabets.
var sextets = func() (t [256]byte) {
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	t['-'], t['_'] = 62, 63
	return t
}()

// startsText looks at the first three bytes that a run stands for, which rules
// out nearly every one that is no text at a tenth of the cost of decoding it.
func startsText(run string) bool {
	v := uint32(sextets[run[0]])<<18 | uint32(sextets[run[1]])<<12 | uint32(sextets[run[2]])<<6 | uint32(sextets[run[3]])
	ahead := 0 // bytes of a rune that must follow
	for shift := 16; shift >= 0; shift -= 8 {
		switch b := byte(v >> shift & 0xff); {
		case b&0xC0 == 0x80:
			if ahead == 0 {
				return false
			}
			ahead--
		case ahead > 0 || b < ' ' && !isSpace(b) || b == 0x7f:
			return false
		case b >= 0xF0:
			ahead = 3
		case b >= 0xE0:
			ahead = 2
		case b >= 0xC0:
			ahead = 1
		}
	}
	return true
}

// decodeRun decodes base64 of either alphabet, up to the last whole byte.
func decodeRun(to []byte, run string) (int, error) {
	if len(run)%4 == 1 {
		run = run[:len(run)-1]
	}
	if strings.IndexByte(run, '-') >= 0 || strings.IndexByte(run, '_') >= 0 {
		return base64.RawURLEncoding.Decode(to, []byte(run))
	}
	return base64.RawStdEncoding.Decode(to, []byte(run))
}

// isText reports whether b is UTF-8 without control characters. A rune may be
// cut off at its end.
func isText(b []byte) bool {
	for len(b) > 0 {
		if b[0] < utf8.RuneSelf {
			if b[0] < ' ' && !isSpace(b[0]) || b[0] == 0x7f {
				return false
			}
			b = b[1:]
			continue
		}
		c, n := utf8.DecodeRune(b)
		if c == utf8.RuneError && n == 1 {
			return !utf8.FullRune(b)
		}
		b = b[n:]
	}
	return true
}

// pairOfBasic recognises a user and a password as Basic joins them: one word
// with a colon, and behind it something that is no name and no number.
func pairOfBasic(s string) bool {
	user, password, ok := strings.Cut(s, ":")
	if !ok || digits(user) >= 0 || user == "" || len(password) < 6 || strings.ContainsAny(s, " \t\r\n/\"{}[]<>,;") {
		return false
	}
	return chosen(password)
}

// chosen tells what may be a password from words, names and numbers: letters,
// and among them digits or the signs that rules for passwords ask for.
func chosen(s string) bool {
	letters, others := false, false
	for i := range len(s) {
		letters = letters || isLetter(s[i])
		others = others || isDigit(s[i]) || strings.IndexByte("!@#$%^&*+=~?", s[i]) >= 0
	}
	return letters && others
}

// saysSecret reports whether words before a value call it a secret.
func saysSecret(before string) bool {
	before = strings.ToLower(before)
	return strings.Contains(before, "secret") || strings.Contains(before, "access key") || strings.Contains(before, "aws_") || strings.Contains(before, "aws key")
}

// prose finds the value in "password VALUE", "password is VALUE" and "api key
// VALUE" whose name ends at the blank s[i]. Only what looks like a password, or
// behind other names like a credential, is one: most sentences go on in words.
func (m *memo) prose(s string, i int) (start, end int) {
	begin := i
	for begin > 0 && i-begin < maxOption && tokenByte(s[begin-1]) {
		begin--
	}
	name := s[begin:i]
	if nameSecrecy(name) != secret && !strings.EqualFold(name, "key") {
		return 0, 0
	}
	if start, end = m.behindPassword(s, i, name); end > start {
		return start, end
	}
	start = i
	for range 2 {
		for start < len(s) && isSpace(s[start]) && start-i < maxOption {
			start++
		}
		word := strings.IndexByte(s[start:min(len(s), start+4)], ' ')
		if word < 0 {
			break
		}
		switch strings.ToLower(s[start : start+word]) {
		case "is", "was", "to", "=", ":", "of":
			start += word
			continue
		}
		break
	}
	if start < len(s) && (s[start] == '"' || s[start] == '\'' || s[start] == '`') {
		start++
	}
	end = start
	for end < len(s) && end-start < maxOpaque && !isSpace(s[end]) && strings.IndexByte("\"'`<>", s[end]) < 0 {
		end++
	}
	for end > start && strings.IndexByte(punctuation+".", s[end-1]) >= 0 {
		end--
	}
	v := s[start:end]
	m.work += len(v)
	if len(v) < 6 || hidden(v) || isHash(v) || strings.HasPrefix(v, "HTTP/") || strings.IndexByte(v, '=') > 0 && strings.Contains(v, hashPrefix) {
		return 0, 0
	}
	if v[len(v)-1] == '=' && end < len(s) && (s[end] == '"' || s[end] == '\'') {
		return 0, 0 // an attribute of an element: <password encoding="…">
	}
	if namesPassword(name) && (chosen(v) || digits(v) >= 0) || opaque(v) {
		return start, end
	}
	return 0, 0
}

// namesPassword tells the names of what people choose.
func namesPassword(name string) bool {
	switch name[len(name)-1] | 0x20 {
	case 'd':
		return true // password, passwd, pwd
	case 'e':
		return len(name) > 5 && strings.EqualFold(name[len(name)-6:], "phrase") || strings.HasSuffix(strings.ToLower(name), "passcode")
	}
	return false
}

// phraseEnds reports whether a name that prose knows may end at i, or the last
// word of another phrase that worded knows.
func phraseEnds(s string, i int) bool {
	if i < 3 {
		return false
	}
	switch a, b, c := s[i-3]|0x20, s[i-2]|0x20, s[i-1]|0x20; c {
	case 'd':
		return a == 'o' && b == 'r' || a == 's' && b == 'w' || a == 'p' && b == 'w'
	case 'e':
		return a == 'a' && b == 's' || a == 'o' && b == 'd'
	case 'n':
		return a == 'k' && b == 'e' || a == 'g' && b == 'i' // token, login
	case 't':
		return a == 'r' && b == 'e'
	case 'y':
		return a == 'k' && b == 'e' || b == 'b' && isSpace(s[i-3]) // key, by
	}
	return false
}
