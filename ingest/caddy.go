package ingest

import (
	"fmt"
	"strings"
	"time"
)

// caddyLoggers begin the names of Caddy's own loggers.
var caddyLoggers = []string{"http.", "tls", "admin", "pki", "caddy", "events", "layer4"}

// matchCaddy looks for the request in an access log record, and for the names
// of Caddy's loggers in its other lines, which are no calls.
func matchCaddy(p *probe) confidence {
	if p.doc == nil {
		if c, _ := lookCommon(p.line); c.ok {
			return possible // its old common_log alone
		}
		return no
	}
	logger := p.text("logger")
	if p.object("request") {
		switch {
		case strings.HasPrefix(logger, "http.log.access"), p.text("msg") == "handled request":
			return certain
		case p.has("resp_headers"), p.has("bytes_read"), p.has("user_id"):
			return likely
		}
	}
	if p.has("level", "msg") {
		for _, l := range caddyLoggers {
			if strings.HasPrefix(logger, l) {
				return likely
			}
		}
	}
	return no
}

// parseCaddyLine reads the common log format, which the log encoder's single
// field common_log writes.
func parseCaddyLine(r *record) error {
	a := r.access()
	w, err := a.combined(r.line)
	if err != nil {
		return err
	}
	a.finish()
	a.raw(r, &w)
	return nil
}

// parseCaddyObject reads a record of a logger below http.log.access, as Caddy's
// JSON encoder writes it.
func parseCaddyObject(r *record) error {
	d, a := &r.doc, r.access()
	ev := r.ev
	logger, when, request := "", "", none
	for n := d.first(r.root); n != none; n = d.after(r.root, n) {
		v := d.nodes[n].str
		switch d.nodes[n].key {
		case "ts":
			when = v
		case "logger":
			logger = v
			if v != "http.log.access" {
				attribute(ev, "logger", v)
			}
		case "request":
			request = n
		case "bytes_read":
			ev.BytesIn = count(v)
		case "size":
			ev.BytesOut = count(v)
		case "user_id":
			a.setUser(v)
		case "duration":
			ev.LatencyUs = caddyDuration(v)
		case "status":
			if v != "0" && v != "" {
				if err := a.status(v); err != nil {
					return err
				}
			}
		case "err_id":
			ev.ErrorCode = clip(v, maxAttributeValue)
		case "error", "err":
			ev.ErrorMessage = clip(v, maxMessage)
		case "resp_headers":
			d.attributes(ev, d.get(n, "Content-Type"), "resp_headers.Content-Type", nil)
			d.attributes(ev, d.get(n, "Location"), "resp_headers.Location", nil)
		case "level", "msg", "common_log":
		default:
			d.attributes(ev, n, d.nodes[n].key, nil)
		}
	}
	if logger != "" && !strings.HasPrefix(logger, "http.log.access") {
		return fmt.Errorf("logger %q is not http.log.access: no request", clip(logger, 64))
	}
	if request == none || d.nodes[request].kind != kindObject {
		return missing("request")
	}
	var err error
	if len(when) > 4 && when[4] == '/' {
		when = strings.ReplaceAll(when, "/", "-") // Caddy's "wall" format
	}
	if ev.Time, err = parseAnyTime(when); err != nil {
		return inField("ts", err)
	}
	a.caddyRequest(d, request)
	a.finish()
	return nil
}

// caddyDuration reads seconds, or what the encoder's duration_format makes of
// them: a number with its unit, or nanoseconds, told by their size.
func caddyDuration(s string) uint64 {
	if s != "" && !isDigit(s[len(s)-1]) {
		if v, err := time.ParseDuration(s); err == nil && v > 0 {
			return uint64(v / time.Microsecond) //nolint:gosec // above zero
		}
		return 0
	}
	if strings.IndexByte(s, '.') < 0 && len(s) > 5 {
		return micros(s, 1e-3)
	}
	return micros(s, 1e6)
}

func (a *access) caddyRequest(d *document, request int) {
	ev := a.ev
	peer := ""
	for n := d.first(request); n != none; n = d.after(request, n) {
		v := d.nodes[n].str
		switch d.nodes[n].key {
		case "remote_ip", "remote_addr":
			peer = first(address(v), peer)
		case "client_ip":
			ev.SrcIp = address(v)
		case "remote_port":
		case "proto":
			a.protocol = v
		case "method":
			ev.HttpMethod = method(v)
		case "host":
			ev.Host = hostName(v)
		case "uri":
			a.target = v
		case "headers":
			for h := d.first(n); h != none; h = d.after(n, h) {
				a.caddyHeader(d, h)
			}
		case "tls":
			for c := d.first(n); c != none; c = d.after(n, c) {
				switch key := d.nodes[c].key; key {
				case "client_common_name":
					if v := d.nodes[c].str; v != "" {
						a.subject = "CN=" + v
					}
				case "client_serial":
					attribute(ev, "tls.client_serial", d.nodes[c].str)
				default:
					d.attributes(ev, c, a.in.join("tls.", key), nil)
				}
			}
		default:
			d.attributes(ev, n, a.in.join("request.", d.nodes[n].key), nil)
		}
	}
	// client_ip is what Caddy's own trusted_proxies made of the headers.
	switch {
	case ev.SrcIp == "":
		ev.SrcIp = peer
	case peer != ev.SrcIp:
		ev.PeerIp = peer
	}
}

// caddyHeader reads one header, whose values are a list, empty when Caddy hid
// them.
func (a *access) caddyHeader(d *document, n int) {
	name := a.in.lower(d.nodes[n].key)
	if d.nodes[n].kind != kindArray {
		a.header(name, d.nodes[n].str)
		return
	}
	for c := d.first(n); c != none; c = d.after(n, c) {
		a.header(name, d.nodes[c].str)
	}
}
