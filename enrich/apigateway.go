package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// resolveAPIGateway names the caller of an API: a principal of IAM as
// CloudTrail names it, anybody else by the authorizer that let him in.
func resolveAPIGateway(ev *schemas.Event) string {
	switch ev.PrincipalType {
	case "IAM":
		if id := canonicalARN(ev.Principal); id != "" {
			return id
		}
		// The unique id of a user, or of a role with the session's name.
		unique, _, _ := strings.Cut(ev.Principal, ":")
		return awsNamed("", "principal/", unique)
	case "key":
		if id := ev.CredentialId; id != "" && !strings.HasPrefix(id, "hmac:") && ev.CredentialType == "api_key" {
			return "apigateway:key/" + id // the id of the key, not the key
		}
		return keyID(ev)
	case "authorizer":
		return "apigateway:user/" + ev.Principal
	case "client", "cognito", "certificate":
		return "apigateway:" + ev.PrincipalType + "/" + ev.Principal
	}
	return keyID(ev)
}
