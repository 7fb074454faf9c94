package enrich

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestServicesNameTheirPrincipals(t *testing.T) {
	const app, object = "5A1F2C3D-1111-4222-8333-ABCDEFABCDEF", "9B8C7D6E-2222-4333-9444-FEDCBAFEDCBA"
	who := func(format, kind, principal, stable, client string) *schemas.Event {
		return &schemas.Event{Format: format, PrincipalType: kind, Principal: principal, PrincipalIssuer: stable, OauthClient: client, SrcIp: "203.0.113.7"}
	}
	realm := func(kind, principal, stable string) *schemas.Event {
		ev := who("keycloak", kind, principal, stable, "")
		ev.Account = "acme"
		return ev
	}
	for _, c := range []struct {
		name       string
		ev         *schemas.Event
		want, kind string
	}{
		{"an application of Entra is its client id", who("entra-signin", "servicePrincipal", "payroll", object, app), "entra:app/5a1f2c3d-1111-4222-8333-abcdefabcdef", "oauth_app"},
		{"so it is where Graph saw it", who("entra-graph-activity", "application", app, object, app), "entra:app/5a1f2c3d-1111-4222-8333-abcdefabcdef", "oauth_app"},
		{"so it is where Office saw it", who("o365", "Application", "payroll", "", app), "entra:app/5a1f2c3d-1111-4222-8333-abcdefabcdef", "oauth_app"},
		{"without a client id it is its service principal", who("entra-audit", "app", "payroll", object, ""), "entra:sp/9b8c7d6e-2222-4333-9444-fedcbafedcba", "oauth_app"},
		{"without either it is its name", who("entra-audit", "app", "Payroll", "", ""), "entra:sp/payroll", "oauth_app"},
		{"a managed identity is a workload", who("entra-signin", "managedIdentity", "vm1", object, app), "entra:app/5a1f2c3d-1111-4222-8333-abcdefabcdef", "workload"},
		{"a user of Entra is its object, whichever client it used", who("entra-signin", "user", "Ann@example.com", object, app), "entra:user/9b8c7d6e-2222-4333-9444-fedcbafedcba", "human"},
		{"without an object it is its name", who("o365", "Regular", "Ann@example.com", "", ""), "entra:user/ann@example.com", "human"},
		{"nobody in Entra", who("entra-signin", "anonymous", "", "", app), "anonymous:entra-signin/203.0.113.0/24", ""},

		{"a user of Okta is its id", who("okta", "User", "ann@example.com", "00u1", ""), "okta:user/00u1", "human"},
		{"an OAuth client of Okta", who("okta", "PublicClientApp", "ci", "0oa1", "0oa1"), "okta:app/0oa1", "oauth_app"},
		{"Okta itself", who("okta", "SystemPrincipal", "Okta System", "spr1", ""), "okta:system/spr1", "workload"},
		{"a token of Okta whose owner is not said", &schemas.Event{Format: "okta", CredentialId: "00T1", CredentialType: "api_token"}, "okta:token/00T1", "api_key"},
		{"nobody in Okta", who("okta", "", "", "", ""), "anonymous:okta/203.0.113.0/24", ""},

		{"a user of GitHub, in one spelling", who("github", "user", "Ann-Lee", "", ""), "github:user/ann-lee", "human"},
		{"an application of GitHub by its slug", who("github", "app", "release-bot", "", ""), "github:app/release-bot", "oauth_app"},
		{"an OAuth application of GitHub by its id", who("github", "app", "ci-dashboard", "321", "321"), "github:app/321", "oauth_app"},
		{"a deploy key", who("github", "deploy_key", "SHA256:Zm9v", "", ""), "github:deploy-key/SHA256:Zm9v", "api_key"},
		{"a workflow's token is its repository", who("github", "github_token", "Acme/Shop", "", ""), "github:repo/acme/shop", "ci_pipeline"},

		{"a user of GitLab is its number", who("gitlab-audit", "User", "Ann Lee", "3", ""), "gitlab:user/3", "human"},
		{"a project's token is its bot", who("gitlab-audit", "bot", "project_12_bot_ab3f", "77", ""), "gitlab:bot/project_12_bot_ab3f", "service_account"},
		{"a deploy token of GitLab", who("gitlab-audit", "DeployToken", "pull", "", ""), "gitlab:deploytoken/pull", ""},

		{"a user of Slack", who("slack-audit", "user", "ann@example.com", "U0ANN", ""), "slack:user/U0ANN", "human"},
		{"an application of Slack", who("slack-audit", "app", "sync", "A0SYNC", ""), "slack:app/A0SYNC", "oauth_app"},

		{"a user of Workspace is its address", who("google-workspace", "USER", "Ann@Example.com", "118", ""), "google:user/ann@example.com", "human"},
		{"an OAuth application of Workspace", who("google-workspace", "oauth_app", "123.apps.googleusercontent.com", "", ""), "google:oauth/123.apps.googleusercontent.com", "oauth_app"},
		{"one that its log names", who("google-workspace", "oauth_app", "Sync", "123.apps.googleusercontent.com", ""), "google:oauth/123.apps.googleusercontent.com", "oauth_app"},
		{"a key of Workspace", who("google-workspace", "KEY", "SYSTEM", "", ""), "google:key/SYSTEM", "api_key"},

		{"a user of Keycloak is its id in its realm", realm("user", "ann", "u1"), "keycloak:acme/user/u1", "human"},
		{"a client of Keycloak", realm("client", "billing", ""), "keycloak:acme/client/billing", "oauth_app"},

		{"a user of Auth0", who("auth0", "user", "ann@example.com", "auth0|9", "x"), "auth0:user/auth0|9", "human"},
		{"a client of Auth0", who("auth0", "client", "billing", "1HXW", "1HXW"), "auth0:client/1HXW", "oauth_app"},
		{"a user of OpenAI", who("openai-audit", "user", "ann@example.com", "user-1", ""), "openai:user/user-1", "human"},
		{"a service account of OpenAI", who("openai-audit", "service_account", "svc_1", "svc_1", ""), "openai:service-account/svc_1", "service_account"},
		{"a key of OpenAI whose owner is not said", who("openai-audit", "api_key", "key_1", "", ""), "openai:key/key_1", "api_key"},
		{"a user of Anthropic", who("anthropic-activity", "user_actor", "ann@example.com", "user_1", ""), "anthropic:user/user_1", "human"},
		{"a key of Anthropic", &schemas.Event{Format: "anthropic-activity", PrincipalType: "api_actor", Principal: "apikey_1", PrincipalIssuer: "apikey_1", CredentialId: "apikey_1"}, "anthropic:key/apikey_1", "api_key"},
		{"Anthropic itself", who("anthropic-activity", "anthropic_actor", "anthropic_actor", "", ""), "anthropic:anthropic/anthropic_actor", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			Resolve(c.ev)
			if c.ev.IdentityId != c.want {
				t.Errorf("got %q, want %q", c.ev.IdentityId, c.want)
			}
			if kind, _ := inferKind(c.ev, groupBrowser); kind != c.kind {
				t.Errorf("kind %q, want %q", kind, c.kind)
			}
		})
	}
}
