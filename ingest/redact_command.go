package ingest

import "strings"

// Secrets on command lines. What -p means depends on the command before it.

// client is a command, or a few that take the same options, whose short options
// take a password.
type client struct {
	names string // separated by blanks
	after string // the subcommand that takes the options, if one does
	// apart and joined are the letters of the options with the password behind a
	// blank, and right behind the letter. Those of pairs take user:password.
	apart, joined, pairs string
}

// passwordClients are the commands that are known. The last ones take none: they
// only end what was said of the command before them.
var passwordClients = [...]client{
	{names: "docker podman nerdctl buildah skopeo crane oras helm az oc cf", after: "login", apart: "p", joined: "p"},
	{names: "sshpass", apart: "p", joined: "p"},
	{names: "mysql mysqldump mysqladmin mysqlimport mysqlshow mysqlcheck mysqlpump mysqlsh mariadb mariadb-dump mariadb-admin", joined: "p"},
	{names: "curl", joined: "uU", pairs: "uU"},
	{names: "redis-cli", apart: "a"},
	{names: "sqlcmd bcp osql ipmitool", apart: "P", joined: "P"},
	{names: "mosquitto_pub mosquitto_sub unzip zip", apart: "P"},
	{names: "mongo mongosh mongodump mongorestore mongoexport mongoimport", apart: "p"},
	{names: "ldapsearch ldapmodify ldapadd ldapdelete ldappasswd ldapwhoami", apart: "w", joined: "w"},
	{names: "psexec psexec64 evil-winrm crackmapexec netexec nxc smbmap", apart: "p"},
	{names: "7z 7za", joined: "p"},
	{names: "net net1", after: "use"},
	{names: "ssh scp sftp rsync psql pg_dump nc nmap kubectl redis-server mysqld"},
}

const (
	// apartOptions and joinedOptions are the letters that one of them takes.
	apartOptions  = "paPw"
	joinedOptions = "puUPw"
	// maxCommand is the length of their longest name.
	maxCommand = 16
)

var clientOf = func() map[string]*client {
	t := map[string]*client{}
	for i := range passwordClients {
		for name := range strings.FieldsSeq(passwordClients[i].names) {
			t[name] = &passwordClients[i]
		}
	}
	return t
}()

func (c *client) takes(letter byte) bool { return c != nil && strings.IndexByte(c.apart, letter) >= 0 }
func (c *client) joins(letter byte) bool { return c != nil && strings.IndexByte(c.joined, letter) >= 0 }

// known returns the client of a word, by its last part: /usr/bin/mysql, net.exe.
func known(word string) *client {
	word = word[1+max(strings.LastIndexByte(word, '/'), strings.LastIndexByte(word, '\\')):]
	if len(word) > len(".exe") && strings.EqualFold(word[len(word)-len(".exe"):], ".exe") {
		word = word[:len(word)-len(".exe")]
	}
	if len(word) > maxCommand {
		return nil
	}
	var buf [maxCommand]byte
	for i := range len(word) {
		buf[i] = word[i]
		if c := word[i]; c >= 'A' && c <= 'Z' {
			buf[i] += 'a' - 'A'
		}
	}
	return clientOf[string(buf[:len(word)])]
}

// shell is what is known of the command line at one place of a text.
type shell struct {
	at     int // up to where it was read
	client *client
	quote  byte // the one that was opened behind the command's name
	armed  bool // its subcommand came, where it needs one
}

// client returns the command that the option at i belongs to, or nil. It reads
// every part of a text once.
func (m *memo) client(s string, i int) *client {
	sh := &m.shell
	if i > sh.at {
		m.work += i - sh.at
	}
	for sh.at < i {
		at := sh.at
		end := at
		for end < i && commandByte(s[end]) {
			end++
		}
		if end > at {
			sh.word(s[at:end])
			sh.at = end
			continue
		}
		sh.at++
		switch c := s[at]; {
		case c == '"' || c == '\'':
			if c == sh.quote {
				sh.quote = 0
			} else if sh.quote == 0 && (at == 0 || !commandByte(s[at-1])) {
				sh.quote = c
			}
		case sh.quote == 0 && endsCommand(s, at):
			sh.client = nil
		}
	}
	if sh.client == nil || !sh.armed {
		return nil
	}
	return sh.client
}

// word takes the next word of a command line.
func (sh *shell) word(word string) {
	if c := known(word); c != nil {
		*sh = shell{client: c, armed: c.after == ""}
	} else if sh.client != nil && !sh.armed {
		sh.armed = strings.EqualFold(word, sh.client.after)
	}
}

func commandByte(c byte) bool {
	return isAlnum(c) || c >= 0x80 || strings.IndexByte("_-./\\:@%+", c) >= 0
}

// endsCommand reports whether a command ends at s[i], and not an argument such as
// a URL or a header only goes on there.
func endsCommand(s string, i int) bool {
	before, behind := byte(' '), byte(' ')
	if i > 0 {
		before = s[i-1]
	}
	if i+1 < len(s) {
		behind = s[i+1]
	}
	switch s[i] {
	case '\n':
		return before != '\\'
	case '`', ')':
		return true
	case ';', '|', '&':
		return isSpace(before) || isSpace(behind) || behind == s[i] || before == s[i]
	}
	return false
}

// word gives the argument that begins at i: to its closing quote, else to a blank
// or a quote.
func (m *memo) word(s string, i int) (start, end int) {
	start = i
	if i < len(s) && (s[i] == '"' || s[i] == '\'') {
		start++
		if end = valueEnd(s, start, s[i], 0, false, false); end < len(s) {
			m.work += end - i
			return start, end
		}
	}
	for end = start; end < len(s) && !isSpace(s[end]) && s[end] != '"' && s[end] != '\''; end++ {
	}
	m.work += end - i
	return start, end
}

// ports recognises 8080:80, which other options take by the same letter.
func ports(v string) bool {
	return strings.IndexByte(v, ':') > 0 && strings.Trim(v, "0123456789:") == ""
}

// optionValue finds the value of a command's option that stands behind a blank:
// --password VALUE, the password in -u USER:VALUE, and -p VALUE of the commands
// whose -p it is.
func (m *memo) optionValue(s string, i int) (start, end int) {
	to := i
	for to > 0 && i-to < maxOption && tokenByte(s[to-1]) {
		to--
	}
	name := s[to:i]
	if len(name) < 2 || name[0] != '-' || to > 0 && !isSpace(s[to-1]) && s[to-1] != '"' && s[to-1] != '\'' {
		return 0, 0
	}
	start = i + 1
	for start < len(s) && start-i < 16 && (isSpace(s[start]) || s[start] == '"' || s[start] == '\'') {
		start++
	}
	if start >= len(s) || s[start] == '-' {
		return 0, 0
	}
	pair := name == "-u" || name == "--user" || name == "--proxy-user" || name == "-U"
	if !pair && nameSecrecy(name) != secret {
		if len(name) > 2 || strings.IndexByte(apartOptions, name[1]) < 0 || !m.client(s, to).takes(name[1]) {
			return 0, 0
		}
	}
	if quote := s[start-1]; quote == '"' || quote == '\'' {
		start--
	}
	start, end = m.word(s, start)
	if pair {
		colon := strings.IndexByte(s[start:end], ':')
		if colon < 0 {
			return 0, 0
		}
		start += colon + 1
	}
	return shown(s, start, end)
}

// dashed finds the value of the option whose dash is at i, where no blank stands
// behind its name: mysql -pVALUE, curl -uUSER:VALUE, and the next element of a
// list: "--password", "VALUE".
func (m *memo) dashed(s string, i int) (start, end int) {
	before := byte(' ')
	if i > 0 {
		before = s[i-1]
	}
	if before == '=' {
		return m.execOption(s, i)
	}
	listed := before == '"' || before == '\''
	if !listed && !isSpace(before) {
		return 0, 0
	}
	to := i + 1
	for to < len(s) && to-i < maxOption && tokenByte(s[to]) {
		to++
	}
	name := s[i:to]
	if listed && to < len(s) && s[to] == before {
		if start, end = m.nextElement(s, i, to, before); end > start || len(name) == 2 {
			return start, end
		}
	}
	if len(name) < 2 || len(name) == 2 && to < len(s) && isSpace(s[to]) || strings.IndexByte(joinedOptions, name[1]) < 0 {
		return 0, 0
	}
	c := m.client(s, i)
	if !c.joins(name[1]) {
		return 0, 0
	}
	at := i + 2
	if at < len(s) && s[at] == '=' {
		at++
	}
	start, end = m.word(s, at)
	if strings.IndexByte(c.pairs, name[1]) >= 0 {
		colon := strings.IndexByte(s[start:end], ':')
		if colon < 0 {
			return 0, 0
		}
		start += colon + 1
	}
	if ports(s[start:end]) {
		return 0, 0
	}
	return shown(s, start, end)
}

// execArgument stands before each argument of a command in the query of the call
// that runs it in a container of Kubernetes.
const execArgument = "command="

// execOption finds the value of the option whose dash is at i in such a query:
// command=mysql&command=-pVALUE, command=--token&command=VALUE.
func (m *memo) execOption(s string, i int) (start, end int) {
	if !strings.HasSuffix(s[:i], execArgument) {
		return 0, 0
	}
	to := i + 1
	for to < len(s) && to-i < maxOption && tokenByte(s[to]) {
		to++
	}
	name := s[i:to]
	value := func(from int) (start, end int) {
		for end = from; !endsValue(s, end, false, false); end++ {
		}
		m.work += end - from
		return from, end
	}
	if next := to + len("&") + len(execArgument); next < len(s) && s[to:next] == "&"+execArgument && s[next] != '-' {
		if nameSecrecy(name) == secret || len(name) == 2 && m.client(s, i).takes(name[1]) {
			start, end = value(next)
			return shown(s, start, end)
		}
	}
	if len(name) < 3 || strings.IndexByte(joinedOptions, name[1]) < 0 || !m.client(s, i).joins(name[1]) {
		return 0, 0
	}
	start, end = value(i + 2)
	if m.client(s, i).pairs != "" {
		start += 1 + strings.IndexByte(s[start:end], ':')
	}
	if ports(s[start:end]) {
		return 0, 0
	}
	return shown(s, start, end)
}

// nextElement gives the element of a list behind the option s[i:to], both in quotes.
func (m *memo) nextElement(s string, i, to int, quote byte) (start, end int) {
	at := skipBlanks(s, to+1)
	if at >= len(s) || s[at] != ',' {
		return 0, 0
	}
	at = skipBlanks(s, at+1)
	if at+1 >= len(s) || s[at] != quote || s[at+1] == '-' {
		return 0, 0
	}
	if name := s[i:to]; nameSecrecy(name) != secret && (len(name) != 2 || !m.client(s, i).takes(name[1])) {
		return 0, 0
	}
	start, end = m.word(s, at)
	return shown(s, start, end)
}

// worded finds the value behind a word that ends at the blank s[i]: in a
// sentence, a statement or a command.
func (m *memo) worded(s string, i int) (start, end int) {
	switch {
	case phraseEnds(s, i):
		switch s[i-2] | 0x20 {
		case 'b':
			return m.identified(s, i)
		case 'i':
			return m.vaultLogin(s, i)
		}
		return m.prose(s, i)
	case i >= len("net user") && s[i-1]|0x20 == 'r' && strings.EqualFold(s[i-len("user"):i], "user"):
		return m.netUser(s, i)
	}
	return 0, 0
}

// vaultLogin finds the token that vault login takes as its argument. Words that
// are no token say how to log in.
func (m *memo) vaultLogin(s string, i int) (start, end int) {
	const login = "login"
	if i <= len(login) || !strings.EqualFold(s[i-len(login):i], login) {
		return 0, 0
	}
	from, to := wordBefore(s, i-len(login))
	if !strings.EqualFold(s[max(from, to-len("vault")):to], "vault") {
		return 0, 0
	}
	for range 4 {
		start, end = m.word(s, skipBlanks(s, i))
		if start >= len(s) || s[start] != '-' {
			break
		}
		i = end
	}
	v := s[start:end]
	if len(v) < 16 || !strings.ContainsAny(v, "0123456789") || strings.IndexByte(v, '=') >= 0 || strings.IndexByte(v, '/') >= 0 {
		return 0, 0
	}
	return shown(s, start, end)
}

// netUse finds the password of net use, of which /user: is at slash with the
// user's name at i: behind the name, else before the option.
func (m *memo) netUse(s string, slash, i int) (start, end int) {
	if c := m.client(s, slash); c == nil || c.after != "use" {
		return 0, 0
	}
	// The user's name may hold what looks like another of the option.
	if start, end = m.word(s[:min(len(s), i+maxName/2)], i); start > i {
		end++ // in quotes
	}
	if at := skipBlanks(s, min(end, len(s))); at > end && at < len(s) && s[at] != '/' {
		start, end = m.word(s, at)
		if v := s[start:end]; v != "" && v != "*" && !strings.HasPrefix(v, "HTTP/") { // where the command is part of a request
			return shown(s, start, end)
		}
	}
	start, end = wordBefore(s, slash)
	if v := s[start:end]; len(v) < 2 || v[0] == '\\' || v[0] == '/' || v[len(v)-1] == ':' || strings.EqualFold(v, "use") {
		return 0, 0
	}
	return shown(s, start, end)
}

// netUser finds the password in "net user NAME PASSWORD /add". A sentence about
// net user numbers has none.
func (m *memo) netUser(s string, i int) (start, end int) {
	from, to := wordBefore(s, i-len("user"))
	for at := from; at < to; at++ {
		if !commandByte(s[at]) {
			from = at + 1
		}
	}
	if c := known(s[from:to]); c == nil || c.after != "use" {
		return 0, 0
	}
	name := skipBlanks(s, i)
	if start, end = m.word(s, name); start > name {
		end++ // in quotes
	}
	at := skipBlanks(s, min(end, len(s)))
	if at <= end || at >= len(s) || s[at] == '/' {
		return 0, 0
	}
	start, end = m.word(s, at)
	next := skipBlanks(s, end)
	if v := s[start:end]; v == "*" || !chosen(v) && (next >= len(s) || s[next] != '/') {
		return 0, 0
	}
	return shown(s, start, end)
}
