package ingest

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func githubSamples() []sample {
	return []sample{
		{"a person clones with a token", "github", `{"@timestamp":1772359560123,"_document_id":"Ab1Cd2Ef3","action":"git.clone","actor":"ann-lee","actor_id":4711,"actor_ip":"203.0.113.9","actor_is_bot":false,"actor_location":{"country_code":"FR"},"business":"acme","business_id":7,"created_at":1772359560123,"operation_type":"access","org":"acme-org","org_id":9,"user_agent":"git/2.43.0","repo":"acme-org/shop","programmatic_access_type":"Personal access token (classic)","token_id":99,"hashed_token":"q1w2e3r4t5y6u7i8o9p0q1w2e3r4t5y6u7i8o9p0q1w=","token_scopes":"repo,read:org","transport_protocol_name":"http","repository":"acme-org/shop"}`, &schemas.Event{
			Id: "Ab1Cd2Ef3", Time: at("2026-03-01T10:06:00.123Z"),
			Principal: "ann-lee", PrincipalType: "user", CredentialId: "99", CredentialType: "Personal access token (classic)", Scopes: []string{"repo", "read:org"},
			Operation: "github:git.clone", Service: "github", Outcome: success, ReadOnly: schemas.ReadOnly_READ_ONLY_TRUE,
			Resources: []string{"acme-org/shop"}, SrcIp: "203.0.113.9", UserAgent: "git/2.43.0", Account: "acme-org",
		}, map[string]string{"transport_protocol_name": "http", "actor_location.country_code": "FR", "actor_id": "4711"}},
		{"a GitHub App works by itself", "github", `{"@timestamp":1772359560123,"_document_id":"Ab1Cd2Ef3","action":"git.push","actor":"release-bot[bot]","actor_id":4711,"actor_ip":"203.0.113.9","actor_is_bot":true,"actor_location":{"country_code":"FR"},"business":"acme","business_id":7,"created_at":1772359560123,"operation_type":"modify","org":"acme-org","org_id":9,"user_agent":"git/2.43.0","programmatic_access_type":"GitHub App server-to-server token","repo":"acme-org/shop","hashed_token":"q1w2e3r4t5y6u7i8o9p0q1w2e3r4t5y6u7i8o9p0q1w="}`, &schemas.Event{
			Id: "Ab1Cd2Ef3", Time: at("2026-03-01T10:06:00.123Z"),
			Principal: "release-bot", PrincipalType: "app", CredentialId: "q1w2e3r4t5y6u7i8o9p0q1w2e3r4t5y6u7i8o9p0q1w=", CredentialType: "GitHub App server-to-server token",
			Operation: "github:git.push", Service: "github", Outcome: success, ReadOnly: schemas.ReadOnly_READ_ONLY_FALSE,
			Resources: []string{"acme-org/shop"}, SrcIp: "203.0.113.9", UserAgent: "git/2.43.0", Account: "acme-org",
		}, nil},
		{"an OAuth application acts for a person", "github", `{"@timestamp":1772359560123,"_document_id":"Ab1Cd2Ef3","action":"api.request","actor":"ann-lee","actor_id":4711,"actor_ip":"203.0.113.9","actor_is_bot":false,"actor_location":{"country_code":"FR"},"business":"acme","business_id":7,"created_at":1772359560123,"operation_type":null,"org":"acme-org","org_id":9,"user_agent":"dashboard/1.0","programmatic_access_type":"OAuth access token","oauth_application_id":321,"oauth_application_name":"ci-dashboard","token_scopes":"repo","request_method":"GET","route":"/repos/:owner/:repo/contents/*path","url_path":"/repos/acme-org/shop/contents/a.txt","status_code":200,"request_id":"C0FF:EE","rate_limit_remaining":"4999","query_string":"ref=main"}`, &schemas.Event{
			Id: "Ab1Cd2Ef3", Time: at("2026-03-01T10:06:00.123Z"), RequestId: "C0FF:EE",
			Principal: "ci-dashboard", PrincipalType: "app", PrincipalIssuer: "321", OauthClient: "321", Delegation: []string{"ann-lee", "ci-dashboard"}, CredentialType: "OAuth access token", Scopes: []string{"repo"},
			Operation: "GET /repos/:owner/:repo/contents/*path", Service: "github", HttpMethod: "GET", UrlPath: "/repos/acme-org/shop/contents/a.txt", RouteTemplate: "/repos/:owner/:repo/contents/*path", StatusCode: 200, Outcome: success,
			Resources: []string{"/repos/acme-org/shop/contents/a.txt"}, SrcIp: "203.0.113.9", UserAgent: "dashboard/1.0", Account: "acme-org",
		}, map[string]string{"actor": "ann-lee", "app": "ci-dashboard", "action": "api.request"}},
		{"a workflow uses its own token", "github", `{"@timestamp":1772359560123,"_document_id":"Ab1Cd2Ef3","action":"git.fetch","actor":"github-actions[bot]","actor_id":4711,"actor_ip":"203.0.113.9","actor_is_bot":true,"actor_location":{"country_code":"FR"},"business":"acme","business_id":7,"created_at":1772359560123,"operation_type":"access","org":"acme-org","org_id":9,"user_agent":"git/2.43.0","programmatic_access_type":"GITHUB_TOKEN","repo":"acme-org/shop"}`, &schemas.Event{
			Id: "Ab1Cd2Ef3", Time: at("2026-03-01T10:06:00.123Z"),
			Principal: "acme-org/shop", PrincipalType: "github_token", CredentialType: "GITHUB_TOKEN",
			Operation: "github:git.fetch", Service: "github", Outcome: success, ReadOnly: schemas.ReadOnly_READ_ONLY_TRUE,
			Resources: []string{"acme-org/shop"}, SrcIp: "203.0.113.9", UserAgent: "git/2.43.0", Account: "acme-org",
		}, map[string]string{"actor": "github-actions[bot]"}},
		{"a deploy key fetches", "github", `{"@timestamp":1772359560123,"_document_id":"Ab1Cd2Ef3","action":"git.fetch","actor":"ann-lee","actor_id":4711,"actor_ip":"203.0.113.9","actor_is_bot":false,"actor_location":{"country_code":"FR"},"business":"acme","business_id":7,"created_at":1772359560123,"operation_type":"access","org":"acme-org","org_id":9,"user_agent":"git/2.43.0","repo":"acme-org/shop","deploy_key_fingerprint":"SHA256:Zm9vYmFyYmF6","transport_protocol_name":"ssh"}`, &schemas.Event{
			Id: "Ab1Cd2Ef3", Time: at("2026-03-01T10:06:00.123Z"),
			Principal: "SHA256:Zm9vYmFyYmF6", PrincipalType: "deploy_key", CredentialId: "SHA256:Zm9vYmFyYmF6", CredentialType: "deploy_key",
			Operation: "github:git.fetch", Service: "github", Outcome: success, ReadOnly: schemas.ReadOnly_READ_ONLY_TRUE,
			Resources: []string{"acme-org/shop"}, SrcIp: "203.0.113.9", UserAgent: "git/2.43.0", Account: "acme-org",
		}, nil},
		{"a person joins an organization", "github", `{"@timestamp":1772359560123,"_document_id":"Ab1Cd2Ef3","action":"org.add_member","actor":"ann-lee","actor_id":4711,"actor_ip":"203.0.113.9","actor_is_bot":false,"actor_location":{"country_code":"FR"},"business":"acme","business_id":7,"created_at":1772359560123,"operation_type":"create","org":"acme-org","org_id":9,"user_agent":"git/2.43.0","user":"mallory","permission":"admin"}`, &schemas.Event{
			Id: "Ab1Cd2Ef3", Time: at("2026-03-01T10:06:00.123Z"),
			Principal: "ann-lee", PrincipalType: "user",
			Operation: "github:org.add_member", Service: "github", Outcome: success, ReadOnly: schemas.ReadOnly_READ_ONLY_FALSE,
			Resources: []string{"mallory"}, Grantees: []string{"mallory"}, SrcIp: "203.0.113.9", UserAgent: "git/2.43.0", Account: "acme-org",
		}, map[string]string{"permission": "admin", "user": "mallory"}},
		{"a repository is made public", "github", `{"@timestamp":1772359560123,"_document_id":"Ab1Cd2Ef3","action":"repo.access","actor":"ann-lee","actor_id":4711,"actor_ip":"203.0.113.9","actor_is_bot":false,"actor_location":{"country_code":"FR"},"business":"acme","business_id":7,"created_at":1772359560123,"operation_type":"modify","org":"acme-org","org_id":9,"user_agent":"git/2.43.0","repo":"acme-org/shop","visibility":"public","external_identity_nameid":"ann@example.com"}`, &schemas.Event{
			Id: "Ab1Cd2Ef3", Time: at("2026-03-01T10:06:00.123Z"),
			Principal: "ann-lee", PrincipalType: "user",
			Operation: "github:repo.access", Service: "github", Outcome: success, ReadOnly: schemas.ReadOnly_READ_ONLY_FALSE,
			Resources: []string{"acme-org/shop"}, Grantees: []string{"public"}, SrcIp: "203.0.113.9", UserAgent: "git/2.43.0", Account: "acme-org",
		}, map[string]string{"visibility": "public", "external_identity_nameid": "ann@example.com"}},
		{"an application is installed", "github", `{"@timestamp":1772359560123,"_document_id":"Ab1Cd2Ef3","action":"integration_installation.create","actor":"ann-lee","actor_id":4711,"actor_ip":"203.0.113.9","actor_is_bot":false,"actor_location":{"country_code":"FR"},"business":"acme","business_id":7,"created_at":1772359560123,"operation_type":"create","org":"acme-org","org_id":9,"user_agent":"git/2.43.0","name":"Evil CI","integration":"Evil CI"}`, &schemas.Event{
			Id: "Ab1Cd2Ef3", Time: at("2026-03-01T10:06:00.123Z"),
			Principal: "ann-lee", PrincipalType: "user",
			Operation: "github:integration_installation.create", Service: "github", Outcome: success, ReadOnly: schemas.ReadOnly_READ_ONLY_FALSE,
			Resources: []string{"Evil CI"}, Grantees: []string{"Evil CI"}, SrcIp: "203.0.113.9", UserAgent: "git/2.43.0", Account: "acme-org",
		}, map[string]string{"name": "Evil CI"}},
		{"a login fails", "github", `{"@timestamp":1772359560123,"_document_id":"Ab1Cd2Ef3","action":"user.failed_login","actor":"ann-lee","actor_id":4711,"actor_ip":"203.0.113.9","actor_is_bot":false,"actor_location":{"country_code":"FR"},"business":"acme","business_id":7,"created_at":1772359560123,"operation_type":"authentication","org":"acme-org","org_id":9,"user_agent":"git/2.43.0"}`, &schemas.Event{
			Id: "Ab1Cd2Ef3", Time: at("2026-03-01T10:06:00.123Z"),
			Principal: "ann-lee", PrincipalType: "user",
			Operation: "github:user.failed_login", Service: "github", Outcome: denied,
			Resources: []string{"acme-org"}, SrcIp: "203.0.113.9", UserAgent: "git/2.43.0", Account: "acme-org",
		}, map[string]string{"operation_type": "authentication"}},
		{"an application is installed, as our receiver wraps it", "github", `{"x_github_event":"installation","x_github_delivery":"72d3162e-cc78-11e3-81ab-4c9367dc0958","payload":{"action":"created","installation":{"id":5150,"account":{"login":"acme-org"},"app_slug":"release-bot","permissions":{"contents":"write"},"created_at":"2026-03-01T10:10:00Z","updated_at":"2026-03-01T10:10:00Z"},"sender":{"login":"ann-lee","id":4711,"type":"User","url":"https://api.github.com/users/ann-lee"},"repositories":[{"full_name":"acme-org/shop"}]}}`, &schemas.Event{
			Id: "72d3162e-cc78-11e3-81ab-4c9367dc0958", Time: at("2026-03-01T10:10:00Z"), RequestId: "72d3162e-cc78-11e3-81ab-4c9367dc0958",
			Principal: "ann-lee", PrincipalType: "user",
			Operation: "github:installation.created", Service: "github", Outcome: success,
			Resources: []string{"release-bot"}, Grantees: []string{"release-bot"},
		}, map[string]string{"installation.permissions.contents": "write", "sender.id": "4711"}},
		{"a deploy key is made: the id is the body's, the time GitHub's, whatever the headers say", "github", `{"x_github_event":"deploy_key","x_github_delivery":"forged-1","received_at":"2026-03-01T10:12:30Z","body_sha256":"5f0e","payload":{"action":"created","key":{"id":7,"title":"ci","created_at":"2026-03-01T10:10:00Z"},"repository":{"full_name":"acme-org/shop"},"sender":{"login":"ann-lee","id":4711,"type":"User"}}}`, &schemas.Event{
			Id: "5f0e", Time: at("2026-03-01T10:10:00Z"), RequestId: "forged-1",
			Principal: "ann-lee", PrincipalType: "user",
			Operation: "github:deploy_key.created", Service: "github", Outcome: success,
			Resources: []string{"acme-org/shop"}, Grantees: []string{"deploy-key/7"}, Account: "acme-org",
		}, map[string]string{"sender.id": "4711"}},
		{"a deploy key is removed: nothing in the body says when", "github", `{"x_github_event":"deploy_key","x_github_delivery":"d-2","received_at":"2026-03-01T10:12:30Z","body_sha256":"5f0f","payload":{"action":"deleted","key":{"id":7,"title":"ci","created_at":"2026-01-01T10:10:00Z"},"repository":{"full_name":"acme-org/shop"},"sender":{"login":"ann-lee","id":4711,"type":"User"}}}`, &schemas.Event{
			Id: "5f0f", Time: at("2026-03-01T10:12:30Z"), RequestId: "d-2",
			Principal: "ann-lee", PrincipalType: "user",
			Operation: "github:deploy_key.deleted", Service: "github", Outcome: success,
			Resources: []string{"acme-org/shop"}, Account: "acme-org",
		}, map[string]string{"sender.id": "4711"}},
		{"a bare webhook of a push", "github", `{"ref":"refs/heads/main","before":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","after":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","pusher":{"name":"release-bot[bot]"},"sender":{"login":"release-bot[bot]","type":"Bot","id":1},"repository":{"id":12,"full_name":"acme-org/shop","private":true,"pushed_at":1772359560},"commits":[{"id":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","message":"release","timestamp":"2026-03-01T10:05:59+00:00","author":{"name":"Ann","email":"ann@example.com"}}],"head_commit":{"id":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","timestamp":"2026-03-01T10:05:59+00:00"}}`, &schemas.Event{
			Time:      at("2026-03-01T10:06:00Z"),
			Principal: "release-bot", PrincipalType: "app",
			Operation: "github:push", Service: "github", Outcome: success,
			Resources: []string{"acme-org/shop", "refs/heads/main"}, Account: "acme-org",
		}, map[string]string{"commits.0.message": "release", "repository.private": "true"}},
		{"a bare webhook of a failed job", "github", `{"action":"completed","workflow_job":{"id":5,"name":"deploy","status":"completed","conclusion":"failure","run_id":6,"started_at":"2026-03-01T10:05:00Z","completed_at":"2026-03-01T10:06:00Z","labels":["self-hosted"],"runner_name":"r1"},"repository":{"full_name":"acme-org/shop"},"sender":{"login":"ann-lee","type":"User"}}`, &schemas.Event{
			Time:      at("2026-03-01T10:06:00Z"),
			Principal: "ann-lee", PrincipalType: "user",
			Operation: "github:workflow_job.completed", Service: "github", Outcome: failed, ErrorCode: "failure",
			Resources: []string{"acme-org/shop"}, Account: "acme-org",
		}, map[string]string{"workflow_job.runner_name": "r1", "workflow_job.labels.0": "self-hosted"}},
	}
}

func FuzzGitHub(f *testing.F) { fuzzParser(f, "github") }
