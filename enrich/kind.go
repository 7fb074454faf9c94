package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// inferKind guesses what sort of identity made a call whose kind nobody
// declared, from this one event, and says why in a few fixed words. No reason
// means no guess. The inventory always wins over it.
func inferKind(ev *schemas.Event, group clientGroup) (kind, reason string) {
	switch {
	case ev.Anonymous:
		return "", ""
	case ev.PrincipalType == "AWSService":
		return "workload", "a service of the cloud provider"
	case strings.Contains(ev.IdentityId, ":role/AWSReservedSSO_"), ev.PrincipalType == "IdentityCenterUser", ev.PrincipalType == "SAMLUser":
		return "human", "signed in through single sign-on"
	case ev.Mfa && (group == groupBrowser || group == groupConsole):
		return "human", "browser with MFA"
	case strings.Contains(ev.IdentityId, ":role/aws-service-role/"), strings.Contains(ev.IdentityId, ":role/AWSServiceRoleFor"):
		return "workload", "service-linked role"
	case appKind(ev) != "":
		return appKind(ev), "an application, as its source calls it"
	case strings.HasPrefix(ev.IdentityId, "apikey:"), ev.PrincipalType == "key", ev.PrincipalType == "credential":
		return "api_key", "known by its key alone"
	case strings.HasPrefix(ev.SessionId, "i-"):
		return "workload", "role of a machine"
	case strings.HasPrefix(ev.SessionId, "GitHubActions"):
		return "ci_pipeline", "session of a pipeline"
	case strings.HasPrefix(ev.IdentityId, "gcp:service/"), strings.HasPrefix(ev.IdentityId, "azure:service/"):
		return "workload", "a service of the cloud provider"
	case strings.HasPrefix(ev.IdentityId, "gcp:principal/"):
		return "workload", "federated from another identity provider"
	case ev.PrincipalType == "ManagedIdentity":
		return "workload", "a managed identity"
	case group == groupAgent:
		return "ai_agent", "client of an AI agent"
	case ev.PrincipalType == "consumer":
		return "integration", "consumer of a gateway"
	case ev.PrincipalType == "serviceAccount":
		return "service_account", "a service account of the cloud"
	case ev.PrincipalType == "ServicePrincipal":
		return "oauth_app", "an application of the directory"
	case strings.HasPrefix(ev.IdentityId, "gcp:user/"):
		return "human", "an account of a person"
	case group == groupSDK, group == groupLibrary, group == groupTool, group == groupService:
		return "service_account", "client is a library or a tool"
	}
	return "", ""
}
