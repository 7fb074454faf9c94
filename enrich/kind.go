package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// inferKind guesses what sort of identity made a call whose kind nobody
// declared, from this one event, and says why in a few fixed words. No reason
// means no guess. The inventory always wins over it.
func inferKind(ev *schemas.Event, group clientGroup) (kind, reason string) {
	if ev.Anonymous {
		return "", ""
	}
	for i := range kindRules {
		if r := &kindRules[i]; r.holds(ev, group) {
			return r.kind, r.reason
		}
	}
	if k := appKind(ev); k != "" && group != groupAgent {
		return k, "an application, as its source calls it"
	}
	if k, ok := principalKinds[principalWord(ev.PrincipalType)]; ok {
		return k.kind, k.reason
	}
	switch group {
	case groupSDK, groupLibrary, groupTool, groupService:
		return "service_account", "client is a library or a tool"
	default:
		return "", ""
	}
}

// kindRule guesses from more than the source's own word for the principal.
type kindRule struct {
	kind, reason string
	holds        func(ev *schemas.Event, group clientGroup) bool
}

// kindRules are asked from the top, before the word; a person's own sign-in
// stands above what it was used with.
var kindRules = []kindRule{
	{"workload", "a service of the cloud provider", func(ev *schemas.Event, _ clientGroup) bool {
		return ev.PrincipalType == "AWSService" || hasPrefix(ev.IdentityId, "gcp:service/", "azure:service/")
	}},
	{"human", "signed in through single sign-on", func(ev *schemas.Event, _ clientGroup) bool {
		return strings.Contains(ev.IdentityId, ":role/AWSReservedSSO_") || ev.PrincipalType == "IdentityCenterUser" || ev.PrincipalType == "SAMLUser"
	}},
	{"human", "browser with MFA", func(ev *schemas.Event, group clientGroup) bool {
		return ev.Mfa && (group == groupBrowser || group == groupConsole)
	}},
	{"human", "signed in to the console", func(ev *schemas.Event, _ clientGroup) bool {
		return ev.Operation == "signin:ConsoleLogin"
	}},
	{"workload", "service-linked role", func(ev *schemas.Event, _ clientGroup) bool {
		return strings.Contains(ev.IdentityId, ":role/aws-service-role/") || strings.Contains(ev.IdentityId, ":role/AWSServiceRoleFor")
	}},
	{"api_key", "known by its key alone", func(ev *schemas.Event, _ clientGroup) bool {
		return strings.HasPrefix(ev.IdentityId, "apikey:")
	}},
	{"workload", "role of a machine", func(ev *schemas.Event, _ clientGroup) bool {
		return strings.HasPrefix(ev.SessionId, "i-")
	}},
	{"ci_pipeline", "session of a pipeline", func(ev *schemas.Event, _ clientGroup) bool {
		return strings.HasPrefix(ev.SessionId, "GitHubActions")
	}},
	{"ci_pipeline", "subject of a CI runner", func(ev *schemas.Event, _ clientGroup) bool {
		return ciSubject(ev.Principal) || ciSubject(ev.PrincipalIssuer)
	}},
	{"ai_agent", "client of an AI agent", func(ev *schemas.Event, group clientGroup) bool {
		return group == groupAgent
	}},
	{"ai_agent", "client of an MCP server", func(ev *schemas.Event, _ clientGroup) bool {
		return ev.Format == "mcp" && !personWord(ev.PrincipalType)
	}},
	{"workload", "service account of a cluster", func(ev *schemas.Event, _ clientGroup) bool {
		return strings.HasPrefix(ev.Principal, "system:serviceaccount:") ||
			(principalWord(ev.PrincipalType) == "serviceaccount" && strings.HasPrefix(ev.IdentityId, "k8s:"))
	}},
	{"workload", "component of a cluster", func(ev *schemas.Event, _ clientGroup) bool {
		return strings.HasPrefix(ev.Principal, "system:") && strings.HasPrefix(ev.IdentityId, "k8s:")
	}},
	{"workload", "federated from another identity provider", func(ev *schemas.Event, _ clientGroup) bool {
		return strings.HasPrefix(ev.IdentityId, "gcp:principal/") && !strings.Contains(ev.Principal, "/workforcePools/")
	}},
	{"human", "signed in through a workforce pool", func(ev *schemas.Event, _ clientGroup) bool {
		return strings.Contains(ev.Principal, "/workforcePools/")
	}},
	{"service_account", "user of a service, by its name", func(ev *schemas.Event, _ clientGroup) bool {
		// Keycloak's name for the user behind a client's own grant.
		return personWord(ev.PrincipalType) && strings.HasPrefix(ev.Principal, "service-account-")
	}},
	{"integration", "a bot, by its name", func(ev *schemas.Event, _ clientGroup) bool {
		return personWord(ev.PrincipalType) && strings.HasSuffix(ev.Principal, "[bot]")
	}},
	{"service_account", "an account of a machine, by its name", func(ev *schemas.Event, group clientGroup) bool {
		return personWord(ev.PrincipalType) && group != groupBrowser && familyOf(ev.Format).users == people && machineName(ev.Principal)
	}},
	{"human", "an account of a person", func(ev *schemas.Event, _ clientGroup) bool {
		return personWord(ev.PrincipalType) && familyOf(ev.Format).users == people
	}},
	{"human", "a person's browser", func(ev *schemas.Event, group clientGroup) bool {
		return personWord(ev.PrincipalType) && group == groupBrowser && familyOf(ev.Format).users == machinesToo
	}},
}

// machineWords are words in the name of an account of which people make none of
// their own. "service" by itself is not among them: it is also a desk; neither is
// "bot", which is also a surname.
var machineWords = []string{"svc", "svcacct", "svcaccount", "serviceaccount", "robot", "automation", "terraform", "jenkins", "cicd", "integration", "integrations"}

// machineName says that the name of an account, before its domain, has a word that
// stands for a machine: "svc-backup@example.com", "gam.automation", "release-bot".
func machineName(name string) bool {
	local, _, _ := strings.Cut(name, "@")
	if isBot(local) {
		return true
	}
	for len(local) > 0 {
		end := strings.IndexAny(local, "-_.+")
		if end < 0 {
			end = len(local)
		}
		for _, w := range machineWords {
			if strings.EqualFold(local[:end], w) {
				return true
			}
		}
		local = local[min(len(local), end+1):]
	}
	return false
}

// isBot says that "bot" is all of a name, or its first or last part, set off by - or
// _: jan.bot and ann+bot are people.
func isBot(local string) bool {
	n := len(local)
	if n < 3 {
		return false
	}
	first := strings.EqualFold(local[:3], "bot") && (n == 3 || local[3] == '-' || local[3] == '_')
	return first || n > 3 && strings.EqualFold(local[n-3:], "bot") && (local[n-4] == '-' || local[n-4] == '_')
}

// personWord reports whether a source calls the principal a user.
func personWord(principalType string) bool {
	switch principalWord(principalType) {
	case "user", "useractor", "regular", "admin", "dcadmin", "member", "guest", "owner":
		return true
	}
	return false
}

type kindGuess struct{ kind, reason string }

// principalKinds maps the sources' own words for a principal, without case and
// separators, to kinds. Words for which a machine and a person are alike (User,
// IAMUser, AssumedRole, Root, entity, subject) are left out.
var principalKinds = func() map[string]kindGuess {
	out := map[string]kindGuess{}
	for _, g := range []struct {
		kindGuess
		words []string
	}{
		{kindGuess{"api_key", "known by its key alone"}, []string{"key", "credential", "apikey", "token", "apitoken", "deploykey", "personalaccesstoken", "pat"}},
		{kindGuess{"integration", "consumer of a gateway"}, []string{"consumer"}},
		{kindGuess{"integration", "an integration"}, []string{"integration", "webhook", "workflow"}},
		{kindGuess{"integration", "a bot"}, []string{"bot"}},
		{kindGuess{"service_account", "a service account"}, []string{"serviceaccount", "serviceaccountuser", "machineuser", "robot"}},
		{kindGuess{"service_account", "a role for machines"}, []string{"role"}},
		{kindGuess{"oauth_app", "an application of the directory"}, []string{"serviceprincipal", "application", "app", "oauthapp", "oauthapplication", "oauthclient",
			"client", "publicclientapp", "publicclientappentity", "clientapp", "appinstance"}},
		{kindGuess{"workload", "a managed identity"}, []string{"managedidentity"}},
		{kindGuess{"workload", "a workload"}, []string{"workload", "workloadidentity", "node", "pod", "certificate", "spiffe", "mtls"}},
		{kindGuess{"workload", "a part of the service itself"}, []string{"service", "system", "systemprincipal", "kubernetes"}},
		{kindGuess{"ci_pipeline", "a pipeline's own token"}, []string{"githubtoken", "jobtoken", "cijobtoken", "pipeline", "runner"}},
		{kindGuess{"ai_agent", "an AI agent"}, []string{"agent", "aiagent", "assistant"}},
	} {
		for _, w := range g.words {
			out[w] = g.kindGuess
		}
	}
	return out
}()

// principalWord gives a source's word in lower case without separators; words
// longer than any that is known are "".
func principalWord(s string) string {
	var buf [32]byte
	n := 0
	changed := false
	for i := range len(s) {
		c := lower(s[i])
		if c == '_' || c == '-' || c == ' ' || c == '.' {
			changed = true
			continue
		}
		if n == len(buf) {
			return ""
		}
		changed = changed || c != s[i]
		buf[n] = c
		n++
	}
	if !changed {
		return s
	}
	if w, ok := knownWords[string(buf[:n])]; ok { // no allocation for what is known
		return w
	}
	return string(buf[:n])
}

// knownWords keeps the words that sources spell with capitals or separators.
var knownWords = func() map[string]string {
	out := map[string]string{}
	for w := range principalKinds {
		out[w] = w
	}
	for _, w := range []string{"user", "useractor", "regular", "admin", "dcadmin", "member", "guest", "owner", "iamuser", "assumedrole", "root", "awsaccount",
		"federateduser", "webidentityuser", "samluser", "identitycenteruser", "awsservice", "unknown"} {
		out[w] = w
	}
	return out
}()

// ciIssuers are issuers of OIDC tokens that name a job of a pipeline.
var ciIssuers = []string{"token.actions.githubusercontent.com", "oidc.circleci.com", "agent.buildkite.com", "vstoken.dev.azure.com", "app.terraform.io", "gitlab.com:project_path:"}

// ciSubject recognises the subject of a CI runner's token: GitHub's
// repo:OWNER/NAME:…, GitLab's project_path:GROUP/NAME:…, or one that names its
// issuer.
func ciSubject(s string) bool {
	if s == "" {
		return false
	}
	if hasPrefix(s, "repo:", "project_path:") && strings.IndexByte(s, '/') > 0 {
		return true
	}
	for _, issuer := range ciIssuers {
		if strings.Contains(s, issuer) {
			return true
		}
	}
	return false
}

func hasPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
