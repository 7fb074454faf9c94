package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// resolveEntra names a principal of Microsoft Entra ID, whichever of
// Microsoft's logs saw it. An application is known by its client id, which is
// the same in every tenant and every log; by the object id of its service
// principal only where that is all there is.
func resolveEntra(ev *schemas.Event) string {
	switch strings.ToLower(ev.PrincipalType) {
	case "serviceprincipal", "managedidentity", "app", "application":
		switch {
		case ev.OauthClient != "":
			return "entra:app/" + strings.ToLower(ev.OauthClient)
		case ev.PrincipalIssuer != "":
			return "entra:sp/" + strings.ToLower(ev.PrincipalIssuer)
		case ev.Principal != "":
			return "entra:sp/" + strings.ToLower(ev.Principal)
		}
		return keyID(ev)
	}
	switch {
	case ev.PrincipalIssuer != "":
		return "entra:user/" + strings.ToLower(ev.PrincipalIssuer)
	case ev.Principal != "":
		return "entra:user/" + strings.ToLower(ev.Principal)
	}
	return keyID(ev)
}
