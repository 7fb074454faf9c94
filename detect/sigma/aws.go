package sigma

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Parts of who CloudTrail says that called, which the event keeps as one ARN.

// awsUser is the name of an IAM user: the last part of its ARN, or what stands in its
// place where the log gives none.
func awsUser(ev *schemas.Event) string {
	if ev.PrincipalType != "IAMUser" && ev.PrincipalType != "Root" {
		return ""
	}
	return lastOf(ev.Principal)
}

// awsService is the service that calls by itself.
func awsService(ev *schemas.Event) string {
	if ev.PrincipalType != "AWSService" {
		return ""
	}
	return ev.Principal
}

// awsIssuer is the name of what issued a session: of a role, a user or the root.
func awsIssuer(ev *schemas.Event) string { return lastOf(ev.PrincipalIssuer) }

// awsIssuerType is "Role", "User" or "Root", by the ARN of what issued a session.
func awsIssuerType(ev *schemas.Event) string {
	switch arn := ev.PrincipalIssuer; {
	case strings.Contains(arn, ":role/"):
		return "Role"
	case strings.Contains(arn, ":user/"):
		return "User"
	case strings.HasSuffix(arn, ":root"):
		return "Root"
	default:
		return ""
	}
}

// lastOf is the name at the end of an ARN; what is no ARN is a name.
func lastOf(arn string) string {
	if !strings.HasPrefix(arn, "arn:") {
		return arn
	}
	return arn[strings.LastIndexAny(arn, "/:")+1:]
}
