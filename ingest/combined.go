package ingest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// common is what can be seen of a line of the common log format, or of one
// that adds to it, without reading its fields.
type common struct {
	ok     bool   // address ident user [time] "request" status size …
	rest   string // what stands behind the size
	tail   tail
	port   bool // a host with its port in front: Apache's vhost_combined
	noSize bool // a size of -, where nginx writes 0
	apache bool // escapes as only Apache writes them
	nginx  bool // escapes as only nginx writes them
}

// tail is what stands behind the user agent.
type tail uint8

const (
	tailOther   tail = iota
	tailNumbers      // whole numbers alone, as Apache writes %D, %T, %I and %O
	tailQuoted       // another quoted field, as in the format "main" of nginx's packages
	tailTraefik
)

func tailOf(rest string) tail {
	if traefikTail(rest) {
		return tailTraefik
	}
	w := words{s: rest}
	for n := 0; ; n++ {
		word, quoted, ok := w.next()
		switch {
		case !ok && n > 2:
			return tailNumbers
		case !ok || n < 2 && !quoted:
			return tailOther
		case n < 2:
		case n == 2 && quoted:
			return tailQuoted
		case quoted || digits(strings.Replace(strings.Trim(word, "*"), "/", "", 1)) < 0:
			return tailOther
		}
	}
}

// lookCommon looks at a line. A line that has the time in brackets, but is
// broken behind it, is not ok.
func lookCommon(line string) (c common, timed bool) {
	open := commonTime(line)
	if open <= 0 {
		return c, open == 0
	}
	front, rest := line[:open], line[open+21:]
	end := strings.IndexByte(rest, ']')
	if end < 0 || end > 7 || !strings.HasPrefix(rest[end+1:], ` "`) {
		return c, true
	}
	rest = rest[end+3:]
	quote := closingQuote(rest, 0)
	if quote >= len(rest) {
		return c, true
	}
	status, tail, _ := strings.Cut(strings.TrimLeft(rest[quote+1:], " "), " ")
	size, tail, _ := strings.Cut(tail, " ")
	if status != "-" && (len(status) != 3 || digits(status) < 0) || size == "" || size != "-" && digits(size) < 0 {
		return c, true
	}
	c.ok, c.rest, c.noSize = true, strings.TrimSpace(tail), size == "-"
	c.tail = tailOf(c.rest)
	host, _, _ := strings.Cut(front, " ")
	if i := strings.LastIndexByte(host, ':'); i > 0 && i+1 < len(host) && digits(host[i+1:]) >= 0 && address(host) == "" {
		c.port = true
	}
	c.apache, c.nginx = escapesOf(line)
	return c, true
}

// commonTime returns where the time of the common log format opens, or none.
// A user's name, which the client chooses, stands before the time and may look
// like one: the time is what the request follows, for which a name has no quote.
func commonTime(line string) int {
	found := none
	for from := 0; ; {
		i := strings.IndexByte(line[from:], '[')
		if i < 0 {
			return found
		}
		i += from
		if s := line[i+1:]; len(s) >= 21 && s[2] == '/' && s[6] == '/' && s[11] == ':' && (s[20] == ' ' || s[20] == ']') {
			if end := strings.IndexByte(s[:min(len(s), 32)], ']'); end >= 0 && strings.HasPrefix(s[end+1:], ` "`) {
				return i
			}
			if found == none {
				found = i
			}
		}
		from = i + 1
	}
}

// escapesOf says whose escapes a line has: Apache writes \" and \n and hex in
// lower case (ap_escape_logitem), nginx every escape as \xHH in upper case.
func escapesOf(line string) (apache, nginx bool) {
	for {
		i := strings.IndexByte(line, '\\')
		if i < 0 || i+1 >= len(line) {
			return false, false
		}
		if line[i+1] != 'x' {
			return strings.IndexByte(`"\nrtbv`, line[i+1]) >= 0, false
		}
		for _, c := range []byte(line[i+2 : min(i+4, len(line))]) {
			switch {
			case c >= 'a' && c <= 'f':
				return true, false
			case c >= 'A' && c <= 'F':
				return false, true
			}
		}
		line = line[i+2:]
	}
}

// combined reads the fields up to the user agent, which may be missing from
// the referer on, and returns the words behind them:
//
//	[host] address ident user [time] "request" status size "referer" "user agent" …
func (a *access) combined(line string) (w words, err error) {
	open := commonTime(line)
	if open < 0 {
		return w, errNoCommonTime
	}
	end := strings.IndexByte(line[open:], ']')
	if end < 0 {
		return w, errors.New("time: no closing bracket")
	}
	ev := a.ev
	if ev.Time, err = parseCommonLog(line[open+1 : open+end]); err != nil {
		return w, inField("time", err)
	}
	pos := open + end + 1
	pure := strings.IndexByte(line, '\\') < 0
	if !pure && strings.Contains(line[pos:], `\"`) {
		line = line[:pos] + hexQuotes(line[pos:])
	}
	w = words{s: line, pos: pos, pure: pure}
	request, quoted, ok := w.next()
	if !ok || !quoted {
		return w, missing("request")
	}
	status, _, _ := w.next()
	size, _, sized := w.next()
	if pure && a.r.idle(line, open, w.pos, a.seen) {
		a.line, a.pure = line, true
	} else {
		a.whole(line)
	}
	a.front(line[:open])
	a.request(a.clean(request))
	if status != "-" {
		if err := a.status(status); err != nil {
			return w, err
		}
	}
	if !sized {
		return w, missing("size")
	}
	if ev.BytesOut = count(size); ev.BytesOut == 0 && size != "-" {
		if ev.BytesOut, err = strconv.ParseUint(size, 10, 64); err != nil {
			return w, fmt.Errorf("size: %q is no number", clip(size, 40))
		}
	}
	if referer, _, ok := w.next(); ok && referer != "-" {
		attribute(ev, "referer", a.clean(referer))
	}
	if agent, _, ok := w.next(); ok && agent != "-" {
		ev.UserAgent = clip(a.clean(agent), maxMessage)
	}
	if strings.IndexByte(line[w.pos:], '[') >= 0 && w.anotherRecord() {
		return w, errTwoRecords
	}
	return w, nil
}

var (
	errNoCommonTime = errors.New(`time: missing (address - user [02/Jan/2006:15:04:05 -0700] "request" expected)`)
	errTwoRecords   = errors.New("a second record on the line: its line breaks were lost on the way (curl -d takes them out, --data-binary keeps them)")
)

// anotherRecord says that [time] "request" follows, outside of quotes: in them
// a client may write what it likes.
func (w words) anotherRecord() bool {
	for {
		word, quoted, ok := w.next()
		switch {
		case !ok:
			return false
		case quoted || len(word) < 21 || word[0] != '[' || word[3] != '/' || word[7] != '/' || word[12] != ':':
			continue
		}
		if word[len(word)-1] != ']' {
			if word, quoted, _ = w.next(); quoted || !strings.HasSuffix(word, "]") {
				continue
			}
		}
		if _, quoted, _ = w.next(); quoted {
			return true
		}
	}
}

// hexQuotes spells \" and \\ as nginx does (\x22, \x5C). A quote that was part
// of a value must not look like its end, behind which no secret is sought.
func hexQuotes(s string) string {
	b := make([]byte, 0, len(s)+16)
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		i++
		switch s[i] {
		case '"':
			b = append(b, `\x22`...)
		case '\\':
			b = append(b, `\x5C`...)
		default:
			b = append(b, '\\', s[i])
		}
	}
	return string(b)
}

// front reads what stands before the time: the address, the ident and the
// user; before them, in some formats, the virtual host.
func (a *access) front(s string) {
	word, rest := cutWord(s)
	ip := address(word)
	if ip == "" && strings.IndexByte(word, ',') < 0 {
		if next, tail := cutWord(rest); address(next) != "" {
			a.ev.Host = hostName(word)
			word, ip, rest = next, address(next), tail
		}
	}
	if ip == "" && strings.IndexByte(word, ',') > 0 {
		// Traefik writes the whole forwarding header here.
		at := strings.Index(s, word)
		for last := word; last[len(last)-1] == ',' && rest != ""; {
			last, rest = cutWord(rest)
			word = strings.TrimRight(s[at:len(s)-len(rest)], " ")
		}
		a.ev.ForwardedFor = forwarded(word, a.ev.ForwardedFor)
		ip = address(strings.TrimSpace(word[strings.LastIndexByte(word, ',')+1:]))
	}
	if a.ev.SrcIp = ip; ip == "" {
		attribute(a.ev, "remote_addr", a.clean(word))
	}
	ident, user := cutWord(rest)
	attribute(a.ev, "ident", a.clean(ident))
	// A user's name may hold spaces.
	if user = strings.TrimSpace(user); user != "" && user != "-" && user != `""` {
		a.setUser(a.clean(user))
	}
}

func skipSpaces(s string) string {
	for s != "" && s[0] == ' ' {
		s = s[1:]
	}
	return s
}

// cutWord splits s behind its first word.
func cutWord(s string) (word, rest string) {
	word, rest, _ = cutByte(skipSpaces(s), ' ')
	return word, skipSpaces(rest)
}

// named reads a word of the form name=value and reports whether it is one.
func (a *access) named(word string, w *words) bool {
	name, v, ok := strings.Cut(word, "=")
	if !ok || !isName(name) {
		return false
	}
	at := w.start + len(name) + 1
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		v, at = v[1:len(v)-1], at+1
	}
	raw := v
	switch nameSecrecy(name) {
	case secret:
		v = a.r.value(v)
	case maybe:
		if opaque(v) {
			v = a.r.value(v)
		}
	case public:
		v = a.clean(v)
	}
	if v != raw && strings.Contains(v, hashPrefix) {
		w.secret(at, at+len(raw), v)
	}
	a.field(name, v)
	return true
}

// loose reads a word without a name by its form: addresses are those of a
// forwarding header, a UUID or 32 hex digits the request's id, other opaque
// words the caller's key.
func (a *access) loose(word string, w *words) {
	ev := a.ev
	switch {
	case word == "-" || word == "":
	case address(firstOf(word)) != "":
		ev.ForwardedFor = forwarded(word, ev.ForwardedFor)
	case isUUID(word):
		ev.RequestId = first(ev.RequestId, word)
	case isHash(word):
		a.setKey(word, "api_key") // hidden before this line was unwrapped
	case fingerprint(word), opaque(word):
		// A fingerprint is hashed too: nothing says that the gateway made it, and
		// not the client.
		v := a.r.hash.Hash(word)
		w.secret(w.start, w.end, v)
		if len(word) == 32 && isHex(word) {
			ev.RequestId = first(ev.RequestId, v) // $request_id, unless it is a key after all
		} else {
			a.setKey(v, "api_key")
		}
	default:
		attribute(ev, a.in.join("extra_", index(w.count)), a.clean(word))
	}
}

// clean hides the secrets in a field and resolves the escapes of nginx (\xHH)
// and Apache (\", \n): in this order first, since an escaped quote does not end
// a value, and once more for what the escapes may have covered.
func (a *access) clean(s string) string {
	if a.pure && len(s) != awsSecretSize {
		return s
	}
	s = a.r.text(s)
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if s[i+1] == 'x' && i+3 < len(s) {
				if v, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
					b = append(b, byte(v))
					i += 3
					continue
				}
			}
			if at := strings.IndexByte(`"\nrtbv`, s[i+1]); at >= 0 {
				b = append(b, "\"\\\n\r\t\b\v"[at])
				i++
				continue
			}
		}
		b = append(b, s[i])
	}
	return a.r.text(decodedHashes(cleanText(b), s))
}
