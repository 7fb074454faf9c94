package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchAuth0 looks for a log event, bare or as log streams send it.
func matchAuth0(p *probe) confidence {
	if p.has("log_id", "data") && p.object("data") {
		return certain
	}
	if p.text("data", "log_id") != "" || p.text("data", "type") != "" && p.text("data", "date") != "" && p.text("data", "client_id") != "" {
		return certain
	}
	if p.has("log_id", "type", "date") {
		return certain
	}
	return no
}

// parseAuth0 reads one log event of Auth0 ("Log Event Type Codes", "Log Data
// Event Listing"; Management API, "Search log events").
func parseAuth0(r *record) error {
	d, ev := &r.doc, r.ev
	p := r.root
	if n := r.get("data"); n != none && d.nodes[n].kind == kindObject {
		p = n
	}
	str := func(keys ...string) string { return r.take(d.path(p, keys...)) }
	if err := r.when("date", d.get(p, "date")); err != nil {
		return err
	}
	kind := str("type")
	if kind == "" {
		return missing("type")
	}
	setID(r.ev, first(str("log_id"), r.text("log_id")))
	ev.Service, ev.Operation = "auth0", "auth0:"+kind
	ev.Account = str("tenant_name")
	ev.Host = hostName(str("hostname"))
	setSource(r.ev, "ip", first(str("ip"), str("details", "request", "ip")))
	ev.UserAgent = clip(first(str("user_agent"), str("details", "request", "userAgent")), maxMessage)

	// A call of the Management API is known by its route.
	if m := method(str("details", "request", "method")); m != "" {
		path, _, _ := strings.Cut(str("details", "request", "path"), "?")
		ev.HttpMethod, ev.UrlPath, ev.RouteTemplate = m, clip(path, maxMessage), auth0Route(path)
		ev.Operation = m + " " + ev.RouteTemplate
		attribute(ev, "type", kind)
		r.touch(ev.UrlPath)
	}
	setStatus(ev, str("details", "response", "statusCode"))

	client, name := str("client_id"), str("client_name")
	ev.OauthClient = client
	attribute(ev, "client_name", name)
	user, login := first(str("user_id"), str("details", "request", "auth", "user", "user_id")), first(str("user_name"), str("details", "request", "auth", "user", "email"), str("details", "request", "auth", "user", "name"))
	failed := kind[0] == 'f'
	switch {
	case strings.HasSuffix(user, "@clients"):
		// A client calls the Management API with its own rights.
		id := strings.TrimSuffix(user, "@clients")
		ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = "client", first(name, id), id
	case failed && user == "" && login != "":
		attribute(ev, "refused_user", login) // a name that somebody typed
	case first(user, login) == "" && client != "", kind == "seccft", kind == "feccft":
		// The client's own credentials were exchanged for a token.
		ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = "client", first(name, client), client
	case first(user, login) != "":
		ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = "user", first(login, user), user
	}
	if jti := str("details", "request", "auth", "credentials", "jti"); jti != "" {
		ev.CredentialId, ev.CredentialType = jti, first(str("details", "request", "auth", "strategy"), "jwt")
	}
	ev.SessionId = str("session_id")
	ev.Scopes = r.list(d.path(p, "details", "request", "auth", "credentials", "scopes"))
	if len(ev.Scopes) == 0 {
		if n := d.get(p, "scope"); n != none && d.nodes[n].kind == kindArray {
			ev.Scopes = r.list(n)
		} else {
			ev.Scopes = scopeList(r.take(n))
		}
	}
	if audience := str("audience"); audience != "" {
		r.touch(audience)
	}
	if strings.Contains(ev.UrlPath, "/roles") || strings.Contains(ev.UrlPath, "/permissions") || strings.Contains(ev.UrlPath, "invitations") || strings.Contains(ev.UrlPath, "client-grants") {
		if ev.HttpMethod == "POST" || ev.HttpMethod == "PATCH" {
			for _, keys := range [][]string{{"client_id"}, {"owners"}, {"users"}, {"user", "email"}, {"invitee", "email"}} {
				r.give(d.scalars(d.path(p, append([]string{"details", "request", "body"}, keys...)...))...)
			}
		}
	}

	description := str("description")
	switch ev.Outcome = httpOutcome(ev.StatusCode); {
	case ev.StatusCode > 0:
	case failed || strings.HasPrefix(kind, "limit_") || strings.HasSuffix(kind, "pwd_leak"):
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
	case kind == "w" || kind == "depnote":
	default:
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	}
	if ev.Outcome == schemas.Outcome_OUTCOME_SUCCESS {
		attribute(ev, "description", description)
	} else {
		ev.ErrorCode, ev.ErrorMessage = str("details", "error", "oauthError"), clip(first(str("details", "error", "message"), description), maxMessage)
	}
	ev.Mfa = kind == "gd_auth_succeed"
	if p != r.root {
		r.restOf(p, "")
	}
	r.rest()
	return nil
}

// auth0Keyed are collections of the Management API whose members have ids that
// look like words or hold a bar: auth0|5f7c, rol_AbCd.
var auth0Keyed = map[string]bool{
	"users": true, "roles": true, "clients": true, "connections": true, "organizations": true, "resource-servers": true, "client-grants": true, "grants": true, "rules": true, "logs": true,
	"invitations": true, "log-streams": true, "sessions": true, "refresh-tokens": true, "device-credentials": true,
}

// auth0Route turns a path of the Management API into a route.
func auth0Route(path string) string {
	segments := strings.Split(path, "/")
	for i := 1; i < len(segments); i++ {
		bar := strings.IndexByte(segments[i], '|') >= 0 || strings.Contains(strings.ToLower(segments[i]), "%7c")
		if segments[i] != "" && (bar || auth0Keyed[segments[i-1]] && (i < 2 || segments[i-2] != idSegment)) {
			segments[i] = idSegment
		}
	}
	return collapsePath(strings.Join(segments, "/"))
}
