package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func keycloakSamples() []sample {
	return []sample{
		{"a person logs in", "keycloak", `{"id":"66666666-aaaa-4bbb-8ccc-000000000001","time":1772359680123,"type":"LOGIN","realmId":"77777777-aaaa-4bbb-8ccc-000000000001","realmName":"acme","clientId":"shop","userId":"88888888-aaaa-4bbb-8ccc-000000000001","sessionId":"99999999-aaaa-4bbb-8ccc-000000000001","ipAddress":"203.0.113.9","details":{"auth_method":"openid-connect","grant_type":"authorization_code","username":"ann","scope":"openid profile","client_auth_method":"client-secret"}}`, &schemas.Event{
			Id: "66666666-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:08:00.123Z"),
			Principal: "ann", PrincipalType: "user", PrincipalIssuer: "88888888-aaaa-4bbb-8ccc-000000000001", OauthClient: "shop", CredentialType: "client-secret", SessionId: "hmac:056b133bbbba0c1315eabd4b2e487fa1", Scopes: []string{"openid", "profile"},
			Operation: "keycloak:LOGIN", Service: "keycloak", Outcome: success,
			Resources: []string{"shop"}, SrcIp: "203.0.113.9", Account: "acme",
		}, map[string]string{"auth_method": "openid-connect", "grant_type": "authorization_code", "realmId": "77777777-aaaa-4bbb-8ccc-000000000001"}},
		{"a client logs in with its own credentials", "keycloak", `{"id":"66666666-aaaa-4bbb-8ccc-000000000001","time":1772359680123,"type":"CLIENT_LOGIN","realmId":"77777777-aaaa-4bbb-8ccc-000000000001","realmName":"acme","clientId":"billing","userId":"81818181-aaaa-4bbb-8ccc-000000000001","sessionId":"99999999-aaaa-4bbb-8ccc-000000000001","ipAddress":"203.0.113.9","details":{"grant_type":"client_credentials","client_auth_method":"client-jwt","username":"service-account-billing","token_id":"trrtcc:1","scope":"email profile"}}`, &schemas.Event{
			Id: "66666666-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:08:00.123Z"),
			Principal: "billing", PrincipalType: "client", OauthClient: "billing", CredentialType: "client-jwt", SessionId: "hmac:056b133bbbba0c1315eabd4b2e487fa1", Scopes: []string{"email", "profile"},
			Operation: "keycloak:CLIENT_LOGIN", Service: "keycloak", Outcome: success,
			Resources: []string{"billing"}, SrcIp: "203.0.113.9", Account: "acme",
		}, map[string]string{"token_id": "trrtcc:1", "userId": "81818181-aaaa-4bbb-8ccc-000000000001"}},
		{"a password is wrong", "keycloak", `{"id":"66666666-aaaa-4bbb-8ccc-000000000001","time":1772359680123,"type":"LOGIN_ERROR","realmId":"77777777-aaaa-4bbb-8ccc-000000000001","realmName":"acme","clientId":"shop","userId":"88888888-aaaa-4bbb-8ccc-000000000001","sessionId":null,"ipAddress":"203.0.113.9","details":{"auth_method":"openid-connect","grant_type":"authorization_code","username":"ann","scope":"openid profile","client_auth_method":"client-secret"},"error":"invalid_user_credentials"}`, &schemas.Event{
			Id: "66666666-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:08:00.123Z"),
			Principal: "ann", PrincipalType: "user", PrincipalIssuer: "88888888-aaaa-4bbb-8ccc-000000000001", OauthClient: "shop", CredentialType: "client-secret", Scopes: []string{"openid", "profile"},
			Operation: "keycloak:LOGIN_ERROR", Service: "keycloak", Outcome: denied, ErrorCode: "invalid_user_credentials",
			Resources: []string{"shop"}, SrcIp: "203.0.113.9", Account: "acme",
		}, nil},
		{"a client exchanges a person's token", "keycloak", `{"id":"66666666-aaaa-4bbb-8ccc-000000000001","time":1772359680123,"type":"TOKEN_EXCHANGE","realmId":"77777777-aaaa-4bbb-8ccc-000000000001","realmName":"acme","clientId":"billing","userId":"88888888-aaaa-4bbb-8ccc-000000000001","sessionId":"99999999-aaaa-4bbb-8ccc-000000000001","ipAddress":"203.0.113.9","details":{"grant_type":"urn:ietf:params:oauth:grant-type:token-exchange","username":"ann","requested_subject":"bob","audience":"shop"}}`, &schemas.Event{
			Id: "66666666-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:08:00.123Z"),
			Principal: "billing", PrincipalType: "client", OauthClient: "billing", Delegation: []string{"ann", "billing"}, ActingAs: "bob", SessionId: "hmac:056b133bbbba0c1315eabd4b2e487fa1",
			Operation: "keycloak:TOKEN_EXCHANGE", Service: "keycloak", Outcome: success,
			Resources: []string{"billing"}, SrcIp: "203.0.113.9", Account: "acme",
		}, map[string]string{"audience": "shop"}},
		{"an administrator acts as a user", "keycloak", `{"id":"66666666-aaaa-4bbb-8ccc-000000000001","time":1772359680123,"type":"IMPERSONATE","realmId":"77777777-aaaa-4bbb-8ccc-000000000001","realmName":"acme","clientId":"shop","userId":"88888888-aaaa-4bbb-8ccc-000000000001","sessionId":"99999999-aaaa-4bbb-8ccc-000000000001","ipAddress":"203.0.113.9","details":{"impersonator":"root-admin","impersonator_realm":"master","username":"ann"}}`, &schemas.Event{
			Id: "66666666-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:08:00.123Z"),
			Principal: "root-admin", PrincipalType: "user", OauthClient: "shop", ActingAs: "ann", SessionId: "hmac:056b133bbbba0c1315eabd4b2e487fa1",
			Operation: "keycloak:IMPERSONATE", Service: "keycloak", Outcome: success,
			Resources: []string{"shop"}, SrcIp: "203.0.113.9", Account: "acme",
		}, map[string]string{"impersonator_realm": "master"}},
		{"a role is given by a client", "keycloak", `{"id":"67676767-aaaa-4bbb-8ccc-000000000001","time":1772359680123,"realmId":"acme","authDetails":{"realmId":"master","clientId":"terraform","userId":"82828282-aaaa-4bbb-8ccc-000000000001","ipAddress":"203.0.113.9","username":"service-account-terraform"},"operationType":"CREATE","resourceType":"REALM_ROLE_MAPPING","resourcePath":"users/8888/role-mappings/realm","representation":"[{\"name\":\"admin\"}]"}`, &schemas.Event{
			Id: "67676767-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:08:00.123Z"),
			Principal: "terraform", PrincipalType: "client", OauthClient: "terraform",
			Operation: "keycloak:CREATE REALM_ROLE_MAPPING", Service: "keycloak", Outcome: success,
			Resources: []string{"users/8888/role-mappings/realm"}, Grantees: []string{"users/8888/role-mappings/realm"}, TargetAccount: "acme", SrcIp: "203.0.113.9", Account: "master",
		}, map[string]string{"representation": "[{\"name\":\"admin\"}]"}},
		{"a line of Keycloak's log", "keycloak", `2026-03-01 10:08:00,123 WARN  [org.keycloak.events] (executor-thread-1) type="LOGIN_ERROR", realmId="77777777-aaaa-4bbb-8ccc-000000000001", realmName="acme", clientId="shop", userId="null", ipAddress="203.0.113.9", error="user_not_found", auth_method="openid-connect", redirect_uri="https://shop.example.com/cb?a=1, b", username="mallory"`, &schemas.Event{
			Time:          at("2026-03-01T10:08:00.123Z"),
			PrincipalType: "anonymous", OauthClient: "shop", Anonymous: true,
			Operation: "keycloak:LOGIN_ERROR", Service: "keycloak", Outcome: denied, ErrorCode: "user_not_found",
			Resources: []string{"shop"}, SrcIp: "203.0.113.9", Account: "acme",
		}, map[string]string{"redirect_uri": "https://shop.example.com/cb?a=1, b"}},
		{"a line of an older version, without quotes", "keycloak", `2026-03-01 10:08:01,123 DEBUG [org.keycloak.events] (default task-1) type=CLIENT_LOGIN, realmId=acme, clientId=billing, userId=81818181-aaaa-4bbb-8ccc-000000000001, ipAddress=203.0.113.9, grant_type=client_credentials, client_auth_method=client-secret, username=service-account-billing`, &schemas.Event{
			Time:      at("2026-03-01T10:08:01.123Z"),
			Principal: "billing", PrincipalType: "client", OauthClient: "billing", CredentialType: "client-secret",
			Operation: "keycloak:CLIENT_LOGIN", Service: "keycloak", Outcome: success,
			Resources: []string{"billing"}, SrcIp: "203.0.113.9", Account: "acme",
		}, nil},
		{"a line as JSON", "keycloak", `{"timestamp":"2026-03-01T10:08:02.123Z","sequence":7,"loggerClassName":"org.jboss.logging.Logger","loggerName":"org.keycloak.events","level":"WARN","message":"type=\"LOGIN\", realmId=\"acme\", clientId=\"shop\", userId=\"u1\", ipAddress=\"203.0.113.9\", username=\"ann\"","threadName":"executor-thread-1","hostName":"kc-0"}`, &schemas.Event{
			Time:      at("2026-03-01T10:08:02.123Z"),
			Principal: "ann", PrincipalType: "user", PrincipalIssuer: "u1", OauthClient: "shop",
			Operation: "keycloak:LOGIN", Service: "keycloak", Outcome: success,
			Resources: []string{"shop"}, SrcIp: "203.0.113.9", Account: "acme",
		}, map[string]string{"hostName": "kc-0"}},
	}
}

func TestKeycloakLinesHideSecrets(t *testing.T) {
	ev := parseOne(t, "keycloak", `2026-03-01 10:08:00,123 WARN  [org.keycloak.events] (x) type="LOGIN", realmId="acme", clientId="shop", userId="u1", ipAddress="203.0.113.9", sessionId="S3ss10n-0001", client_secret="`+canary+`"`)
	if ev.SessionId != h("S3ss10n-0001") || strings.Contains(ev.String(), canary) {
		t.Errorf("event %v", ev)
	}
}

func FuzzKeycloak(f *testing.F) { fuzzParser(f, "keycloak") }
