package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// resolveGitHub names users and applications by their login, which is what
// every log of GitHub shows; a workflow's own token by its repository.
func resolveGitHub(ev *schemas.Event) string {
	if ev.Principal == "" {
		return keyID(ev)
	}
	switch ev.PrincipalType {
	case "app":
		if ev.PrincipalIssuer != "" {
			return "github:app/" + ev.PrincipalIssuer
		}
		return "github:app/" + strings.ToLower(ev.Principal)
	case "deploy_key":
		return "github:deploy-key/" + ev.Principal
	case "github_token":
		return "github:repo/" + strings.ToLower(ev.Principal)
	}
	return "github:user/" + strings.ToLower(ev.Principal)
}
