package ingest

import (
	"errors"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// azureEdge is one record of Application Gateway or Front Door being read.
type azureEdge struct {
	access
	record *record

	time, resource, category, action, rule, query string
	properties                                    part
}

// open reads what stands around the properties of a diagnostic record.
func (e *azureEdge) open(r *record) error {
	e.record, e.access = r, r.access()
	e.properties = part{&r.doc, none}
	ev := r.ev
	d := &r.doc
	for n := d.first(r.root); n != none; n = d.after(r.root, n) {
		switch d.nodes[n].key {
		case "time", "timeStamp", "TimeGenerated":
			e.time = first(e.time, d.nodes[n].str)
		case "resourceId", "ResourceId", "_ResourceId":
			e.resource = d.nodes[n].str
		case "category", "Category":
			e.category = d.nodes[n].str
		case "operationName", "OperationName":
		case "properties":
			e.properties = part{d, n}.unpacked()
		default:
			d.attributes(ev, n, d.nodes[n].key, nil)
		}
	}
	var err error
	if ev.Time, err = parseISO(e.time); err != nil {
		return inField("time", err)
	}
	if e.properties.n == none || e.properties.d.nodes[e.properties.n].kind != kindObject {
		return errors.New("properties: missing")
	}
	ev.CloudProvider, ev.Account = "azure", azureSegment(e.resource, "subscriptions")
	ev.Service = azureSegment(e.resource, "applicationgateways")
	if ev.Service == "" {
		ev.Service = first(azureSegment(e.resource, "profiles"), azureSegment(e.resource, "frontdoors"))
	}
	return nil
}

// close names the operation and sorts the outcome. Firewall logs don't show
// the method.
func (e *azureEdge) close() {
	ev := e.ev
	if e.query != "" && strings.IndexByte(e.target, '?') < 0 {
		e.target += "?" + e.query
	}
	if ev.HttpMethod == "" && e.target != "" && e.firewall() {
		ev.HttpMethod = "ANY"
	}
	e.finish()
	if ev.HttpMethod == "ANY" {
		ev.HttpMethod = ""
	}
	attribute(ev, "category", e.category)
	attribute(ev, "resourceId", e.resource)
	if e.action == "" {
		return
	}
	attribute(ev, "action", e.action)
	switch strings.ToLower(e.action) {
	case "block", "blocked", "jschallengeblock":
		ev.Outcome, ev.ErrorCode = schemas.Outcome_OUTCOME_DENIED, first(e.rule, e.action)
	case "allow", "allowed":
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	}
}

func (e *azureEdge) firewall() bool {
	return len(e.category) > 11 && strings.EqualFold(e.category[len(e.category)-11:], "FirewallLog")
}

// common reads the properties that both services' logs have.
func (e *azureEdge) common(key string, p part) {
	ev, v := e.ev, p.value()
	if p.d.nodes[p.n].kind == kindObject || p.d.nodes[p.n].kind == kindArray {
		p.rest(e.record, key)
		return
	}
	if v == "" {
		return
	}
	switch key {
	case "httpMethod":
		ev.HttpMethod = method(v)
	case "requestUri", "requestURI":
		if e.target == "" {
			e.target = v
		}
	case "userAgent":
		ev.UserAgent = clip(v, maxMessage)
	case "httpVersion":
		e.protocol = v
	case "action":
		e.action = v
	case "ruleId", "ruleName":
		e.rule = v
		attribute(ev, key, v)
	case "trackingReference", "transactionId":
		ev.RequestId = v
	default:
		attribute(ev, key, v)
	}
}
