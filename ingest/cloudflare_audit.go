package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

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
	setStatus(ev, first(get("RawStatusCode"), r.text("raw", "status_code")))
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
