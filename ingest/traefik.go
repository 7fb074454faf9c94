package ingest

import "strings"

// matchTraefik recognises the field names of Traefik's JSON, and in a common
// log line the router, the server and the duration in milliseconds behind it.
func matchTraefik(p *probe) confidence {
	if p.doc != nil {
		switch n := p.count("DownstreamStatus", "ClientHost", "RequestMethod", "RequestPath", "RouterName", "ServiceName", "StartUTC", "OriginStatus", "entryPointName"); {
		case n >= 2:
			return certain
		case n == 1:
			return possible
		}
		return no
	}
	c, timed := lookCommon(p.line)
	switch {
	case c.tail == tailTraefik:
		return certain
	case timed:
		return possible
	}
	return no
}

// traefikTail recognises what Traefik writes behind the size:
//
//	"referer" "user agent" count "router" "server" 12ms
func traefikTail(rest string) bool {
	head, ok := strings.CutSuffix(rest, "ms")
	if !ok {
		return false
	}
	i := strings.LastIndexByte(head, ' ')
	return i > 0 && i+1 < len(head) && digits(head[i+1:]) >= 0 && head[i-1] == '"'
}

// parseTraefikLine reads Traefik's common log format, whose first word is the
// client's address or the whole X-Forwarded-For.
func parseTraefikLine(r *record) error {
	a := r.access()
	w, err := a.combined(r.line)
	if err != nil {
		return err
	}
	for n := range maxAttributes {
		word, _, ok := w.next()
		if !ok {
			break
		}
		switch ms, isTime := strings.CutSuffix(word, "ms"); {
		case word == "-":
		case n == 0:
			attribute(r.ev, "RequestCount", a.clean(word))
		case n == 1:
			a.router(a.clean(word))
		case n == 2:
			attribute(r.ev, "ServiceURL", a.clean(word))
		case isTime:
			r.ev.LatencyUs = micros(ms, 1000)
		default:
			a.loose(word, &w)
		}
	}
	a.finish()
	a.raw(r, &w)
	return nil
}

// router keeps a router's name. The last one of a chain hands the request to
// the service that has no other name here.
func (a *access) router(name string) {
	attribute(a.ev, "RouterName", name)
	if a.ev.Service == "" {
		a.ev.Service = clip(name[strings.LastIndexByte(name, ' ')+1:], maxAttributeValue)
	}
}

// parseTraefikObject reads an access log record in JSON ("Access Logs" of the
// Traefik documentation). Headers stand in request_…, origin_… and downstream_….
func parseTraefikObject(r *record) error {
	d, a := &r.doc, r.access()
	ev := r.ev
	var when, client, host, router string
	for n := d.first(r.root); n != none; n = d.after(r.root, n) {
		key, v := d.nodes[n].key, d.nodes[n].str
		switch key {
		case "StartUTC":
			when = v
		case "StartLocal", "time":
			when = first(when, v)
		case "ClientAddr":
			client = v
		case "ClientHost":
			host = v
		case "ClientUsername":
			a.setUser(v)
		case "RequestMethod":
			ev.HttpMethod = method(v)
		case "RequestPath":
			a.target = v
		case "RequestHost":
			ev.Host = hostName(v)
		case "RequestAddr":
			ev.Host = first(ev.Host, hostName(v))
		case "RequestProtocol":
			a.protocol = v
		case "RequestContentSize":
			ev.BytesIn = count(v)
		case "DownstreamStatus":
			if v != "" && v != "0" {
				if err := a.status(v); err != nil {
					return err
				}
			}
		case "DownstreamContentSize":
			ev.BytesOut = count(v)
		case "Duration":
			ev.LatencyUs = micros(v, 1e-3)
		case "RouterName":
			router = v
		case "ServiceName":
			ev.Service = clip(v, maxAttributeValue)
		case "TLSClientSubject":
			if v != "-" {
				a.subject = v
			}
		case "level", "msg", "ClientPort", "RequestPort":
		default:
			if name, ok := strings.CutPrefix(key, "request_"); ok && d.nodes[n].kind == kindString {
				a.header(a.in.lower(name), v)
				continue
			}
			d.attributes(ev, n, key, nil)
		}
	}
	if a.target == "" && ev.HttpMethod == "" {
		return missing("RequestMethod")
	}
	var err error
	if ev.Time, err = parseAnyTime(when); err != nil {
		return inField("StartUTC", err)
	}
	if router != "" && router != "-" {
		a.router(router)
	}
	// ClientHost is X-Forwarded-For as a whole where the request had one.
	ev.SrcIp = address(client)
	if ip := address(host); ip == "" || ip != ev.SrcIp && ev.SrcIp != "" {
		if len(ev.ForwardedFor) == 0 && host != "-" {
			ev.ForwardedFor = forwarded(host, ev.ForwardedFor)
		}
	} else {
		ev.SrcIp = ip
	}
	if ev.SrcIp == "" {
		ev.SrcIp = address(strings.TrimSpace(host[strings.LastIndexByte(host, ',')+1:]))
	}
	a.finish()
	return nil
}
