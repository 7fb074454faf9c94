package ingest

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func slackSamples() []sample {
	return []sample{
		{"a person logs in", "slack-audit", `{"id":"0123a45b-6c7d-8900-e12f-3456789gh0i1","date_create":1772359620,"action":"user_login","actor":{"type":"user","user":{"id":"U0ANN","name":"ann","email":"ann@example.com","team":"T0AB"}},"entity":{"type":"user","user":{"id":"U0ANN","name":"ann","email":"ann@example.com"}},"context":{"location":{"type":"workspace","id":"T0AB","name":"Acme","domain":"acme"},"ua":"Mozilla/5.0 (Macintosh)","ip_address":"203.0.113.9","session_id":847288190092},"details":{}}`, &schemas.Event{
			Id: "0123a45b-6c7d-8900-e12f-3456789gh0i1", Time: at("2026-03-01T10:07:00Z"),
			Principal: "ann@example.com", PrincipalType: "user", PrincipalIssuer: "U0ANN", SessionId: "hmac:5d9c925e05e483f9d1e704d7b026b434",
			Operation: "slack:user_login", Service: "slack", Outcome: success,
			Resources: []string{"ann@example.com", "U0ANN"}, SrcIp: "203.0.113.9", UserAgent: "Mozilla/5.0 (Macintosh)", Account: "T0AB",
		}, map[string]string{"context.location.domain": "acme", "entity.type": "user"}},
		{"an application is installed", "slack-audit", `{"id":"0123a45b-6c7d-8900-e12f-3456789gh0i1","date_create":1772359620,"action":"app_installed","actor":{"type":"user","user":{"id":"U0ANN","name":"ann","email":"ann@example.com","team":"T0AB"}},"entity":{"type":"app","app":{"id":"A0EVIL","name":"Evil","is_distributed":true,"scopes":["chat:write"]}},"context":{"location":{"type":"workspace","id":"T0AB","name":"Acme","domain":"acme"},"ua":"Mozilla/5.0 (Macintosh)","ip_address":"203.0.113.9","session_id":847288190092},"details":{"new_scopes":["files:read","channels:history"],"is_internal_integration":false}}`, &schemas.Event{
			Id: "0123a45b-6c7d-8900-e12f-3456789gh0i1", Time: at("2026-03-01T10:07:00Z"),
			Principal: "ann@example.com", PrincipalType: "user", PrincipalIssuer: "U0ANN", SessionId: "hmac:5d9c925e05e483f9d1e704d7b026b434", Scopes: []string{"files:read", "channels:history"},
			Operation: "slack:app_installed", Service: "slack", Outcome: success,
			Resources: []string{"Evil", "A0EVIL"}, Grantees: []string{"Evil"}, SrcIp: "203.0.113.9", UserAgent: "Mozilla/5.0 (Macintosh)", Account: "T0AB",
		}, map[string]string{"details.is_internal_integration": "false", "entity.app.is_distributed": "true"}},
		{"an application downloads a file", "slack-audit", `{"id":"0123a45b-6c7d-8900-e12f-3456789gh0i1","date_create":1772359620,"action":"file_downloaded","actor":{"type":"app","app":{"id":"A0SYNC","name":"sync"}},"entity":{"type":"file","file":{"id":"F0PAY","name":"pay.xlsx","filetype":"xlsx"}},"context":{"location":{"type":"workspace","id":"T0AB","name":"Acme","domain":"acme"},"ua":"Mozilla/5.0 (Macintosh)","ip_address":"203.0.113.9","session_id":847288190092},"details":{}}`, &schemas.Event{
			Id: "0123a45b-6c7d-8900-e12f-3456789gh0i1", Time: at("2026-03-01T10:07:00Z"),
			Principal: "sync", PrincipalType: "app", PrincipalIssuer: "A0SYNC", SessionId: "hmac:5d9c925e05e483f9d1e704d7b026b434",
			Operation: "slack:file_downloaded", Service: "slack", Outcome: success,
			Resources: []string{"pay.xlsx", "F0PAY"}, SrcIp: "203.0.113.9", UserAgent: "Mozilla/5.0 (Macintosh)", Account: "T0AB",
		}, map[string]string{"entity.file.filetype": "xlsx"}},
		{"an application acts for a person", "slack-audit", `{"id":"0123a45b-6c7d-8900-e12f-3456789gh0i1","date_create":1772359620,"action":"file_downloaded","actor":{"type":"user","user":{"id":"U0ANN","name":"ann","email":"ann@example.com","team":"T0AB"}},"entity":{"type":"file","file":{"id":"F0PAY","name":"pay.xlsx"}},"context":{"location":{"type":"enterprise","id":"E1","name":"Acme"},"ua":"x","ip_address":"203.0.113.9","app":{"id":"A0SYNC","name":"sync"}},"details":{}}`, &schemas.Event{
			Id: "0123a45b-6c7d-8900-e12f-3456789gh0i1", Time: at("2026-03-01T10:07:00Z"),
			Principal: "sync", PrincipalType: "app", PrincipalIssuer: "A0SYNC", OauthClient: "A0SYNC", Delegation: []string{"ann@example.com", "sync"},
			Operation: "slack:file_downloaded", Service: "slack", Outcome: success,
			Resources: []string{"pay.xlsx", "F0PAY"}, SrcIp: "203.0.113.9", UserAgent: "x", Account: "E1",
		}, map[string]string{"actor.user.id": "U0ANN"}},
		{"a file becomes public", "slack-audit", `{"id":"0123a45b-6c7d-8900-e12f-3456789gh0i1","date_create":1772359620,"action":"file_public_link_created","actor":{"type":"user","user":{"id":"U0ANN","name":"ann","email":"ann@example.com","team":"T0AB"}},"entity":{"type":"file","file":{"id":"F0PAY","name":"pay.xlsx"}},"context":{"location":{"type":"workspace","id":"T0AB","name":"Acme","domain":"acme"},"ua":"Mozilla/5.0 (Macintosh)","ip_address":"203.0.113.9","session_id":847288190092},"details":{}}`, &schemas.Event{
			Id: "0123a45b-6c7d-8900-e12f-3456789gh0i1", Time: at("2026-03-01T10:07:00Z"),
			Principal: "ann@example.com", PrincipalType: "user", PrincipalIssuer: "U0ANN", SessionId: "hmac:5d9c925e05e483f9d1e704d7b026b434",
			Operation: "slack:file_public_link_created", Service: "slack", Outcome: success,
			Resources: []string{"pay.xlsx", "F0PAY"}, Grantees: []string{"public"}, SrcIp: "203.0.113.9", UserAgent: "Mozilla/5.0 (Macintosh)", Account: "T0AB",
		}, nil},
		{"a login fails", "slack-audit", `{"id":"0123a45b-6c7d-8900-e12f-3456789gh0i1","date_create":1772359620,"action":"user_login_failed","actor":{"type":"user","user":{"id":"U0ANN","name":"ann","email":"ann@example.com","team":"T0AB"}},"entity":{"type":"user","user":{"id":"U0ANN","name":"ann"}},"context":{"location":{"type":"workspace","id":"T0AB","name":"Acme","domain":"acme"},"ua":"Mozilla/5.0 (Macintosh)","ip_address":"203.0.113.9","session_id":847288190092},"details":{}}`, &schemas.Event{
			Id: "0123a45b-6c7d-8900-e12f-3456789gh0i1", Time: at("2026-03-01T10:07:00Z"),
			Principal: "ann@example.com", PrincipalType: "user", PrincipalIssuer: "U0ANN", SessionId: "hmac:5d9c925e05e483f9d1e704d7b026b434",
			Operation: "slack:user_login_failed", Service: "slack", Outcome: denied,
			Resources: []string{"ann", "U0ANN"}, SrcIp: "203.0.113.9", UserAgent: "Mozilla/5.0 (Macintosh)", Account: "T0AB",
		}, nil},
	}
}

func FuzzSlackAudit(f *testing.F) { fuzzParser(f, "slack-audit") }
