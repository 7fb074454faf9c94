package enrich

import "github.com/lapwing-sec/lapwing/schemas"

// resolveNGINX names the authenticated user of an access log line, else the
// key it came with.
func resolveNGINX(ev *schemas.Event) string {
	switch ev.PrincipalType {
	case "anonymous":
		return ""
	case "key":
		return keyID(ev)
	}
	if ev.Principal == "" || ev.Principal == "-" {
		return keyID(ev)
	}
	return "nginx:user/" + ev.Principal
}
