package ingest

import (
	"errors"
	"net/url"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchCloudFront recognises a line by its tabs and its first fields, and JSON
// by the names of CloudFront's fields.
func matchCloudFront(p *probe) confidence {
	if p.doc != nil {
		switch {
		case p.has("x-edge-request-id"), p.has("x-edge-location"), p.has("x-edge-result-type"), p.has("cs-uri-stem") && p.count("c-ip", "sc-status", "cs-method") > 1:
			return certain
		}
		return no
	}
	if strings.Contains(p.fields, "x-edge-") || strings.Contains(p.fields, "cs-uri-stem") && strings.Contains(p.fields, "x-host-header") {
		return certain
	}
	if strings.Count(p.line[:min(len(p.line), 512)], "\t") < 6 {
		return no
	}
	first, rest, _ := strings.Cut(p.line, "\t")
	second, rest, _ := strings.Cut(rest, "\t")
	switch {
	case len(first) == 10 && first[4] == '-' && len(second) == 8 && second[2] == ':' && strings.Count(rest, "\t") >= 18:
		return certain
	case digits(strings.Replace(first, ".", "", 1)) > 0 && address(second) != "" && strings.Count(rest, "\t") >= 18:
		return certain
	}
	return no
}

// cloudFrontStandard and cloudFrontRealTime are the orders of fields of
// standard logs and, by default, of real-time logs ("Standard logging
// reference", "Use real-time access logs").
var (
	cloudFrontStandard = [...]string{
		"date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem", "sc-status", "cs(Referer)", "cs(User-Agent)", "cs-uri-query", "cs(Cookie)",
		"x-edge-result-type", "x-edge-request-id", "x-host-header", "cs-protocol", "cs-bytes", "time-taken", "x-forwarded-for", "ssl-protocol", "ssl-cipher", "x-edge-response-result-type",
		"cs-protocol-version", "fle-status", "fle-encrypted-fields", "c-port", "time-to-first-byte", "x-edge-detailed-result-type", "sc-content-type", "sc-content-len", "sc-range-start", "sc-range-end",
	}
	cloudFrontRealTime = [...]string{
		"timestamp", "c-ip", "time-to-first-byte", "sc-status", "sc-bytes", "cs-method", "cs-protocol", "cs-host", "cs-uri-stem", "cs-bytes", "x-edge-location", "x-edge-request-id", "x-host-header",
		"time-taken", "cs-protocol-version", "c-ip-version", "cs-user-agent", "cs-referer", "cs-cookie", "cs-uri-query", "x-edge-response-result-type", "x-forwarded-for", "ssl-protocol", "ssl-cipher",
		"x-edge-result-type", "fle-encrypted-fields", "fle-status", "sc-content-type", "sc-content-len", "sc-range-start", "sc-range-end", "c-port", "x-edge-detailed-result-type", "c-country",
		"cs-accept-encoding", "cs-accept", "cache-behavior-path-pattern", "cs-headers", "cs-header-names", "cs-headers-count", "primary-distribution-id", "primary-distribution-dns-name",
		"origin-fbl", "origin-lbl", "asn",
	}
)

// cloudFront is one request in CloudFront's logs.
type cloudFront struct {
	access

	date, clock, stamp, query, result, detail, distribution string
}

// parseCloudFrontLine reads a line of the standard or the real-time log, in its
// usual order or in that of the #Fields line above it (standard logging v2 lets
// one choose fields, order and delimiter).
func parseCloudFrontLine(r *record) error {
	c := cloudFront{access: r.access()}
	names := cloudFrontStandard[:]
	if end := strings.IndexByte(r.line, '\t'); end > 0 && end != 10 {
		names = cloudFrontRealTime[:]
	}
	delimiter := byte('\t')
	if r.fields != "" {
		names = fieldNames(r.fields)
		delimiter = delimiterOf(r.line, len(names))
	}
	var raw []byte
	kept := 0 // up to here the line is in raw
	at := 0
	for i := 0; at <= len(r.line); i++ {
		end := len(r.line)
		if next := strings.IndexByte(r.line[at:], delimiter); next >= 0 {
			end = at + next
		}
		name := ""
		if i < len(names) {
			name = names[i]
		} else {
			name = "extra_" + index(i+1)
		}
		v := r.line[at:end]
		level := public
		if r.fields != "" {
			level, name = r.fieldName(name)
		}
		if level == secret || level == maybe && c.r.guess && opaque(v) || strings.EqualFold(name, "cs(Cookie)") || name == "cs-cookie" || name == "cs-headers" {
			v = c.r.value(v)
		} else {
			v = c.r.text(v)
		}
		if v != r.line[at:end] {
			raw = append(append(raw, r.line[kept:at]...), v...)
			kept = end
		}
		if err := c.cloudField(name, v); err != nil {
			return err
		}
		at = end + 1
	}
	if err := c.done(); err != nil {
		return err
	}
	if r.p.opt.KeepRaw {
		// Every field was looked at: no secret runs over a delimiter.
		r.ev.Raw = r.line
		if kept > 0 {
			r.ev.Raw = string(append(raw, r.line[kept:]...))
		}
	}
	return nil
}

// fieldName judges a name that a #Fields line gives, as that of a member in JSON,
// and hides what looks like a secret in it.
func (r *record) fieldName(name string) (secrecy, string) {
	if k := r.doc.known.look(name); k != nil {
		return k.level, k.key
	}
	return r.p.redactor.key(name)
}

// delimiterOf finds what stands between the fields of a line: a tab, or what was
// chosen in its place for standard logging v2.
func delimiterOf(line string, fields int) byte {
	for _, c := range []byte("\t ,;|") {
		if strings.Count(line, string(c)) == fields-1 {
			return c
		}
	}
	return '\t'
}

// parseCloudFrontObject reads a record of standard logging v2 in JSON.
func parseCloudFrontObject(r *record) error {
	c := cloudFront{access: r.access()}
	d := &r.doc
	for n := d.first(r.root); n != none; n = d.after(r.root, n) {
		if kind := d.nodes[n].kind; kind == kindObject || kind == kindArray {
			d.attributes(r.ev, n, d.nodes[n].key, nil)
			continue
		}
		if err := c.cloudField(d.nodes[n].key, d.nodes[n].str); err != nil {
			return err
		}
	}
	return c.done()
}

// unescaped undoes the percent-encoding of a field, once.
func (c *cloudFront) unescaped(v string) string {
	if strings.IndexByte(v, '%') < 0 {
		return v
	}
	u, err := url.PathUnescape(v)
	if err != nil {
		return v
	}
	return c.r.text(decodedHashes(cleanText([]byte(u)), v))
}

func (c *cloudFront) cloudField(name, v string) error {
	ev := c.ev
	if v == "-" || v == "" {
		return nil
	}
	switch name {
	case "date":
		c.date = v
	case "time":
		c.clock = v
	case "timestamp", "timestamp(ms)":
		if len(v) > len(c.stamp) {
			c.stamp = v
		}
	case "sc-bytes":
		ev.BytesOut = count(v)
	case "cs-bytes":
		ev.BytesIn = count(v)
	case "c-ip":
		setSource(ev, name, v)
	case "cs-method":
		ev.HttpMethod = method(v)
	case "cs(Host)", "cs-host":
		c.distribution = hostName(v)
	case "x-host-header":
		ev.Host = hostName(v)
	case "cs-uri-stem":
		c.target = v
	case "cs-uri-query":
		c.query = v
	case "sc-status":
		return c.status(v)
	case "cs(Referer)", "cs-referer":
		attribute(ev, "referer", c.unescaped(v))
	case "cs(User-Agent)", "cs-user-agent":
		ev.UserAgent = clip(c.unescaped(v), maxMessage)
	case "x-edge-result-type":
		c.result = v
		attribute(ev, name, v)
	case "x-edge-detailed-result-type":
		c.detail = v
		attribute(ev, name, v)
	case "x-edge-request-id":
		ev.RequestId = v
		setID(ev, v)
	case "time-taken":
		ev.LatencyUs = micros(v, 1e6)
	case "x-forwarded-for":
		ev.ForwardedFor = forwarded(c.unescaped(v), ev.ForwardedFor)
	case "cs-protocol-version":
		c.protocol = v
	default:
		attribute(ev, name, v)
	}
	return nil
}

// done sets the time, names the operation and sorts the outcome.
func (c *cloudFront) done() error {
	ev := c.ev
	var err error
	switch {
	case c.stamp != "":
		ev.Time, err = parseEpoch(c.stamp)
	case c.date != "" && c.clock != "":
		ev.Time, err = parseISO(c.date + " " + c.clock)
	default:
		err = errors.New("missing (date and time, or timestamp)")
	}
	if err != nil {
		return inField("time", err)
	}
	if c.query != "" {
		c.target += "?" + c.query
	}
	if ev.Host == "" {
		ev.Host = c.distribution
	}
	ev.Service, ev.CloudProvider = c.distribution, "aws"
	c.finish()
	switch {
	case ev.StatusCode >= 400:
		ev.ErrorCode = first(c.detail, c.result)
	case ev.StatusCode == 0: // the client was gone before the answer
		ev.Outcome, ev.ErrorCode = schemas.Outcome_OUTCOME_ERROR, first(c.detail, c.result)
	}
	return nil
}
