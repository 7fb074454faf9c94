package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchOkta looks for the fields of a LogEvent.
func matchOkta(p *probe) confidence {
	if p.doc == nil || p.doc.fold(p.root, "eventType") == none {
		return no
	}
	if p.has("eventSource") || p.has("eventVersion") {
		return no // CloudTrail
	}
	signs := 0
	for _, key := range []string{"legacyEventType", "authenticationContext", "securityContext", "debugContext", "displayMessage", "published", "severity"} {
		if p.doc.fold(p.root, key) != none {
			signs++
		}
	}
	actor := p.doc.fold(p.root, "actor")
	if p.doc.get(actor, "alternateId") != none {
		signs += 2
	}
	switch {
	case signs >= 2:
		return certain
	case signs == 1 && p.object("actor"):
		return likely
	}
	return no
}

// parseOkta reads one LogEvent of Okta's System Log API ("System Log API",
// LogEvent object), as polled, as an event hook or EventBridge delivers it.
func parseOkta(r *record) error {
	ev, d := r.ev, &r.doc
	at := func(keys ...string) int { return d.fold(r.root, keys...) }
	str := func(keys ...string) string { return r.take(at(keys...)) }
	if err := r.when("published", at("published")); err != nil {
		return err
	}
	kind := str("eventType")
	if kind == "" {
		return missing("eventType")
	}
	ev.Service, ev.Operation = "okta", "okta:"+kind
	setID(r.ev, str("uuid"))

	// Who.
	id, login, name := str("actor", "id"), str("actor", "alternateId"), str("actor", "displayName")
	ev.PrincipalType = str("actor", "type")
	if id == "unknown" {
		id = ""
	}
	if login == "unknown" || strings.HasPrefix(login, "system@") {
		login = ""
	}
	if name == "unknown" {
		name = ""
	}
	if id == "" {
		attribute(ev, "refused_user", first(login, name)) // a name that somebody typed
		login, name, ev.PrincipalType = "", "", ""
	}
	ev.PrincipalIssuer, ev.Principal = id, first(login, name, id)
	if name != ev.Principal {
		attribute(ev, "actor.displayName", name)
	}
	ev.SessionId = str("authenticationContext", "externalSessionId")
	if ev.SessionId == "unknown" {
		ev.SessionId = ""
	}
	credential := str("authenticationContext", "credentialType")
	if token := str("transaction", "detail", "requestApiTokenId"); token != "" {
		ev.CredentialId, ev.CredentialType = token, "api_token"
		attribute(ev, "authenticationContext.credentialType", credential)
	} else {
		ev.CredentialType = credential
	}
	ev.OauthClient = str("client", "id")
	ev.Scopes = scopeList(first(str("debugContext", "debugData", "grantedScopes"), str("debugContext", "debugData", "requestedScopes"), str("debugContext", "debugData", "scopes")))

	// From where.
	setSource(r.ev, "client.ipAddress", str("client", "ipAddress"))
	ev.UserAgent = clip(str("client", "userAgent", "rawUserAgent"), maxMessage)
	if n := at("request", "ipChain"); n != none {
		for c := d.first(n); c != none; c = d.after(n, c) {
			if ip := d.text(d.get(c, "ip")); ip != "" {
				ev.ForwardedFor = forwarded(ip, ev.ForwardedFor)
			}
		}
		if len(ev.ForwardedFor) == 1 && ev.ForwardedFor[0] == ev.SrcIp {
			ev.ForwardedFor = nil // no proxy stood between
		}
		d.nodes[n].used = true
	}

	// What.
	transaction := str("transaction", "id")
	ev.RequestId = first(str("debugContext", "debugData", "requestId"), transaction)
	if transaction != ev.RequestId {
		attribute(ev, "transaction.id", transaction)
	}
	path, _, _ := strings.Cut(str("debugContext", "debugData", "requestUri"), "?")
	ev.UrlPath = clip(path, maxMessage)
	oktaTargets(r, kind, at("target"))
	result, reason := str("outcome", "result"), str("outcome", "reason")
	oktaOutcome(ev, kind, result, reason)
	ev.Mfa = kind == "user.authentication.auth_via_mfa" && ev.Outcome == schemas.Outcome_OUTCOME_SUCCESS

	str("version")
	r.restOf(at("securityContext"), "securityContext.")
	r.restOf(at("debugContext", "debugData"), "debugData.")
	r.rest()
	return nil
}

// oktaGives are event types, or beginnings of them, by which the targets get
// something.
var oktaGives = []string{
	"user.account.privilege.grant", "group.privilege.grant", "group.user_membership.add", "application.user_membership.add", "app.oauth2.client.privilege.grant",
	"application.policy.sign_on.update", "iam.resourceset.bindings.add", "user.session.impersonation.grant", "group.application_assignment.add", "app.oauth2.as.consent.grant",
	"app.oauth2.client.lifecycle.create", "application.integration.api_scope", "app.access_request.approver.approve", "oauth2.client.privilege.grant",
}

// oktaTargets reads what was touched, and who got something of it.
func oktaTargets(r *record, kind string, n int) {
	if n == none || r.doc.nodes[n].kind != kindArray {
		return
	}
	d, ev := &r.doc, r.ev
	gives := false
	for _, g := range oktaGives {
		gives = gives || strings.HasPrefix(kind, g)
	}
	i := 0
	for c := d.first(n); c != none; c = d.after(n, c) {
		id, sort := d.text(d.get(c, "id")), d.text(d.get(c, "type"))
		name := first(d.text(d.get(c, "alternateId")), d.text(d.get(c, "displayName")))
		if name == "unknown" {
			name = d.text(d.get(c, "displayName"))
		}
		r.touch(first(name, id))
		prefix := "target." + index(i) + "."
		i++
		attribute(ev, prefix+"type", sort)
		attribute(ev, prefix+"id", id)
		if shown := d.text(d.get(c, "displayName")); shown != name {
			attribute(ev, prefix+"displayName", shown)
		}
		d.attributes(ev, d.get(c, "detailEntry"), prefix+"detailEntry", nil)
		d.attributes(ev, d.get(c, "changeDetails"), prefix+"changeDetails", nil)
		switch sort {
		case "User", "AppUser", "UserGroup", "PublicClientApp", "PublicClientAppEntity", "ClientApp":
			if gives && (sort != "UserGroup" || len(ev.Grantees) == 0 && !strings.HasPrefix(kind, "group.user_membership")) {
				r.give(first(name, id))
			}
			if sort == "User" && strings.HasPrefix(kind, "user.session.impersonation.initiate") {
				ev.ActingAs = first(name, id)
			}
		}
	}
	d.nodes[n].used = true
}

// oktaOutcome sorts outcome.result. A challenge is neither: the person is
// asked for more.
func oktaOutcome(ev *schemas.Event, kind, result, reason string) {
	switch result {
	case "SUCCESS", "ALLOW":
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	case "DENY", "ABANDONED", "RATE_LIMIT":
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
	case "FAILURE":
		ev.Outcome = failure(reason)
		for _, prefix := range []string{"user.session", "user.authentication", "app.oauth2", "user.mfa", "policy.", "security."} {
			if strings.HasPrefix(kind, prefix) {
				ev.Outcome = schemas.Outcome_OUTCOME_DENIED
			}
		}
	case "":
	default:
		attribute(ev, "outcome.result", result)
	}
	if ev.Outcome == schemas.Outcome_OUTCOME_SUCCESS || ev.Outcome == schemas.Outcome_OUTCOME_UNSPECIFIED {
		attribute(ev, "outcome.reason", reason)
	} else {
		ev.ErrorCode, ev.ErrorMessage = result, clip(reason, maxMessage)
	}
}
