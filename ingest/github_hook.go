package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// hookObjects are the members of webhooks that tell their event, and hold its
// time ("Webhook events and payloads"); the first that is there decides.
var hookObjects = []string{
	"workflow_job", "workflow_run", "check_run", "check_suite", "deployment_status", "deployment", "release", "review", "comment", "pull_request", "issue",
	"alert", "security_advisory", "installation_target", "membership", "member", "team", "key", "hook", "forkee", "discussion", "package", "rule", "label", "milestone",
	"personal_access_token_request", "secret_scanning_alert", "code_scanning_alert", "changes",
}

// hookEvents are the names of events that differ from the member's.
var hookEvents = map[string]string{
	"review": "pull_request_review", "comment": "issue_comment", "issue": "issues", "alert": "repository_alert", "key": "deploy_key", "hook": "meta", "forkee": "fork",
	"rule": "branch_protection_rule", "changes": "repository",
}

// matchGitHubHook looks for a bare webhook: a repository or an organization of
// GitHub with what happened to it.
func matchGitHubHook(p *probe) confidence {
	if !p.object("repository") && !p.object("organization") && !p.object("installation") {
		return no
	}
	known := p.text("repository", "full_name") != "" || p.text("organization", "login") != "" || p.text("installation", "app_slug") != ""
	what := p.count("action", "commits", "pusher", "sender", "ref", "zen")
	if !known || what == 0 {
		return no
	}
	if p.text("sender", "login") != "" || p.has("ref", "commits") || p.object("workflow_job") || what >= 2 {
		return certain
	}
	return likely
}

// parseGitHubHook reads one webhook delivery: its payload, bare or in the
// object that Lapwing's receiver puts around it to keep the headers.
func parseGitHubHook(r *record) error {
	g, ev, d := &github{r}, r.ev, &r.doc
	p := r.root
	event := r.text("x_github_event")
	if n := r.get("payload"); n != none && d.nodes[n].kind == kindObject && event != "" {
		p = n
	}
	str := func(keys ...string) string { return r.take(d.path(p, keys...)) }
	object := none
	name := ""
	for _, key := range hookObjects {
		if n := d.get(p, key); n != none && d.nodes[n].kind == kindObject {
			object, name = n, first(hookEvents[key], key)
			break
		}
	}
	if d.get(p, "commits") != none && d.get(p, "ref") != none {
		name = "push"
	}
	event = first(event, name)
	if event == "" {
		return missing("x_github_event")
	}
	action := str("action")
	if err := g.hookTime(p, object, name+"."+action); err != nil {
		return err
	}
	ev.Service, ev.Operation = "github", "github:"+event
	if action != "" {
		ev.Operation += "." + action
	}
	// The delivery's id stands in a header, which GitHub does not sign.
	ev.RequestId = clip(r.text("x_github_delivery"), maxEventID)
	setID(r.ev, first(r.text("body_sha256"), ev.RequestId))

	login := first(str("sender", "login"), str("pusher", "name"))
	g.name(login, str("sender", "type") == "Bot")
	if d.text(d.path(p, "pusher", "name")) == "" && login == "" && event == "push" {
		attribute(ev, "head_commit.author", d.text(d.path(p, "head_commit", "author", "name"))) // said by the commit, proved by nobody
	}
	repo := str("repository", "full_name")
	ev.Account = first(str("organization", "login"), str("repository", "owner", "login"))
	if ev.Account == "" {
		ev.Account, _, _ = strings.Cut(repo, "/")
	}
	r.touch(first(repo, ev.Account))
	if n := d.get(p, "ref"); n != none && event == "push" {
		r.touch(r.take(n))
	}
	attribute(ev, "installation.id", str("installation", "id"))
	g.hookGives(p, event)
	ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	if object != none {
		switch conclusion := d.text(d.get(object, "conclusion")); conclusion {
		case "", "success", "neutral", "skipped":
		default:
			ev.Outcome, ev.ErrorCode = schemas.Outcome_OUTCOME_ERROR, conclusion
		}
	}
	g.hookRest(p, object, name)
	return nil
}

// hookTimes are the members of an event's object that GitHub sets when it
// happens, so that a delivery has the same time whenever it comes.
var hookTimes = map[string]string{
	"deploy_key.created": "created_at", "issues.opened": "created_at", "issues.closed": "closed_at", "pull_request.opened": "created_at", "pull_request.closed": "closed_at",
	"issue_comment.created": "created_at", "pull_request_review.submitted": "submitted_at", "workflow_job.in_progress": "started_at", "workflow_job.completed": "completed_at",
	"deployment.created": "created_at", "deployment_status.created": "created_at", "release.published": "published_at", "repository_alert.created": "created_at",
}

// hookTime finds when it happened: most payloads have no time of their own. What a
// commit says of its time comes last, for whoever made it chose it. what is the
// object's name and the action.
func (g *github) hookTime(p, object int, what string) error {
	d := &g.doc
	pushed := none
	if d.get(p, "commits") != none {
		pushed = d.path(p, "repository", "pushed_at")
	}
	for _, n := range []int{
		d.get(object, hookTimes[what]), pushed, g.get("received_at"), d.get(object, "completed_at"), d.get(object, "updated_at"), d.get(object, "submitted_at"), d.get(object, "started_at"),
		d.get(object, "published_at"), d.get(object, "created_at"), d.path(p, "installation", "updated_at"), d.path(p, "head_commit", "timestamp"),
		d.path(p, "repository", "pushed_at"), d.path(p, "repository", "updated_at"),
	} {
		if t, err := parseAnyTime(d.text(n)); err == nil {
			g.ev.Time = t
			return nil
		}
	}
	n := d.get(p, "commits")
	for c := d.first(n); n != none && c != none; c = d.after(n, c) {
		if t, err := parseAnyTime(d.text(d.get(c, "timestamp"))); err == nil {
			g.ev.Time = t
		}
	}
	if g.ev.Time == 0 {
		return missing("time")
	}
	return nil
}

// hookGives says who gets something.
func (g *github) hookGives(p int, event string) {
	d := &g.doc
	action := d.text(d.get(p, "action"))
	switch event {
	case "member", "membership", "organization":
		if action == "added" || action == "member_added" || action == "edited" || action == "member_invited" {
			g.give(first(d.text(d.path(p, "member", "login")), d.text(d.path(p, "membership", "user", "login")), d.text(d.path(p, "invitation", "login"))))
		}
	case "installation", "installation_repositories":
		g.touch(d.text(d.path(p, "installation", "app_slug")))
		if action == "created" || action == "added" || action == "new_permissions_accepted" {
			g.give(d.text(d.path(p, "installation", "app_slug")))
		}
	case "deploy_key":
		if action == "created" {
			g.give("deploy-key/" + first(d.text(d.path(p, "key", "id")), "unknown"))
		}
	case "repository", "public":
		if action == "publicized" || event == "public" {
			g.give("public")
		}
	}
}

// hookRest keeps the scalars of the event's own object and of the top. A
// payload repeats whole users and repositories, hundreds of addresses of the
// API; they say nothing new.
func (g *github) hookRest(p, object int, name string) {
	d, ev := &g.doc, g.ev
	keep := func(n int, prefix string) {
		for c := d.first(n); n != none && c != none; c = d.after(n, c) {
			if k := d.nodes[c].kind; k != kindObject && k != kindArray && !d.nodes[c].used && !strings.HasSuffix(d.nodes[c].key, "url") && d.nodes[c].key != "node_id" {
				attribute(ev, prefix+d.nodes[c].key, d.nodes[c].str)
			}
		}
	}
	keep(p, "")
	keep(object, name+".")
	keep(d.get(p, "repository"), "repository.")
	if n := d.get(p, "sender"); n != none {
		attribute(ev, "sender.id", d.text(d.get(n, "id")))
	}
	if n := d.get(p, "commits"); n != none {
		i := 0
		for c := d.first(n); c != none && i < 10; c = d.after(n, c) {
			prefix := "commits." + index(i) + "."
			i++
			attribute(ev, prefix+"id", d.text(d.get(c, "id")))
			attribute(ev, prefix+"message", d.text(d.get(c, "message")))
			attribute(ev, prefix+"author", d.text(d.path(c, "author", "name")))
			attribute(ev, prefix+"author.email", d.text(d.path(c, "author", "email")))
		}
	}
	if object != none {
		d.attributes(ev, d.get(object, "labels"), name+".labels", nil)
		d.attributes(ev, d.get(object, "permissions"), name+".permissions", nil)
	}
	d.attributes(ev, d.path(p, "installation", "permissions"), "installation.permissions", nil)
}
