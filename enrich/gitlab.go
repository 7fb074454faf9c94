package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// resolveGitLab names users by their number, which a change of name does not
// change; the bots of project and group tokens, and service accounts, by their
// user name, which says whose they are.
func resolveGitLab(ev *schemas.Event) string {
	if ev.Principal == "" {
		return keyID(ev)
	}
	switch ev.PrincipalType {
	case "bot":
		return "gitlab:bot/" + ev.Principal
	case "User", "user":
		if ev.PrincipalIssuer != "" {
			return "gitlab:user/" + ev.PrincipalIssuer
		}
		return "gitlab:user/" + ev.Principal
	}
	return "gitlab:" + strings.ToLower(ev.PrincipalType) + "/" + ev.Principal
}
