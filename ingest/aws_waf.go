package ingest

import (
	"errors"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchAWSWAF looks for the web ACL that judged a request.
func matchAWSWAF(p *probe) confidence {
	switch {
	case p.has("webaclId"), p.has("terminatingRuleId") && p.object("httpRequest"):
		return certain
	}
	return no
}

// parseAWSWAF reads one request that AWS WAF judged ("Log fields for protection
// pack (web ACL) traffic"). WAF does not know whether a credential is right, so
// that one alone makes nobody known.
func parseAWSWAF(r *record) error {
	d, ev := &r.doc, r.ev
	a := r.access()
	stamp, action, rule, ja3 := "", "", "", ""
	request := none
	for n := d.first(r.root); n != none; n = d.after(r.root, n) {
		key, v := d.nodes[n].key, d.nodes[n].str
		switch key {
		case "timestamp":
			stamp = v
		case "formatVersion":
		case "webaclId":
			awsOwner(ev, v)
			attribute(ev, key, v)
		case "action":
			action = v
			attribute(ev, key, v)
		case "terminatingRuleId":
			rule = v
			attribute(ev, key, v)
		case "httpRequest":
			request = n
		case "labels":
			attribute(ev, key, wafLabels(d, n))
		case "ja4Fingerprint":
			ev.TlsFingerprint = v
		case "ja3Fingerprint":
			ja3 = v
		case "responseCodeSent":
			if v != "" && d.nodes[n].kind != kindNull {
				if err := a.status(v); err != nil {
					return err
				}
			}
		case "requestBodySize":
			ev.BytesIn = count(v)
		default:
			d.attributes(ev, n, key, nil)
		}
	}
	var err error
	if ev.Time, err = parseEpoch(stamp); err != nil {
		return inField("timestamp", err)
	}
	if request == none || d.nodes[request].kind != kindObject {
		return errors.New("httpRequest: missing")
	}
	ev.CloudProvider = "aws"
	if ev.TlsFingerprint == "" {
		ev.TlsFingerprint = ja3
	} else {
		attribute(ev, "ja3Fingerprint", ja3)
	}
	args := ""
	for n := d.first(request); n != none; n = d.after(request, n) {
		key, v := d.nodes[n].key, d.nodes[n].str
		switch key {
		case "clientIp":
			setSource(ev, key, v)
		case "headers":
			for c := d.first(n); c != none; c = d.after(n, c) {
				a.header(a.in.lower(d.text(d.get(c, "name"))), d.text(d.get(c, "value")))
			}
		case "uri":
			a.target = v
		case "args":
			args = v
		case "httpVersion":
			a.protocol = v
		case "httpMethod":
			ev.HttpMethod = method(v)
		case "requestId":
			ev.RequestId = v
		case "host":
			if ev.Host == "" {
				ev.Host = hostName(v)
			}
		default:
			d.attributes(ev, n, key, nil)
		}
	}
	if args != "" {
		a.target += "?" + args
	}
	a.finish()
	ev.Principal, ev.PrincipalType, ev.Anonymous = "", "anonymous", true
	switch action {
	case "BLOCK", "CAPTCHA", "CHALLENGE":
		ev.Outcome, ev.ErrorCode = schemas.Outcome_OUTCOME_DENIED, first(rule, action)
	case "ALLOW":
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	}
	return nil
}

// wafLabels joins the names of the labels that rules put on a request.
func wafLabels(d *document, n int) string {
	var b strings.Builder
	for c := d.first(n); c != none; c = d.after(n, c) {
		if name := d.text(d.get(c, "name")); name != "" && b.Len() < maxAttributeValue {
			if b.Len() > 0 {
				b.WriteByte(',')
			}
			b.WriteString(name)
		}
	}
	return b.String()
}
