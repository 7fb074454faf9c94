package ingest

import (
	"errors"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchHAProxy recognises "address:port [time with milliseconds] frontend".
func matchHAProxy(p *probe) confidence {
	if _, rest := haproxyHead(p.line); rest != "" {
		return certain
	}
	return no
}

// haproxyHead splits the client and the time from the rest of a line, which is
// "" when the line does not begin so.
func haproxyHead(line string) (client, rest string) {
	client, rest, _ = strings.Cut(line, " [")
	if len(rest) < 27 || rest[2] != '/' || rest[6] != '/' || rest[20] != '.' || rest[24] != ']' || strings.LastIndexByte(client, ':') <= 0 || strings.IndexByte(client, ' ') >= 0 {
		return client, ""
	}
	return client, rest
}

// parseHAProxy reads a line of option httplog or httpslog ("HTTP log format" of
// HAProxy's configuration manual), whose time has no zone and is read as UTC:
//
//	client:port [time] frontend backend/server TR/Tw/Tc/Tr/Ta status bytes cookie cookie termination
//	connections queues {captured request headers} {captured response headers} "request" [errors sni/version/cipher]
func parseHAProxy(r *record) error {
	client, rest := haproxyHead(r.line)
	if rest == "" {
		return errors.New("time: missing (client:port [02/Jan/2006:15:04:05.000] expected)")
	}
	a := r.access()
	ev := r.ev
	seconds, err := parseCommonLog(rest[:20])
	if err != nil {
		return inField("time", err)
	}
	ev.Time = seconds + int64(max(digits(rest[21:24]), 0))*int64(time.Millisecond)
	ev.SrcIp = address(client)
	a.whole(r.line)
	w := words{s: r.line, pos: len(r.line) - len(rest) + 25}
	frontend, _, _ := w.next()
	if strings.HasSuffix(frontend, ":") {
		return errors.New("no request: " + clip(strings.TrimSpace(r.line[w.pos:]), 60))
	}
	backend, _, _ := w.next()
	timers, _, _ := w.next()
	if strings.Count(timers, "/") == 2 {
		return errTCP
	}
	status, _, _ := w.next()
	size, _, _ := w.next()
	w.next() // the request's cookie
	w.next() // the response's
	state, _, _ := w.next()
	attribute(ev, "frontend", a.clean(strings.TrimSuffix(frontend, "~")))
	service, server, _ := strings.Cut(backend, "/")
	ev.Service = clip(a.clean(service), maxAttributeValue)
	attribute(ev, "server", a.clean(server))
	attribute(ev, "timers", a.clean(timers))
	ev.LatencyUs = micros(strings.TrimPrefix(timers[strings.LastIndexByte(timers, '/')+1:], "+"), 1000)
	if status != "-1" {
		if err := a.status(status); err != nil {
			return err
		}
	}
	ev.BytesOut = count(strings.TrimPrefix(size, "+"))
	if len(state) == 4 {
		if attribute(ev, "termination_state", state); !strings.HasPrefix(state, "--") {
			ev.ErrorCode = state // who ended the session, and when
		}
	}
	w.next() // connections
	w.next() // queues
	a.captured(&w)
	request, quoted, ok := w.next()
	if !ok || !quoted {
		return missing("request")
	}
	a.request(a.clean(request))
	if failures, _, ok := w.next(); ok {
		attribute(ev, "tls.errors", a.clean(failures))
	}
	if tls, _, ok := w.next(); ok {
		attribute(ev, "tls", a.clean(tls))
	}
	a.finish()
	if ev.StatusCode == 0 && ev.ErrorCode != "" {
		ev.Outcome = schemas.Outcome_OUTCOME_ERROR
	}
	a.raw(r, &w)
	return nil
}

// captured reads the captured headers, {a|b} of the request and of the response.
// Nothing says which headers they are: each is read by its form.
func (a *access) captured(w *words) {
	s := w.s
	names := [...]string{"captured_request_", "captured_response_"}
	for side := range names {
		for w.pos < len(s) && s[w.pos] == ' ' {
			w.pos++
		}
		if w.pos >= len(s) || s[w.pos] != '{' {
			return
		}
		end := strings.IndexByte(s[w.pos:], '}')
		if end < 0 {
			return
		}
		start := w.pos + 1
		w.pos += end + 1
		for i, at := 0, start; at < w.pos; i++ {
			v := s[at : w.pos-1]
			if bar := strings.IndexByte(v, '|'); bar >= 0 {
				v = v[:bar]
			}
			w.start, w.end, w.count = at, at+len(v), w.count+1
			a.capture(v, a.in.join(names[side], index(i+1)), side == 0, w)
			at += len(v) + 1
		}
	}
}

func (a *access) capture(raw, name string, request bool, w *words) {
	if raw == "" || raw == "-" {
		return
	}
	if opaque(raw) && !isUUID(raw) {
		v := a.r.hash.Hash(raw)
		w.secret(w.start, w.end, v)
		if request {
			a.setKey(v, "api_key")
		}
		attribute(a.ev, name, v)
		return
	}
	v := a.clean(raw)
	ev := a.ev
	id, kind := presented(v, "authorization")
	switch {
	case !request:
		attribute(ev, name, v)
	case id != "":
		a.setKey(id, kind)
		attribute(ev, name, v)
	case address(firstOf(v)) != "":
		ev.ForwardedFor = forwarded(v, ev.ForwardedFor)
	case isUUID(v):
		ev.RequestId = first(ev.RequestId, v)
	case strings.HasPrefix(v, "http://"), strings.HasPrefix(v, "https://"):
		attribute(ev, "referer", v)
	case strings.IndexByte(v, '/') > 0 && isLetter(v[0]) && ev.UserAgent == "":
		ev.UserAgent = clip(v, maxMessage)
	case strings.IndexByte(v, '.') > 0 && strings.IndexByte(v, ' ') < 0 && strings.IndexByte(v, '/') < 0 && ev.Host == "":
		ev.Host = hostName(v)
	default:
		attribute(ev, name, v)
	}
}
