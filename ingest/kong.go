package ingest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchKong looks for the keys of Kong's log serializer.
func matchKong(p *probe) confidence {
	if p.object("request") && p.count("started_at", "latencies", "client_ip", "upstream_uri") >= 2 {
		return certain
	}
	return no
}

// kongSecret finds the ids of credentials, which in Kong's database are UUIDs,
// but some plugins put the key itself there, and the profile of a person that
// the OpenID Connect plugin puts into a header.
func kongSecret(d *document, n int) bool {
	if !kongAsked(d.nodes[n].key) {
		return false
	}
	if d.nodes[n].key != "id" {
		return true
	}
	parent := int(d.nodes[n].parent)
	return parent != none && d.nodes[parent].key == "authenticated_entity" && !isUUID(d.nodes[n].str)
}

func kongAsked(key string) bool {
	return key == "id" || len(key) == len("x-userinfo") && strings.EqualFold(key, "x-userinfo")
}

// parseKong reads one object of Kong's log serializer, as its http-log,
// file-log, tcp-log and udp-log plugins write it (Kong Gateway documentation,
// "HTTP Log", log format).
func parseKong(r *record) error {
	k := kongLog{d: &r.doc, ev: r.ev, plan: kongPlanOf(&r.doc, r.root)}
	return k.read()
}

// kongLog is one Kong record being read.
type kongLog struct {
	d    *document
	ev   *schemas.Event
	plan *kongPlan

	started      string
	uri, address string

	// What Kong's plugins set as headers for the service behind, and a client
	// could have sent where no plugin ran.
	scope, groups, user, credential, unknown, subject string
	// auth is the kind of credential, where the log says it.
	auth             string
	verified, hosted bool
}

func (k *kongLog) read() error {
	d, ev, p := k.d, k.ev, k.plan
	k.started = d.text(p.started)
	if p.client != none {
		setSource(ev, "client_ip", d.nodes[p.client].str)
	}
	k.asked()
	for _, m := range p.rest {
		switch m.of {
		case kongRecord:
			k.member(m.node)
		case kongRequest:
			k.request(m.node)
		case kongHeaders:
			k.header(m.node)
		}
	}
	t, err := parseEpoch(k.started)
	if err != nil {
		return fmt.Errorf("started_at: %w", err)
	}
	ev.Time = t
	if p.request == none || d.nodes[p.request].kind != kindObject {
		return errors.New("request: missing")
	}
	k.http()
	k.who()
	k.where()
	return nil
}

// asked reads what nearly every record says of its request.
func (k *kongLog) asked() {
	d, ev, p := k.d, k.ev, k.plan
	ev.HttpMethod = method(d.text(p.method))
	k.uri, k.address = d.text(p.uri), d.text(p.url)
	ev.BytesIn = d.uint(p.bytesIn)
	if p.id != none {
		// Kong makes this id itself, one a request, from 3.5 on.
		ev.Id, ev.RequestId = d.nodes[p.id].str, d.nodes[p.id].str
	}
	if p.host != none {
		ev.Host, k.hosted = hostName(k.headerValue(p.host)), true
	}
	if p.agent != none {
		ev.UserAgent = clip(k.headerValue(p.agent), maxMessage)
	}
	if p.requestID != none && ev.RequestId == "" {
		ev.RequestId = clip(k.headerValue(p.requestID), maxAttributeValue)
	}
}

// member reads a member of the record, of those that not every one has.
func (k *kongLog) member(n int) {
	d, ev, v := k.d, k.ev, k.d.nodes[n].str
	switch d.nodes[n].key {
	case "started_at":
		k.started = v
	case "client_ip":
		setSource(ev, "client_ip", v)
	case "auth_type":
		k.auth = v
		attribute(ev, "auth_type", v)
	case "jwt_claims", "claims":
		k.claims(n)
	case "ai":
		k.ai(n)
	case "upstream_uri":
		path, _, _ := strings.Cut(v, "?")
		attribute(ev, "upstream_uri", path)
	default:
		// workspace, workspace_name, upstream_status, source, and what custom_fields_by_lua adds
		d.attributes(ev, n, d.nodes[n].key, nil)
	}
}

// request reads a member of the request, of those that not every one has.
func (k *kongLog) request(n int) {
	d, ev, v := k.d, k.ev, k.d.nodes[n].str
	switch d.nodes[n].key {
	case "method":
		ev.HttpMethod = method(v)
	case "uri":
		k.uri = v
	case "url":
		k.address = first(k.address, v)
	case "size":
		ev.BytesIn = d.uint(n)
	case "id":
		ev.Id, ev.RequestId = v, v
	case "querystring":
		d.attributes(ev, n, "query", nil)
	case "tls":
		for c := d.first(n); c != none; c = d.after(n, c) {
			k.verified = k.verified || d.nodes[c].key == "client_verify" && d.nodes[c].str == "SUCCESS"
			attribute(ev, d.names.join("tls.", d.nodes[c].key), d.nodes[c].str)
		}
	default:
		d.attributes(ev, n, d.names.join("request.", d.nodes[n].key), nil)
	}
}

// http names what was asked for, and reads response and latencies.
func (k *kongLog) http() {
	d, ev, p := k.d, k.ev, k.plan
	if !k.hosted {
		host, _, _ := splitTarget(k.address)
		ev.Host = hostName(host)
	}
	host, path, _ := splitTarget(first(k.uri, k.address))
	if ev.Host == "" {
		ev.Host = hostName(host)
	}
	ev.UrlPath = clip(path, maxMessage)
	ev.Resources = addOnce(ev.Resources, ev.UrlPath, maxResources)

	if status := d.uint(p.status); status < 1000 {
		ev.StatusCode = uint32(status)
	}
	ev.BytesOut = d.uint(p.bytesOut)
	ev.Outcome = httpOutcome(ev.StatusCode)
	if ms := d.text(p.latency); ms != "" {
		ev.LatencyUs = micros(ms, 1000)
	}
	k.keep("latencies.proxy", d.text(p.proxy))
	k.keep("latencies.kong", d.text(p.kong))
	k.keep("response.content-type", d.text(p.contentType))
}

// keep keeps what has a name of its own, which no other attribute can have where
// every member of the record has its place in the plan.
func (k *kongLog) keep(name, value string) {
	if len(k.plan.rest) == 0 {
		newAttribute(k.ev, name, value)
	} else {
		attribute(k.ev, name, value)
	}
}

// headerValue is the value of a header; of one that was sent twice, which is a
// list, the first.
func (k *kongLog) headerValue(n int) string {
	if k.d.nodes[n].kind == kindArray {
		n = k.d.first(n)
	}
	return k.d.text(n)
}

// header reads one request header.
func (k *kongLog) header(n int) {
	d, ev, v := k.d, k.ev, k.headerValue(n)
	name := d.lower(n)
	switch name {
	case "x-forwarded-for", "forwarded":
		// Lines of one header continue each other.
		if d.nodes[n].kind != kindArray {
			ev.ForwardedFor = forwarded(v, ev.ForwardedFor)
		}
		for c := d.first(n); c != none && d.nodes[n].kind == kindArray; c = d.after(n, c) {
			ev.ForwardedFor = forwarded(d.text(c), ev.ForwardedFor)
		}
	case "user-agent":
		ev.UserAgent = clip(v, maxMessage)
	case "host":
		ev.Host, k.hosted = hostName(v), true
	case "x-request-id", "kong-request-id", "x-kong-request-id":
		if ev.RequestId == "" {
			ev.RequestId = clip(v, maxAttributeValue)
		}
	case "x-ja4", "x-ja4-hash", "x-ja3", "x-ja3-hash", "x-ja3-fingerprint":
		if ev.TlsFingerprint == "" {
			ev.TlsFingerprint = clip(v, maxAttributeValue)
		}
	case "x-authenticated-scope":
		k.scope = v
	case "x-authenticated-groups", "x-consumer-groups":
		k.groups = v
		attribute(ev, d.names.join("header.", name), v)
	case "x-authenticated-userid":
		k.user = v
	case "x-credential-identifier", "x-credential-username":
		k.credential = v
	case "x-anonymous-consumer":
		k.unknown = v
	case "x-client-cert-subject-dn":
		k.subject = v
	default:
		if credentialHeader(name) && ev.CredentialId == "" {
			ev.CredentialId, ev.CredentialType = presented(v, name)
		}
		attribute(ev, d.names.join("header.", name), v)
	}
}

// who reads consumer and authenticated_entity.
func (k *kongLog) who() {
	d, ev, p := k.d, k.ev, k.plan
	id, name, custom := d.text(p.consumerID), d.text(p.username), d.text(p.customID)
	entity := d.text(p.entityID)
	if entity != "" {
		ev.CredentialId = entity
		if ev.CredentialType == "" {
			ev.CredentialType = "api_key"
		}
		attribute(ev, "authenticated_entity.consumer_id", d.text(p.entityConsumer))
	}
	// The OAuth2 plugin sets or removes these headers; behind any other, key-auth
	// for one, they are what the client sent.
	caller := first(name, custom, id)
	known := entity != "" || caller != ""
	attribute(ev, "credential_identifier", k.credential)
	if known && k.unknown == "" && len(k.auth) >= len("oauth2") && strings.EqualFold(k.auth[:len("oauth2")], "oauth2") {
		ev.Scopes = scopes(k.scope, ev.Scopes)
		if k.user != "" {
			// The consumer is an OAuth client that acts for a user.
			ev.OauthClient = first(ev.OauthClient, k.credential, caller)
			ev.Delegation = append(ev.Delegation, k.user, first(caller, entity))
			ev.CredentialType = "oauth2"
		}
	} else {
		attribute(ev, "header.x-authenticated-scope", k.scope)
		attribute(ev, "header.x-authenticated-userid", k.user)
	}
	if k.verified {
		ev.ClientCertificate = k.subject
	} else {
		attribute(ev, "header.x-client-cert-subject-dn", k.subject)
	}
	if ev.Principal != "" && ev.StatusCode == 401 {
		attribute(ev, "refused_subject", ev.Principal)
		ev.Principal, ev.PrincipalType = "", ""
	}
	switch {
	case k.unknown == "true" && entity == "":
		// A consumer that stands for everyone who is not known.
		ev.PrincipalType, ev.Anonymous = "anonymous", true
		attribute(ev, "consumer.username", caller)
	case caller != "":
		ev.PrincipalType, ev.Principal = "consumer", caller
		k.keep("consumer.id", id)
		k.keep("consumer.custom_id", custom)
		d.attributes(ev, p.tags, "consumer.tags", nil)
	case entity != "":
		ev.PrincipalType, ev.Principal = "credential", entity
	case ev.Principal != "": // the subject of a token
	case ev.ClientCertificate != "":
		ev.PrincipalType, ev.Principal = "certificate", ev.ClientCertificate
	case ev.CredentialId != "" && ev.StatusCode != 401 && ev.StatusCode > 0:
		// Kong let it through, so that the service behind it must know the key.
		ev.PrincipalType, ev.Principal = "credential", ev.CredentialId
	default:
		// A key that was refused makes no one known: it stays in credential_id.
		ev.PrincipalType, ev.Anonymous = "anonymous", true
	}
}

// where reads service and route, and names the operation.
func (k *kongLog) where() {
	d, ev, p := k.d, k.ev, k.plan
	id, host := d.text(p.serviceID), d.text(p.serviceHost)
	ev.Service = first(d.text(p.serviceName), host, id)
	k.keep("service.id", id)
	k.keep("service.host", host)
	k.keep("route.name", d.text(p.routeName))
	k.keep("route.id", d.text(p.routeID))
	if p.tries != none {
		last, count := none, 0
		for n := d.first(p.tries); n != none; n = d.after(p.tries, n) {
			last, count = n, count+1
		}
		if count > 0 {
			attribute(ev, "upstream.ip", d.text(d.get(last, "ip")))
		}
		if count > 1 {
			attribute(ev, "tries", fmt.Sprint(count))
		}
	}
	ev.RouteTemplate = kongTemplate(d, p.paths)
	verb := first(ev.HttpMethod, invalidMethod)
	if ev.RouteTemplate == "" {
		ev.Operation, ev.RouteTemplate = d.names.operation(verb, ev.UrlPath)
	} else {
		ev.Operation = d.names.join(d.names.join(verb, " "), ev.RouteTemplate)
	}
}

// claims reads those of a token that custom_fields_by_lua copied.
func (k *kongLog) claims(at int) {
	d, ev := k.d, k.ev
	for n := d.first(at); n != none; n = d.after(at, n) {
		v := d.nodes[n].str
		switch d.nodes[n].key {
		case "sub":
			ev.PrincipalType, ev.Principal = "subject", clip(v, maxAttributeValue)
		case "iss":
			attribute(ev, "claims.iss", v)
		case "azp", "client_id":
			ev.OauthClient = clip(v, maxAttributeValue)
		case "scope", "scp":
			ev.Scopes = scopes(v, ev.Scopes)
			for c := d.first(n); c != none; c = d.after(n, c) {
				ev.Scopes = addOnce(ev.Scopes, d.nodes[c].str, maxScopes)
			}
		case "iat":
			ev.CredentialIssued = epochOrZero(v)
		case "exp":
			ev.CredentialExpires = epochOrZero(v)
		default:
			d.attributes(ev, n, d.names.join("claims.", d.nodes[n].key), nil)
		}
	}
}

func epochOrZero(s string) int64 {
	t, err := parseEpoch(s)
	if err != nil {
		return 0
	}
	return t
}

// scopes appends the words of a scope (RFC 6749, with commas too) to list.
func scopes(scope string, list []string) []string {
	for word := range strings.FieldsFuncSeq(scope, func(r rune) bool { return r == ' ' || r == ',' }) {
		list = addOnce(list, word, maxScopes)
	}
	return list
}

// ai reads what Kong's AI plugins say of a call to a model, one object a
// plugin: its model and tokens, but not what was said.
func (k *kongLog) ai(at int) {
	d, ev := k.d, k.ev
	for p := d.first(at); p != none; p = d.after(at, p) {
		usage := d.get(p, "usage")
		ev.TokensIn += d.uint(d.get(usage, "prompt_tokens"))
		ev.TokensOut += d.uint(d.get(usage, "completion_tokens"))
		if cost := number(d.text(d.get(usage, "cost"))); cost > 0 && cost < 1e9 {
			ev.CostMicros += uint64(cost*1e6 + 0.5)
		}
		meta := d.get(p, "meta")
		attribute(ev, "model", first(d.text(d.get(meta, "response_model")), d.text(d.get(meta, "request_model"))))
		d.attributes(ev, meta, d.names.join("ai.", d.nodes[p].key)+".meta", nil)
	}
}
