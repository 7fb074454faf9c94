package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// activityCategories are those of the activity log ("Azure Monitor activity
// log event schema").
var activityCategories = map[string]bool{
	"administrative": true, "servicehealth": true, "resourcehealth": true, "alert": true, "autoscale": true, "recommendation": true, "security": true, "policy": true,
}

// matchAzureActivity recognises the activity log by its categories, and other
// resources' logs by the id of the resource.
func matchAzureActivity(p *probe) confidence {
	if p.doc == nil {
		return no
	}
	root := part{p.doc, p.root}
	if root.peek("operationName", "OperationNameValue") == "" {
		return no
	}
	category, id := azureCategory(p), strings.ToLower(root.resourceID())
	switch {
	case strings.HasPrefix(category, "kube-"), category == "auditlogs", strings.HasSuffix(category, "signinlogs"), category == "microsoftgraphactivitylogs",
		strings.HasSuffix(id, "/microsoft.aadiam"), strings.HasPrefix(id, "/tenants/") && !activityCategories[category]:
		return no // for Kubernetes and for Entra
	case activityCategories[category] && (id != "" || root.at("tenantId").there() || root.at("correlationId").there() || root.at("caller").there()):
		return certain
	case root.at("eventTimestamp").there() && (root.at("caller").there() || root.at("authorization").there() || root.at("resourceProviderName").there()):
		return certain
	case category == "storageread", category == "storagewrite", category == "storagedelete":
		return certain
	case category != "" && strings.HasPrefix(id, "/subscriptions/"):
		return likely
	}
	return no
}

// parseAzureActivity reads an event of the activity log, as diagnostic
// settings stream it or as its own interface lists it, or a record of another
// resource's log that follows the common schema ("Azure resource log common
// and service-specific schema").
func parseAzureActivity(r *record) error {
	a, ev := azureRecord(r), r.ev
	if a.isAPIMCall() {
		return a.apimCall()
	}
	if err := a.when(); err != nil {
		return err
	}
	setID(ev, a.root.text("eventDataId"))
	a.where()
	if err := a.operation(); err != nil {
		return err
	}
	a.who()
	a.outcome()
	a.request()
	asked := a.asked()
	a.grantees(asked)
	tags := asked.tags()
	a.rest()
	if asked.there() && asked.d != a.properties.d { // JSON text: what is left of it stands where the object would
		asked.rest(r, "properties.requestbody")
	}
	for _, t := range tags {
		t.d.nodes[t.n].used = false
		t.rest(r, "properties.requestbody.tags")
	}
	return nil
}

// tags takes the tags of what was asked, to be kept last: there may be more of them
// than an event has room for, and they would hide what is written behind them.
func (p part) tags() (list []part) {
	if !p.there() || p.d.nodes[p.n].kind != kindObject {
		return nil
	}
	p.each(func(key string, v part) {
		if strings.EqualFold(key, "tags") {
			v.d.nodes[v.n].used = true
			list = append(list, v)
		}
	})
	return list
}

// operation names the call. Azure writes the names of operations in any case,
// so that those of a resource provider are taken in lower case.
func (a *azure) operation() error {
	ev := a.ev
	name := a.root.name("operationName", "OperationNameValue")
	if name == "" {
		return missing("operationName")
	}
	provider := azureSegment(a.root.resourceID(), "providers")
	if strings.IndexByte(name, '/') > 0 {
		name = strings.ToLower(name)
		provider, _, _ = strings.Cut(name, "/")
		switch name[strings.LastIndexByte(name, '/')+1:] {
		case "read":
			ev.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE
		case "write", "delete":
			ev.ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE
		}
	}
	switch strings.ToLower(a.root.peek("category")) {
	case "storageread":
		ev.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE
		provider = first(provider, "storage")
	case "storagewrite", "storagedelete":
		ev.ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE
		provider = first(provider, "storage")
	}
	ev.Service = first(strings.TrimPrefix(provider, "microsoft."), "azure")
	ev.Operation = ev.Service + ":" + name
	return nil
}

// request reads what is known of the request itself; storage logs have most.
func (a *azure) request() {
	ev, p := a.ev, a.properties
	http := a.root.at("httpRequest").unpacked()
	for _, ip := range [...]part{a.root.at("callerIpAddress"), http.at("clientIpAddress"), p.at("callerIpAddress")} {
		if ev.SrcIp == "" {
			if ev.SrcIp = address(ip.value()); ev.SrcIp != "" {
				ip.text()
			}
		}
	}
	ev.HttpMethod = method(http.text("method"))
	ev.UserAgent = clip(first(p.text("userAgentHeader"), p.text("userAgent"), p.text("clientInfo")), maxMessage)
	uri := first(a.root.text("uri"), p.text("requestUri"), http.text("uri"))
	host, path, query := splitTarget(uri)
	ev.Host, ev.UrlPath = hostName(host), clip(path, maxMessage)
	attribute(ev, "query", query)
	a.r.touch(p.peek("objectKey"), p.peek("id"), p.peek("entity"))
	ev.BytesIn, ev.BytesOut = count(p.text("requestBodySize")), count(p.text("responseBodySize"))
	attribute(ev, "httpRequest.clientRequestId", http.text("clientRequestId"))
}

// azureRoles name the built-in roles that let one give rights to others, or
// change everything.
var azureRoles = map[string]string{
	"8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
	"b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
	"18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
	"f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
	"acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
}

// asked returns the body of a request that may change something.
func (a *azure) asked() part {
	if a.ev.ReadOnly == schemas.ReadOnly_READ_ONLY_TRUE {
		return part{a.properties.d, none}
	}
	return a.properties.at("requestBody").unpacked()
}

// grantees reads who gets something from what was asked: the principal of a
// role assignment, those of a key vault's policies, everyone where a network
// rule or a storage account opens.
func (a *azure) grantees(body part) {
	if body.n == none || body.d.nodes[body.n].kind != kindObject {
		return
	}
	assigns := strings.Contains(a.ev.Operation, "/roleassignments/") || strings.Contains(a.ev.Operation, "/rolemanagementpolicy") || strings.Contains(a.ev.Operation, "/roleassignmentschedulerequests/")
	vault := strings.Contains(a.ev.Operation, "microsoft.keyvault/")
	d := body.d
	for i := body.n; i < int(d.nodes[body.n].next); i++ {
		v, at := d.nodes[i].str, part{d, int(d.nodes[i].parent)}
		switch strings.ToLower(d.nodes[i].key) {
		case "principalid":
			if assigns && v != "" {
				a.r.give(strings.ToLower(first(at.peek("principalType"), "principal")) + ":" + strings.ToLower(v))
			}
		case "roledefinitionid":
			if assigns {
				role := strings.ToLower(v[strings.LastIndexByte(v, '/')+1:])
				a.r.give("policy:" + first(azureRoles[role], role))
			}
		case "objectid":
			if vault && v != "" {
				a.r.give("principal:" + strings.ToLower(v))
			}
		case "sourceaddressprefix":
			if everywhere(v) && strings.EqualFold(at.peek("access"), "Allow") && strings.EqualFold(at.peek("direction"), "Inbound") {
				a.r.give("public")
			}
		case "allowblobpublicaccess":
			if v == "true" {
				a.r.give("public")
			}
		case "publicaccess":
			if v == "Blob" || v == "Container" {
				a.r.give("public")
			}
		}
	}
}

// everywhere recognises the prefixes of a network rule that mean any address.
func everywhere(prefix string) bool {
	switch strings.ToLower(prefix) {
	case "*", "any", "internet", "0.0.0.0/0", "::/0", "0.0.0.0":
		return true
	}
	return false
}
