package ingest

import "strings"

// Secrets in addresses: passwords before a host, and the tokens of links that
// let whoever has them act.

// userinfo finds the password in scheme://user:password@host, or a lone token
// before the @. A password may hold an @, and what no port can be may hold a
// slash.
func userinfo(s string, i int) (start, end int) {
	if strings.IndexByte(s[i:min(len(s), i+256)], '@') < 0 {
		return 0, 0 // most URLs
	}
	colon, at := none, none
scan:
	for j := i; j < len(s) && j-i < 256; j++ {
		switch s[j] {
		case ':':
			if colon == none {
				colon = j
			}
		case '@':
			at = j
		case '/', '?', '#':
			if colon == none || at != none || digits(s[colon+1:j]) >= 0 {
				break scan
			}
		case ' ', '"', '\\', '<', '>', '\n', '\t':
			break scan
		}
	}
	switch {
	case at == none:
		return 0, 0
	case colon != none && colon+1 < at:
		if isHash(s[colon+1:at]) || isHash(s[i:at]) {
			return 0, 0
		}
		return colon + 1, at
	case colon == none && opaque(s[i:at]):
		return i, at
	}
	return 0, 0
}

// schemeless is userinfo for an address without a scheme, //user:password@host,
// whose @ is at i. It looks back no further than to the @ before it.
func schemeless(s string, i int) (start, end int) {
	from := i
	for from > 0 && i-from < 256 {
		if s[from-1] == '/' && from >= 2 && s[from-2] == '/' {
			if from > 2 && (tokenByte(s[from-3]) || strings.IndexByte(":/.", s[from-3]) >= 0) {
				return 0, 0 // part of a path, or an address that was looked at
			}
			if colon := strings.IndexByte(s[from:i], ':'); colon <= 0 {
				return 0, 0
			}
			return userinfo(s, from)
		}
		if strings.IndexByte("@ \"'\\<>\t\n\r", s[from-1]) >= 0 {
			return 0, 0
		}
		from--
	}
	return 0, 0
}

// links walks over the segments of a path, s[at:end], and stops at the tokens
// behind words that say that a link acts for whoever has it.
type links struct {
	s        string
	at, end  int
	from, to int // of the token at which it stands
	word     linkKind
}

// next goes to the next token, and reports whether there is one.
func (l *links) next() bool {
	for l.at < l.end {
		n := strings.IndexByte(l.s[l.at:l.end], '/')
		if n < 0 {
			n = l.end - l.at
		}
		from := l.at
		l.at += n + 1
		switch {
		case n < shortestLinkWord:
		case l.word != noLink && linkToken(l.s[from:from+n]) && !l.word.names(l.s[from:from+n]):
			l.from, l.to = from, from+n
			return true
		case n <= longestLinkWord:
			l.word = max(l.word, linkWord(l.s[from:from+n]))
		}
	}
	return false
}

// linkToken recognises an opaque segment that is not put together of words and
// numbers, as order-created-2026-v2 is.
func linkToken(seg string) bool {
	if !opaque(seg) {
		return false
	}
	size, letters, numbers := 0, false, false
	for i := range len(seg) {
		c := seg[i]
		if !isAlnum(c) {
			size, letters, numbers = 0, false, false
			continue
		}
		size++
		letters, numbers = letters || isLetter(c), numbers || isDigit(c)
		if size >= 4 && letters && numbers {
			return true
		}
	}
	return false
}

const (
	shortestLinkWord = len("invite")
	longestLinkWord  = len("accept-invitation")
)

// linkKind says what a word in a path makes of what is behind it.
type linkKind uint8

const (
	noLink  linkKind = iota
	oneLink          // a token
	invites          // a token, or the id of one of a collection
	hooks            // the same, and the ids are UUIDs, too
)

// names recognises the ids of collections: inv_…, and the UUIDs of webhooks.
// DELETE /webhooks/UUID is about a webhook, by an id that whoever reads an alert
// needs, while the UUID of an invitation or a reset is what was mailed.
func (k linkKind) names(seg string) bool {
	if k == hooks && isUUID(seg) {
		return true
	}
	prefix, id, ok := strings.Cut(seg, "_")
	return k >= invites && ok && len(prefix) >= 2 && len(prefix) <= 8 && strings.Trim(prefix, "abcdefghijklmnopqrstuvwxyz") == "" && strings.IndexByte(id, '_') < 0
}

// linkWords are the words before a token, without dashes.
var linkWords = map[string]linkKind{
	"resetpassword": oneLink, "passwordreset": oneLink, "forgotpassword": oneLink, "setpassword": oneLink, "invite": oneLink, "invitation": oneLink, "acceptinvite": oneLink,
	"acceptinvitation": oneLink, "verifyemail": oneLink, "confirmemail": oneLink, "emailverification": oneLink, "magiclink": oneLink, "magiclogin": oneLink, "unsubscribe": oneLink,
	"invitations": invites, "webhook": hooks, "webhooks": hooks,
}

// linkEnds holds, by the five low bits of the first letter of such a word, those of
// the last ones, which settles nearly every segment of a path.
var linkEnds = func() (t [32]uint32) {
	for w := range linkWords {
		t[w[0]&31] |= 1 << (w[len(w)-1] & 31)
	}
	return t
}()

// linkWord recognises the words before a token.
func linkWord(seg string) linkKind {
	if linkEnds[seg[0]&31]>>(seg[len(seg)-1]&31)&1 == 0 {
		return noLink
	}
	var buf [longestLinkWord]byte
	n := 0
	for i := range len(seg) {
		c := seg[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c == '-' || c == '_':
			continue
		}
		buf[n] = c
		n++
	}
	return linkWords[string(buf[:n])]
}
