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
	if nginxError(p.line) {
		return certain
	}
	c, timed := lookCommon(p.line)
	switch {
	case !timed || strings.IndexByte(p.line, '"') < 0:
		return no
	case commonTime(p.line) == 0:
		return likely // the proxy manager's
	case !c.ok || c.rest == "" || c.noSize || c.apache || c.port || c.tail == tailNumbers || c.tail == tailTraefik:
		return possible
	case c.nginx:
		return certain
	}
	return likely
}

// nginxError recognises a line of the error log: 2026/03/01 10:00:00 [error] …
func nginxError(line string) bool {
	return len(line) > 21 && line[4] == '/' && line[7] == '/' && line[10] == ' ' && line[19] == ' ' && line[20] == '['
}

var errErrorLog = errors.New("a line of the error log, not of the access log")

// parseNGINXLine reads a line of the combined format (ngx_http_log_module),
// with fields in front and behind. What is behind the user agent is read by its
// form: name=value by name, the first number with a point is $request_time, and
// the rest is as loose says.
func parseNGINXLine(r *record) error {
	if nginxError(r.line) {
		return errErrorLog
	}
	a := r.access()
	var w words
	var err error
	if r.line[0] == '[' && commonTime(r.line) == 0 {
		w, err = a.proxyManager(r.line)
	} else {
		w, err = a.combined(r.line)
	}
	if err != nil {
		return err
	}
	for range maxAttributes {
		word, _, ok := w.next()
		if !ok {
			break
		}
		if a.named(word, &w) {
			continue
		}
		if !a.timed && strings.IndexByte(word, '.') > 0 && digits(strings.Replace(word, ".", "", 1)) >= 0 {
			a.timed, a.ev.LatencyUs = true, micros(word, 1e6)
			continue
		}
		a.loose(word, &w)
	}
	a.finish()
	a.raw(r, &w)
	return nil
}

// proxyManager reads the format of NGINX Proxy Manager's hosts, which begins
// with the time:
//
//	[time] cache upstream-status status - METHOD scheme host "target" [Client address] [Length bytes] [Gzip ratio] [Sent-to server] "user agent" "referer"
func (a *access) proxyManager(line string) (w words, err error) {
	end := strings.IndexByte(line, ']')
	if end < 0 {
		return w, errors.New("time: no closing bracket")
	}
	if a.ev.Time, err = parseCommonLog(line[1:end]); err != nil {
		return w, inField("time", err)
	}
	a.whole(line)
	w = words{s: line, pos: end + 1}
	status, prev := "", ""
	for {
		word, quoted, ok := w.next()
		if !ok || quoted {
			return w, missing("request")
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
		return w, err
	}
	scheme, _, _ := w.next()
	attribute(a.ev, "scheme", scheme)
	host, _, _ := w.next()
	a.ev.Host = hostName(host)
	target, quoted, _ := w.next()
	if !quoted {
		return w, missing("request_uri")
	}
	a.target = a.clean(target)
	agent := false
	for {
		word, quoted, ok := w.next()
		if !ok {
			return w, nil
		}
		switch {
		case quoted && !agent:
			agent = true
			if word != "-" {
				a.ev.UserAgent = clip(a.clean(word), maxMessage)
			}
		case quoted:
			attribute(a.ev, "referer", a.clean(word))
			return w, nil
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

// parseNGINXObject reads a JSON object. Keys are nginx's variables, or the
// names that are usual for them.
func parseNGINXObject(r *record) error {
	d, a := &r.doc, r.access()
	var when, whenKey string
	rank := int8(0)
	hasStatus := false
	for _, m := range accessPlanOf(d, r.root).members {
		key, v := d.nodes[m.node].key, d.nodes[m.node].str
		switch {
		case m.block:
			d.attributes(a.ev, m.node, key, nil)
		case v == "" || v == "-":
		case m.when > 0: // of several times the most exact counts
			if m.when > rank {
				rank, when, whenKey = m.when, v, key
			}
		case m.status:
			if err := a.status(v); err != nil {
				return err
			}
			hasStatus = true
		default:
			a.fieldAs(m.field, key, v)
		}
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

// timeRank returns how exact a time member n is, or 0 for no time.
func (d *document) timeRank(n int) int8 {
	if slot := d.nodes[n].slot; slot != 0 {
		return d.known.slots[slot-1].when
	}
	return timeRank(d.nodes[n].key)
}

func timeRank(key string) int8 {
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
