package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// signinKinds are the logs of sign-ins, and what Graph calls their events.
var signinKinds = map[string]string{
	"signinlogs": "interactiveUser", "noninteractiveusersigninlogs": "nonInteractiveUser",
	"serviceprincipalsigninlogs": "servicePrincipal", "microsoftserviceprincipalsigninlogs": "servicePrincipal",
	"managedidentitysigninlogs": "managedIdentity", "adfssigninlogs": "interactiveUser",
}

// matchEntraSignin looks for the log's name, or for fields of a sign-in.
func matchEntraSignin(p *probe) confidence {
	if signinKinds[strings.ToLower(p.category())] != "" {
		return certain
	}
	if p.text("@odata.type") == "#microsoft.graph.signIn" {
		return certain
	}
	signs := p.signs("conditionalAccessStatus", "signInEventTypes", "isInteractive", "resourceDisplayName", "appDisplayName", "uniqueTokenIdentifier", "servicePrincipalName", "createdDateTime")
	if p.signs("requestUri", "activityDisplayName") == 0 && signs >= 3 && p.signs("userPrincipalName", "servicePrincipalId") > 0 && p.signs("ipAddress") > 0 {
		return certain
	}
	return no
}

// parseEntraSignin reads one sign-in of a user, a service principal or a
// managed identity (Microsoft Graph, "signIn resource type"; Azure Monitor,
// tables SigninLogs and AADServicePrincipalSignInLogs).
func parseEntraSignin(r *record) error {
	e, ev := entraRecord(r), r.ev
	if err := r.when("createdDateTime", e.at("createdDateTime"), e.at("time"), e.at("TimeGenerated")); err != nil {
		return err
	}
	setID(r.ev, e.str("id"))
	ev.RequestId = e.str("correlationId")
	e.common()
	kind := e.signinKind()
	ev.Service, ev.Operation = "signin", "signin:"+kind
	appID, app := present(e.str("appId")), e.str("appDisplayName")
	switch kind {
	case "servicePrincipal", "managedIdentity":
		e.app(kind, first(e.str("servicePrincipalName"), app), present(e.str("servicePrincipalId")), appID)
	default:
		ev.PrincipalType, ev.OauthClient = "user", appID
		ev.Principal, ev.PrincipalIssuer = first(e.str("userPrincipalName"), e.str("userDisplayName")), present(e.str("userId"))
		if ev.PrincipalIssuer == "" && entraResult(first(e.doc.text(e.at("status", "errorCode")), e.doc.text(e.at("resultType")))) == schemas.Outcome_OUTCOME_DENIED {
			attribute(ev, "refused_user", ev.Principal) // a name that somebody typed: there is no such user
			ev.Principal, ev.PrincipalType = "", ""
		}
		ev.Principal = first(ev.Principal, ev.PrincipalIssuer)
		if kind == "nonInteractiveUser" {
			r.behalf(ev.Principal, first(app, appID)) // a client that holds the user's refresh token
		}
	}
	attribute(ev, "appDisplayName", app)
	e.signinCredential()
	ev.Workload = e.str("managedServiceIdentity", "associatedResourceId")

	resource := e.str("resourceDisplayName")
	id := r.take(r.doc.fold(e.p, "resourceId"))
	r.touch(first(resource, id))
	if resource != "" {
		attribute(ev, "resourceId", id)
	}
	if t := e.str("resourceTenantId"); t != ev.Account {
		ev.TargetAccount = t
	}
	ev.LatencyUs = micros(e.str("processingTimeInMilliseconds"), 1000)

	ev.ErrorCode = first(e.str("status", "errorCode"), e.str("resultType"))
	ev.Outcome = entraResult(ev.ErrorCode)
	if ev.Outcome == schemas.Outcome_OUTCOME_SUCCESS {
		ev.ErrorCode = ""
	}
	if e.str("conditionalAccessStatus") == "failure" {
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
		attribute(ev, "conditionalAccessStatus", "failure")
	} else {
		attribute(ev, "conditionalAccessStatus", e.str("conditionalAccessStatus"))
	}
	if reason := e.str("status", "failureReason"); !strings.EqualFold(reason, "other.") {
		ev.ErrorMessage = clip(reason, maxMessage)
	}
	e.signinPolicies()
	e.rest()
	return nil
}

// signinKind says what signed in, in Graph's words.
func (e *entra) signinKind() string {
	if list := e.list(e.at("signInEventTypes")); len(list) > 0 {
		return clip(list[0], 40)
	}
	if kind := signinKinds[strings.ToLower(e.take(e.doc.fold(e.root, "category")))]; kind != "" {
		return kind
	}
	msi := e.doc.text(e.at("managedServiceIdentity", "msiType"))
	switch {
	case present(e.doc.text(e.at("servicePrincipalId"))) != "" && present(e.doc.text(e.at("userId"))) == "":
		if msi != "" && msi != "none" {
			return "managedIdentity"
		}
		return "servicePrincipal"
	case e.doc.text(e.at("isInteractive")) == "false":
		return "nonInteractiveUser"
	}
	return "interactiveUser"
}

// signinCredential reads what was presented, and what came of it.
func (e *entra) signinCredential() {
	ev := e.ev
	kind := e.str("clientCredentialType")
	if kind == "none" {
		kind = ""
	}
	for _, c := range [...][2]string{
		{"servicePrincipalCredentialKeyId", "clientSecret"}, {"servicePrincipalCredentialThumbprint", "certificate"}, {"federatedCredentialId", "federatedIdentityCredential"},
	} {
		id := e.doc.text(e.at(c[0]))
		if id == "" || id == noID || ev.CredentialId != "" {
			continue
		}
		ev.CredentialId, ev.CredentialType = e.str(c[0]), first(kind, c[1])
	}
	if ev.CredentialType == "" {
		ev.CredentialType = kind
	}
	ev.SessionId = e.str("uniqueTokenIdentifier")
	method := e.str("mfaDetail", "authMethod")
	attribute(ev, "mfaDetail.authMethod", method)
	required := e.str("authenticationRequirement")
	attribute(ev, "authenticationRequirement", required)
	code := first(e.doc.text(e.at("status", "errorCode")), e.doc.text(e.at("resultType")))
	ev.Mfa = entraResult(code) == schemas.Outcome_OUTCOME_SUCCESS && (method != "" || strings.EqualFold(required, "multiFactorAuthentication"))
	// What the client's library says of itself, as pairs.
	if n := e.at("authenticationProcessingDetails"); n != none && e.doc.nodes[n].kind == kindArray {
		for c := e.doc.first(n); c != none; c = e.doc.after(n, c) {
			attribute(ev, e.doc.text(e.doc.fold(c, "key")), e.doc.text(e.doc.fold(c, "value")))
		}
		e.doc.nodes[n].used = true
	}
}

// signinPolicies keeps the result of each conditional access policy that
// applied, by name.
func (e *entra) signinPolicies() {
	n := e.at("appliedConditionalAccessPolicies")
	if n == none || e.doc.nodes[n].kind != kindArray {
		n = e.at("conditionalAccessPolicies")
	}
	if n == none || e.doc.nodes[n].kind != kindArray {
		return
	}
	for c := e.doc.first(n); c != none; c = e.doc.after(n, c) {
		result := e.doc.text(e.doc.fold(c, "result"))
		if result == "notApplied" || result == "notEnabled" {
			continue
		}
		attribute(e.ev, "conditionalAccess."+first(e.doc.text(e.doc.fold(c, "displayName")), e.doc.text(e.doc.fold(c, "id"))), result)
	}
	e.doc.nodes[n].used = true
}
