package enrich

import "github.com/lapwing-sec/lapwing/schemas"

// resolveAuth0 names users and clients by their ids.
func resolveAuth0(ev *schemas.Event) string {
	id := stableID(ev)
	if id == "" {
		return keyID(ev)
	}
	return "auth0:" + ev.PrincipalType + "/" + id
}
