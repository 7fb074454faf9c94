package ingest

import (
	"errors"
	"strings"
)

// matchApache recognises what only Apache httpd writes in a line of the common
// log format: no referer behind it (nginx has no such format), a size of -, and
// its escapes. Any other combined line may as well be nginx's.
func matchApache(p *probe) confidence {
	if p.doc != nil {
		switch {
		case p.has("remoteIP") && p.count("filename", "process", "userAgent", "request", "method", "query", "host") >= 3:
			return certain
		case p.has("remoteIP") && p.count("request", "method", "status", "userAgent") > 0:
			return likely
		}
		return no
	}
	if apacheError(p.line) {
		return certain
	}
	c, timed := lookCommon(p.line)
	switch {
	case !timed || commonTime(p.line) == 0:
		return no
	case !c.ok || c.nginx || c.tail == tailQuoted || c.tail == tailTraefik:
		return possible
	case c.rest == "" || c.noSize || c.apache:
		return certain
	}
	return likely
}

// apacheError recognises a line of the error log, which begins with a time as
// in [Sun Mar 01 10:00:00.123456 2026].
func apacheError(line string) bool {
	return len(line) > 27 && line[0] == '[' && line[4] == ' ' && line[8] == ' ' && line[11] == ' ' && line[14] == ':' && line[17] == ':'
}

// parseApacheLine reads a line of mod_log_config's formats common, combined,
// combinedio and vhost_combined. Behind the user agent it takes
//
//	two numbers, of which the second is not below the size, for %I and %O
//	one number for %D in microseconds, or for %T in seconds when it has at most two digits
//	a/b for %T/%D
//
// and the rest as loose says.
func parseApacheLine(r *record) error {
	if apacheError(r.line) {
		return errErrorLog
	}
	a := r.access()
	w, err := a.combined(r.line)
	if err != nil {
		return err
	}
	var numbers [4]string
	n := 0
	for range maxAttributes {
		word, quoted, ok := w.next()
		if !ok {
			break
		}
		seconds, micro, both := strings.Cut(strings.Trim(word, "*"), "/")
		switch {
		case a.named(word, &w):
		case !quoted && digits(word) >= 0 && n < len(numbers):
			numbers[n] = word
			n++
		case !quoted && both && digits(seconds) >= 0 && micro != "" && digits(micro) >= 0:
			a.ev.LatencyUs = micros(micro, 1)
		default:
			a.loose(word, &w)
		}
	}
	a.apacheNumbers(numbers[:n])
	a.finish()
	a.raw(r, &w)
	return nil
}

// apacheNumbers reads the numbers behind the user agent.
func (a *access) apacheNumbers(list []string) {
	ev := a.ev
	for i := 0; i+1 < len(list); i++ {
		if out := count(list[i+1]); out >= ev.BytesOut && out > 0 && count(list[i]) > 0 {
			ev.BytesIn, ev.BytesOut = count(list[i]), out
			list = append(list[:i:i], list[i+2:]...)
			break
		}
	}
	for i, v := range list {
		switch {
		case i > 0 || ev.LatencyUs > 0:
			attribute(ev, "number_"+index(i+1), v)
		case len(v) <= 2:
			ev.LatencyUs = micros(v, 1e6)
		default:
			ev.LatencyUs = micros(v, 1)
		}
	}
}

// parseApacheObject reads a JSON object as it is usually written with
// LogFormat: remoteIP %a, request %U, query %q, process %D, filename %f.
func parseApacheObject(r *record) error {
	d, a := &r.doc, r.access()
	when, request := "", ""
	for n := d.first(r.root); n != none; n = d.after(r.root, n) {
		key, v := d.nodes[n].key, d.nodes[n].str
		if kind := d.nodes[n].kind; kind == kindObject || kind == kindArray {
			d.attributes(a.ev, n, key, nil)
			continue
		}
		if v == "" || v == "-" {
			continue
		}
		switch key {
		case "time", "timestamp", "@timestamp":
			when = v
		case "status":
			if err := a.status(v); err != nil {
				return err
			}
		case "process", "duration", "responseTime", "timeTaken":
			a.ev.LatencyUs = micros(v, 1) // %D
		case "request":
			if request = v; v[0] != '/' {
				a.request(v)
			} else if a.target == "" {
				a.target = v
			}
		case "query", "queryString":
			if v = strings.TrimPrefix(v, "?"); v != "" {
				a.field("query", v)
			}
		case "bytesIn", "bytesReceived":
			a.ev.BytesIn = count(v)
		default:
			a.field(key, v)
		}
	}
	if when == "" {
		return missing("time")
	}
	var err error
	if a.ev.Time, err = parseAnyTime(when); err != nil {
		return inField("time", err)
	}
	if request == "" && a.ev.HttpMethod == "" {
		return errors.New("request: missing (also method)")
	}
	a.finish()
	return nil
}
