package ingest

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func gitlabSamples() []sample {
	return []sample{
		{"a stream's event of a project token", "gitlab-audit", `{"id":"aaaa1111-0000-4000-8000-000000000001","author_id":77,"author_name":"project_12_bot_ab3f","author_class":"User","entity_id":12,"entity_type":"Project","entity_path":"acme/shop","details":{"change":"visibility","from":"private","to":"public","author_name":"project_12_bot_ab3f","author_class":"User","target_id":12,"target_type":"Project","target_details":"acme/shop","ip_address":"203.0.113.9","entity_path":"acme/shop"},"ip_address":"203.0.113.9","target_details":"acme/shop","target_type":"Project","target_id":12,"created_at":"2026-03-01T10:06:00.123Z","event_type":"project_visibility_level_updated"}`, &schemas.Event{
			Id: "aaaa1111-0000-4000-8000-000000000001", Time: at("2026-03-01T10:06:00.123Z"),
			Principal: "project_12_bot_ab3f", PrincipalType: "bot", PrincipalIssuer: "77",
			Operation: "gitlab:project_visibility_level_updated", Service: "gitlab", Outcome: success,
			Resources: []string{"acme/shop"}, Grantees: []string{"public"}, SrcIp: "203.0.113.9",
		}, map[string]string{"details.from": "private", "entity_type": "Project"}},
		{"the API's event of a new member", "gitlab-audit", `{"id":5,"author_id":3,"entity_id":12,"entity_type":"Project","details":{"add":"user_access","as":"Maintainer","author_name":"Ann Lee","target_id":9,"target_type":"User","target_details":"Mallory","ip_address":"203.0.113.9","entity_path":"acme/shop"},"created_at":"2026-03-01T10:06:01Z"}`, &schemas.Event{
			Id: "5", Time: at("2026-03-01T10:06:01Z"),
			Principal: "Ann Lee", PrincipalType: "User", PrincipalIssuer: "3",
			Operation: "gitlab:add user_access", Service: "gitlab", Outcome: success,
			Resources: []string{"acme/shop", "Mallory"}, Grantees: []string{"Mallory"}, SrcIp: "203.0.113.9",
		}, map[string]string{"details.as": "Maintainer"}},
		{"a line of audit_json.log", "gitlab-audit", `{"severity":"INFO","time":"2026-03-01T10:06:02.123Z","correlation_id":"01HX","meta.caller_id":"PersonalAccessTokensController#create","meta.remote_ip":"203.0.113.9","meta.user":"ann","author_id":3,"author_name":"Ann Lee","entity_id":3,"entity_type":"User","created_at":"2026-03-01 10:06:02 UTC","action":"custom","ip_address":"203.0.113.9","target_id":3,"target_type":"User","target_details":"Ann Lee","event_name":"personal_access_token_created","custom_message":"Created personal access token with id 8"}`, &schemas.Event{
			Time: at("2026-03-01T10:06:02Z"), RequestId: "01HX",
			Principal: "Ann Lee", PrincipalType: "User", PrincipalIssuer: "3",
			Operation: "gitlab:personal_access_token_created", Service: "gitlab", Outcome: success,
			Resources: []string{"Ann Lee", "User/3"}, Grantees: []string{"Ann Lee"}, SrcIp: "203.0.113.9",
		}, map[string]string{"caller_id": "PersonalAccessTokensController#create", "custom_message": "Created personal access token with id 8"}},
		{"nobody fails to log in", "gitlab-audit", `{"id":6,"author_id":-1,"entity_id":-1,"entity_type":"User","details":{"failed_login":"STANDARD","author_name":"mallory","target_details":"mallory","ip_address":"203.0.113.9"},"created_at":"2026-03-01T10:06:03Z"}`, &schemas.Event{
			Id: "6", Time: at("2026-03-01T10:06:03Z"),
			PrincipalType: "anonymous", Anonymous: true,
			Operation: "gitlab:failed_login STANDARD", Service: "gitlab", Outcome: denied,
			Resources: []string{"mallory", "User/-1"}, SrcIp: "203.0.113.9",
		}, map[string]string{"failed_login": "STANDARD", "author_name": "mallory"}},
		{"a call of the API with a token", "gitlab-audit", `{"time":"2026-03-01T10:06:04.5Z","severity":"INFO","duration_s":0.25,"db_duration_s":0.01,"view_duration_s":0.24,"status":200,"method":"GET","path":"/api/v4/projects/12/repository/files/a.txt/raw","params":[{"key":"ref","value":"main"},{"key":"private_token","value":"[FILTERED]"}],"host":"gitlab.example.com","remote_ip":"203.0.113.9","ua":"python-gitlab/4.4","route":"/api/:version/projects/:id/repository/files/:file_path/raw","user_id":77,"username":"group_7_bot_1","token_type":"PersonalAccessToken","token_id":42,"correlation_id":"01HY","meta.caller_id":"GET /api/:version/projects/:id/repository/files/:file_path/raw","meta.user":"group_7_bot_1","meta.remote_ip":"203.0.113.9","queue_duration_s":0.01}`, &schemas.Event{
			Time: at("2026-03-01T10:06:04.5Z"), RequestId: "01HY",
			Principal: "group_7_bot_1", PrincipalType: "bot", PrincipalIssuer: "77", CredentialId: "42", CredentialType: "PersonalAccessToken",
			Operation: "GET /api/:version/projects/:id/repository/files/:file_path/raw", Service: "gitlab", HttpMethod: "GET", UrlPath: "/api/v4/projects/12/repository/files/a.txt/raw", RouteTemplate: "/api/:version/projects/:id/repository/files/:file_path/raw", Host: "gitlab.example.com", StatusCode: 200, Outcome: success,
			Resources: []string{"/api/v4/projects/12/repository/files/a.txt/raw"}, LatencyUs: 250000, SrcIp: "203.0.113.9", UserAgent: "python-gitlab/4.4",
		}, map[string]string{"params.ref": "main", "caller_id": "GET /api/:version/projects/:id/repository/files/:file_path/raw"}},
		{"a page is refused", "gitlab-audit", `{"method":"GET","path":"/acme/shop/-/settings/ci_cd","format":"html","controller":"Projects::Settings::CiCdController","action":"show","status":403,"time":"2026-03-01T10:06:05.000Z","params":[],"remote_ip":"203.0.113.9","user_id":3,"username":"ann","ua":"Mozilla/5.0","correlation_id":"01HZ","meta.caller_id":"x","duration_s":0.02,"db_duration_s":0.01}`, &schemas.Event{
			Time: at("2026-03-01T10:06:05Z"), RequestId: "01HZ",
			Principal: "ann", PrincipalType: "User", PrincipalIssuer: "3",
			Operation: "GET /acme/shop/-/settings/ci_cd", Service: "gitlab", HttpMethod: "GET", UrlPath: "/acme/shop/-/settings/ci_cd", RouteTemplate: "/acme/shop/-/settings/ci_cd", StatusCode: 403, Outcome: denied,
			Resources: []string{"/acme/shop/-/settings/ci_cd"}, LatencyUs: 20000, SrcIp: "203.0.113.9", UserAgent: "Mozilla/5.0",
		}, map[string]string{"controller": "Projects::Settings::CiCdController#show"}},
		{"an audit event gives a bot's user name in its address", "gitlab-audit", `{"id":7,"author_id":77,"author_name":"ci","entity_id":12,"entity_type":"Project","details":{"author_name":"ci","author_class":"User","author_email":"project_12_bot_ab3f@noreply.gitlab.example.com","target_id":1,"target_type":"Release","target_details":"v1","custom_message":"Created release v1","ip_address":"203.0.113.9","entity_path":"acme/shop"},"created_at":"2026-03-01T10:06:06Z","event_type":"release_created_audit_event"}`, &schemas.Event{
			Id: "7", Time: at("2026-03-01T10:06:06Z"),
			Principal: "project_12_bot_ab3f", PrincipalType: "bot", PrincipalIssuer: "77",
			Operation: "gitlab:release_created_audit_event", Service: "gitlab", Outcome: success,
			Resources: []string{"acme/shop", "v1"}, SrcIp: "203.0.113.9",
		}, map[string]string{"author_name": "ci"}},
	}
}

func FuzzGitLabAudit(f *testing.F) { fuzzParser(f, "gitlab-audit") }
