package enrich

import (
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// family resolves the principals of the formats that share one naming scheme.
// resolve returns the canonical id, or "" when the event names nobody.
type family struct {
	name    string
	formats []string
	resolve func(ev *schemas.Event) string
	// sole gives the text that alone decides the id, or "" where more does: the
	// enricher remembers ids by it. It may be nil.
	sole func(ev *schemas.Event) string
	// users says what they are that these sources call users.
	users users
}

// users says what whoever is called a user in a source may be.
type users uint8

const (
	_ users = iota // anybody: at a gateway even a browser proves nothing
	// machinesToo: machines are called users as well, so that it takes a browser
	// to know a person.
	machinesToo
	// people: directories and workplace services have other words for machines.
	people
)

// families is the table of naming schemes; a format that is not in it is named
// by its own format and its principal as logged.
var families = []family{
	// Amazon Web Services
	{name: "aws", formats: []string{"cloudtrail"}, resolve: resolveAWS, sole: soleAWS},
	{name: "apigateway", formats: []string{"apigateway"}, resolve: resolveAPIGateway},

	// Google Cloud
	{name: "gcp", formats: []string{"gcp-audit"}, resolve: resolveGCP, users: people},

	// Microsoft Azure, Entra ID and 365
	{name: "entra", formats: []string{"entra-signin", "entra-audit", "entra-graph-activity", "o365", "azure-activity", "azure-keyvault"}, resolve: resolveEntra, users: people},

	// Services and identity providers
	{name: "okta", formats: []string{"okta"}, resolve: resolveOkta, users: people},
	{name: "github", formats: []string{"github"}, resolve: resolveGitHub, users: machinesToo},
	{name: "gitlab", formats: []string{"gitlab-audit"}, resolve: resolveGitLab, users: machinesToo},
	{name: "slack", formats: []string{"slack-audit"}, resolve: resolveSlack, users: people},
	{name: "google-workspace", formats: []string{"google-workspace"}, resolve: resolveGoogleWorkspace, users: people},
	{name: "keycloak", formats: []string{"keycloak"}, resolve: resolveKeycloak, users: people},
	{name: "auth0", formats: []string{"auth0"}, resolve: resolveAuth0, users: people},
	{name: "openai", formats: []string{"openai-audit"}, resolve: resolveOpenAI, users: people},
	{name: "anthropic", formats: []string{"anthropic-activity"}, resolve: resolveAnthropic, users: people},

	// Kubernetes, secrets and agents
	{name: "k8s", formats: []string{"k8s-audit"}, resolve: resolveK8s, users: machinesToo},
	{name: "vault", formats: []string{"vault"}, resolve: resolveVault, users: machinesToo},
	{name: "agent", formats: []string{"mcp"}, resolve: resolveAgent},

	// Cloudflare
	{name: "cloudflare", formats: []string{"cloudflare-http", "cloudflare-audit", "cloudflare-access", "cloudflare-firewall"}, resolve: resolveCloudflare},

	// Gateways and proxies
	{name: "kong", formats: []string{"kong"}, resolve: resolveKong, sole: soleKong},
	{name: "access", formats: []string{"nginx", "apache", "traefik", "caddy", "haproxy", "envoy", "istio"}, resolve: resolveAccess},
	{name: "edge", formats: []string{"alb", "cloudfront", "aws-waf", "gcp-lb", "azure-appgw", "azure-frontdoor"}, resolve: resolveAccess},

	// Open standards
	{name: "ocsf", formats: []string{"ocsf"}, resolve: resolveOCSF},
	{name: "otlp", formats: []string{"otlp"}, resolve: resolveAgent},
}

// Resolve sets ev.IdentityId to the canonical id of whoever made the call, and
// ev.Anonymous when nobody is named. It reads only what a parser fills and
// never fails: an event always has an id afterwards. A session, a key or a
// path in an ARN never becomes part of the id, so that one role is one
// identity however often it is assumed.
func Resolve(ev *schemas.Event) {
	id := ""
	if !ev.Anonymous {
		id = familyOf(ev.Format).resolve(ev)
	}
	if id == "" {
		ev.Anonymous = true
		id = anonymousID(ev)
	}
	ev.IdentityId = id
}

// soleName gives the text that alone decides who made a call, and the family
// that it decides in; "" where there is none.
func soleName(ev *schemas.Event) (key string, at int) {
	if ev.Anonymous {
		return "", 0
	}
	for i := range families {
		if families[i].sole != nil && slices.Contains(families[i].formats, ev.Format) {
			return families[i].sole(ev), i
		}
	}
	return "", 0
}

// generic serves the formats that no family claims.
var generic = family{name: "generic", resolve: resolveGeneric}

func familyOf(format string) *family {
	for i := range families {
		for _, f := range families[i].formats {
			if f == format {
				return &families[i]
			}
		}
	}
	return &generic
}

func resolveGeneric(ev *schemas.Event) string {
	if ev.Principal == "" {
		return keyID(ev)
	}
	if attested(ev) {
		return ev.Principal
	}
	if id := canonicalARN(ev.Principal); id != "" {
		return id
	}
	if ev.PrincipalType == "" {
		return ev.Format + ":" + ev.Principal
	}
	return ev.Format + ":" + ev.PrincipalType + "/" + ev.Principal
}

// attested reports whether a caller's SPIFFE id stood in the certificate that
// its peer has checked. Elsewhere it is a name as any other, which a client may
// have chosen.
func attested(ev *schemas.Event) bool {
	return strings.HasPrefix(ev.Principal, "spiffe://") && (ev.PrincipalType == "certificate" || ev.Principal == ev.ClientCertificate)
}

// keyID names a credential that nobody has registered.
func keyID(ev *schemas.Event) string {
	if ev.CredentialId == "" {
		return ""
	}
	return "apikey:" + strings.TrimPrefix(ev.CredentialId, "hmac:")
}

// stableID is the id that a change of name does not change, else the name.
func stableID(ev *schemas.Event) string {
	if ev.PrincipalIssuer != "" {
		return ev.PrincipalIssuer
	}
	return ev.Principal
}

// isNumber reports whether s is made of decimal digits.
func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// anonymousID keys a call that names nobody by its format and where it came
// from. The format and not the topic, so that a replay from files agrees.
func anonymousID(ev *schemas.Event) string {
	prefix := ev.SrcPrefix
	if prefix == "" {
		prefix = sourcePrefix(ev.SrcIp)
	}
	if prefix == "" {
		prefix = "unknown"
	}
	format := ev.Format
	if name := ev.Attributes["log_name"]; format == "ocsf" && name != "" && ev.Attributes["product"] == schemas.ProductName {
		format = name // our own output is read back
	}
	return "anonymous:" + format + "/" + prefix
}

// Canonical gives the canonical id of an identity spelled as a log or a
// person spells it: an ARN of any session, user or role becomes
// "aws:ACCOUNT:role/NAME"; anything else is returned as it is.
func Canonical(spelling string) string {
	if id := canonicalARN(spelling); id != "" {
		return id
	}
	return spelling
}
