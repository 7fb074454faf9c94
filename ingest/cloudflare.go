package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchCloudflareHTTP recognises Logpush's dataset http_requests.
func matchCloudflareHTTP(p *probe) confidence {
	switch n := p.count("EdgeStartTimestamp", "EdgeResponseStatus", "EdgeResponseBytes", "EdgeEndTimestamp", "ClientRequestURI", "RayID", "OriginIP", "CacheCacheStatus", "ClientRequestHost", "ClientRequestMethod", "ZoneName"); {
	case p.has("EdgeStartTimestamp") && n >= 2:
		return certain
	case n >= 3 && !p.has("Action", "Source"):
		return likely
	}
	return no
}

// matchCloudflareFirewall recognises firewall_events.
func matchCloudflareFirewall(p *probe) confidence {
	switch {
	case p.has("Action", "Source") && p.count("RayID", "RuleID", "Datetime", "ClientIP", "ClientRequestPath", "MatchIndex") >= 2:
		return certain
	case p.has("Action", "RuleID") && p.count("RayID", "Datetime", "ClientIP") >= 1:
		return likely
	}
	return no
}

// matchCloudflareAudit recognises audit_logs, audit_logs_v2, and the answers of
// the API that both come from.
func matchCloudflareAudit(p *probe) confidence {
	switch {
	case p.has("ActionType", "When") && p.count("ActorID", "ActorType", "ActorEmail", "ActorIP", "ResourceType") >= 1:
		return certain
	case p.has("ActorContext", "ActionType"), p.has("ActionTimestamp", "ActorType"), p.has("AuditLogID"):
		return certain
	case p.has("ActionType") && p.count("ActorType", "ActorEmail", "ActorTokenID", "ResourceType", "ResourceID") >= 2:
		return likely
	case p.object("actor") && p.object("action") && p.doc.path(p.root, "action", "time") != none && p.has("resource"):
		return certain // API, v2
	case p.object("actor") && p.object("action") && p.has("when", "owner"):
		return certain // API, v1
	}
	return no
}

// matchCloudflareAccess recognises access_requests.
func matchCloudflareAccess(p *probe) confidence {
	switch n := p.count("AppUUID", "AppDomain", "Allowed", "UserUID", "IPAddress", "Connection", "PurposeJustificationPrompt", "TemporaryAccessApprovers"); {
	case p.has("AppUUID") && n >= 2, n >= 4:
		return certain
	case n >= 3:
		return likely
	}
	return no
}

// parseCloudflareHTTP reads one record of http_requests (Cloudflare's reference
// of Logpush datasets).
func parseCloudflareHTTP(r *record) error { return parseCloudflareRequest(r, "EdgeStartTimestamp") }

// parseCloudflareFirewall reads one record of firewall_events: a request that a
// rule acted on. What the rule did is in the attributes action and rule.
func parseCloudflareFirewall(r *record) error { return parseCloudflareRequest(r, "Datetime") }

// parseCloudflareRequest reads what both datasets of requests have.
func parseCloudflareRequest(r *record, timeField string) error {
	d, ev := &r.doc, r.ev
	a := r.access()
	var when, path, query, uri, action, ray string
	fingerprint, mtls, issuer, ja3 := "", "", "", ""
	var edge, origin uint64
	for n := d.first(r.root); n != none; n = d.after(r.root, n) {
		key, v := d.nodes[n].key, d.nodes[n].str
		switch key {
		case timeField:
			when = v
		case "ClientIP":
			setSource(ev, key, v)
		case "ClientRequestMethod":
			ev.HttpMethod = method(v)
		case "ClientRequestHost":
			ev.Host = hostName(v)
		case "ClientRequestPath":
			path = v
		case "ClientRequestQuery":
			query = v
		case "ClientRequestURI":
			uri = v
		case "ClientRequestProtocol":
			a.protocol = v
		case "ClientRequestUserAgent":
			ev.UserAgent = clip(v, maxMessage)
		case "ClientRequestBytes":
			ev.BytesIn = count(v)
		case "EdgeResponseStatus":
			edge = count(v)
		case "OriginResponseStatus":
			origin = count(v)
		case "EdgeResponseBytes":
			ev.BytesOut = count(v)
		case "EdgeTimeToFirstByteMs":
			ev.LatencyUs = micros(v, 1e3)
		case "RayID":
			ray = v
		case "Action":
			action = v
		case "JA4":
			ev.TlsFingerprint = v
		case "JA3Hash":
			attribute(ev, key, v)
			ja3 = v
		case "ClientMTLSAuthCertFingerprint":
			fingerprint = v
		case "ClientMTLSAuthStatus":
			mtls = v
		case "ClientTLSClientCertIssuer", "ClientMTLSAuthCertIssuerDN":
			issuer = v
		case "RequestHeaders":
			cloudflareHeaders(r, &a, n)
		case "ResponseHeaders":
			d.attributes(ev, n, "response", nil)
		case "Cookies":
			d.attributes(ev, n, "cookie", nil)
		default:
			if v != "" || d.nodes[n].kind >= kindObject {
				d.attributes(ev, n, key, nil)
			}
		}
	}
	t, err := parseAnyTime(when)
	if err != nil {
		return inField(timeField, err)
	}
	ev.Time = t
	ev.TlsFingerprint = first(ev.TlsFingerprint, ja3)
	ev.RequestId = ray
	if timeField == "EdgeStartTimestamp" && ray != "" && ray != "00" {
		ev.Id = ray // a firewall event shares it with the request
	}
	if a.target = uri; uri == "" {
		if a.target = path; query != "" {
			a.target += "?" + strings.TrimPrefix(query, "?")
		}
	}
	if path == "" && uri == "" && ev.HttpMethod == "" && ev.Host == "" {
		return missing("ClientRequestMethod (also ClientRequestURI, ClientRequestPath, ClientRequestHost)")
	}
	if edge < 1000 {
		ev.StatusCode = uint32(edge)
	}
	if origin != 0 && origin != edge {
		attribute(ev, "OriginResponseStatus", d.text(r.get("OriginResponseStatus")))
	}
	if fingerprint != "" {
		a.key, a.keyKind = fingerprint, "certificate"
		attribute(ev, "ClientMTLSAuthStatus", mtls)
		attribute(ev, "certificate_issuer", issuer)
		a.unverified = !strings.EqualFold(mtls, "ok") && !strings.EqualFold(mtls, "SUCCESS")
	}
	a.finish()
	if action != "" {
		attribute(ev, "action", action)
		switch strings.ToLower(action) {
		case "block", "drop", "challenge", "jschallenge", "managed_challenge", "managedchallenge", "connectionclose", "force_connection_close":
			ev.Outcome = schemas.Outcome_OUTCOME_DENIED
		}
	}
	return nil
}

// cloudflareHeaders reads the custom field RequestHeaders.
func cloudflareHeaders(r *record, a *access, list int) {
	d, ev := &r.doc, a.ev
	for n := d.first(list); n != none; n = d.after(list, n) {
		v := r.item(n)
		switch name := strings.ToLower(d.nodes[n].key); name {
		case "cf-access-client-id":
			// Of a service token. Whether Access looked at it, and found its secret
			// right, does not show here.
			attribute(ev, "service_token", v)
		case "x-request-id":
			attribute(ev, name, v) // request_id is Cloudflare's own
		default:
			a.header(name, v)
		}
	}
}

// parseCloudflareAudit reads one record of audit_logs or audit_logs_v2, or of
// the API's answers, whose names are nested and in small letters.
func parseCloudflareAudit(r *record) error {
	ev := r.ev
	get := func(flat string, nested ...string) string {
		if v := r.text(flat); v != "" {
			return v
		}
		if len(nested) == 0 {
			return ""
		}
		return r.text(nested...)
	}
	when, field := get("When"), "When"
	for _, c := range []struct {
		name string
		keys []string
	}{{"ActionTimestamp", []string{"ActionTimestamp"}}, {"action.time", []string{"action", "time"}}, {"when", []string{"when"}}} {
		if when == "" {
			if when = r.text(c.keys...); when != "" {
				field = c.name
			}
		}
	}
	t, err := parseAnyTime(when)
	if err != nil {
		return inField(field, err)
	}
	ev.Time = t
	setID(ev, first(get("ID"), get("AuditLogID"), get("id")))
	action := first(get("ActionType"), r.text("action", "type"))
	resource := first(get("ResourceType"), r.text("resource", "type"), get("ResourceProduct"), r.text("resource", "product"))
	if action == "" {
		return missing("ActionType")
	}
	ev.Service = "cloudflare"
	ev.Operation = "cloudflare:" + action
	if resource != "" {
		ev.Operation = "cloudflare:" + resource + "." + action
	}
	ev.Account = first(get("AccountID"), r.text("account", "id"), get("OwnerID"), r.text("owner", "id"))
	r.touch(strings.TrimPrefix(resource+"/"+first(get("ResourceID"), r.text("resource", "id")), "/"))
	zone := first(get("ZoneID"), r.text("zone", "id"))
	if zone != "" {
		r.touch("zone/" + zone)
	}
	attribute(ev, "zone", first(get("ZoneName"), r.text("zone", "name")))
	setSource(ev, "actor_ip", first(get("ActorIP"), get("ActorIPAddress"), r.text("actor", "ip"), r.text("actor", "ip_address")))
	ev.RequestId = first(get("RawCFRayID"), r.text("raw", "cf_ray_id"))
	ev.UserAgent = clip(first(get("RawUserAgent"), r.text("raw", "user_agent")), maxMessage)
	if m := first(get("RawMethod"), r.text("raw", "method")); m != "" {
		ev.HttpMethod = method(m)
		if ev.HttpMethod == "GET" || ev.HttpMethod == "HEAD" {
			ev.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE
		}
	}
	_, path, _ := splitTarget(first(get("RawURI"), r.text("raw", "uri")))
	ev.UrlPath = clip(path, maxMessage)
	if code := count(first(get("RawStatusCode"), r.text("raw", "status_code"))); code < 1000 {
		ev.StatusCode = uint32(code)
	}
	cloudflareResult(ev, first(get("ActionResult"), r.text("action", "result")))
	cloudflareActor(r, get)
	r.rest()
	return nil
}

func cloudflareResult(ev *schemas.Event, result string) {
	ev.Outcome = httpOutcome(ev.StatusCode)
	switch strings.ToLower(result) {
	case "true", "success":
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	case "false", "failure", "error":
		if ev.Outcome != schemas.Outcome_OUTCOME_DENIED {
			ev.Outcome = schemas.Outcome_OUTCOME_ERROR
		}
	case "denied", "unauthorized":
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
	}
}

// cloudflareActor says who acted: the API token where one was used, for a user
// or for an account; else the user.
func cloudflareActor(r *record, get func(flat string, nested ...string) string) {
	ev := r.ev
	kind := first(get("ActorType"), r.text("actor", "type"))
	email := first(get("ActorEmail"), r.text("actor", "email"))
	id := first(get("ActorID"), r.text("actor", "id"))
	token := first(get("ActorTokenID"), r.text("actor", "token_id"))
	attribute(ev, "actor.token_name", first(get("ActorTokenName"), r.text("actor", "token_name")))
	attribute(ev, "actor.context", first(get("ActorContext"), r.text("actor", "context")))
	attribute(ev, "interface", first(get("Interface"), get("interface")))
	ev.PrincipalType = strings.ToLower(kind)
	user := first(email, id)
	switch {
	case token != "":
		ev.PrincipalType, ev.Principal = "token", token
		ev.CredentialId, ev.CredentialType = token, "api_token"
		if user != "" && user != token {
			ev.Delegation = []string{user, token}
		}
		attribute(ev, "actor.id", id)
		attribute(ev, "actor.email", email)
	case ev.PrincipalType == "token" || ev.PrincipalType == "account_token" || ev.PrincipalType == "api_token":
		ev.PrincipalType, ev.Principal, ev.CredentialId, ev.CredentialType = "token", user, id, "api_token"
	case user != "":
		ev.PrincipalType, ev.Principal = first(ev.PrincipalType, "user"), user
		attribute(ev, "actor.id", id)
	case ev.PrincipalType == "cloudflare_admin" || ev.PrincipalType == "system" || ev.PrincipalType == "admin":
		ev.Principal = ev.PrincipalType
	default:
		ev.PrincipalType, ev.Anonymous = "anonymous", true
	}
}

// parseCloudflareAccess reads one record of access_requests: a decision of
// Cloudflare Access.
func parseCloudflareAccess(r *record) error {
	ev := r.ev
	if err := r.time("CreatedAt"); err != nil {
		return err
	}
	ev.RequestId = r.text("RayID")
	action := first(r.text("Action"), "login")
	ev.Service = "access"
	ev.Operation = "access:" + action
	domain := r.text("AppDomain")
	host, path, _ := strings.Cut(domain, "/")
	ev.Host = hostName(host)
	if path != "" {
		ev.UrlPath = "/" + path
	}
	app := r.text("AppUUID")
	r.touch(first(domain, app))
	attribute(ev, "AppUUID", app)
	setSource(ev, "IPAddress", r.text("IPAddress"))
	switch r.text("Allowed") {
	case "true":
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	case "false":
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
	}
	email, uid := r.text("Email"), r.text("UserUID")
	token := first(r.text("ServiceTokenID"), r.text("ServiceTokenUID"))
	attribute(ev, "UserUID", uid)
	switch {
	case token != "":
		ev.PrincipalType, ev.Principal, ev.CredentialId, ev.CredentialType = "service-token", token, token, "service_token"
	case first(email, uid) != "" && ev.Outcome != schemas.Outcome_OUTCOME_DENIED || uid != "":
		ev.PrincipalType, ev.Principal = "user", first(email, uid)
	default:
		// Who was not let in before a sign-in only claims the address.
		attribute(ev, "refused_user", email)
		ev.PrincipalType, ev.Anonymous = "anonymous", true
	}
	r.rest()
	return nil
}
