package ingest

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func openAISamples() []sample {
	return []sample{
		{"a person makes a key", "openai-audit", `{"id":"audit_log-1","type":"api_key.created","effective_at":1772359800,"object":"organization.audit_log","project":{"id":"proj_1","name":"search"},"actor":{"type":"session","session":{"user":{"id":"user-1","email":"ann@example.com"},"ip_address":"203.0.113.9","user_agent":"Mozilla/5.0","ja4":"t13d1516h2_8daaf6152771_e5627efa2ab1"}},"api_key_created":{"id":"key_2","data":{"scopes":["api.model.request"]}}}`, &schemas.Event{
			Id: "audit_log-1", Time: at("2026-03-01T10:10:00Z"),
			Principal: "ann@example.com", PrincipalType: "user", PrincipalIssuer: "user-1",
			Operation: "openai:api_key.created", Service: "openai", Outcome: success,
			Resources: []string{"key_2"}, Grantees: []string{"key_2"}, SrcIp: "203.0.113.9", UserAgent: "Mozilla/5.0", TlsFingerprint: "t13d1516h2_8daaf6152771_e5627efa2ab1", Account: "proj_1",
		}, map[string]string{"api_key_created.data.scopes.0": "api.model.request", "project.name": "search"}},
		{"a service account's key is used", "openai-audit", `{"id":"audit_log-1","type":"project.updated","effective_at":1772359800,"object":"organization.audit_log","project":{"id":"proj_1","name":"search"},"actor":{"type":"api_key","api_key":{"id":"key_1","type":"service_account","service_account":{"id":"svc_1"}}},"project_updated":{"id":"proj_1"}}`, &schemas.Event{
			Id: "audit_log-1", Time: at("2026-03-01T10:10:00Z"),
			Principal: "svc_1", PrincipalType: "service_account", PrincipalIssuer: "svc_1", CredentialId: "key_1", CredentialType: "api_key",
			Operation: "openai:project.updated", Service: "openai", Outcome: success,
			Resources: []string{"proj_1"}, Account: "proj_1",
		}, nil},
		{"a login fails", "openai-audit", `{"id":"audit_log-1","type":"login.failed","effective_at":1772359800,"object":"organization.audit_log","project":{"id":"proj_1","name":"search"},"actor":{"type":"session","session":{"user":{"id":"user-1","email":"ann@example.com"},"ip_address":"203.0.113.9"}},"login_failed":{"error_code":"invalid_credentials","error_message":"Invalid username or password"}}`, &schemas.Event{
			Id: "audit_log-1", Time: at("2026-03-01T10:10:00Z"),
			Principal: "ann@example.com", PrincipalType: "user", PrincipalIssuer: "user-1",
			Operation: "openai:login.failed", Service: "openai", Outcome: denied, ErrorCode: "invalid_credentials", ErrorMessage: "Invalid username or password",
			SrcIp: "203.0.113.9", Account: "proj_1",
		}, nil},
	}
}

func FuzzOpenAIAudit(f *testing.F) { fuzzParser(f, "openai-audit") }
