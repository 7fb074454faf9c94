package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchGitLabAudit looks for an audit event, or for a line of GitLab's logs of
// requests.
func matchGitLabAudit(p *probe) confidence {
	switch {
	case p.has("author_id", "entity_type"), p.has("author_id", "target_type", "entity_id"):
		return certain
	case p.has("method", "path", "remote_ip") && (p.has("meta.caller_id") || p.has("correlation_id") && p.count("duration_s", "queue_duration_s", "db_duration_s", "route", "controller") >= 2):
		return certain
	}
	return no
}

// parseGitLabAudit reads one audit event, as the API, a stream or audit_json.log
// has it ("Audit events", "Audit event schema"), or one request of
// api_json.log or production_json.log ("Log system").
func parseGitLabAudit(r *record) error {
	if r.get("author_id") == none {
		return parseGitLabRequest(r)
	}
	g, ev := &gitlab{r}, r.ev
	if err := r.when("created_at", r.get("created_at"), r.get("time")); err != nil {
		return err
	}
	ev.Service, ev.Operation = "gitlab", "gitlab:"+g.action()
	setID(r.ev, r.text("id"))
	ev.RequestId = r.text("correlation_id")
	setSource(r.ev, "ip_address", first(r.either("ip_address"), r.text("details", "ip_address"), r.either("meta.remote_ip")))
	name := first(r.text("author_name"), r.text("details", "author_name"))
	// A bot's name is its token's; its user name stands elsewhere.
	email, _, _ := strings.Cut(r.doc.text(r.get("details", "author_email")), "@")
	for _, user := range []string{email, r.doc.text(r.get("meta.user"))} {
		if gitlabBot(user) {
			attribute(ev, "author_name", name)
			name = user
		}
	}
	g.author(r.text("author_id"), name, first(r.text("author_class"), r.text("details", "author_class")))
	kind := r.text("entity_type")
	path := first(r.text("entity_path"), r.text("details", "entity_path"))
	target := first(r.text("target_details"), r.text("details", "target_details"))
	r.touch(path, target)
	if path == "" {
		r.touch(strings.Trim(kind+"/"+r.doc.text(r.get("entity_id")), "/"))
	}
	attribute(ev, "entity_type", kind)
	g.gives(target)
	ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	if failed := r.text("details", "failed_login"); failed != "" || strings.Contains(ev.Operation, "failed") {
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
		attribute(ev, "failed_login", failed)
	}
	g.caller()
	r.rest()
	return nil
}

// gitlab is one record of GitLab being read.
type gitlab struct{ *record }

// action names what was done: by the event's type where there is one, else by
// what was added, changed or removed.
func (g *gitlab) action() string {
	if kind := first(g.either("event_type", "event_name"), g.text("details", "event_name")); kind != "" && kind != "audit_operation" {
		return kind
	}
	for _, verb := range []string{"add", "change", "remove", "failed_login", "action"} {
		for _, n := range []int{g.get("details", verb), g.get(verb)} {
			if v := g.doc.text(n); v != "" {
				return verb + " " + clip(v, 100)
			}
		}
	}
	return "custom"
}

// Authors that are no users (Gitlab::Audit).
var gitlabAuthors = map[string]string{"-1": "", "-2": "DeployToken", "-3": "DeployKey", "-4": "Ci::Runner"}

// author names who did it.
func (g *gitlab) author(id, name, class string) {
	ev := g.ev
	attribute(ev, "author_id", id)
	switch special, ok := gitlabAuthors[id]; {
	case ok && special == "":
		attribute(ev, "author_name", name)
	case ok:
		ev.PrincipalType, ev.Principal = special, first(name, id)
	default:
		g.user(id, name, class)
	}
}

// user names a user. The tokens of projects and groups, and service accounts,
// are users with names of their own ("Project access tokens", bot users).
func (g *gitlab) user(id, name, class string) {
	ev := g.ev
	ev.Principal, ev.PrincipalIssuer, ev.PrincipalType = first(name, id), id, first(class, "User")
	if gitlabBot(name) && strings.EqualFold(ev.PrincipalType, "user") {
		ev.PrincipalType = "bot"
	}
	if ev.Principal == "" {
		ev.PrincipalType = ""
	}
}

// gitlabBot recognises the user names of bots: project_12_bot_ab3f,
// group_7_bot, service_account_group_7_ab3f, support-bot.
func gitlabBot(name string) bool {
	for _, prefix := range []string{"project_", "group_"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			number, tail, _ := strings.Cut(rest, "_")
			if number != "" && digits(number) >= 0 && strings.HasPrefix(tail, "bot") {
				return true
			}
		}
	}
	return strings.HasPrefix(name, "service_account_") || strings.HasSuffix(name, "-bot") || strings.HasSuffix(name, "-security-policy-bot")
}

// gives says who gets something by a change of members or keys.
func (g *gitlab) gives(target string) {
	op := strings.TrimPrefix(g.ev.Operation, "gitlab:")
	switch {
	case strings.HasPrefix(op, "add user_access"), strings.HasPrefix(op, "change access_level"), strings.HasPrefix(op, "member_created"), strings.HasPrefix(op, "member_updated"), strings.HasPrefix(op, "user_add"),
		strings.Contains(op, "group_share"), strings.Contains(op, "group_link"), strings.Contains(op, "access_token_created"), strings.Contains(op, "deploy_token_created"), strings.Contains(op, "deploy_key_added"):
		g.give(target)
	case strings.Contains(op, "visibility") && strings.EqualFold(first(g.doc.text(g.get("details", "to")), g.doc.text(g.get("to"))), "public"):
		g.give("public")
	}
}

// caller reads the token and the endpoint of the request behind a record; the
// names of its fields hold a dot.
func (g *gitlab) caller() {
	ev := g.ev
	ev.CredentialId, ev.CredentialType = g.either("token_id", "meta.auth_token_id"), g.either("token_type", "meta.auth_token_type", "meta.auth_type")
	if n := g.get("token_scopes"); n != none {
		ev.Scopes = g.list(n)
	} else if n := g.get("meta.auth_scopes"); n != none {
		ev.Scopes = g.list(n)
	}
	ev.OauthClient = g.either("oauth_application_id", "meta.auth_oauth_application_id")
	attribute(ev, "caller_id", g.either("caller_id", "meta.caller_id"))
}

// parseGitLabRequest reads one request.
func parseGitLabRequest(r *record) error {
	g, ev := &gitlab{r}, r.ev
	if err := r.when("time", r.get("time"), r.get("timestamp")); err != nil {
		return err
	}
	ev.Service = "gitlab"
	ev.RequestId = r.text("correlation_id")
	ev.HttpMethod = method(r.text("method"))
	ev.UrlPath, _, _ = strings.Cut(r.text("path"), "?")
	ev.UrlPath = clip(ev.UrlPath, maxMessage)
	ev.RouteTemplate = clip(r.text("route"), maxRouteSize)
	if ev.RouteTemplate == "" {
		ev.RouteTemplate = collapsePath(ev.UrlPath)
	}
	ev.Operation = first(ev.HttpMethod, invalidMethod) + " " + ev.RouteTemplate
	r.touch(ev.UrlPath)
	if controller := r.text("controller"); controller != "" {
		attribute(ev, "controller", controller+"#"+r.text("action"))
	}
	ev.Host = hostName(r.text("host"))
	setStatus(ev, r.text("status"))
	ev.Outcome = httpOutcome(ev.StatusCode)
	ev.LatencyUs = micros(r.text("duration_s"), 1e6)
	ev.BytesOut = count(r.either("response_bytes", "size"))
	ev.UserAgent = clip(r.either("ua", "user_agent"), maxMessage)
	setSource(r.ev, "remote_ip", r.text("remote_ip"))
	g.user(r.either("user_id", "meta.user_id"), r.either("username", "meta.user"), "")
	g.caller()
	ev.ErrorMessage = clip(r.either("exception.message", "api_error"), maxMessage)
	ev.ErrorCode = r.text("exception.class")
	if n := r.get("params"); n != none && r.doc.nodes[n].kind == kindArray {
		for c := r.doc.first(n); c != none; c = r.doc.after(n, c) {
			name := "params." + r.doc.text(r.doc.get(c, "key"))
			r.doc.attributes(ev, r.doc.get(c, "value"), name, nil)
		}
		r.doc.nodes[n].used = true
	}
	for _, key := range []string{"severity", "cpu_s", "mem_objects", "mem_bytes", "mem_mallocs", "mem_total_bytes", "pid", "worker_id"} {
		r.use(key)
	}
	r.rest()
	return nil
}
