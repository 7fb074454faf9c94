package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// resolveOkta names the actor of Okta's System Log by its id, which a change
// of login does not change.
func resolveOkta(ev *schemas.Event) string {
	id := stableID(ev)
	if id == "" {
		if ev.CredentialId != "" && ev.CredentialType == "api_token" {
			return "okta:token/" + ev.CredentialId
		}
		return keyID(ev)
	}
	switch ev.PrincipalType {
	case "User", "":
		return "okta:user/" + id
	case "PublicClientApp", "PublicClientAppEntity", "ClientApp", "AppInstance", "App":
		return "okta:app/" + id
	case "SystemPrincipal":
		return "okta:system/" + id
	}
	return "okta:" + strings.ToLower(ev.PrincipalType) + "/" + id
}
