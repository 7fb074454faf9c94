package enrich

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestResolve(t *testing.T) {
	const account = "123456789012"
	aws := func(kind, principal, issuer string) *schemas.Event {
		return &schemas.Event{Format: "cloudtrail", PrincipalType: kind, Principal: principal, PrincipalIssuer: issuer, Account: account, SrcIp: "203.0.113.7"}
	}
	gateway := func(format, kind, principal, credential string) *schemas.Event {
		return &schemas.Event{Format: format, PrincipalType: kind, Principal: principal, CredentialId: credential, SrcIp: "203.0.113.7"}
	}
	for _, c := range []struct {
		name string
		ev   *schemas.Event
		want string
		anon bool
	}{
		{"an IAM user is named in its account", aws("IAMUser", "arn:aws:iam::123456789012:user/alice", ""), "aws:123456789012:user/alice", false},
		{"the path of a user is dropped", aws("IAMUser", "arn:aws:iam::123456789012:user/eng/ci/alice", ""), "aws:123456789012:user/alice", false},
		{"a user without an ARN is named by what is logged", aws("IAMUser", "alice", ""), "aws:123456789012:user/alice", false},
		{"a session is the role it assumed", aws("AssumedRole", "arn:aws:sts::123456789012:assumed-role/deploy/run-42", "arn:aws:iam::123456789012:role/ci/deploy"), "aws:123456789012:role/deploy", false},
		{"another session of that role is the same identity", aws("AssumedRole", "arn:aws:sts::123456789012:assumed-role/deploy/run-43", ""), "aws:123456789012:role/deploy", false},
		{"a role of another account keeps its own account", aws("AssumedRole", "arn:aws:sts::999999999999:assumed-role/audit/x", ""), "aws:999999999999:role/audit", false},
		{"a role without any ARN is known by its unique id, not by its session", aws("AssumedRole", "AROAEXAMPLE:run-42", ""), "aws:123456789012:role/AROAEXAMPLE", false},
		{"a role by its own ARN", aws("Role", "arn:aws:iam::123456789012:role/deploy", ""), "aws:123456789012:role/deploy", false},
		{"GovCloud's ARNs are read alike", aws("IAMUser", "arn:aws-us-gov:iam::123456789012:user/alice", ""), "aws:123456789012:user/alice", false},
		{"root is the account's root", aws("Root", "arn:aws:iam::123456789012:root", ""), "aws:123456789012:root", false},
		{"root without an ARN", aws("Root", "123456789012", ""), "aws:123456789012:root", false},
		{"a service is named by who invoked", aws("AWSService", "lambda.amazonaws.com", ""), "aws:service/lambda.amazonaws.com", false},
		{"an account is only its number", aws("AWSAccount", "999999999999", ""), "aws:999999999999", false},
		{"a principal of a foreign account is that account", aws("AWSAccount", "AIDAEXAMPLE", ""), "aws:123456789012", false},
		{"a public bucket's reader is nobody", aws("AWSAccount", "ANONYMOUS_PRINCIPAL", ""), "anonymous:cloudtrail/203.0.113.0/24", true},
		{"a federated user is not the user who made the token", aws("FederatedUser", "arn:aws:sts::123456789012:federated-user/bob", "arn:aws:iam::123456789012:user/broker"), "aws:123456789012:federated/bob", false},
		{"a federated user without an ARN", aws("FederatedUser", "123456789012:bob", ""), "aws:123456789012:federated/bob", false},
		{"a web identity is named by its provider's words", aws("WebIdentityUser", "accounts.google.com:app:user", ""), "aws:123456789012:web/accounts.google.com:app:user", false},
		{"a SAML user likewise", aws("SAMLUser", "idp:alice", ""), "aws:123456789012:web/idp:alice", false},
		{"an Identity Center user", aws("IdentityCenterUser", "906-user", ""), "aws:123456789012:identity-center/906-user", false},
		{"a directory's user", aws("Directory", "alice", ""), "aws:123456789012:directory/alice", false},
		{"an unknown type with an ARN is read by the ARN", aws("Unknown", "arn:aws:iam::123456789012:user/alice", ""), "aws:123456789012:user/alice", false},
		{"an unknown type with a service's name is that service", aws("Unknown", "ec2.amazonaws.com", ""), "aws:service/ec2.amazonaws.com", false},
		{"an unknown type that names nobody is anonymous", aws("Unknown", "", ""), "anonymous:cloudtrail/203.0.113.0/24", true},

		{"a consumer", gateway("kong", "consumer", "partner-7", "hmac:aa"), "kong:consumer/partner-7", false},
		{"a consumer of a named cluster", &schemas.Event{Format: "kong", PrincipalType: "consumer", Principal: "partner-7", Attributes: map[string]string{"cluster": "edge-2"}}, "kong:edge-2/consumer/partner-7", false},
		{"the subject of a token", gateway("kong", "subject", "svc-reports", ""), "kong:subject/svc-reports", false},
		{"the owner of a certificate", gateway("kong", "certificate", "CN=ledger", ""), "kong:certificate/CN=ledger", false},
		{"a credential without a consumer is a key", gateway("kong", "credential", "", "hmac:aa"), "apikey:aa", false},
		{"nobody at a gateway", gateway("kong", "anonymous", "", ""), "anonymous:kong/203.0.113.0/24", true},
		{"an access log's user", gateway("nginx", "user", "alice", ""), "nginx:user/alice", false},
		{"a dash is no user", gateway("nginx", "user", "-", ""), "anonymous:nginx/203.0.113.0/24", true},
		{"an access log's key", gateway("nginx", "key", "", "hmac:bb"), "apikey:bb", false},
		{"an IPv6 source is keyed by its /48", &schemas.Event{Format: "nginx", PrincipalType: "anonymous", SrcIp: "2001:db8:1:2::3"}, "anonymous:nginx/2001:db8:1::/48", true},
		{"no source at all", &schemas.Event{Format: "nginx"}, "anonymous:nginx/unknown", true},
		{"the parser's word that a call is anonymous stands", &schemas.Event{Format: "kong", Anonymous: true, Principal: "guest", SrcIp: "203.0.113.7"}, "anonymous:kong/203.0.113.0/24", true},
		{"another format is named by itself", gateway("vendor", "app", "0oa1", ""), "vendor:app/0oa1", false},
		{"a certificate's subject", gateway("nginx", "certificate", "CN=ledger,O=Example", "aa11"), "nginx:certificate/CN=ledger,O=Example", false},
		{"a certificate known by its fingerprint", gateway("envoy", "certificate", "9f86d081", "9f86d081"), "envoy:certificate/9f86d081", false},
		{"a SPIFFE id in the mesh", gateway("istio", "certificate", "spiffe://prod/ns/x", ""), "spiffe://prod/ns/x", false},
		{"a user of Apache", gateway("apache", "user", "alice", ""), "apache:user/alice", false},
		{"a user of Traefik", gateway("traefik", "user", "alice", ""), "traefik:user/alice", false},
		{"a user of Caddy", gateway("caddy", "user", "alice", ""), "caddy:user/alice", false},
		{"a captured key of HAProxy", gateway("haproxy", "key", "hmac:bb", "hmac:bb"), "apikey:bb", false},
		{"a SPIFFE id that no certificate proves", gateway("envoy", "mtls", "spiffe://prod/ns/x", ""), "envoy:user/spiffe://prod/ns/x", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			Resolve(c.ev)
			if c.ev.IdentityId != c.want || c.ev.Anonymous != c.anon {
				t.Errorf("got %q anonymous=%v, want %q anonymous=%v", c.ev.IdentityId, c.ev.Anonymous, c.want, c.anon)
			}
		})
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("cloudtrail", "AssumedRole", "arn:aws:sts::1:assumed-role/a/b", "", "")
	f.Add("kong", "consumer", "x", "", "hmac:1")
	f.Fuzz(func(t *testing.T, format, kind, principal, issuer, credential string) {
		ev := &schemas.Event{Format: format, PrincipalType: kind, Principal: principal, PrincipalIssuer: issuer, CredentialId: credential}
		Resolve(ev)
		if ev.IdentityId == "" {
			t.Fatal("an event always has an identity")
		}
		if !ev.Anonymous && Canonical(ev.IdentityId) == "" {
			t.Fatal("a canonical id stays one")
		}
	})
}
