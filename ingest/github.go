package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchGitHub looks for a line of the audit log: an action of the form
// noun.verb by an actor, with fields of GitHub; or for a webhook.
func matchGitHub(p *probe) confidence {
	if p.has("x_github_event", "payload") {
		return certain
	}
	if action := p.text("action"); strings.IndexByte(action, '.') > 0 && !p.object("actor") && p.count("actor", "created_at", "@timestamp", "_document_id") > 0 {
		switch p.count("org", "repo", "actor_id", "business", "programmatic_access_type", "hashed_token", "actor_location", "_document_id", "operation_type", "user_agent", "public_repo", "actor_ip") {
		case 0:
			return no
		case 1:
			return likely
		}
		return certain
	}
	return matchGitHubHook(p)
}

// parseGitHub reads one event of the audit log of an organization or an
// enterprise, as exported or streamed ("Audit log events for your
// enterprise"), or a webhook.
func parseGitHub(r *record) error {
	if r.get("action") == none || r.get("x_github_event") != none || strings.IndexByte(r.doc.text(r.get("action")), '.') < 0 {
		return parseGitHubHook(r)
	}
	g, ev := &github{r}, r.ev
	if err := r.when("@timestamp", r.get("@timestamp"), r.get("created_at"), r.get("at_sign_timestamp")); err != nil {
		return err
	}
	action := r.text("action")
	ev.Service, ev.Operation = "github", "github:"+action
	setID(r.ev, r.text("_document_id"))
	ev.RequestId = r.text("request_id")
	ev.Account = first(r.text("org"), r.text("business"))
	attribute(ev, "business", r.doc.text(r.get("business")))
	setSource(r.ev, "actor_ip", r.text("actor_ip"))
	ev.UserAgent = clip(r.text("user_agent"), maxMessage)
	g.request()
	g.who()
	g.target(action)
	switch r.text("operation_type") {
	case "":
	case "access":
		ev.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE
	case "authentication":
		attribute(ev, "operation_type", "authentication")
	default:
		ev.ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE
		attribute(ev, "operation_type", r.doc.text(r.get("operation_type")))
	}
	ev.Outcome = httpOutcome(ev.StatusCode)
	if ev.StatusCode == 0 {
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS // what was done is logged, but for failed logins
		if strings.Contains(action, "failed") || strings.Contains(action, "denied") || strings.HasSuffix(action, "failure") || strings.Contains(action, "rejected") {
			ev.Outcome, ev.ErrorMessage = schemas.Outcome_OUTCOME_DENIED, clip(r.text("failure_reason"), maxMessage)
		}
	}
	r.rest()
	return nil
}

// github is one event of GitHub being read.
type github struct{ *record }

// request reads what streams of API requests have beside.
func (g *github) request() {
	ev := g.ev
	ev.HttpMethod = method(g.text("request_method"))
	ev.UrlPath, _, _ = strings.Cut(g.text("url_path"), "?")
	setStatus(ev, g.text("status_code"))
	if ev.HttpMethod == "" {
		return
	}
	route := g.text("route")
	if route == "" {
		route = collapsePath(ev.UrlPath)
	}
	ev.RouteTemplate = clip(route, maxRouteSize)
	ev.Operation = ev.HttpMethod + " " + ev.RouteTemplate
	attribute(ev, "action", g.doc.text(g.get("action")))
	g.touch(ev.UrlPath)
}

// who reads actor and token. GitHub hashes tokens itself; the hash may come
// with an id of its own.
func (g *github) who() {
	ev := g.ev
	actor, access := g.text("actor"), g.text("programmatic_access_type")
	ev.CredentialType = access
	if ev.CredentialId = g.text("token_id"); ev.CredentialId == "" {
		ev.CredentialId = g.text("hashed_token")
	}
	if ev.CredentialId != "" && ev.CredentialType == "" {
		ev.CredentialType = "token"
	}
	ev.Scopes = scopeList(g.text("token_scopes"))
	appID, appName := g.either("oauth_application_id", "integration_id", "app_id"), g.either("oauth_application_name", "integration_name")
	ev.OauthClient = first(appID, appName)
	bot := g.text("actor_is_bot") == "true"
	g.name(actor, bot)
	kind := strings.ToLower(access)
	switch {
	case strings.Contains(kind, "deploy key") || g.get("deploy_key_fingerprint") != none:
		key := g.either("deploy_key_fingerprint", "deploy_key_id", "key_id")
		ev.CredentialId, ev.CredentialType = first(ev.CredentialId, key), first(access, "deploy_key")
		ev.PrincipalType, ev.Principal = "deploy_key", first(key, ev.CredentialId, actor)
	case kind == "github_token" || kind == "actions token" || kind == "github actions token" || strings.Contains(kind, "github_token"):
		if repo := g.doc.text(g.get("repo")); repo != "" {
			ev.PrincipalType, ev.Principal = "github_token", repo
			attribute(ev, "actor", actor)
		}
	case ev.OauthClient != "" && (strings.HasPrefix(kind, "oauth") || strings.Contains(kind, "user-to-server")):
		ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = "app", first(appName, appID), appID
		g.behalf(actor, ev.Principal)
		attribute(ev, "actor", actor)
	}
	attribute(ev, "app", appName)
}

// name reads a login; those of applications end in [bot].
func (g *github) name(login string, bot bool) {
	ev := g.ev
	ev.Principal, ev.PrincipalType = login, "user"
	slug, isApp := strings.CutSuffix(login, "[bot]")
	switch {
	case isApp:
		ev.Principal, ev.PrincipalType = slug, "app"
	case bot:
		ev.PrincipalType = "bot"
	case login == "":
		ev.PrincipalType = ""
	}
}

// githubGives are actions by which the user, team or application named beside
// gets something.
func githubGives(action string) bool {
	noun, verb, _ := strings.Cut(action, ".")
	switch noun {
	case "org", "repo", "team", "business", "organization_moderators", "enterprise_team", "organization_role", "repository_collaborator":
		return strings.HasPrefix(verb, "add_") || verb == "update_member" || verb == "invite_member" || verb == "assign" || verb == "update_actions_access_settings"
	case "integration_installation", "oauth_authorization", "oauth_access", "personal_access_token", "org_credential_authorization", "organization_programmatic_access_grant":
		return verb == "create" || verb == "grant" || strings.HasSuffix(verb, "granted") || verb == "repositories_added"
	}
	return false
}

// target reads what was touched.
func (g *github) target(action string) {
	ev := g.ev
	for _, key := range []string{"repo", "repository"} {
		if n := g.get(key); n != none {
			g.touch(g.list(n)...)
		}
	}
	user, team, name := g.text("user"), g.text("team"), g.either("name", "integration")
	g.touch(user, team, name, g.doc.text(g.get("key")), g.doc.text(g.get("ruleset_name")), g.doc.text(g.get("branch")), g.doc.text(g.get("environment_name")))
	attribute(ev, "user", user)
	attribute(ev, "team", team)
	attribute(ev, "name", name)
	if githubGives(action) {
		if strings.Contains(action, "integration") {
			user = first(name, user)
		}
		g.give(first(user, team))
		if strings.HasPrefix(action, "team.add_repository") {
			ev.Grantees = nil
			g.give(team)
		}
	}
	if v := g.doc.text(g.get("visibility")); strings.EqualFold(v, "public") && (strings.HasPrefix(action, "repo.access") || strings.HasPrefix(action, "repo.create")) {
		g.give("public")
	}
	if len(ev.Resources) == 0 {
		g.touch(ev.Account)
	}
}
