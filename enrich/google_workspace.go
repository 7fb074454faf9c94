package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// resolveGoogleWorkspace names users by their address, as all logs of Google do, and
// OAuth clients by their client id.
func resolveGoogleWorkspace(ev *schemas.Event) string {
	if ev.Principal == "" {
		return keyID(ev)
	}
	switch {
	case ev.PrincipalType == "oauth_app":
		return "google:oauth/" + stableID(ev)
	case strings.HasSuffix(ev.Principal, ".apps.googleusercontent.com"):
		return "google:oauth/" + ev.Principal
	case ev.PrincipalType == "KEY":
		return "google:key/" + ev.Principal
	}
	return "google:user/" + strings.ToLower(ev.Principal)
}
