package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchAnthropicActivity looks for an activity by an actor of that API.
func matchAnthropicActivity(p *probe) confidence {
	if strings.HasSuffix(p.text("actor", "type"), "_actor") && p.has("type", "created_at") {
		return certain
	}
	if p.has("organization_id", "created_at", "type", "actor") && strings.HasPrefix(p.text("id"), "activity_") {
		return certain
	}
	return no
}

// parseAnthropicActivity reads one activity of Anthropic's Compliance API
// (Activity Feed).
func parseAnthropicActivity(r *record) error {
	ev := r.ev
	if err := r.time("created_at"); err != nil {
		return err
	}
	kind := r.text("type")
	if kind == "" {
		return missing("type")
	}
	ev.Service, ev.Operation = "anthropic", "anthropic:"+kind
	setID(r.ev, r.text("id"))
	ev.Account = r.either("organization_id", "organization_uuid")
	setSource(r.ev, "actor.ip_address", r.text("actor", "ip_address"))
	ev.UserAgent = clip(r.text("actor", "user_agent"), maxMessage)
	by := r.text("actor", "type")
	user, email := r.text("actor", "user_id"), r.text("actor", "email_address")
	key := first(r.text("actor", "api_key_id"), r.text("actor", "admin_api_key_id"))
	service := r.text("actor", "service_key_id")
	switch {
	case key != "" || service != "":
		ev.CredentialId, ev.CredentialType = first(key, service), "api_key"
		ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = by, ev.CredentialId, ev.CredentialId
		attribute(ev, "actor.user_id", user)
		attribute(ev, "actor.email_address", email)
	case by == "unauthenticated_user_actor":
		attribute(ev, "actor.email_address", first(email, r.text("actor", "unauthenticated_email_address")))
		attribute(ev, "actor.type", by)
	default:
		ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = by, first(email, user), user
		if ev.Principal == "" && by != "" {
			ev.Principal = by // Anthropic itself, a directory's synchronisation
		}
	}
	n := r.root
	for c := r.doc.first(n); c != none; c = r.doc.after(n, c) {
		if k := r.doc.nodes[c].key; strings.HasSuffix(k, "_id") && k != "organization_id" {
			r.touch(r.doc.nodes[c].str)
		}
	}
	if strings.HasSuffix(kind, "_key_created") || strings.HasSuffix(kind, "_granted") || strings.HasPrefix(kind, "org_user_invite") {
		r.give(first(r.doc.text(r.get("target_user_id")), r.doc.text(r.get("user_id")), r.doc.text(r.get("service_key_id")), r.doc.text(r.get("api_key_id"))))
	}
	ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	if strings.Contains(kind, "failed") || strings.Contains(kind, "denied") {
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
	}
	r.rest()
	return nil
}
