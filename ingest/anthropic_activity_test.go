package ingest

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func anthropicSamples() []sample {
	return []sample{
		{"a person makes a service key", "anthropic-activity", `{"id":"activity_1","created_at":"2026-03-01T10:10:00Z","organization_id":"org_1","type":"service_key_created","service_key_id":"svk_1","actor":{"type":"user_actor","email_address":"ann@example.com","user_id":"user_1","ip_address":"203.0.113.9","user_agent":"Mozilla/5.0"}}`, &schemas.Event{
			Id: "activity_1", Time: at("2026-03-01T10:10:00Z"),
			Principal: "ann@example.com", PrincipalType: "user_actor", PrincipalIssuer: "user_1",
			Operation: "anthropic:service_key_created", Service: "anthropic", Outcome: success,
			Resources: []string{"svk_1"}, Grantees: []string{"svk_1"}, SrcIp: "203.0.113.9", UserAgent: "Mozilla/5.0", Account: "org_1",
		}, nil},
		{"a key is used", "anthropic-activity", `{"id":"activity_2","created_at":"2026-03-01T10:10:01Z","organization_id":"org_1","type":"claude_file_viewed","claude_file_id":"file_1","actor":{"type":"api_actor","api_key_id":"apikey_1","ip_address":"203.0.113.9"}}`, &schemas.Event{
			Id: "activity_2", Time: at("2026-03-01T10:10:01Z"),
			Principal: "apikey_1", PrincipalType: "api_actor", PrincipalIssuer: "apikey_1", CredentialId: "apikey_1", CredentialType: "api_key",
			Operation: "anthropic:claude_file_viewed", Service: "anthropic", Outcome: success,
			Resources: []string{"file_1"}, SrcIp: "203.0.113.9", Account: "org_1",
		}, nil},
		{"a login fails", "anthropic-activity", `{"id":"activity_3","created_at":"2026-03-01T10:10:02Z","organization_id":"org_1","type":"sso_login_failed","actor":{"type":"unauthenticated_user_actor","email_address":"ann@example.com","ip_address":"203.0.113.9"}}`, &schemas.Event{
			Id: "activity_3", Time: at("2026-03-01T10:10:02Z"),
			PrincipalType: "anonymous", Anonymous: true,
			Operation: "anthropic:sso_login_failed", Service: "anthropic", Outcome: denied,
			SrcIp: "203.0.113.9", Account: "org_1",
		}, map[string]string{"actor.email_address": "ann@example.com"}},
	}
}

func FuzzAnthropicActivity(f *testing.F) { fuzzParser(f, "anthropic-activity") }
