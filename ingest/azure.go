package ingest

import (
	"strconv"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// azure is one record of Azure Monitor being read: of the activity log or of a
// resource's diagnostic log.
type azure struct {
	r  *record
	ev *schemas.Event

	root, properties, identity part
}

func azureRecord(r *record) *azure {
	root := r.part()
	return &azure{r: r, ev: r.ev, root: root, properties: root.at("properties").unpacked(), identity: root.at("identity").unpacked()}
}

// name returns the scalar below one of names; the activity log's own interface
// has {"value", "localizedValue"} in its place.
func (p part) name(names ...string) string {
	for _, name := range names {
		v := p.at(name)
		if inner := v.text("value"); inner != "" {
			v.text("localizedValue")
			return inner
		}
		if v := v.text(); v != "" {
			return v
		}
	}
	return ""
}

// azureCategory returns the category of a record that is looked at, in lower case.
func azureCategory(p *probe) string {
	if p.doc == nil {
		return ""
	}
	root := part{p.doc, p.root}
	return strings.ToLower(first(root.peek("category", "categoryValue"), azureTables[root.at("Type").value()]))
}

// peek is name without taking.
func (p part) peek(names ...string) string {
	for _, name := range names {
		v := p.at(name)
		if s := v.value(); s != "" {
			return s
		}
		if s := v.at("value").value(); s != "" {
			return s
		}
	}
	return ""
}

// resourceID returns the id of the resource that wrote the record.
func (p part) resourceID() string { return p.peek("resourceId", "_ResourceId") }

// when sets the time.
func (a *azure) when() error {
	at := a.root.at
	return a.r.when("time", at("time").n, at("timeStamp").n, at("eventTimestamp").n, at("TimeGenerated").n)
}

// where reads the resource: its subscription, else its tenant, is the account.
func (a *azure) where() {
	ev, id := a.ev, a.root.resourceID()
	ev.CloudProvider = "azure"
	ev.Account = azureSegment(id, "subscriptions")
	if ev.Account == "" {
		ev.Account = strings.ToLower(first(a.root.peek("subscriptionId"), a.root.peek("tenantId"), azureSegment(id, "tenants")))
	}
	ev.Region = strings.ToLower(strings.ReplaceAll(a.root.text("location"), " ", ""))
	anywhere(ev)
	if id != "" {
		a.root.text("resourceId")
		a.root.text("_ResourceId")
		a.r.touch(id)
	}
	ev.RequestId = a.root.text("correlationId")
	ev.LatencyUs = micros(a.root.text("durationMs"), 1000)
}

// azureSegment returns what follows a segment of a resource's id, in lower
// case: resources write their ids in upper, the portal in mixed case.
func azureSegment(id, name string) string {
	id = strings.ToLower(id)
	at := strings.LastIndex(id, "/"+name+"/")
	if at < 0 {
		return ""
	}
	v, _, _ := strings.Cut(id[at+len(name)+2:], "/")
	return v
}

// azureClaims is what a token said of its owner.
type azureClaims struct{ app, object, upn, kind, managed string }

// claims reads the claims of the caller's token, by their short names or by
// those of SAML, of which the last segment counts.
func (a *azure) claims(claims part) (c azureClaims) {
	ev := a.ev
	display := ""
	claims.each(func(key string, v part) {
		s := v.value()
		switch strings.ToLower(key[strings.LastIndexByte(key, '/')+1:]) {
		case "appid", "azp":
			c.app = first(c.app, strings.ToLower(v.text()))
		case "oid", "objectidentifier":
			c.object = strings.ToLower(v.text())
		case "upn":
			c.upn = v.text()
		case "name", "unique_name", "preferred_username", "emailaddress":
			if strings.IndexByte(s, '@') > 0 {
				display = first(display, s)
			}
		case "idtyp":
			c.kind = strings.ToLower(v.text())
		case "scp", "scope":
			ev.Scopes = append(ev.Scopes, strings.Fields(v.text())...)
		case "uti":
			ev.SessionId = v.text()
		case "iat":
			ev.CredentialIssued = azureEpoch(v)
		case "exp":
			ev.CredentialExpires = azureEpoch(v)
		case "amr", "authnmethodsreferences":
			ev.Mfa = ev.Mfa || strings.Contains(s, "mfa")
			v.each(func(_ string, e part) { ev.Mfa = ev.Mfa || e.value() == "mfa" })
		case "appidacr", "azpacr":
			ev.CredentialType = azureCredential(s)
		case "xms_mirid":
			c.managed = v.text()
		}
	})
	c.upn = first(c.upn, display)
	return c
}

// azureEpoch reads a time of a token, and takes it where it is one.
func azureEpoch(v part) int64 {
	t, err := parseEpoch(v.value())
	if err != nil {
		return 0
	}
	v.text()
	return t
}

// azureCredential says how an application proved itself (claim appidacr).
func azureCredential(acr string) string {
	switch acr {
	case "1":
		return "client_secret"
	case "2":
		return "certificate"
	}
	return ""
}

// who names the caller: the application, be it for itself or in a person's
// name, or the person, where it is one of the clients that people work in.
func (a *azure) who() {
	ev := a.ev
	claims := a.identity.at("claims")
	if !claims.there() {
		claims = a.identity.at("claim")
	}
	if !claims.there() {
		claims = a.root.at("claims").unpacked()
	}
	c := a.claims(claims)
	a.requester(&c)
	grant := a.identity.at("authorization")
	if !grant.there() {
		grant = a.root.at("authorization").unpacked()
	}
	by := strings.ToLower(grant.at("evidence", "principalType").value())
	caller := first(a.root.text("caller"), a.properties.text("caller"))
	if c == (azureClaims{}) {
		switch {
		case strings.IndexByte(caller, '@') > 0:
			c.upn = caller
		case isUUID(caller):
			c.object, c.kind = strings.ToLower(caller), "app"
			if by == "user" {
				c.kind = "user"
			}
		case caller != "":
			ev.PrincipalType, ev.Principal = "Service", caller
			return
		case ev.Service == "cognitiveservices" && isUUID(a.properties.at("objectId").value()):
			// Who called a model with a token; of those with a key nothing is said.
			c.object, c.kind = strings.ToLower(a.properties.text("objectId")), "app"
		case by == "serviceprincipal" || by == "user":
			c.object = dashed(strings.ToLower(grant.at("evidence", "principalId").value()))
			c.kind = strings.Replace(by, "serviceprincipal", "app", 1)
		}
	}
	if c.kind == "" {
		c.kind = "user"
		if c.managed != "" || by == "serviceprincipal" || c.app != "" && c.upn == "" && len(ev.Scopes) == 0 {
			c.kind = "app"
		}
	}
	ev.OauthClient, ev.PrincipalIssuer = c.app, c.object
	if c.kind == "app" {
		ev.PrincipalType, ev.Principal = "ServicePrincipal", first(c.app, c.object)
		if c.managed != "" {
			ev.PrincipalType, ev.Workload = "ManagedIdentity", c.managed
		}
	} else if ev.Principal = first(c.upn, c.object); ev.Principal != "" {
		ev.PrincipalType = "User"
		if c.app != "" && !userClients[c.app] {
			// An application that uses the rights of a person is the caller, as in
			// Entra's own logs.
			ev.Delegation = []string{ev.Principal, c.app}
			ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = "ServicePrincipal", c.app, ""
		}
	} else if c.app != "" {
		ev.PrincipalType, ev.Principal = "ServicePrincipal", c.app
	}
}

// dashed gives 32 digits the form of an object's id.
func dashed(id string) string {
	if len(id) != 32 || !isHex(id) {
		return id
	}
	return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
}

// requester reads what Azure Storage says of the caller: the owner of a token,
// or the key or signature that was used.
func (a *azure) requester(c *azureClaims) {
	ev := a.ev
	if by := a.identity.at("requester"); by.there() {
		c.app, c.object = strings.ToLower(by.text("appId")), strings.ToLower(by.text("objectId"))
		c.upn = by.text("upn")
	}
	switch kind := a.identity.peek("type"); kind {
	case "AccountKey", "SAS", "DelegationSas":
		ev.PrincipalType = kind
		ev.CredentialId = a.identity.text("tokenHash")
		ev.CredentialType = "account_key"
		if kind != "AccountKey" {
			ev.CredentialType = "signature"
		}
	case "Anonymous":
		ev.Anonymous = true
	}
}

// azureWords are the words for a status that resultSignature and subStatus
// use.
var azureWords = map[string]uint32{
	"ok": 200, "created": 201, "accepted": 202, "nocontent": 204, "badrequest": 400, "unauthorized": 401, "forbidden": 403, "notfound": 404, "conflict": 409, "preconditionfailed": 412, "toomanyrequests": 429, "internalservererror": 500,
}

// azureStatus reads a status of HTTP as a number or in words, "Failed.Forbidden".
func azureStatus(s string) uint32 {
	if v, err := strconv.ParseUint(s, 10, 32); err == nil && v >= 100 && v <= 999 {
		return uint32(v)
	}
	s = s[strings.LastIndexByte(s, '.')+1:]
	return azureWords[strings.ToLower(strings.ReplaceAll(s, " ", ""))]
}

// outcome sorts the result. Of an operation that has only begun it is not
// known yet.
func (a *azure) outcome() {
	ev, p := a.ev, a.properties
	result := a.root.name("resultType", "status", "ActivityStatusValue")
	signature := a.root.name("resultSignature", "subStatus", "ActivitySubstatusValue")
	for _, s := range [...]string{a.root.text("statusCode"), p.text("httpStatusCode"), p.peek("statusCode"), signature} {
		if ev.StatusCode == 0 {
			ev.StatusCode = azureStatus(s)
		}
	}
	if message := p.at("statusMessage").unpacked(); message.there() {
		body := message
		if inner := message.at("error"); inner.there() {
			body = inner
		}
		ev.ErrorCode, ev.ErrorMessage = body.text("code"), clip(body.text("message"), maxMessage)
	}
	ev.ErrorCode = first(ev.ErrorCode, p.text("errorCode"))
	text := a.root.text("statusText")
	ev.ErrorMessage = first(ev.ErrorMessage, clip(a.root.text("resultDescription"), maxMessage))
	lower := strings.ToLower(result)
	failure := lower == "failure" || lower == "failed" || lower == "error" || lower == "canceled"
	switch {
	case ev.StatusCode == 401, ev.StatusCode == 403, azureRefusal(ev.ErrorCode), strings.HasSuffix(text, "AuthorizationError"), azureRefusal(text) && !strings.HasSuffix(text, "Success"),
		strings.HasSuffix(ev.Operation, "/policies/deny/action"):
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
	case ev.StatusCode >= 400, failure:
		ev.Outcome = schemas.Outcome_OUTCOME_ERROR
	case strings.HasPrefix(lower, "start"), lower == "in progress":
	case lower != "" || ev.StatusCode > 0:
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	}
	switch ev.Outcome {
	case schemas.Outcome_OUTCOME_DENIED, schemas.Outcome_OUTCOME_ERROR:
		if ev.ErrorCode == "" {
			if azureStatus(signature) > 0 && digits(signature) < 0 {
				ev.ErrorCode = signature
			}
			ev.ErrorCode = first(ev.ErrorCode, text, result)
		}
	case schemas.Outcome_OUTCOME_SUCCESS, schemas.Outcome_OUTCOME_UNSPECIFIED:
		attribute(ev, "statusText", text)
	}
	attribute(ev, "resultType", result)
	attribute(ev, "resultSignature", signature)
}

// azureRefusal reports whether an error code of Azure says that the caller was not
// let through.
func azureRefusal(code string) bool {
	return strings.Contains(code, "Authorization") || strings.Contains(code, "Authentication") || strings.Contains(code, "Forbidden") ||
		strings.Contains(code, "Unauthorized") || strings.Contains(code, "DisallowedByPolicy")
}

// rest keeps everything else: of the record, then of the token, then what was
// asked and answered.
func (a *azure) rest() {
	later := [...]int{a.root.at("properties").n, a.root.at("identity").n}
	a.root.each(func(key string, v part) {
		if v.n != later[0] && v.n != later[1] {
			v.rest(a.r, key)
		}
	})
	a.identity.rests(a.r, "identity.")
	if a.properties.there() && len(a.properties.d.nodes) > 0 && a.properties.d.nodes[a.properties.n].kind != kindObject {
		a.properties.rest(a.r, "properties")
		return
	}
	a.properties.rests(a.r, "properties.")
}
