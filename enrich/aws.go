package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// resolveAWS names the principal of a CloudTrail userIdentity. The kinds are
// those of the CloudTrail user guide ("CloudTrail userIdentity element").
func resolveAWS(ev *schemas.Event) string {
	// The role behind a session is the identity, whatever the session's name.
	if id := canonicalARN(ev.PrincipalIssuer); id != "" && ev.PrincipalType != "FederatedUser" {
		return id
	}
	if id := canonicalARN(ev.Principal); id != "" {
		return id
	}
	account := callerAccount(ev)
	switch ev.PrincipalType {
	case "AWSService":
		if ev.Principal != "" {
			return "aws:service/" + ev.Principal
		}
	case "Root":
		return awsID(account, "root")
	case "AWSAccount":
		if ev.Principal == "ANONYMOUS_PRINCIPAL" || ev.Account == "ANONYMOUS_PRINCIPAL" || strings.EqualFold(ev.Principal, "anonymous") {
			return ""
		}
		if isAccount(ev.Principal) {
			return "aws:" + ev.Principal
		}
		if account != "" {
			return "aws:" + account
		}
	case "IAMUser":
		return awsNamed(account, "user/", ev.Principal)
	case "AssumedRole", "Role":
		// principalId is "AROA…:session" when there is no ARN; the unique id
		// of the role is stable, the session after the colon is not.
		role, _, _ := strings.Cut(ev.Principal, ":")
		return awsNamed(account, "role/", role)
	case "FederatedUser":
		_, name, ok := strings.Cut(ev.Principal, ":")
		if !ok {
			name = ev.Principal
		}
		return awsNamed(account, "federated/", name)
	case "WebIdentityUser", "SAMLUser":
		return awsNamed(account, "web/", ev.Principal)
	case "IdentityCenterUser":
		return awsNamed(account, "identity-center/", ev.Principal)
	case "Directory":
		return awsNamed(account, "directory/", ev.Principal)
	}
	if isService(ev.Principal) {
		return "aws:service/" + ev.Principal
	}
	if ev.Principal == "" {
		return keyID(ev)
	}
	return awsNamed(account, "principal/", ev.Principal)
}

// soleAWS gives the ARN that names the identity by itself.
func soleAWS(ev *schemas.Event) string {
	arn := ev.PrincipalIssuer
	if arn == "" {
		arn = ev.Principal
	}
	if ev.PrincipalType == "FederatedUser" || !strings.HasPrefix(arn, "arn:") {
		return ""
	}
	return arn
}

// callerAccount is the account of the caller where the parser could tell it
// from the account that was called.
func callerAccount(ev *schemas.Event) string {
	if a := ev.Attributes["caller_account"]; isAccount(a) {
		return a
	}
	if isAccount(ev.Account) {
		return ev.Account
	}
	return ""
}

func awsID(account, rest string) string {
	if account == "" {
		return ""
	}
	return "aws:" + account + ":" + rest
}

func awsNamed(account, kind, name string) string {
	if name == "" {
		return ""
	}
	if account == "" {
		return "aws:" + kind + name
	}
	return "aws:" + account + ":" + kind + name
}

// canonicalARN turns the ARN of a principal into its canonical id, or "".
// Paths of users and roles are dropped: names are unique in an account, and
// the ARN of a session does not show the path.
func canonicalARN(arn string) string {
	rest, ok := strings.CutPrefix(arn, "arn:")
	if !ok {
		return ""
	}
	_, rest, ok = strings.Cut(rest, ":") // aws, aws-cn, aws-us-gov
	if !ok {
		return ""
	}
	service, rest, ok := strings.Cut(rest, ":")
	if !ok || (service != "iam" && service != "sts") {
		return ""
	}
	_, rest, ok = strings.Cut(rest, ":") // region, empty for these
	if !ok {
		return ""
	}
	account, resource, ok := strings.Cut(rest, ":")
	if !ok || account == "" {
		return ""
	}
	kind, name, named := strings.Cut(resource, "/")
	if !named {
		if resource == "root" {
			return "aws:" + account + ":root"
		}
		return ""
	}
	if name == "" {
		return ""
	}
	switch kind {
	case "user":
		return "aws:" + account + ":user/" + lastSegment(name)
	case "role":
		return "aws:" + account + ":role/" + lastSegment(name)
	case "assumed-role":
		role, _, _ := strings.Cut(name, "/")
		return "aws:" + account + ":role/" + role
	case "federated-user":
		return "aws:" + account + ":federated/" + name
	case "oidc-provider", "saml-provider":
		return "aws:" + account + ":web/" + name
	}
	return ""
}

func lastSegment(path string) string {
	return path[strings.LastIndexByte(path, '/')+1:]
}

func isAccount(s string) bool {
	return len(s) == 12 && isNumber(s)
}

func isService(s string) bool {
	return strings.HasSuffix(s, ".amazonaws.com") || strings.HasSuffix(s, ".amazonaws.com.cn") || s == "AWS Internal"
}

// awsGlobal lists services whose calls CloudTrail records in us-east-1
// wherever they came from, so that their region says nothing.
var awsGlobal = map[string]bool{
	"account": true, "billing": true, "budgets": true, "ce": true, "cloudfront": true, "cur": true,
	"globalaccelerator": true, "health": true, "iam": true, "importexport": true, "organizations": true,
	"route53": true, "route53domains": true, "shield": true, "signin": true, "sts": true, "sso": true, "support": true,
	"trustedadvisor": true, "waf": true,
}
