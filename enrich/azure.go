package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// resolveAzure names the caller of Azure as Entra ID knows it: an application
// by its client id, which is the same in every log, else by the object id of
// its service principal; a person by the object id, else by the name to sign
// in with. Ids of managed identities are only taken for such where the log
// shows no client id.
func resolveAzure(ev *schemas.Event) string {
	object := strings.ToLower(ev.PrincipalIssuer)
	switch ev.PrincipalType {
	case "ServicePrincipal", "ManagedIdentity":
		switch {
		case ev.OauthClient != "":
			return "entra:app/" + strings.ToLower(ev.OauthClient)
		case object == "":
			object = strings.ToLower(ev.Principal)
		}
		if object == "" {
			return keyID(ev)
		}
		if ev.PrincipalType == "ManagedIdentity" {
			return "entra:managed-identity/" + object
		}
		return "entra:sp/" + object
	case "User":
		switch {
		case object != "":
			return "entra:user/" + object
		case ev.Principal != "":
			return "entra:user/" + strings.ToLower(ev.Principal)
		}
	case "Service":
		if ev.Principal != "" {
			return "azure:service/" + ev.Principal
		}
	}
	return keyID(ev)
}
