package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func workspaceSamples() []sample {
	return []sample{
		{"a file is shared with everybody", "google-workspace", `{"kind":"admin#reports#activity","etag":"\"x\"","id":{"time":"2026-03-01T10:07:00.123Z","uniqueQualifier":"-7312729053723258069","applicationName":"drive","customerId":"C0abc"},"actor":{"callerType":"USER","email":"ann@example.com","profileId":"1181111"},"ipAddress":"203.0.113.9","events":[{"type":"acl_change","name":"change_document_visibility","parameters":[{"name":"doc_id","value":"1Gdoc"},{"name":"doc_title","value":"Plan"},{"name":"visibility","value":"people_with_link"},{"name":"old_visibility","value":"private"},{"name":"new_value","multiValue":["people_with_link"]},{"name":"billable","boolValue":true}]}]}`, &schemas.Event{
			Id: "2026-03-01T10:07:00.123Z/drive/-7312729053723258069", Time: at("2026-03-01T10:07:00.123Z"),
			Principal: "ann@example.com", PrincipalType: "USER", PrincipalIssuer: "1181111",
			Operation: "drive:change_document_visibility", Service: "drive", Outcome: success,
			Resources: []string{"1Gdoc", "Plan"}, Grantees: []string{"public"}, SrcIp: "203.0.113.9", Account: "C0abc",
		}, map[string]string{"new_value": "people_with_link", "billable": "true", "event.type": "acl_change"}},
		{"an application is authorized", "google-workspace", `{"kind":"admin#reports#activity","etag":"\"x\"","id":{"time":"2026-03-01T10:07:00.123Z","uniqueQualifier":"-7312729053723258069","applicationName":"token","customerId":"C0abc"},"actor":{"callerType":"USER","email":"ann@example.com","profileId":"1181111"},"ipAddress":"203.0.113.9","events":[{"type":"auth","name":"authorize","parameters":[{"name":"client_id","value":"123.apps.googleusercontent.com"},{"name":"app_name","value":"Sync"},{"name":"client_type","value":"WEB"},{"name":"scope","multiValue":["https://mail.google.com/","openid"]},{"name":"scope_data","multiMessageValue":[{"parameter":[{"name":"scope_name","value":"openid"}]}]}]}]}`, &schemas.Event{
			Id: "2026-03-01T10:07:00.123Z/token/-7312729053723258069", Time: at("2026-03-01T10:07:00.123Z"),
			Principal: "ann@example.com", PrincipalType: "USER", PrincipalIssuer: "1181111", OauthClient: "123.apps.googleusercontent.com", Scopes: []string{"https://mail.google.com/", "openid"},
			Operation: "token:authorize", Service: "token", Outcome: success,
			Resources: []string{"Sync"}, Grantees: []string{"123.apps.googleusercontent.com"}, SrcIp: "203.0.113.9", Account: "C0abc",
		}, map[string]string{"app_name": "Sync", "client_type": "WEB"}},
		{"an application calls an API for a person", "google-workspace", `{"kind":"admin#reports#activity","etag":"\"x\"","id":{"time":"2026-03-01T10:07:00.123Z","uniqueQualifier":"-7312729053723258069","applicationName":"token","customerId":"C0abc"},"actor":{"callerType":"USER","email":"ann@example.com","profileId":"1181111"},"ipAddress":"203.0.113.9","events":[{"type":"auth","name":"activity","parameters":[{"name":"client_id","value":"123.apps.googleusercontent.com"},{"name":"app_name","value":"Sync"},{"name":"api_name","value":"gmail"},{"name":"method_name","value":"gmail.users.messages.get"},{"name":"num_response_bytes","intValue":"4096"}]}]}`, &schemas.Event{
			Id: "2026-03-01T10:07:00.123Z/token/-7312729053723258069", Time: at("2026-03-01T10:07:00.123Z"),
			Principal: "Sync", PrincipalType: "oauth_app", PrincipalIssuer: "123.apps.googleusercontent.com", OauthClient: "123.apps.googleusercontent.com", Delegation: []string{"ann@example.com", "123.apps.googleusercontent.com"},
			Operation: "gmail:gmail.users.messages.get", Service: "gmail", Outcome: success,
			Resources: []string{"Sync"}, BytesOut: 4096, SrcIp: "203.0.113.9", Account: "C0abc",
		}, map[string]string{"num_response_bytes": "4096"}},
		{"a login fails", "google-workspace", `{"kind":"admin#reports#activity","etag":"\"x\"","id":{"time":"2026-03-01T10:07:00.123Z","uniqueQualifier":"-7312729053723258069","applicationName":"login","customerId":"C0abc"},"actor":{"callerType":"USER","email":"ann@example.com","profileId":"1181111"},"ipAddress":"203.0.113.9","events":[{"type":"login","name":"login_failure","parameters":[{"name":"login_type","value":"google_password"},{"name":"login_failure_type","value":"login_failure_invalid_password"}]}]}`, &schemas.Event{
			Id: "2026-03-01T10:07:00.123Z/login/-7312729053723258069", Time: at("2026-03-01T10:07:00.123Z"),
			Principal: "ann@example.com", PrincipalType: "USER", PrincipalIssuer: "1181111",
			Operation: "login:login_failure", Service: "login", Outcome: denied, ErrorCode: "login_failure_invalid_password",
			SrcIp: "203.0.113.9", Account: "C0abc",
		}, map[string]string{"login_type": "google_password"}},
		{"domain-wide delegation is given", "google-workspace", `{"kind":"admin#reports#activity","etag":"\"x\"","id":{"time":"2026-03-01T10:07:00.123Z","uniqueQualifier":"-7312729053723258069","applicationName":"admin","customerId":"C0abc"},"actor":{"callerType":"USER","email":"ann@example.com","profileId":"1181111"},"ipAddress":"203.0.113.9","events":[{"type":"DOMAIN_SETTINGS","name":"AUTHORIZE_API_CLIENT_ACCESS","parameters":[{"name":"API_CLIENT_NAME","value":"1170"},{"name":"API_SCOPES","multiValue":["https://mail.google.com/"]},{"name":"DOMAIN_NAME","value":"example.com"}]}]}`, &schemas.Event{
			Id: "2026-03-01T10:07:00.123Z/admin/-7312729053723258069", Time: at("2026-03-01T10:07:00.123Z"),
			Principal: "ann@example.com", PrincipalType: "USER", PrincipalIssuer: "1181111",
			Operation: "admin:AUTHORIZE_API_CLIENT_ACCESS", Service: "admin", Outcome: success,
			Resources: []string{"example.com", "1170"}, Grantees: []string{"1170"}, SrcIp: "203.0.113.9", Account: "C0abc",
		}, map[string]string{"API_SCOPES": "https://mail.google.com/"}},
		{"a robot is known by its key", "google-workspace", `{"kind":"admin#reports#activity","etag":"\"x\"","id":{"time":"2026-03-01T10:07:00.123Z","uniqueQualifier":"-7312729053723258069","applicationName":"admin","customerId":"C0abc"},"actor":{"callerType":"KEY","key":"SYSTEM"},"ipAddress":"203.0.113.9","events":[{"type":"USER_SETTINGS","name":"CREATE_USER","parameters":[{"name":"USER_EMAIL","value":"new@example.com"}]}]}`, &schemas.Event{
			Id: "2026-03-01T10:07:00.123Z/admin/-7312729053723258069", Time: at("2026-03-01T10:07:00.123Z"),
			Principal: "SYSTEM", PrincipalType: "KEY", CredentialId: "SYSTEM", CredentialType: "key",
			Operation: "admin:CREATE_USER", Service: "admin", Outcome: success,
			Resources: []string{"new@example.com"}, SrcIp: "203.0.113.9", Account: "C0abc",
		}, nil},
		{"an application with delegation of the domain", "google-workspace", `{"kind":"admin#reports#activity","etag":"\"x\"","id":{"time":"2026-03-01T10:07:00.123Z","uniqueQualifier":"-7312729053723258069","applicationName":"drive","customerId":"C0abc"},"actor":{"callerType":"USER","email":"ann@example.com","profileId":"1","applicationInfo":{"oauthClientId":"1170","applicationName":"backup","impersonation":true}},"ipAddress":"203.0.113.9","events":[{"type":"access","name":"download","parameters":[{"name":"doc_id","value":"1Gdoc"}]}]}`, &schemas.Event{
			Id: "2026-03-01T10:07:00.123Z/drive/-7312729053723258069", Time: at("2026-03-01T10:07:00.123Z"),
			Principal: "backup", PrincipalType: "oauth_app", PrincipalIssuer: "1170", OauthClient: "1170", Delegation: []string{"ann@example.com", "1170"}, ActingAs: "ann@example.com",
			Operation: "drive:download", Service: "drive", Outcome: success,
			Resources: []string{"1Gdoc"}, SrcIp: "203.0.113.9", Account: "C0abc",
		}, nil},
		{"a collector has parted the events", "google-workspace", `{"actor":{"email":"Ann@Example.com","profileId":"1"},"id":{"applicationName":"drive","customerId":"C0abc","time":"2026-03-01 10:07:00.123","uniqueQualifier":"-1"},"ipAddress":"203.0.113.9","kind":"admin#reports#activity","name":"download","parameters":{"doc_id":"1Gdoc","doc_title":"Plan","billable":true},"type":"access"}`, &schemas.Event{
			Id: "2026-03-01 10:07:00.123/drive/-1", Time: at("2026-03-01T10:07:00.123Z"),
			Principal: "Ann@Example.com", PrincipalType: "USER", PrincipalIssuer: "1",
			Operation: "drive:download", Service: "drive", Outcome: success,
			Resources: []string{"1Gdoc", "Plan"}, SrcIp: "203.0.113.9", Account: "C0abc",
		}, map[string]string{"billable": "true"}},
	}
}

func TestActivitiesAreTakenApart(t *testing.T) {
	two := `{"kind":"admin#reports#activities","items":[{"kind":"admin#reports#activity","id":{"time":"2026-03-01T10:07:00Z","uniqueQualifier":"7","applicationName":"drive"},"actor":{"email":"ann@example.com","profileId":"1","more":"x"},"events":[{"type":"access","name":"view","parameters":[{"name":"doc_id","value":"d1"}]},{"type":"access","name":"edit","parameters":[{"name":"doc_id","value":"d1"}]}]}]}`
	c := parseAll(t, "google-workspace", two)
	if len(c.events) != 2 || len(c.bad) != 0 {
		t.Fatalf("%d events, refused: %q", len(c.events), c.bad)
	}
	for i, want := range []struct{ id, operation string }{{"2026-03-01T10:07:00Z/drive/7", "drive:view"}, {"2026-03-01T10:07:00Z/drive/7/1", "drive:edit"}} {
		ev := c.events[i]
		if ev.Id != want.id || ev.Operation != want.operation || ev.Principal != "ann@example.com" || ev.Attributes["actor.more"] != "x" {
			t.Errorf("event %d: %v", i, ev)
		}
	}
	if c := parseAll(t, "google-workspace", strings.Replace(two, `{"type":"access","name":"view"`, `{"type":"access"`, 1)); len(c.events) != 1 || len(c.bad) != 1 {
		t.Errorf("an event without a name: %d events, refused: %q", len(c.events), c.bad)
	}
}

func FuzzGoogleWorkspace(f *testing.F) { fuzzParser(f, "google-workspace") }
