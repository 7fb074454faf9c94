package ingest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Format describes one log format that Lapwing reads.
type Format struct {
	// Name is the word in configuration, URLs and Event.Format.
	Name string
	// Title is for people.
	Title string
	// Disorder is how far behind the newest record of a partition others of
	// this format usually come.
	Disorder time.Duration

	// match says how sure it is that a record is of this format, by content.
	match func(p *probe) confidence
	// json reads one JSON value into r.ev, text one line. A format without one
	// of them refuses such records.
	json, text func(r *record) error
	// split, where set, hands the sub-records below an object to each. Without
	// it an object is one record, or an envelope that every format may come in.
	split func(d *document, n int, each func(n int))
	// secret, where set, names nodes that hide a secret behind a public name.
	secret func(d *document, n int) bool
	// asked, where set, narrows secret to members with these keys.
	asked func(key string) bool
	// guess is redactor.guess.
	guess bool
	// ours says that hashes in the log may be Lapwing's own.
	ours bool
	// origin, where set, names the path from which a field of the event of the
	// record at node n was filled.
	origin func(d *document, n int, field string) (path string, ok bool)
}

// cutting says how bodies of the format are cut.
func (f *Format) cutting() split {
	if f.text == nil {
		return splitJSON
	}
	return splitMixed
}

// Usual disorders: of what a gateway writes as it answers, and of access and
// audit logs that a provider collects first.
const (
	disorderGateway      = 10 * time.Second
	disorderCloudGateway = 5 * time.Minute
	disorderLogpush      = 5 * time.Minute
	disorderAudit        = 15 * time.Minute
)

// formats is the table of all formats; of two that are equally sure of a
// record, the first one has it. To add one, write its file and add its line.
var formats = [...]Format{
	// Amazon Web Services
	{Name: "cloudtrail", Title: "AWS CloudTrail", Disorder: disorderAudit, match: matchCloudTrail, json: parseCloudTrail},
	{Name: "apigateway", Title: "Amazon API Gateway access log, JSON or common log format", Disorder: disorderCloudGateway, match: matchAPIGateway, json: parseAPIGateway, text: parseAPIGatewayLine, guess: true},
	{Name: "alb", Title: "AWS Application, Classic and Network Load Balancers, access and connection logs", Disorder: disorderCloudGateway, match: matchALB, text: parseALB, guess: true},
	{Name: "cloudfront", Title: "Amazon CloudFront, standard and real-time", Disorder: disorderAudit, match: matchCloudFront, json: parseCloudFrontObject, text: parseCloudFrontLine, guess: true},
	{Name: "aws-waf", Title: "AWS WAF", Disorder: disorderCloudGateway, match: matchAWSWAF, json: parseAWSWAF, guess: true},

	// Google Cloud
	{Name: "gcp-audit", Title: "Google Cloud audit logs", Disorder: disorderAudit, match: matchGCPAudit, json: parseGCPAudit},
	{Name: "gcp-lb", Title: "Google Cloud load balancer, with Cloud Armor", Disorder: disorderCloudGateway, match: matchGCPLB, json: parseGCPLB, guess: true},

	// Microsoft Azure, Entra ID and 365
	{Name: "entra-signin", Title: "Microsoft Entra ID sign-in logs", Disorder: disorderAudit, match: matchEntraSignin, json: parseEntraSignin},
	{Name: "entra-audit", Title: "Microsoft Entra ID audit, risk and provisioning logs", Disorder: disorderAudit, match: matchEntraAudit, json: parseEntraAudit},
	{Name: "entra-graph-activity", Title: "Microsoft Graph activity logs", Disorder: disorderAudit, match: matchEntraGraphActivity, json: parseEntraGraphActivity},
	{Name: "o365", Title: "Office 365 Management Activity API", Disorder: disorderAudit, match: matchO365, json: parseO365},
	{Name: "azure-keyvault", Title: "Azure Key Vault", Disorder: disorderAudit, match: matchAzureKeyVault, json: fromTable(parseAzureKeyVault)},
	{Name: "azure-appgw", Title: "Azure Application Gateway, with its firewall", Disorder: disorderCloudGateway, match: matchAzureAppGW, json: fromTable(parseAzureAppGW), guess: true},
	{Name: "azure-frontdoor", Title: "Azure Front Door, with its firewall", Disorder: disorderCloudGateway, match: matchAzureFrontDoor, json: fromTable(parseAzureFrontDoor), guess: true},
	{Name: "azure-activity", Title: "Azure activity log and resource logs", Disorder: disorderAudit, match: matchAzureActivity, json: fromTable(parseAzureActivity)},

	// Services and identity providers
	{Name: "okta", Title: "Okta System Log", Disorder: disorderAudit, match: matchOkta, json: parseOkta},
	{Name: "github", Title: "GitHub audit log and webhooks", Disorder: disorderAudit, match: matchGitHub, json: parseGitHub},
	{Name: "gitlab-audit", Title: "GitLab audit events and request logs", Disorder: disorderAudit, match: matchGitLabAudit, json: parseGitLabAudit},
	{Name: "slack-audit", Title: "Slack Audit Logs API", Disorder: disorderAudit, match: matchSlackAudit, json: parseSlackAudit},
	{Name: "google-workspace", Title: "Google Workspace Reports API", Disorder: disorderAudit, match: matchGoogleWorkspace, json: parseGoogleWorkspace, split: splitGoogleWorkspace},
	{Name: "keycloak", Title: "Keycloak events and admin events", Disorder: disorderGateway, match: matchKeycloak, json: parseKeycloak, text: parseKeycloakLine},
	{Name: "auth0", Title: "Auth0 log events", Disorder: disorderAudit, match: matchAuth0, json: parseAuth0},
	{Name: "openai-audit", Title: "OpenAI audit logs", Disorder: disorderAudit, match: matchOpenAIAudit, json: parseOpenAIAudit},
	{Name: "anthropic-activity", Title: "Anthropic Compliance API activities", Disorder: disorderAudit, match: matchAnthropicActivity, json: parseAnthropicActivity},

	// Kubernetes, secrets and agents
	{Name: "k8s-audit", Title: "Kubernetes audit log (also of EKS)", Disorder: disorderAudit, match: matchK8sAudit, json: parseK8sAudit, secret: k8sSecret, asked: k8sAsked},
	{Name: "vault", Title: "HashiCorp Vault and OpenBao audit device", Disorder: disorderGateway, match: matchVault, json: parseVault, secret: vaultSecret},
	{Name: "mcp", Title: "tool calls of AI agents: MCP gateways and servers, OpenTelemetry GenAI", Disorder: disorderGateway, match: matchMCP, json: parseMCP, secret: mcpSecret, asked: contents, guess: true},

	// Cloudflare
	{Name: "cloudflare-http", Title: "Cloudflare Logpush, http_requests", Disorder: disorderLogpush, match: matchCloudflareHTTP, json: parseCloudflareHTTP, guess: true},
	{Name: "cloudflare-audit", Title: "Cloudflare audit logs, v1 and v2, of Logpush and API", Disorder: disorderAudit, match: matchCloudflareAudit, json: parseCloudflareAudit},
	{Name: "cloudflare-access", Title: "Cloudflare Logpush, access_requests", Disorder: disorderLogpush, match: matchCloudflareAccess, json: parseCloudflareAccess},
	{Name: "cloudflare-firewall", Title: "Cloudflare Logpush, firewall_events", Disorder: disorderLogpush, match: matchCloudflareFirewall, json: parseCloudflareFirewall, guess: true},

	// Gateways and proxies
	{Name: "kong", Title: "Kong Gateway http-log", Disorder: disorderGateway, match: matchKong, json: parseKong, secret: kongSecret, asked: kongAsked, guess: true},
	{Name: "nginx", Title: "NGINX access log, combined or JSON", Disorder: disorderGateway, match: matchNGINX, json: parseNGINXObject, text: parseNGINXLine, guess: true},
	{Name: "apache", Title: "Apache HTTP Server access log, common, combined or JSON", Disorder: disorderGateway, match: matchApache, json: parseApacheObject, text: parseApacheLine, guess: true},
	{Name: "traefik", Title: "Traefik access log, common or JSON", Disorder: disorderGateway, match: matchTraefik, json: parseTraefikObject, text: parseTraefikLine, guess: true},
	{Name: "caddy", Title: "Caddy access log", Disorder: disorderGateway, match: matchCaddy, json: parseCaddyObject, text: parseCaddyLine, guess: true},
	{Name: "haproxy", Title: "HAProxy HTTP log", Disorder: disorderGateway, match: matchHAProxy, text: parseHAProxy, guess: true},
	{Name: "envoy", Title: "Envoy access log, text or JSON", Disorder: disorderGateway, match: matchEnvoy, json: parseEnvoyObject, text: parseEnvoyLine, guess: true},
	{Name: "istio", Title: "Istio mesh access log, text or JSON", Disorder: disorderGateway, match: matchIstio, json: parseEnvoyObject, text: parseEnvoyLine, guess: true},

	// Open standards
	{Name: "ocsf", Title: "OCSF API Activity, Authentication, HTTP Activity (Security Lake)", Disorder: disorderAudit, match: matchOCSF, json: parseOCSF, ours: true},
	{Name: "otlp", Title: "OpenTelemetry spans and logs, OTLP JSON", Disorder: time.Minute, match: matchOTLP, json: parseOTLP, split: splitOTLP, secret: otlpSecret, asked: otlpAsked, guess: true},
}

// Formats lists every format, in the order in which Detect prefers them.
func Formats() []Format { return standard.Formats() }

// Set is the formats that one installation reads: the table, and what its own
// mappings add. It is safe for concurrent use.
type Set struct{ formats []Format }

// standard is the set without additions.
var standard = &Set{formats[:]}

// Table returns the set without additions.
func Table() *Set { return standard }

// NewSet returns the table of formats with custom ones before it, so that of
// two that are equally sure of a record the installation's own has it. Two of
// one name are an error.
func NewSet(custom ...Format) (*Set, error) {
	s := &Set{slices.Concat(custom, formats[:])}
	seen := map[string]bool{AutoFormat: true}
	for i := range s.formats {
		name := s.formats[i].Name
		if seen[name] {
			return nil, fmt.Errorf("format %q: the name is taken", name)
		}
		seen[name] = true
	}
	return s, nil
}

// Formats lists the set, in the order in which Detect prefers them.
func (s *Set) Formats() []Format { return slices.Clone(s.formats) }

// ErrUnknownFormat is what New and NewReader wrap for a name that is not in
// the table of formats.
var ErrUnknownFormat = errors.New("unknown format")

func (s *Set) find(name string) (*Format, error) {
	for i := range s.formats {
		if s.formats[i].Name == name {
			return &s.formats[i], nil
		}
	}
	return nil, fmt.Errorf("%w %q: known are %s", ErrUnknownFormat, name, s.known())
}

// Names lists the set by name, in the order in which Detect prefers them.
func (s *Set) Names() []string {
	out := make([]string, len(s.formats))
	for i := range s.formats {
		out[i] = s.formats[i].Name
	}
	return out
}

// known is the list of names for an error.
func (s *Set) known() string { return strings.Join(s.Names(), ", ") }
