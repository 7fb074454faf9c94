package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchSlackAudit looks for the fields of an entry of the audit log.
func matchSlackAudit(p *probe) confidence {
	if p.has("action", "date_create", "actor") {
		return certain
	}
	if p.has("action", "actor", "entity") && p.object("actor") && p.count("context", "details") > 0 {
		return certain
	}
	return no
}

// parseSlackAudit reads one entry of Slack's Audit Logs API for Enterprise
// organizations ("Audit Logs API").
func parseSlackAudit(r *record) error {
	s, ev := &slack{r}, r.ev
	if err := r.when("date_create", r.get("date_create")); err != nil {
		return err
	}
	action := r.text("action")
	if action == "" {
		return missing("action")
	}
	ev.Service, ev.Operation = "slack", "slack:"+action
	setID(r.ev, r.text("id"))
	s.who()
	setSource(r.ev, "context.ip_address", r.text("context", "ip_address"))
	ev.UserAgent = clip(r.text("context", "ua"), maxMessage)
	ev.SessionId = r.text("context", "session_id")
	ev.Account = r.text("context", "location", "id")
	s.what(action)
	ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	for _, word := range []string{"failed", "denied", "blocked", "rejected"} {
		if strings.Contains(action, word) {
			ev.Outcome = schemas.Outcome_OUTCOME_DENIED
		}
	}
	r.rest()
	return nil
}

// slack is one entry being read.
type slack struct{ *record }

// who reads the actor, and the application whose token it used.
func (s *slack) who() {
	ev := s.ev
	kind := s.text("actor", "type")
	if kind == "" {
		kind = "user"
	}
	id, name := s.text("actor", kind, "id"), first(s.text("actor", kind, "email"), s.text("actor", kind, "name"))
	ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = kind, first(name, id), id
	if ev.Principal == "" {
		ev.PrincipalType = ""
	}
	for _, where := range []string{"context", "details"} {
		app := s.text(where, "app", "id")
		if app == "" {
			app = s.text(where, "app_id")
		}
		if app == "" || kind != "user" || where == "details" {
			attribute(ev, where+".app_id", app)
			continue
		}
		ev.OauthClient = app
		user := ev.Principal
		ev.PrincipalType, ev.PrincipalIssuer = "app", app
		ev.Principal = first(s.text(where, "app", "name"), app)
		s.behalf(user, ev.Principal)
		attribute(ev, "actor.user.id", id)
	}
	if n := s.get("actor", kind, "scopes"); n != none {
		ev.Scopes = s.list(n)
	}
}

// what reads the entity, and who gets something of it.
func (s *slack) what(action string) {
	ev := s.ev
	kind := s.text("entity", "type")
	entity := func(key string) string { return s.doc.text(s.get("entity", kind, key)) }
	id, name := entity("id"), first(entity("email"), entity("name"), entity("title"))
	s.touch(first(name, id), id)
	attribute(ev, "entity.type", kind)
	for _, key := range []string{"new_scopes", "scopes", "granular_bot_scopes"} {
		if n := s.get("details", key); n != none && len(ev.Scopes) == 0 {
			ev.Scopes = s.list(n)
		}
	}
	switch {
	case strings.HasPrefix(action, "app_installed"), action == "app_approved", strings.HasPrefix(action, "app_scopes_expanded"), strings.HasPrefix(action, "app_resources_granted"), action == "app_token_preserved":
		s.give(first(name, id))
	case strings.HasPrefix(action, "role_change_to"), action == "role_assigned", action == "owner_transferred", action == "user_created", action == "guest_created", strings.HasPrefix(action, "user_added_to_usergroup"):
		if kind == "user" {
			s.give(first(name, id))
		}
	case action == "file_public_link_created":
		s.give("public")
	case strings.HasPrefix(action, "external_shared_channel") && !strings.Contains(action, "disconnected"), strings.Contains(action, "shared_channel_invite"):
		s.give(first(s.doc.text(s.get("details", "external_organization_name")), s.doc.text(s.get("details", "external_organization_id")), s.doc.text(s.get("details", "shared_to"))))
	}
}
