package enrich

import "github.com/lapwing-sec/lapwing/schemas"

// resolveAgent names the agent that called a tool, else the user.
func resolveAgent(ev *schemas.Event) string {
	switch {
	case ev.Principal == "":
		return keyID(ev)
	case attested(ev):
		return ev.Principal
	case ev.PrincipalType == "agent":
		return "agent:" + ev.Principal
	case ev.PrincipalType == "key", ev.PrincipalType == "certificate":
		return keyID(ev)
	}
	return ev.Format + ":" + ev.PrincipalType + "/" + ev.Principal
}
