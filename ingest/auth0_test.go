package ingest

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func auth0Samples() []sample {
	return []sample{
		{"a client gets a token", "auth0", `{"log_id":"90020260301100900123","data":{"date":"2026-03-01T10:09:00.123Z","type":"seccft","log_id":"90020260301100900123","client_id":"1HXWclient","client_name":"billing-worker","ip":"203.0.113.9","user_agent":"python-requests/2.31","hostname":"acme.eu.auth0.com","tenant_name":"acme","audience":"https://api.example.com/","scope":"read:orders","description":"Client Credentials for Access Token"}}`, &schemas.Event{
			Id: "90020260301100900123", Time: at("2026-03-01T10:09:00.123Z"),
			Principal: "billing-worker", PrincipalType: "client", PrincipalIssuer: "1HXWclient", OauthClient: "1HXWclient", Scopes: []string{"read:orders"},
			Operation: "auth0:seccft", Service: "auth0", Host: "acme.eu.auth0.com", Outcome: success,
			Resources: []string{"https://api.example.com/"}, SrcIp: "203.0.113.9", UserAgent: "python-requests/2.31", Account: "acme",
		}, map[string]string{"client_name": "billing-worker"}},
		{"a wrong secret", "auth0", `{"log_id":"90020260301100900123","data":{"date":"2026-03-01T10:09:00.123Z","type":"feccft","log_id":"90020260301100900123","client_id":"1HXWclient","client_name":"billing-worker","ip":"203.0.113.9","user_agent":"python-requests/2.31","hostname":"acme.eu.auth0.com","tenant_name":"acme","description":"Unauthorized"}}`, &schemas.Event{
			Id: "90020260301100900123", Time: at("2026-03-01T10:09:00.123Z"),
			Principal: "billing-worker", PrincipalType: "client", PrincipalIssuer: "1HXWclient", OauthClient: "1HXWclient",
			Operation: "auth0:feccft", Service: "auth0", Host: "acme.eu.auth0.com", Outcome: denied, ErrorMessage: "Unauthorized",
			SrcIp: "203.0.113.9", UserAgent: "python-requests/2.31", Account: "acme",
		}, nil},
		{"a person changes roles over the API", "auth0", `{"log_id":"90020260301100900123","data":{"date":"2026-03-01T10:09:00.123Z","type":"sapi","log_id":"90020260301100900123","client_id":"1HXWclient","client_name":"","ip":"203.0.113.9","user_agent":"python-requests/2.31","hostname":"acme.eu.auth0.com","tenant_name":"acme","user_id":"google-oauth2|1","description":"Create a role","details":{"request":{"method":"post","path":"/api/v2/roles/rol_AbC123xyz456AbCd/users","channel":"https://manage.auth0.com/","auth":{"strategy":"jwt","user":{"user_id":"google-oauth2|1","email":"ann@example.com"},"credentials":{"jti":"949869e066205b50","scopes":["create:roles","read:roles"]}},"body":{"users":["auth0|2"]},"ip":"203.0.113.9","userAgent":"Mozilla/5.0"},"response":{"statusCode":200,"body":{}}}}}`, &schemas.Event{
			Id: "90020260301100900123", Time: at("2026-03-01T10:09:00.123Z"),
			Principal: "ann@example.com", PrincipalType: "user", PrincipalIssuer: "google-oauth2|1", OauthClient: "1HXWclient", CredentialId: "949869e066205b50", CredentialType: "jwt", Scopes: []string{"create:roles", "read:roles"},
			Operation: "POST /api/v2/roles/{id}/users", Service: "auth0", HttpMethod: "POST", UrlPath: "/api/v2/roles/rol_AbC123xyz456AbCd/users", RouteTemplate: "/api/v2/roles/{id}/users", Host: "acme.eu.auth0.com", StatusCode: 200, Outcome: success,
			Resources: []string{"/api/v2/roles/rol_AbC123xyz456AbCd/users"}, Grantees: []string{"auth0|2"}, SrcIp: "203.0.113.9", UserAgent: "python-requests/2.31", Account: "acme",
		}, map[string]string{"details.request.channel": "https://manage.auth0.com/", "type": "sapi"}},
		{"a bare event of a failed login", "auth0", `{"date":"2026-03-01T10:09:00.123Z","type":"fp","log_id":"90020260301100900123","client_id":"1HXWclient","client_name":"billing-worker","ip":"203.0.113.9","user_agent":"python-requests/2.31","hostname":"acme.eu.auth0.com","tenant_name":"acme","user_id":"auth0|9","user_name":"ann@example.com","connection":"Username-Password","strategy":"auth0","description":"Wrong email or password."}`, &schemas.Event{
			Id: "90020260301100900123", Time: at("2026-03-01T10:09:00.123Z"),
			Principal: "ann@example.com", PrincipalType: "user", PrincipalIssuer: "auth0|9", OauthClient: "1HXWclient",
			Operation: "auth0:fp", Service: "auth0", Host: "acme.eu.auth0.com", Outcome: denied, ErrorMessage: "Wrong email or password.",
			SrcIp: "203.0.113.9", UserAgent: "python-requests/2.31", Account: "acme",
		}, map[string]string{"connection": "Username-Password"}},
		{"a name without a user makes no one known", "auth0", `{"log_id":"90020260301100900123","data":{"date":"2026-03-01T10:09:00.123Z","type":"fu","log_id":"90020260301100900123","client_id":"1HXWclient","client_name":"billing-worker","ip":"203.0.113.9","user_agent":"python-requests/2.31","hostname":"acme.eu.auth0.com","tenant_name":"acme","user_name":"mallory@example.com","description":"Wrong user name."}}`, &schemas.Event{
			Id: "90020260301100900123", Time: at("2026-03-01T10:09:00.123Z"),
			PrincipalType: "anonymous", OauthClient: "1HXWclient", Anonymous: true,
			Operation: "auth0:fu", Service: "auth0", Host: "acme.eu.auth0.com", Outcome: denied, ErrorMessage: "Wrong user name.",
			SrcIp: "203.0.113.9", UserAgent: "python-requests/2.31", Account: "acme",
		}, map[string]string{"refused_user": "mallory@example.com"}},
		{"a client reads the Management API with its own rights", "auth0", `{"log_id":"90020260301100900123","data":{"date":"2026-03-01T10:09:00.123Z","type":"mgmt_api_read","log_id":"90020260301100900123","client_id":"1HXWclient","client_name":"","ip":"203.0.113.9","user_agent":"python-requests/2.31","hostname":"acme.eu.auth0.com","tenant_name":"acme","user_id":"1HXWclient@clients","details":{"request":{"method":"get","path":"/api/v2/users/auth0%7C2"},"response":{"statusCode":403,"body":{"error":"Forbidden"}}},"description":"Get a user"}}`, &schemas.Event{
			Id: "90020260301100900123", Time: at("2026-03-01T10:09:00.123Z"),
			Principal: "1HXWclient", PrincipalType: "client", PrincipalIssuer: "1HXWclient", OauthClient: "1HXWclient",
			Operation: "GET /api/v2/users/{id}", Service: "auth0", HttpMethod: "GET", UrlPath: "/api/v2/users/auth0%7C2", RouteTemplate: "/api/v2/users/{id}", Host: "acme.eu.auth0.com", StatusCode: 403, Outcome: denied, ErrorMessage: "Get a user",
			Resources: []string{"/api/v2/users/auth0%7C2"}, SrcIp: "203.0.113.9", UserAgent: "python-requests/2.31", Account: "acme",
		}, nil},
	}
}

func TestAuth0PathsBecomeRoutes(t *testing.T) {
	for path, want := range map[string]string{
		"/api/v2/users/auth0%7C5f7c8ec7c33c6c004bbafe82/roles": "/api/v2/users/{id}/roles",
		"/api/v2/users/google-oauth2|1":                        "/api/v2/users/{id}",
		"/api/v2/roles/rol_AbCdEf/users":                       "/api/v2/roles/{id}/users",
		"/api/v2/tenants/settings":                             "/api/v2/tenants/settings",
		"/api/v2/tenants/invitations":                          "/api/v2/tenants/invitations",
		"/api/v2/users":                                        "/api/v2/users",
	} {
		if got := auth0Route(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

func FuzzAuth0(f *testing.F) { fuzzParser(f, "auth0") }
