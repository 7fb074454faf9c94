package ingest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// matchNGINX recognises a combined log line by its time in brackets and its
// quoted request, and JSON by the names of nginx variables.
func matchNGINX(p *probe) confidence {
	if p.doc != nil {
		switch p.count("remote_addr", "request_uri", "body_bytes_sent", "time_local", "time_iso8601", "http_user_agent", "msec", "http_referrer", "http_x_forwarded_for") {
		case 0:
			return no
		case 1:
			return possible
		case 2:
			return likely
		}
		return certain
	}
	open := strings.IndexByte(p.line, '[')
	if open < 0 || len(p.line) < open+22 {
		return no
	}
	stamp := p.line[open+1:]
	if stamp[2] != '/' || stamp[6] != '/' || stamp[11] != ':' || strings.IndexByte(stamp, '"') < 0 {
		return no
	}
	return likely
}

// parseNGINXLine reads a line of the combined format (ngx_http_log_module),
// with fields in front and behind.
//
//	[host] address - user [time] "request" status bytes "referer" "user agent" more…
//
// What is behind the user agent is read by its form: numbers are times of the
// request, name=value by name, addresses X-Forwarded-For, a UUID or 32 hex
// digits the request's id, other opaque words the caller's key.
func parseNGINXLine(r *record) error {
	ev, line := r.ev, r.line
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
	a := access{ev: ev, r: &r.p.redactor}
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
	if r.p.opt.KeepRaw {
		ev.Raw = w.redacted(&r.p.redactor)
	}
	return nil
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
		ev.ForwardedFor = forwarded(word, ev.ForwardedFor)
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

// parseNGINXObject reads a JSON object. Keys are nginx's variables, or the
// names that are usual for them.
func parseNGINXObject(r *record) error {
	d, a := &r.doc, access{ev: r.ev, r: &r.p.redactor}
	var when, whenKey string
	rank := 0
	hasStatus := false
	for n := d.first(r.root); n != none; n = d.after(r.root, n) {
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
