package enrich

import "github.com/lapwing-sec/lapwing/schemas"

// resolveAccess names the caller in an access log, of a gateway or of a cloud's
// load balancer: the authenticated user, the owner of the client's certificate,
// else the key it came with. A SPIFFE id is the identity wherever it is seen, a
// certificate's subject only at its gateway.
func resolveAccess(ev *schemas.Event) string {
	switch {
	case ev.PrincipalType == "anonymous":
		return ""
	case ev.PrincipalType == "key", ev.Principal == "", ev.Principal == "-":
		return keyID(ev)
	case attested(ev) && ev.PrincipalType != "user":
		return ev.Principal
	case ev.PrincipalType == "certificate":
		return ev.Format + ":certificate/" + ev.Principal
	}
	return ev.Format + ":user/" + ev.Principal
}
