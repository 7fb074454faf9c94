package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

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
