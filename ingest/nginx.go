package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// sniffNGINX recognises a combined log line by its time in brackets and its
// quoted request, and JSON by the names of nginx variables.
func sniffNGINX(sample []byte) bool {
	s := bytes.TrimLeft(sample, " \t\r\n")
	if len(s) == 0 {
		return false
	}
	if s[0] == '{' {
		return bytes.Contains(s, []byte(`"remote_addr"`)) || bytes.Contains(s, []byte(`"request_uri"`)) || bytes.Contains(s, []byte(`"body_bytes_sent"`)) ||
			bytes.Contains(s, []byte(`"time_local"`)) || bytes.Contains(s, []byte(`"time_iso8601"`)) || bytes.Contains(s, []byte(`"http_user_agent"`)) ||
			bytes.Contains(s, []byte(`"log"`)) && bytes.Contains(s, []byte(`"stream"`))
	}
	line, _, _ := bytes.Cut(s, []byte{'\n'})
	open := bytes.IndexByte(line, '[')
	if open < 0 || len(line) < open+22 {
		return false
	}
	stamp := line[open+1:]
	return stamp[2] == '/' && stamp[6] == '/' && stamp[11] == ':' && bytes.IndexByte(stamp, '"') > 0
}

// parseNGINX reads one access log line: the combined format
// (ngx_http_log_module) with fields in front and behind, or a JSON object with
// nginx's variables as keys; also inside the wrapping of a container runtime.
func parseNGINX(p *parser, src string, index int, h Handler) error {
	line := unwrapCRI(src)
	if line == "" {
		return errors.New("empty line")
	}
	if line[0] != '{' {
		ev := p.newEvent()
		if err := p.combined(ev, line); err != nil {
			return err
		}
		p.emit(h, index, ev)
		return nil
	}
	d := newDocument()
	defer d.free()
	if err := d.parse(line); err != nil {
		return err
	}
	if inner := d.get(0, "log"); inner != none && d.get(0, "stream") != none && d.nodes[inner].kind == kindString {
		text := strings.TrimSpace(d.nodes[inner].str) // docker's json-file
		if text == "" {
			return errors.New("log: empty line")
		}
		if text[0] != '{' {
			ev := p.newEvent()
			if err := p.combined(ev, text); err != nil {
				return err
			}
			p.emit(h, index, ev)
			return nil
		}
		if err := d.parse(text); err != nil {
			return fmt.Errorf("log: %w", err)
		}
	}
	p.redactor.document(d, none)
	n := access{ev: p.newEvent(), r: &p.redactor}
	if err := n.object(d); err != nil {
		return err
	}
	if p.opt.KeepRaw {
		n.ev.Raw = d.source()
	}
	p.emit(h, index, n.ev)
	return nil
}

// unwrapCRI takes off "TIME stdout F ", which the Kubernetes container runtime
// interface puts before each line.
func unwrapCRI(line string) string {
	if len(line) < 20 || line[4] != '-' || line[10] != 'T' {
		return line
	}
	rest := line
	for i := range 3 {
		word, tail, ok := strings.Cut(rest, " ")
		if !ok || i == 1 && word != "stdout" && word != "stderr" || i == 2 && word != "F" && word != "P" {
			return line
		}
		rest = tail
	}
	return rest
}

// access is one NGINX access log record being read.
type access struct {
	ev *schemas.Event

	r *redactor

	user             string // the authenticated user
	key, keyKind     string // a key that the request carried, hashed or a logged id
	target, protocol string
	timed            bool // the request's time was read
	unverified       bool // the client's certificate was not accepted
}

// finish derives what the fields say together.
func (a *access) finish() {
	ev := a.ev
	host, path, query := splitTarget(a.target)
	if ev.Host == "" {
		ev.Host = hostName(host)
	}
	ev.UrlPath = clip(path, maxMessage)
	ev.Resources = addOnce(ev.Resources, ev.UrlPath, maxResources)
	if query != "" {
		attribute(ev, "query", query)
		if a.key == "" {
			a.key, a.keyKind = queryKey(query)
		}
	}
	attribute(ev, "protocol", a.protocol)
	ev.RouteTemplate = collapsePath(ev.UrlPath)
	if ev.HttpMethod == "" {
		ev.Operation = invalidMethod + " -"
		ev.RouteTemplate = ""
	} else {
		ev.Operation = ev.HttpMethod + " " + ev.RouteTemplate
	}
	ev.Outcome = httpOutcome(ev.StatusCode)
	if ev.Service == "" {
		ev.Service = ev.Host
	}
	if a.user != "" && (ev.StatusCode == 401 || a.unverified) {
		// nginx logs the name that was sent with a password, right or wrong:
		// whoever chose it must not appear as its owner.
		attribute(ev, "refused_user", clip(a.user, maxAttributeValue))
		a.user = ""
	}
	if a.unverified && a.keyKind == "certificate" {
		attribute(ev, "refused_certificate", a.key)
		a.key, a.keyKind = "", ""
	}
	if a.key != "" {
		ev.CredentialId, ev.CredentialType = clip(a.key, maxAttributeValue), a.keyKind
	}
	switch {
	case a.user != "":
		ev.PrincipalType, ev.Principal = "user", clip(a.user, maxAttributeValue)
	case a.key != "" && (ev.StatusCode != 401 || a.keyKind == "certificate"):
		ev.PrincipalType, ev.Principal = "key", ev.CredentialId
	default:
		// A key that was refused makes no one known: it stays in credential_id.
		ev.PrincipalType, ev.Anonymous = "anonymous", true
	}
}

// queryKey finds the hash of a credential in a redacted query.
func queryKey(query string) (id, kind string) {
	for pair := range strings.SplitSeq(query, "&") {
		name, v, ok := strings.Cut(pair, "=")
		if !ok || !strings.HasPrefix(v, hashPrefix) {
			continue
		}
		switch strings.ToLower(name) {
		case "api_key", "apikey", "api-key", "x-api-key", "key", "subscription-key", "appkey", "app_key":
			return presented(v, "api_key")
		case "access_token", "token", "auth_token", "jwt", "id_token", "auth":
			return presented(v, "token")
		}
	}
	return "", ""
}

// request reads "METHOD target PROTOCOL". What is none of that (a TLS
// handshake on a plain port, a scanner's bytes) stays in an attribute.
func (a *access) request(line string) {
	m, rest, ok := strings.Cut(line, " ")
	if a.ev.HttpMethod = method(m); a.ev.HttpMethod == "" || !ok {
		a.ev.HttpMethod = ""
		attribute(a.ev, "request", line)
		return
	}
	a.target = rest
	if i := strings.LastIndexByte(rest, ' '); i >= 0 && strings.HasPrefix(rest[i+1:], "HTTP/") {
		a.target, a.protocol = strings.TrimSpace(rest[:i]), rest[i+1:]
	}
}

func (a *access) status(s string) error {
	v, err := strconv.ParseUint(s, 10, 32)
	if err != nil || v > 999 {
		return fmt.Errorf("status: %q is no HTTP status", clip(s, 40))
	}
	a.ev.StatusCode = uint32(v)
	return nil
}

// combined reads a text line into ev.
//
//	[host] address - user [time] "request" status bytes "referer" "user agent" more…
//
// What is behind the user agent is read by its form: numbers are times of the
// request, name=value by name, addresses X-Forwarded-For, a UUID or 32 hex
// digits the request's id, other opaque words the caller's key.
func (p *parser) combined(ev *schemas.Event, line string) error {
	if len(line) > 21 && line[4] == '/' && line[7] == '/' && line[10] == ' ' {
		return errors.New("a line of the error log, not of the access log")
	}
	open := strings.IndexByte(line, '[')
	for open >= 0 && (len(line) < open+22 || line[open+3] != '/') {
		next := strings.IndexByte(line[open+1:], '[')
		if next < 0 {
			open = none
			break
		}
		open += 1 + next
	}
	if open < 0 {
		return errors.New("time_local: missing")
	}
	end := strings.IndexByte(line[open:], ']')
	if end < 0 {
		return errors.New("time_local: no closing bracket")
	}
	t, err := parseCommonLog(line[open+1 : open+end])
	if err != nil {
		return fmt.Errorf("time_local: %w", err)
	}
	ev.Time = t
	a := access{ev: ev, r: &p.redactor}
	w := words{s: line, pos: open + end + 1}
	if open == 0 {
		if err := a.proxyManager(&w); err != nil {
			return err
		}
	} else {
		a.front(line[:open])
		request, quoted, ok := w.next()
		if !ok || !quoted {
			return errors.New("request: missing")
		}
		a.request(a.clean(request))
		status, _, _ := w.next()
		if err := a.status(status); err != nil {
			return err
		}
		size, _, ok := w.next()
		if !ok {
			return errors.New("body_bytes_sent: missing")
		}
		if ev.BytesOut, err = strconv.ParseUint(size, 10, 64); err != nil && size != "-" {
			return fmt.Errorf("body_bytes_sent: %q is no number", clip(size, 40))
		}
		if referer, _, ok := w.next(); ok {
			attribute(ev, "referer", a.clean(referer))
		}
		if agent, _, ok := w.next(); ok && agent != "-" {
			ev.UserAgent = clip(a.clean(agent), maxMessage)
		}
	}
	for range maxAttributes {
		word, _, ok := w.next()
		if !ok {
			break
		}
		a.more(word, &w)
	}
	a.finish()
	if p.opt.KeepRaw {
		ev.Raw = w.redacted(&p.redactor)
	}
	return nil
}

// words cuts a log line into words and quoted texts.
type words struct {
	s          string
	pos        int
	start, end int // of the last word, without quotes
	secrets    []edit
	count      int
}

// next returns the next word as it stands, without its quotes. In a quoted
// text a quote is escaped (nginx writes \x22, others a backslash before it).
func (w *words) next() (word string, quoted, ok bool) {
	s := w.s
	for w.pos < len(s) && (s[w.pos] == ' ' || s[w.pos] == '\t') {
		w.pos++
	}
	if w.pos >= len(s) {
		return "", false, false
	}
	w.count++
	i := w.pos
	if s[i] == '"' {
		i = closingQuote(s, i+1)
		w.start, w.end = w.pos+1, i
		w.pos = min(i+1, len(s))
		return s[w.start:w.end], true, true
	}
	for i < len(s) && s[i] != ' ' && s[i] != '\t' {
		if s[i] == '"' && s[i-1] == '=' { // name="value"
			i = min(closingQuote(s, i+1)+1, len(s))
			continue
		}
		i++
	}
	w.start, w.end, w.pos = w.pos, i, i
	return s[w.start:w.end], false, true
}

func closingQuote(s string, i int) int {
	for i < len(s) && s[i] != '"' {
		if s[i] == '\\' {
			i++
		}
		i++
	}
	return min(i, len(s))
}

// secret marks part of the line as hidden behind text.
func (w *words) secret(start, end int, text string) {
	//nolint:gosec // a record is bounded far below 2 GiB
	w.secrets = append(w.secrets, edit{int32(start), int32(end), text})
}

// redacted returns the line with its secrets replaced.
func (w *words) redacted(r *redactor) string {
	if len(w.secrets) == 0 {
		return r.text(w.s)
	}
	var b strings.Builder
	last := 0
	for _, e := range w.secrets {
		b.WriteString(r.text(w.s[last:e.start]))
		b.WriteString(e.text)
		last = int(e.end)
	}
	b.WriteString(r.text(w.s[last:]))
	return b.String()
}

// clean hides the secrets in a field and resolves nginx's escapes (\xHH): in
// this order first, since an escaped quote does not end a value, and once more
// for what the escapes may have covered.
func (a *access) clean(s string) string {
	s = a.r.text(s)
	if strings.IndexByte(s, '\\') >= 0 {
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
				if s[i+1] == '"' || s[i+1] == '\\' {
					i++
				}
			}
			b = append(b, s[i])
		}
		s = a.r.text(cleanText(b))
	}
	return s
}

// front reads what stands before the time: the address, the ident (always -)
// and the user; before them, in some formats, the virtual host.
func (a *access) front(s string) {
	fields := strings.Fields(s)
	if len(fields) == 0 {
		return
	}
	if len(fields) > 1 && address(fields[0]) == "" && address(fields[1]) != "" {
		a.ev.Host = hostName(fields[0])
		fields = fields[1:]
	}
	if a.ev.SrcIp = address(fields[0]); a.ev.SrcIp == "" {
		attribute(a.ev, "remote_addr", a.r.text(fields[0]))
	}
	if len(fields) > 2 {
		// A user's name may hold spaces.
		a.setUser(a.clean(strings.Join(fields[2:], " ")))
	}
}

func (a *access) setUser(user string) {
	if user != "-" && user != "" {
		a.user = user
	}
}

// proxyManager reads the format of NGINX Proxy Manager's hosts, which begins
// with the time:
//
//	[time] cache upstream-status status - METHOD scheme host "target" [Client address] [Length bytes] [Gzip ratio] [Sent-to server] "user agent" "referer"
func (a *access) proxyManager(w *words) error {
	status, prev := "", ""
	for {
		word, quoted, ok := w.next()
		if !ok || quoted {
			return errors.New("request: missing")
		}
		if m := method(word); m != "" && prev == "-" && word == m && m != "-" && status != "" {
			a.ev.HttpMethod = m
			break
		}
		if len(word) == 3 && digits(word) >= 0 {
			status = word
		}
		prev = word
	}
	if err := a.status(status); err != nil {
		return err
	}
	scheme, _, _ := w.next()
	attribute(a.ev, "scheme", scheme)
	host, _, _ := w.next()
	a.ev.Host = hostName(host)
	target, quoted, _ := w.next()
	if !quoted {
		return errors.New("request_uri: missing")
	}
	a.target = a.clean(target)
	agent := false
	for {
		word, quoted, ok := w.next()
		if !ok {
			return nil
		}
		switch {
		case quoted && !agent:
			agent = true
			if word != "-" {
				a.ev.UserAgent = clip(a.clean(word), maxMessage)
			}
		case quoted:
			attribute(a.ev, "referer", a.clean(word))
			return nil
		case word == "[Client":
			v, _, _ := w.next()
			a.ev.SrcIp = address(strings.TrimSuffix(v, "]"))
		case word == "[Length":
			v, _, _ := w.next()
			if n, err := strconv.ParseUint(strings.TrimSuffix(v, "]"), 10, 64); err == nil {
				a.ev.BytesOut = n
			}
		}
	}
}

// more reads a word behind the user agent.
func (a *access) more(word string, w *words) {
	ev := a.ev
	if name, v, ok := strings.Cut(word, "="); ok && isName(name) {
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
		return
	}
	switch {
	case word == "-" || word == "":
	case !a.timed && strings.IndexByte(word, '.') > 0 && digits(strings.Replace(word, ".", "", 1)) >= 0:
		a.timed, ev.LatencyUs = true, micros(word, 1e6)
	case address(firstOf(word)) != "":
		attribute(ev, "x_forwarded_for", word)
	case isUUID(word):
		ev.RequestId = first(ev.RequestId, word)
	case fingerprint(word):
		a.setKey(word, "api_key")
	case opaque(word):
		v := a.r.hash.Hash(word)
		w.secret(w.start, w.end, v)
		if len(word) == 32 && isHex(word) {
			ev.RequestId = first(ev.RequestId, v) // $request_id, unless it is a key after all
		} else {
			a.setKey(v, "api_key")
		}
	default:
		attribute(ev, "extra_"+strconv.Itoa(w.count), a.clean(word))
	}
}

func isName(s string) bool {
	for i := range len(s) {
		if !nameByte(s[i]) {
			return false
		}
	}
	return s != ""
}

// fingerprint recognises a key that the gateway hashed itself.
func fingerprint(s string) bool {
	return strings.HasPrefix(s, "sha256:") || strings.HasPrefix(s, "SHA256:") || isHash(s)
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// firstOf returns the first of a list of addresses.
func firstOf(s string) string {
	v, _, _ := strings.Cut(s, ",")
	return strings.TrimSpace(v)
}

func (a *access) setKey(id, kind string) {
	if a.key == "" && id != "" && id != "-" {
		a.key, a.keyKind = id, kind
	}
}

// object reads a JSON object. Keys are nginx's variables, or the names that
// are usual for them.
func (a *access) object(d *document) error {
	if d.nodes[0].kind != kindObject {
		return errors.New("not an object")
	}
	var when, whenKey string
	rank := 0
	hasStatus := false
	for n := d.first(0); n != none; n = d.after(0, n) {
		key, v := d.nodes[n].key, d.nodes[n].str
		if d.nodes[n].kind == kindObject || d.nodes[n].kind == kindArray {
			d.attributes(a.ev, n, key, nil)
			continue
		}
		if v == "" || v == "-" {
			continue
		}
		// Of several times the most exact counts.
		if r := timeRank(key); r > 0 {
			if r > rank {
				rank, when, whenKey = r, v, key
			}
			continue
		}
		if key == "status" || key == "status_code" || key == "response_code" {
			if err := a.status(v); err != nil {
				return err
			}
			hasStatus = true
			continue
		}
		a.field(key, v)
	}
	if rank == 0 {
		return errors.New("time_iso8601: missing (also time_local, msec, @timestamp, timestamp, time)")
	}
	t, err := parseAnyTime(when)
	if err != nil {
		return fmt.Errorf("%s: %w", whenKey, err)
	}
	a.ev.Time = t
	if !hasStatus && a.target == "" && a.ev.HttpMethod == "" && len(a.ev.Attributes) == 0 {
		return errors.New("request: missing (also request_uri, status)")
	}
	a.finish()
	return nil
}

func timeRank(key string) int {
	switch key {
	case "msec":
		return 6
	case "time_iso8601":
		return 4
	case "@timestamp":
		return 5
	case "time_local":
		return 3
	case "timestamp":
		return 2
	case "time", "ts":
		return 1
	}
	return 0
}

// field reads one named field, of JSON or of a text line. v is redacted.
func (a *access) field(key, v string) {
	ev := a.ev
	if v == "" || v == "-" {
		return
	}
	switch strings.ToLower(key) {
	case "remote_addr", "client_ip", "clientip", "remote_ip", "client":
		if ev.SrcIp = address(v); ev.SrcIp == "" {
			attribute(ev, key, v)
		}
	case "remote_user", "user", "username", "auth_user", "consumer", "consumer_username", "jwt_sub", "jwt_claim_sub", "client_id", "oauth_client_id", "sub":
		if a.user == "" {
			a.user = v
		} else {
			attribute(ev, key, v)
		}
	case "ssl_client_s_dn":
		if a.user == "" {
			a.user = v
		}
		attribute(ev, key, v)
	case "ssl_client_verify":
		a.unverified = v != "SUCCESS"
		attribute(ev, key, v)
	case "ssl_client_fingerprint":
		a.key, a.keyKind = v, "certificate"
	case "request":
		a.request(v)
	case "request_method", "method", "http_method", "verb":
		ev.HttpMethod = method(v)
	case "request_uri", "uri", "path", "url", "request_path":
		if a.target == "" || strings.EqualFold(key, "request_uri") {
			a.target = v
		}
	case "args", "query_string", "query":
		attribute(ev, "query", v)
		id, kind := queryKey(v)
		a.setKey(id, kind)
	case "body_bytes_sent":
		ev.BytesOut = max(ev.BytesOut, count(v))
	case "bytes_sent", "response_size", "size":
		if ev.BytesOut == 0 {
			ev.BytesOut = count(v)
		}
	case "request_length", "bytes_received", "rl":
		ev.BytesIn = count(v)
	case "request_time", "rt", "duration":
		ev.LatencyUs = micros(v, 1e6)
	case "http_user_agent", "user_agent", "useragent", "agent":
		ev.UserAgent = clip(v, maxMessage)
	case "http_referer", "referer", "referrer":
		attribute(ev, "referer", v)
	case "http_x_forwarded_for", "x_forwarded_for", "xff":
		attribute(ev, "x_forwarded_for", v)
	case "request_id", "req_id", "rid", "http_x_request_id", "trace_id":
		if ev.RequestId == "" {
			ev.RequestId = clip(v, maxAttributeValue)
		}
	case "host", "http_host", "vhost", "server_name", "domain":
		if ev.Host == "" || key == "host" {
			ev.Host = hostName(v)
		}
	case "server_protocol":
		a.protocol = v
	case "service", "upstream_name", "proxy_upstream_name", "upstream":
		if ev.Service == "" {
			ev.Service = clip(v, maxAttributeValue)
		}
	case "api_key", "apikey", "http_x_api_key", "x_api_key", "http_apikey", "http_api_key", "arg_api_key", "arg_apikey", "api_key_id", "apikey_id", "key_id", "api_key_hash", "api_key_fingerprint", "key_fingerprint", "key_hash", "api_key_name", "key":
		if id, kind := presented(v, "api_key"); id != "" {
			a.setKey(id, kind)
		} else {
			a.setKey(v, "api_key")
		}
	case "http_authorization", "authorization", "http_x_auth_token", "arg_token", "arg_access_token":
		id, kind := presented(v, "token")
		a.setKey(id, kind)
	case "ssl_ja3", "ssl_ja3_hash", "http_ssl_ja3_hash", "ja3", "ja3_hash", "ja4", "http_ja4", "ssl_ja4", "tls_fingerprint":
		ev.TlsFingerprint = clip(v, maxAttributeValue)
	default:
		attribute(ev, key, v)
	}
}

func count(s string) uint64 {
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0
	}
	return v
}
