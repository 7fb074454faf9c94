package enrich

import "github.com/lapwing-sec/lapwing/schemas"

// resolveCloudflare names who acts at Cloudflare: an API token, a user, a
// service token of Access; of requests to a zone a client certificate or key.
func resolveCloudflare(ev *schemas.Event) string {
	if ev.Principal == "" {
		return keyID(ev)
	}
	switch ev.PrincipalType {
	case "token":
		return "cloudflare:token/" + ev.Principal
	case "service-token":
		return "cloudflare:service-token/" + ev.Principal
	case "certificate":
		return "cloudflare:certificate/" + ev.Principal
	case "key":
		return keyID(ev)
	case "system", "admin", "cloudflare_admin":
		return "cloudflare:" + ev.PrincipalType
	}
	return "cloudflare:user/" + ev.Principal
}
