package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// resolveEntra names a principal of Microsoft Entra ID, whichever of
// Microsoft's logs saw it, so that it is one identity in all of them. An
// application or a managed identity is known by its client id, which is the
// same in every tenant and every log; by the object id of its service principal
// only where that is all there is. A person is known by the object id, else by
// the name to sign in with.
func resolveEntra(ev *schemas.Event) string {
	switch strings.ToLower(ev.PrincipalType) {
	case "serviceprincipal", "managedidentity", "app", "application":
		switch {
		case ev.OauthClient != "":
			return "entra:app/" + strings.ToLower(ev.OauthClient)
		case stableID(ev) != "":
			return "entra:sp/" + strings.ToLower(stableID(ev))
		}
		return keyID(ev)
	case "consumer":
		return "azure-apim:" + ev.Principal // a subscription of API Management
	case "service":
		if ev.Principal != "" {
			return "azure:service/" + ev.Principal // a part of Azure itself
		}
	}
	if id := stableID(ev); id != "" {
		return "entra:user/" + strings.ToLower(id)
	}
	return keyID(ev)
}
