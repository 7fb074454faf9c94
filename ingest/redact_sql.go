package ingest

import "strings"

// Secrets that SQL sets: literals behind words, not behind a sign.

// prefixesLiteral recognises what may stand before the quote of a literal: N'x'
// in SQL, b'x' in Python.
func prefixesLiteral(c byte) bool { return strings.IndexByte("NnEeBbXxUu", c) >= 0 }

// shown gives the span of a value, nothing where no secret is seen in it.
func shown(s string, start, end int) (int, int) {
	if v := s[start:end]; hidden(v) || isHash(v) {
		return 0, 0
	}
	return start, end
}

// skipBlanks returns where the blanks that begin at i end, of which it passes
// a few only.
func skipBlanks(s string, i int) int {
	for from := i; i < len(s) && isSpace(s[i]) && i-from < 16; i++ {
	}
	return i
}

// wordBefore returns the word that ends at i or before blanks there.
func wordBefore(s string, i int) (from, to int) {
	for to = i; to > 0 && isSpace(s[to-1]) && i-to < 16; to-- {
	}
	for from = to; from > 0 && !isSpace(s[from-1]) && to-from < 64; from-- {
	}
	return from, to
}

// literal gives the inside of the quoted text that begins at i or behind blanks
// there; nothing where none does.
func (m *memo) literal(s string, i int) (start, end int) {
	i = skipBlanks(s, i)
	if i+1 < len(s) && s[i+1] == '\'' && prefixesLiteral(s[i]) {
		i++
	}
	if i >= len(s) || s[i] != '\'' && s[i] != '"' {
		return 0, 0
	}
	end = valueEnd(s, i+1, s[i], 0, false, false)
	m.work += end - i
	return i + 1, end
}

// askStatement looks once for what only statements say that set credentials.
func (m *memo) askStatement(s string) {
	if m.toldStatement {
		return
	}
	m.toldStatement = true
	m.work += len(s)
	lower := strings.ToLower(s)
	contains := func(phrases ...string) bool {
		for _, p := range phrases {
			if strings.Contains(lower, p) {
				return true
			}
		}
		return false
	}
	m.statement = contains("create user", "alter user", "create role", "alter role", "create login", "alter login", "create group", "set password",
		"user mapping", "database link")
	m.makesSecret = contains("create secret", "replace secret", "persistent secret", "temporary secret", "create credential", "scoped credential")
}

// behindPassword finds the literal behind the name of a secret that ends at the
// blank s[i]: PASSWORD 'x', PASSWORD FOR user = 'x', and the parts of a CREATE
// SECRET. Elsewhere, what stands in quotes behind "secret" or "token" is its name.
func (m *memo) behindPassword(s string, i int, name string) (start, end int) {
	password := namesPassword(name)
	at := skipBlanks(s, i)
	if password && len(s)-at > 4 && isSpace(s[at+3]) && strings.EqualFold(s[at:at+3], "for") {
		sign := strings.IndexByte(s[at:min(len(s), at+160)], '=')
		if sign < 0 {
			return 0, 0
		}
		at = skipBlanks(s, at+sign+1)
		if start, end = m.literal(s, at+callsPassword(s[at:])); end > start {
			return shown(s, start, end)
		}
		return 0, 0
	}
	if at >= len(s) || s[at] != '\'' && (s[at]|0x20 != 'n' && s[at]|0x20 != 'e' || at+1 >= len(s) || s[at+1] != '\'') {
		return 0, 0
	}
	start, end = m.literal(s, at)
	if !password || strings.ContainsAny(s[start:end], " \t\r\n") {
		if m.askStatement(s); !m.makesSecret && (!password || !m.statement) {
			return 0, 0
		}
	}
	return shown(s, start, end)
}

// callsPassword is the length of "PASSWORD(" where s begins with it.
func callsPassword(s string) int {
	const n = len("password(")
	if len(s) > n && s[n-1] == '(' && strings.EqualFold(s[:n-1], "password") {
		return n
	}
	return 0
}

// call finds the literal that a function takes which makes a password of it:
// PASSWORD('x'), OLD_PASSWORD('x'), setPassword("x").
func (m *memo) call(s string, i int) (start, end int) {
	from := i
	for from > 0 && i-from < maxOption && tokenByte(s[from-1]) {
		from--
	}
	switch strings.ToLower(s[from:i]) {
	case "password", "old_password", "setpassword", "set_password":
		if start, end = m.literal(s, i+1); end > start {
			return shown(s, start, end)
		}
	}
	return 0, 0
}

// identified finds the password behind IDENTIFIED BY and IDENTIFIED WITH plugin
// BY, whose last word ends at the blank s[i]. A former one behind REPLACE is part
// of the span.
func (m *memo) identified(s string, i int) (start, end int) {
	from, to := wordBefore(s, i-2)
	if word := s[from:to]; !strings.EqualFold(word, "identified") {
		from, to = wordBefore(s, from)
		if !strings.EqualFold(s[from:to], "with") && !strings.EqualFold(s[from:to], "via") {
			return 0, 0
		}
		if from, to = wordBefore(s, from); !strings.EqualFold(s[from:to], "identified") {
			return 0, 0
		}
	}
	at := skipBlanks(s, i)
	for _, word := range [...]string{"values", "password"} { // behind which a hash stands
		if n := len(word); len(s)-at > n && isSpace(s[at+n]) && strings.EqualFold(s[at:at+n], word) {
			at = skipBlanks(s, at+n)
		}
	}
	if start, end = m.literal(s, at); end > start {
		if v := s[start:end]; hidden(v) || isHash(v) {
			return 0, 0
		}
		const replace = "replace"
		old := skipBlanks(s, min(len(s), end+1))
		if n := old + len(replace); n < len(s) && strings.EqualFold(s[old:n], replace) {
			if _, e := m.literal(s, n); e > n {
				end = e
			}
		}
		return start, end
	}
	if m.askStatement(s); !m.statement {
		return 0, 0
	}
	// Oracle's passwords need no quotes.
	for end = at; end < len(s) && end-at < 256 && !isSpace(s[end]) && strings.IndexByte(";,'\"\\", s[end]) < 0; end++ {
	}
	if strings.EqualFold(s[at:end], "random") {
		return 0, 0
	}
	return shown(s, at, end)
}
