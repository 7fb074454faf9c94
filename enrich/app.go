package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// appKind is the kind of an identity that its source calls an application, or
// "". Sources keep those apart from users, whatever calls they make.
func appKind(ev *schemas.Event) string {
	source, rest, _ := strings.Cut(ev.IdentityId, ":")
	sort, _, _ := strings.Cut(rest, "/")
	if source == "keycloak" {
		_, after, _ := strings.Cut(rest, "/")
		sort, _, _ = strings.Cut(after, "/")
	}
	switch source {
	case "entra":
		if strings.EqualFold(ev.PrincipalType, "managedIdentity") {
			return "workload"
		}
		if sort == "app" || sort == "sp" {
			return "oauth_app"
		}
	case "okta", "slack", "github":
		if sort == "app" {
			return "oauth_app"
		}
		if source == "github" && sort == "repo" {
			return "ci_pipeline"
		}
		if source == "github" && sort == "deploy-key" || source == "okta" && sort == "token" {
			return "api_key"
		}
	case "google":
		if sort == "oauth" {
			return "oauth_app"
		}
	case "keycloak", "auth0":
		if sort == "client" {
			return "oauth_app"
		}
	case "gitlab":
		if sort == "bot" {
			return "service_account"
		}
	case "openai", "anthropic":
		switch sort {
		case "service-account":
			return "service_account"
		case "key":
			return "api_key"
		}
	}
	return ""
}
