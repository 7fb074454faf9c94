package enrich

import "github.com/lapwing-sec/lapwing/schemas"

// resolveKong names the consumer of a Kong log record. Where the raw topic's
// configuration names a cluster, the same consumer name in two clusters is
// two identities.
func resolveKong(ev *schemas.Event) string {
	switch ev.PrincipalType {
	case "anonymous":
		return ""
	case "credential":
		return keyID(ev)
	}
	if ev.Principal == "" {
		return keyID(ev)
	}
	switch ev.PrincipalType {
	case "certificate":
		return resolveAccess(ev)
	case "subject":
		return "kong:subject/" + ev.Principal
	}
	if cluster := ev.Attributes["cluster"]; cluster != "" {
		return "kong:" + cluster + "/consumer/" + ev.Principal
	}
	return "kong:consumer/" + ev.Principal
}

// soleKong gives the consumer where no cluster is named.
func soleKong(ev *schemas.Event) string {
	if ev.PrincipalType != "consumer" || ev.Attributes["cluster"] != "" {
		return ""
	}
	return ev.Principal
}
