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
	case p.has("eventSource", "eventName"), p.has("eventName", "userIdentity"), p.has("eventSource", "userIdentity"), p.has("eventsource", "eventname"):
		return certain
	case p.has("digestStartTime", "digestEndTime"):
		return certain
	case p.has("eventName", "responseElements"), p.has("userIdentity") && p.count("eventTime", "eventID", "eventType", "eventVersion", "awsRegion") > 0:
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

	source, name, recipient, kind, category string
}

func (c *trail) read() error {
	d, ev := c.d, c.ev
	var when string
	digest := false
	for n := d.first(c.root); n != none; n = d.after(c.root, n) {
		v := d.nodes[n].str
		switch d.nodes[n].key {
		case "eventTime", "eventtime":
			when = v
		case "eventSource", "eventsource":
			c.source = v
		case "eventName", "eventname":
			c.name = v
		case "eventID", "eventid":
			if v != "" && len(v) <= maxEventID {
				ev.Id = v
			} else {
				attribute(ev, "eventID", v)
			}
		case "userIdentity", "useridentity":
			c.identity = n
		case "requestParameters", "requestparameters":
			c.request = n
		case "responseElements", "responseelements":
			c.response = n
		case "additionalEventData":
			c.extra = n
		case "tlsDetails":
			c.tls = n
		case "resources":
			c.resources = n
		case "awsRegion", "awsregion":
			ev.Region = v
		case "sourceIPAddress", "sourceipaddress":
			setSource(ev, "sourceIPAddress", v) // a service's name
		case "userAgent", "useragent":
			ev.UserAgent = clip(v, maxMessage)
		case "errorCode", "errorcode":
			ev.ErrorCode = clip(v, maxAttributeValue)
		case "errorMessage", "errormessage":
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
		case "recipientAccountId", "recipientaccountid":
			c.recipient = v
		case "eventType", "eventtype":
			c.kind = v
			attribute(ev, "eventType", v)
		case "eventCategory":
			c.category = v
			attribute(ev, "eventCategory", v)
		case "digestStartTime":
			digest = true
		case "eventVersion", "eventversion":
		default:
			d.attributes(ev, n, d.nodes[n].key, nil)
		}
	}
	switch {
	case digest:
		return errors.New("a digest of log files, which holds no calls")
	case c.kind == "AwsCloudTrailInsight", c.category == "Insight":
		return errors.New("an Insights event, which sums up calls and is none")
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
	ev.Operation = d.names.join(d.names.join(ev.Service, ":"), c.name)
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
	session, scope := none, none
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
		case "inScopeOf":
			scope = n
		case "onBehalfOf":
			onBehalf = d.text(d.get(n, "userId"))
			d.attributes(ev, n, "userIdentity.onBehalfOf", nil)
		default:
			d.attributes(ev, n, d.names.dotted("userIdentity", d.nodes[n].key), nil)
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
	if c.name == "AssumeRoleWithWebIdentity" {
		ev.OauthClient = d.text(d.get(c.response, "audience"))
	}
	if ev.Principal == "" || ev.Principal == "ANONYMOUS_PRINCIPAL" || strings.EqualFold(ev.Principal, "anonymous") {
		ev.Anonymous = ev.CredentialId == ""
	}

	c.session(session, arn, onBehalf, invokedBy)
	c.workload(scope)
}

// session reads sessionContext: whose session it is, since when, and who
// stands behind it.
func (c *trail) session(session int, arn, onBehalf, invokedBy string) {
	d, ev := c.d, c.ev
	var source string
	for n := d.first(session); session != none && n != none; n = d.after(session, n) {
		switch d.nodes[n].key {
		case "sessionIssuer":
			ev.PrincipalIssuer = first(d.text(d.get(n, "arn")), d.text(d.get(n, "principalId")))
		case "attributes":
			ev.Mfa = d.text(d.get(n, "mfaAuthenticated")) == "true"
			if t := d.text(d.get(n, "creationDate")); t != "" {
				var err error
				if ev.CredentialIssued, err = parseISO(t); err != nil {
					attribute(ev, "session.creationDate", t)
				}
			}
		case "sourceIdentity":
			source = d.nodes[n].str
		case "webIdFederationData":
			c.federation(n)
		default:
			d.attributes(ev, n, "session."+d.nodes[n].key, nil) // ec2RoleDelivery, assumedRoot
		}
	}
	ev.Mfa = ev.Mfa || strings.EqualFold(d.text(d.get(c.extra, "MFAUsed")), "yes")
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
	if onBehalf != "" && onBehalf != ev.Principal {
		ev.ActingAs = onBehalf // trusted identity propagation
	}
	// IAM Roles Anywhere has the subject of the certificate as the source
	// identity of the sessions that it makes.
	if subject := first(source, d.text(d.path(d.first(d.get(c.response, "credentialSet")), "sourceIdentity"))); strings.HasPrefix(subject, "CN=") {
		ev.ClientCertificate = subject
	}
	// Outermost first: the person behind the session, then the service that
	// spoke for it.
	for _, who := range []string{onBehalf, source, invokedBy} {
		if who != "" && who != ev.Principal {
			ev.Delegation = addOnce(ev.Delegation, who, maxChain)
		}
	}
}

// federation reads what an OpenID provider said of the session's owner: its
// claims, as PROVIDER:CLAIM.
func (c *trail) federation(n int) {
	d, ev := c.d, c.ev
	attribute(ev, "session.federatedProvider", d.text(d.get(n, "federatedProvider")))
	claims := d.get(n, "attributes")
	for i := d.first(claims); claims != none && i != none; i = d.after(claims, i) {
		key, v := d.nodes[i].key, d.nodes[i].str
		switch key[strings.LastIndexByte(key, ':')+1:] {
		case "aud", "azp", "app_id", "client_id":
			ev.OauthClient = first(ev.OauthClient, v)
		case "scope", "scp":
			ev.Scopes = append(ev.Scopes, strings.Fields(v)...)
			continue
		case "sub":
			if strings.HasPrefix(v, "system:serviceaccount:") {
				ev.Workload = v // a pod of EKS
			}
		}
		d.attributes(ev, i, "session.webIdentity."+key, nil)
	}
}

// workload says what the session was made for: the resource that the
// credentials were issued to, or the instance or pod that a session is named
// after.
func (c *trail) workload(scope int) {
	d, ev := c.d, c.ev
	for n := d.first(scope); scope != none && n != none; n = d.after(scope, n) {
		switch d.nodes[n].key {
		case "credentialsIssuedTo":
			ev.Workload = d.nodes[n].str
		case "sourceArn":
			ev.Workload = first(ev.Workload, d.nodes[n].str)
		default:
			d.attributes(ev, n, "userIdentity.inScopeOf."+d.nodes[n].key, nil)
		}
	}
	if s := ev.SessionId; ev.Workload == "" && (isInstance(s) || strings.HasPrefix(s, "eks-") && len(s) > 40 && isUUID(s[len(s)-36:])) {
		ev.Workload = s
	}
}

// isInstance recognises the id of an EC2 instance, of 8 or 17 digits.
func isInstance(s string) bool {
	s, ok := strings.CutPrefix(s, "i-")
	return ok && (len(s) == 8 || len(s) == 17) && isHex(s)
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
