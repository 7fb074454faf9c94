package enrich

import "github.com/lapwing-sec/lapwing/schemas"

// resolveKeycloak names clients and users in their realm. A user is known by
// its id, which the log has even where it leaves out the name.
func resolveKeycloak(ev *schemas.Event) string {
	if ev.Principal == "" || ev.Account == "" {
		return keyID(ev)
	}
	realm := "keycloak:" + ev.Account + "/"
	switch {
	case ev.PrincipalType == "client":
		return realm + "client/" + ev.Principal
	case ev.PrincipalIssuer != "":
		return realm + "user/" + ev.PrincipalIssuer
	}
	return realm + "user/" + ev.Principal
}
