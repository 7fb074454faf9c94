package ingest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchCloudTrail looks for the keys that only a CloudTrail record has.
func matchCloudTrail(p *probe) confidence {
	switch {
	case p.has("eventSource", "eventName"), p.has("eventName", "userIdentity"), p.has("eventSource", "userIdentity"):
		return certain
	case p.has("userIdentity") && p.count("eventTime", "eventID", "eventType", "eventVersion", "awsRegion") > 0:
		return likely
	}
	return no
}

// parseCloudTrail reads one CloudTrail record ("CloudTrail record contents" in
// the CloudTrail user guide).
func parseCloudTrail(r *record) error {
	c := trail{d: &r.doc, root: r.root, ev: r.ev, identity: none, request: none, response: none, extra: none, tls: none, resources: none}
	return c.read()
}

// trail is one CloudTrail record being read.
type trail struct {
	d    *document
	root int
	ev   *schemas.Event

	identity, request, response, extra, tls, resources int

	source, name, recipient string
}

func (c *trail) read() error {
	d, ev := c.d, c.ev
	var when string
	for n := d.first(c.root); n != none; n = d.after(c.root, n) {
		v := d.nodes[n].str
		switch d.nodes[n].key {
		case "eventTime":
			when = v
		case "eventSource":
			c.source = v
		case "eventName":
			c.name = v
		case "eventID":
			if v != "" && len(v) <= maxEventID {
				ev.Id = v
			} else {
				attribute(ev, "eventID", v)
			}
		case "userIdentity":
			c.identity = n
		case "requestParameters":
			c.request = n
		case "responseElements":
			c.response = n
		case "additionalEventData":
			c.extra = n
		case "tlsDetails":
			c.tls = n
		case "resources":
			c.resources = n
		case "awsRegion":
			ev.Region = v
		case "sourceIPAddress":
			if ev.SrcIp = address(v); ev.SrcIp == "" {
				attribute(ev, "sourceIPAddress", v) // a service's name
			}
		case "userAgent":
			ev.UserAgent = clip(v, maxMessage)
		case "errorCode":
			ev.ErrorCode = clip(v, maxAttributeValue)
		case "errorMessage":
			ev.ErrorMessage = clip(v, maxMessage)
		case "requestID":
			ev.RequestId = v
		case "readOnly":
			switch v {
			case "true":
				ev.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE
			case "false":
				ev.ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE
			}
		case "recipientAccountId":
			c.recipient = v
		case "eventVersion":
		default:
			d.attributes(ev, n, d.nodes[n].key, nil)
		}
	}
	t, err := parseISO(when)
	if err != nil {
		return fmt.Errorf("eventTime: %w", err)
	}
	if c.name == "" {
		return errors.New("eventName: missing")
	}
	if c.source == "" {
		return errors.New("eventSource: missing")
	}
	ev.Time = t
	ev.Service = strings.TrimSuffix(strings.TrimSuffix(c.source, ".cn"), ".amazonaws.com")
	ev.Operation = ev.Service + ":" + c.name
	ev.CloudProvider = "aws"
	c.who()
	c.target()
	c.outcome()
	d.attributes(ev, c.request, "requestParameters", nil)
	d.attributes(ev, c.extra, "additionalEventData", nil)
	d.attributes(ev, c.tls, "tlsDetails", nil)
	d.attributes(ev, c.response, "responseElements", nil)
	return nil
}

// who reads userIdentity.
func (c *trail) who() {
	d, ev, id := c.d, c.ev, c.identity
	var arn, principalID, userName, invokedBy, onBehalf string
	session := none
	for n := d.first(id); id != none && n != none; n = d.after(id, n) {
		v := d.nodes[n].str
		switch d.nodes[n].key {
		case "type":
			ev.PrincipalType = v
		case "arn":
			arn = v
		case "principalId":
			principalID = v
		case "userName":
			userName = v
		case "accountId":
			ev.Account = v
		case "accessKeyId", "credentialId":
			if v != "" {
				ev.CredentialId = v
			}
		case "invokedBy":
			invokedBy = v
		case "sessionContext":
			session = n
		case "onBehalfOf":
			onBehalf = d.text(d.get(n, "userId"))
			d.attributes(ev, n, "userIdentity.onBehalfOf", nil)
		default:
			d.attributes(ev, n, "userIdentity."+d.nodes[n].key, nil)
		}
	}
	if ev.Account == "" {
		ev.Account = c.recipient
	}
	if ev.PrincipalType == "" && invokedBy != "" {
		ev.PrincipalType = "AWSService"
	}
	switch ev.PrincipalType {
	case "AWSService":
		ev.Principal = first(invokedBy, arn, principalID)
	case "AWSAccount":
		// principalId is the unique id of a user or role of another account,
		// stable for a role but for the session name behind the colon.
		ev.Principal = first(arn, principalID, ev.Account)
	case "Root":
		ev.Principal = first(arn, principalID, ev.Account)
	case "IAMUser":
		// Without an ARN (a failed console login) the name is what there is.
		ev.Principal = first(arn, userName, principalID)
	case "IdentityCenterUser":
		ev.Principal = first(arn, onBehalf, userName, principalID)
	case "WebIdentityUser", "SAMLUser":
		ev.Principal = first(arn, principalID, userName)
	default:
		ev.Principal = first(arn, principalID, userName, invokedBy)
	}
	if ev.PrincipalType == "" {
		ev.PrincipalType = "Unknown"
	}
	if ev.Principal == "" || ev.Principal == "ANONYMOUS_PRINCIPAL" || strings.EqualFold(ev.Principal, "anonymous") {
		ev.Anonymous = ev.CredentialId == ""
	}

	issuer := d.get(session, "sessionIssuer")
	ev.PrincipalIssuer = first(d.text(d.get(issuer, "arn")), d.text(d.get(issuer, "principalId")))
	attributes := d.get(session, "attributes")
	ev.Mfa = d.text(d.get(attributes, "mfaAuthenticated")) == "true" || strings.EqualFold(d.text(d.get(c.extra, "MFAUsed")), "yes")
	if t := d.text(d.get(attributes, "creationDate")); t != "" {
		attribute(ev, "session.creationDate", t)
	}
	source := d.text(d.get(session, "sourceIdentity"))
	federation := d.get(session, "webIdFederationData")
	if provider := d.text(d.get(federation, "federatedProvider")); provider != "" {
		attribute(ev, "session.federatedProvider", provider)
		d.attributes(ev, d.get(federation, "attributes"), "session.webIdentity", nil)
	}
	if d.text(d.get(session, "ec2RoleDelivery")) != "" {
		attribute(ev, "session.ec2RoleDelivery", d.text(d.get(session, "ec2RoleDelivery")))
	}

	if _, tail, ok := strings.Cut(arn, ":assumed-role/"); ok {
		_, ev.SessionId, _ = strings.Cut(tail, "/")
	}
	switch {
	case strings.HasPrefix(ev.CredentialId, "AKIA"):
		ev.CredentialType = "access_key"
	case ev.CredentialId != "":
		ev.CredentialType = "session"
		if ev.SessionId == "" {
			ev.SessionId = ev.CredentialId
		}
	}
	// Outermost first: the person behind the session, then the service that
	// spoke for it.
	for _, who := range []string{onBehalf, source, invokedBy} {
		if who != "" && who != ev.Principal {
			ev.Delegation = append(ev.Delegation, who)
		}
	}
}

// target reads what the call touched and who gets something by it.
func (c *trail) target() {
	d, ev := c.d, c.ev
	if c.resources != none {
		for n := d.first(c.resources); n != none; n = d.after(c.resources, n) {
			arn := first(d.text(d.get(n, "ARN")), d.text(d.get(n, "arn")), d.text(d.get(n, "resourceName")))
			ev.Resources = addOnce(ev.Resources, clip(arn, maxMessage), maxResources)
			if account := d.text(d.get(n, "accountId")); account != "" && account != ev.Account && ev.TargetAccount == "" {
				ev.TargetAccount = account
			}
		}
	}
	if ev.TargetAccount == "" && c.recipient != ev.Account {
		ev.TargetAccount = c.recipient
	}
	c.requestResources()
	if ev.ReadOnly != schemas.ReadOnly_READ_ONLY_TRUE && grants(c.name) {
		c.grantees()
	}
	ev.BytesIn = d.uint(d.get(c.extra, "bytesTransferredIn"))
	ev.BytesOut = d.uint(d.get(c.extra, "bytesTransferredOut"))
}

// deniedCodes are parts of the error codes by which AWS services refuse a
// caller, as against a call that failed ("Common errors" of the services'
// references).
var deniedCodes = []string{
	"AccessDenied", "Unauthorized", "NotAuthorized", "Forbidden", "AuthFailure", "AuthorizationError", "AuthorizationFailure", "AccessDeniedException",
	"InvalidClientTokenId", "UnrecognizedClient", "SignatureDoesNotMatch", "ExpiredToken", "InvalidAccessKeyId", "MissingAuthenticationToken", "InvalidToken", "IncompleteSignature", "NotAuthenticated",
}

func (c *trail) outcome() {
	ev := c.ev
	if c.source == "signin.amazonaws.com" {
		// A failed login has no error code: the answer says it.
		result := first(c.d.text(c.d.get(c.response, "ConsoleLogin")), c.d.text(c.d.get(c.response, "SwitchRole")), c.d.text(c.d.get(c.response, "CheckMfa")))
		if result == "Failure" || ev.ErrorMessage == "Failed authentication" {
			ev.Outcome = schemas.Outcome_OUTCOME_DENIED
			return
		}
	}
	if ev.ErrorCode == "" {
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
		return
	}
	ev.Outcome = schemas.Outcome_OUTCOME_ERROR
	for _, code := range deniedCodes {
		if strings.Contains(ev.ErrorCode, code) {
			ev.Outcome = schemas.Outcome_OUTCOME_DENIED
			return
		}
	}
}
