package enrich

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestResolveAPIGateway(t *testing.T) {
	for _, c := range []struct{ name, kind, principal, credential, want string }{
		{"a session of a role is the role, as in CloudTrail", "IAM", "arn:aws:sts::123456789012:assumed-role/ci/build-1", "", "aws:123456789012:role/ci"},
		{"the unique id of a role, whatever its session", "IAM", "AROAEXAMPLE:build-1", "", "aws:principal/AROAEXAMPLE"},
		{"whom an authorizer let in", "authorizer", "u-17", "", "apigateway:user/u-17"},
		{"an application", "client", "app-3", "", "apigateway:client/app-3"},
		{"an identity of Cognito", "cognito", "us-east-1:0a1b", "", "apigateway:cognito/us-east-1:0a1b"},
		{"the owner of a certificate", "certificate", "CN=printer-7", "", "apigateway:certificate/CN=printer-7"},
		{"the id of a key", "key", "k9x8y7", "k9x8y7", "apigateway:key/k9x8y7"},
		{"the hash of a key", "key", "hmac:aa", "hmac:aa", "apikey:aa"},
		{"nobody", "", "", "", "anonymous:apigateway/unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := &schemas.Event{Format: "apigateway", PrincipalType: c.kind, Principal: c.principal, CredentialId: c.credential, CredentialType: "api_key"}
			if Resolve(ev); ev.IdentityId != c.want {
				t.Errorf("got %q, want %q", ev.IdentityId, c.want)
			}
		})
	}
}
