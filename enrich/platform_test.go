package enrich

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestResolvePlatforms(t *testing.T) {
	cluster := map[string]string{"cluster": "prod-eu"}
	for _, c := range []struct {
		name string
		ev   *schemas.Event
		want string
	}{
		{"a service account", &schemas.Event{Format: "k8s-audit", PrincipalType: "serviceaccount", Principal: "system:serviceaccount:payments:ledger"}, "k8s:payments/ledger"},
		{"a service account of a named cluster", &schemas.Event{Format: "k8s-audit", Principal: "system:serviceaccount:payments:ledger", Attributes: cluster}, "k8s:prod-eu/payments/ledger"},
		{"a namespace called node makes no node", &schemas.Event{Format: "k8s-audit", Principal: "system:serviceaccount:node:x"}, "k8s:system:serviceaccount:node:x"},
		{"a node", &schemas.Event{Format: "k8s-audit", PrincipalType: "node", Principal: "system:node:ip-10-0-1-7"}, "k8s:node/ip-10-0-1-7"},
		{"a user of an identity provider", &schemas.Event{Format: "k8s-audit", PrincipalType: "user", Principal: "alice@example.com"}, "k8s:user/alice@example.com"},
		{"a component of the control plane", &schemas.Event{Format: "k8s-audit", PrincipalType: "user", Principal: "system:kube-scheduler", Attributes: cluster}, "k8s:prod-eu/user/system:kube-scheduler"},
		{"a role of IAM on EKS is that role", &schemas.Event{Format: "k8s-audit", Principal: "ci", PrincipalIssuer: "arn:aws:sts::123456789012:assumed-role/ci-deploy/run-42"}, "aws:123456789012:role/ci-deploy"},
		{"nobody in Kubernetes", &schemas.Event{Format: "k8s-audit", PrincipalType: "anonymous", Anonymous: true, SrcIp: "203.0.113.9"}, "anonymous:k8s-audit/203.0.113.0/24"},
		{"a role of Vault", &schemas.Event{Format: "vault", PrincipalType: "role", Principal: "ledger", PrincipalIssuer: "ns1/approle", CredentialId: "bb"}, "vault:role/ns1/approle/ledger"},
		{"an entity of Vault", &schemas.Event{Format: "vault", PrincipalType: "entity", Principal: "c0ffee", CredentialId: "bb"}, "vault:entity/c0ffee"},
		{"a token of Vault", &schemas.Event{Format: "vault", PrincipalType: "token", Principal: "root", CredentialId: "dd44"}, "vault:token/dd44"},
		{"a token at Cloudflare", &schemas.Event{Format: "cloudflare-audit", PrincipalType: "token", Principal: "t-1", CredentialId: "t-1"}, "cloudflare:token/t-1"},
		{"a user at Cloudflare", &schemas.Event{Format: "cloudflare-audit", PrincipalType: "user", Principal: "alice@example.com"}, "cloudflare:user/alice@example.com"},
		{"Cloudflare itself", &schemas.Event{Format: "cloudflare-audit", PrincipalType: "system", Principal: "system"}, "cloudflare:system"},
		{"a service token of Access", &schemas.Event{Format: "cloudflare-access", PrincipalType: "service-token", Principal: "st-1"}, "cloudflare:service-token/st-1"},
		{"a client certificate", &schemas.Event{Format: "cloudflare-http", PrincipalType: "certificate", Principal: "9f2c", CredentialId: "9f2c", CredentialType: "certificate"}, "cloudflare:certificate/9f2c"},
		{"a key in a header", &schemas.Event{Format: "cloudflare-http", PrincipalType: "key", Principal: "hmac:ab", CredentialId: "hmac:ab", CredentialType: "api_key"}, "apikey:ab"},
		{"an agent", &schemas.Event{Format: "mcp", PrincipalType: "agent", Principal: "support-bot", Delegation: []string{"alice", "support-bot"}}, "agent:support-bot"},
		{"a user without an agent", &schemas.Event{Format: "mcp", PrincipalType: "user", Principal: "alice"}, "mcp:user/alice"},
		{"an agent of a span", &schemas.Event{Format: "otlp", PrincipalType: "agent", Principal: "coder"}, "agent:coder"},
		{"a caller of a service", &schemas.Event{Format: "otlp", PrincipalType: "user", Principal: "svc"}, "otlp:user/svc"},
		{"a key of a service", &schemas.Event{Format: "otlp", PrincipalType: "key", Principal: "hmac:ab", CredentialId: "hmac:ab"}, "apikey:ab"},
		{"a workload of a service", &schemas.Event{Format: "otlp", PrincipalType: "user", Principal: "spiffe://prod/ns/x", ClientCertificate: "spiffe://prod/ns/x"}, "spiffe://prod/ns/x"},
		{"what a span calls its user", &schemas.Event{Format: "otlp", PrincipalType: "user", Principal: "spiffe://prod/ns/x"}, "otlp:user/spiffe://prod/ns/x"},
		{"what an agent calls itself", &schemas.Event{Format: "mcp", PrincipalType: "agent", Principal: "spiffe://prod/ns/x"}, "agent:spiffe://prod/ns/x"},
		{"what a product calls an actor", &schemas.Event{Format: "ocsf", PrincipalType: "certificate", Principal: "spiffe://prod/ns/x", Attributes: map[string]string{"product": "Acme"}}, "ocsf:acme/spiffe://prod/ns/x"},
		{"a principal of a log of one's own", &schemas.Event{Format: "billing", PrincipalType: "principal", Principal: "spiffe://prod/ns/x"}, "billing:principal/spiffe://prod/ns/x"},
		{"the certificate of a log of one's own", &schemas.Event{Format: "billing", PrincipalType: "principal", Principal: "spiffe://prod/ns/x", ClientCertificate: "spiffe://prod/ns/x"}, "spiffe://prod/ns/x"},
		{"a role in Security Lake", &schemas.Event{Format: "ocsf", CloudProvider: "aws", PrincipalType: "AssumedRole", Principal: "AROA:run", PrincipalIssuer: "arn:aws:iam::123456789012:role/ci-deploy"}, "aws:123456789012:role/ci-deploy"},
		{"an actor of another product", &schemas.Event{Format: "ocsf", PrincipalType: "User", Principal: "00u1", Attributes: map[string]string{"product": "Acme ID", "user.uid": "00u1"}}, "ocsf:acme-id/00u1"},
		{"our own output", &schemas.Event{Format: "ocsf", Principal: "x", Attributes: map[string]string{"product": schemas.ProductName, "user.uid": "github:app/42"}}, "github:app/42"},
		{"nobody in our own output", &schemas.Event{Format: "ocsf", Anonymous: true, SrcIp: "203.0.113.9", Attributes: map[string]string{"product": schemas.ProductName, "log_name": "nginx"}}, "anonymous:nginx/203.0.113.0/24"},
	} {
		t.Run(c.name, func(t *testing.T) {
			Resolve(c.ev)
			if c.ev.IdentityId != c.want {
				t.Errorf("got %q, want %q", c.ev.IdentityId, c.want)
			}
		})
	}
}
