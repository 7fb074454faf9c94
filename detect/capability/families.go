package capability

import "strings"

// family is whose way of naming operations an operation follows. Each has a data
// file and rules of its own for what names mean the same.
type family uint8

const (
	familyAny family = iota
	familyAWS
	familyGateway
	familyGCP
	familyAzure
	familyEntra
	familyO365
	familyKubernetes
	familyVault
	familyGitHub
	familyGitLab
	familyOkta
	familyWorkspace
	familySlack
	familyCloudflare
	familyTools
	familySaaS
	families
)

// ofFormat is the family of a log format that has one. A format that carries the
// operations of others (ocsf, otlp, custom mappings) has none. It is asked for
// every event: a switch takes a third of a map's time.
func ofFormat(format string) family {
	switch format {
	case "cloudtrail":
		return familyAWS
	case "gcp-audit":
		return familyGCP
	case "azure-activity", "azure-keyvault":
		return familyAzure
	case "entra-audit", "entra-signin":
		return familyEntra
	case "o365":
		return familyO365
	case "k8s-audit":
		return familyKubernetes
	case "vault":
		return familyVault
	case "github":
		return familyGitHub
	case "gitlab-audit":
		return familyGitLab
	case "okta":
		return familyOkta
	case "google-workspace":
		return familyWorkspace
	case "slack-audit":
		return familySlack
	case "cloudflare-audit", "cloudflare-access":
		return familyCloudflare
	case "mcp":
		return familyTools
	case "auth0", "keycloak", "openai-audit", "anthropic-activity":
		return familySaaS
	}
	return familyAny
}

// services are the families of services whose names no other family uses.
var services = map[string]family{
	"k8s": familyKubernetes, "vault": familyVault, "github": familyGitHub, "gitlab": familyGitLab,
	"okta": familyOkta, "slack": familySlack, "cloudflare": familyCloudflare,
	"entra": familyEntra, "azureactivedirectory": familyEntra,
	"exchange": familyO365, "sharepoint": familyO365, "onedrive": familyO365, "microsoftteams": familyO365,
	"securitycompliancecenter": familyO365, "auth0": familySaaS, "keycloak": familySaaS, "openai": familySaaS, "anthropic": familySaaS, "snowflake": familySaaS,
}

// hint is what an event says of the family of its operation.
func (d *data) hint(format, provider string) family {
	if f := ofFormat(format); f != familyAny {
		return f
	}
	switch provider {
	case "aws":
		return familyAWS
	case "gcp":
		return familyGCP
	case "azure":
		return familyAzure
	}
	return familyAny
}

// familyOf finds an operation's family: by its service where that says it (a
// Kubernetes cluster's operation in Google Cloud's log), else by the hint, else
// by how it looks.
func familyOf(service, action string, hint family) family {
	if f, ok := services[service]; ok {
		return f
	}
	switch {
	case strings.HasPrefix(action, "Microsoft.") || strings.HasPrefix(action, "microsoft.") || strings.HasPrefix(action, "MICROSOFT."):
		return familyAzure
	case hint != familyAny:
		return hint
	case strings.HasPrefix(action, "google."):
		return familyGCP
	case service == "" && strings.Contains(action, "/"):
		return familyTools
	}
	return familyAny
}

// name is an operation as the data spells it.
type name struct {
	service string   // lower case, "" if it has none
	action  string   // in the source's own case
	keys    []string // lower case: what to look the action up as, most exact first
}

// nameOf cuts "service:Action" and lists what the action is looked up as.
func nameOf(operation string, hint family) (name, family) {
	service, action, ok := strings.Cut(operation, ":")
	if !ok {
		service, action = "", operation
	}
	if method, ok := strings.CutPrefix(action, "io.k8s."); ok { // as Google Cloud names what a cluster does
		service, action = "k8s", kubernetesMethod(method)
	}
	n := name{service: strings.ToLower(service), action: action}
	f := familyOf(n.service, action, hint)
	n.keys = []string{strings.ToLower(strings.TrimRight(action, ". "))}
	switch f {
	case familyAWS, familyAny:
		// Some services append the version of their API.
		if short := cutVersion(action); short != action {
			n.keys = append(n.keys, strings.ToLower(short))
		}
	case familyGCP, familyWorkspace:
		n.keys = append(n.keys, lastSegments(n.keys[0], '.', 2), lastSegments(n.keys[0], '.', 1))
	case familyAzure:
		n.azure()
	case familyTools:
		n.service, n.action = cutTool(operation)
		n.keys = []string{toolWord(n.action)}
	default: // looked up as it stands
	}
	return n, f
}

// kubernetesMethod turns "core.v1.pods.exec.create" into "create pods/exec".
func kubernetesMethod(method string) string {
	parts := strings.Split(method, ".")
	for len(parts) > 2 {
		if group := parts[0]; isVersion(group) {
			parts = parts[1:]
			break
		}
		parts = parts[1:]
	}
	last := len(parts) - 1
	return parts[last] + " " + strings.Join(parts[:last], "/")
}

// azure takes the provider out of a resource operation: of
// microsoft.network/networksecuritygroups/providers/microsoft.insights/diagnosticsettings/write
// the operation is insights' diagnosticsettings/write.
func (n *name) azure() {
	path := n.keys[0]
	if i := strings.LastIndex(path, "/providers/"); i >= 0 {
		path = path[i+len("/providers/"):]
	}
	provider, rest, ok := strings.Cut(path, "/")
	if vendor, service, dotted := strings.Cut(provider, "."); ok && dotted && vendor == "microsoft" {
		n.service, n.keys = service, []string{rest}
	}
}

// cutTool cuts "server/tool"; the tool is what follows the last slash.
func cutTool(operation string) (server, tool string) {
	i := strings.LastIndexByte(operation, '/')
	if i < 0 {
		if j := strings.LastIndexByte(operation, ':'); j >= 0 {
			return strings.ToLower(operation[:j]), operation[j+1:]
		}
		return "", operation
	}
	return strings.ToLower(operation[:i]), operation[i+1:]
}

// toolWord is a tool's name in the spelling of the data: words in lower case
// between "_", and one at either end, so that "*_shell_*" is the word.
func toolWord(tool string) string {
	return "_" + strings.Join(words(tool), "_") + "_"
}

// lastSegments are the last n segments of a dotted name.
func lastSegments(s string, sep byte, n int) string {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == sep {
			if n--; n == 0 {
				return s[i+1:]
			}
		}
	}
	return s
}

// cutVersion takes "20150331" or "20150331v2" off the end of a name.
func cutVersion(s string) string {
	end := len(s)
	for end > 0 && isDigit(s[end-1]) {
		end--
	}
	if end > 0 && end < len(s) && s[end-1] == 'v' {
		s = s[:end-1]
	}
	n := len(s)
	for n > 0 && isDigit(s[n-1]) {
		n--
	}
	if len(s)-n == 8 {
		return s[:n]
	}
	return s
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }
