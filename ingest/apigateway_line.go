package ingest

import (
	"errors"
	"strings"
)

// clf is a line of API Gateway's access log in the common log format, as its
// documentation proposes it:
//
//	sourceIp caller user [requestTime] "httpMethod resourcePath protocol" status responseLength requestId [extendedRequestId]
type clf struct {
	ip, caller, user, time, request, status, length, id, extended string
}

// gatewayLine takes a line apart. It is API Gateway's when a UUID stands where
// others have a referer or nothing, and either the path is a template or the
// caller is an id of IAM; else it is some server's that logs ids of requests.
func gatewayLine(line string) (c clf, ok bool) {
	open := commonTime(line)
	if open <= 0 {
		return c, false
	}
	end := strings.IndexByte(line[open:], ']')
	if end < 0 {
		return c, false
	}
	front := strings.Fields(line[:open])
	if len(front) != 3 || address(front[0]) == "" {
		return c, false
	}
	c.ip, c.caller, c.user, c.time = front[0], front[1], front[2], line[open+1:open+end]
	w := words{s: line, pos: open + end + 1}
	var quoted bool
	if c.request, quoted, ok = w.next(); !ok || !quoted {
		return c, false
	}
	for _, field := range []*string{&c.status, &c.length, &c.id, &c.extended} {
		word, quoted, _ := w.next()
		if quoted {
			return c, false
		}
		*field = word
	}
	if _, _, more := w.next(); more || !isUUID(c.id) {
		return c, false
	}
	return c, strings.IndexByte(c.request, '{') >= 0 || iamID(c.caller) || iamID(c.user) || c.extended != "" && strings.HasSuffix(c.extended, "=")
}

// iamID recognises the unique id of a user or of a role, with a session behind it
// perhaps, and an ARN.
func iamID(s string) bool {
	if strings.HasPrefix(s, "arn:aws") {
		return true
	}
	s, _, _ = strings.Cut(s, ":")
	return len(s) >= 16 && len(s) <= 32 && (strings.HasPrefix(s, "AIDA") || strings.HasPrefix(s, "AROA")) && strings.ToUpper(s) == s && isName(s)
}

// parseAPIGatewayLine reads such a line.
func parseAPIGatewayLine(r *record) error {
	c, ok := gatewayLine(r.line)
	if !ok {
		return errors.New("not sourceIp caller user [requestTime] \"httpMethod resourcePath protocol\" status responseLength requestId")
	}
	g := apiGateway{access: r.access(), d: &r.doc}
	g.whole(r.line)
	m, rest, _ := strings.Cut(g.clean(c.request), " ")
	g.template, g.protocol, _ = strings.Cut(rest, " ")
	if strings.HasPrefix(c.user, "arn:") {
		g.arn, c.user = c.user, ""
	}
	for _, f := range [...][2]string{
		{"sourceIp", c.ip}, {"caller", c.caller}, {"user", c.user}, {"requestTime", c.time}, {"httpMethod", m}, {"status", c.status}, {"responseLength", c.length},
		{"requestId", c.id}, {"extendedRequestId", c.extended},
	} {
		name, v := f[0], f[1]
		if v == "" || v == "-" {
			continue
		}
		if name != "requestId" {
			v = g.clean(v)
		}
		if err := g.field(name, v); err != nil {
			return err
		}
	}
	if err := g.done(); err != nil {
		return err
	}
	g.raw(r, &words{s: r.line})
	return nil
}
