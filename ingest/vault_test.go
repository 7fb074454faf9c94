package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

// vaultRecord is the entry of a response.
func vaultRecord(auth, request, more string) string {
	return `{"time":"2026-03-01T10:00:00.123456789Z","type":"response","auth":` + auth + `,"request":{"id":"6f1e3c8a-0d52-4a7e-8a55-3f1d2f7f0a03",` + request +
		`,"namespace":{"id":"root"},"remote_address":"203.0.113.9","remote_port":40012}` + more + `}`
}

const (
	vaultRole = `{"client_token":"hmac-sha256:aa11","accessor":"hmac-sha256:bb22","display_name":"approle","policies":["default","payments"],"token_policies":["default","payments"],` +
		`"policy_results":{"allowed":true},"metadata":{"role_name":"ledger"},"entity_id":"c0ffee00-0000-4000-8000-000000000001","token_type":"service","token_ttl":3600,"token_issue_time":"2026-03-01T09:30:00Z"}`
	vaultPod = `{"accessor":"hmac-sha256:cc33","display_name":"k8s-prod-payments-ledger-sa","policies":["p"],"metadata":{"role":"ledger","service_account_name":"ledger-sa","service_account_namespace":"payments"},"token_type":"batch"}`
	vaultGet = `"client_id":"c0ffee00","operation":"read","mount_type":"kv","mount_point":"secret/","client_token":"hmac-sha256:aa11","path":"secret/data/payments/db"`
)

func vaultSamples() []sample {
	event := func(operation, path string) *schemas.Event {
		return &schemas.Event{
			Id: "6f1e3c8a-0d52-4a7e-8a55-3f1d2f7f0a03", RequestId: "6f1e3c8a-0d52-4a7e-8a55-3f1d2f7f0a03", Time: at("2026-03-01T10:00:00.123456789Z"), Service: "vault",
			Operation: operation, UrlPath: path, Resources: []string{path}, SrcIp: "203.0.113.9", Outcome: success,
		}
	}
	read := event("vault:read secret/data/{path}", "secret/data/payments/db")
	read.Principal, read.PrincipalType, read.PrincipalIssuer = "ledger", "role", "approle"
	read.CredentialId, read.CredentialType, read.Scopes = "bb22", "service", []string{"default", "payments"}
	read.CredentialIssued, read.CredentialExpires = at("2026-03-01T09:30:00Z"), at("2026-03-01T10:30:00Z")
	read.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE

	creds := event("vault:read database/creds/{name}", "database/creds/readonly")
	creds.Principal, creds.PrincipalType, creds.PrincipalIssuer, creds.Workload = "ledger", "role", "ns1/k8s-prod", "serviceaccount/payments/ledger-sa"
	creds.CredentialId, creds.CredentialType, creds.Scopes = "cc33", "batch", []string{"p"}
	creds.Account, creds.Resources, creds.UserAgent = "ns1", []string{"ns1/database/creds/readonly"}, "Go-http-client/1.1"
	creds.ForwardedFor = []string{"198.51.100.4", "10.0.0.1"}

	root := event("vault:update sys/policies/acl/{name}", "sys/policies/acl/admin")
	root.Principal, root.PrincipalType, root.CredentialId, root.CredentialType, root.Scopes = "root", "token", "dd44", "service", []string{"root"}
	root.ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE

	refused := event("vault:list secret/metadata/{path}", "secret/metadata/prod")
	refused.Principal, refused.PrincipalType, refused.CredentialId, refused.CredentialType = "c0ffee00-0000-4000-8000-000000000002", "entity", "ee55", "service"
	refused.Outcome, refused.ErrorMessage, refused.ReadOnly = denied, "1 error occurred: * permission denied", schemas.ReadOnly_READ_ONLY_TRUE

	login := event("vault:update auth/team/approle/login", "auth/team/approle/login")
	login.PrincipalType, login.Anonymous, login.Outcome, login.ErrorMessage, login.ReadOnly = "anonymous", true, denied, "invalid role or secret ID", schemas.ReadOnly_READ_ONLY_FALSE

	return []sample{
		{"an AppRole reads a secret", "vault", vaultRecord(vaultRole, vaultGet, `,"response":{"mount_type":"kv","data":{"data":{"password":"hmac-sha256:ff"}}}`), read,
			map[string]string{"display_name": "approle", "mount_type": "kv", "auth.policy_results.allowed": "true", "request.remote_port": "40012"}},
		{"a pod gets credentials of a database, in a namespace", "vault", strings.Replace(vaultRecord(vaultPod, `"operation":"read","mount_type":"database","mount_point":"database/","path":"database/creds/readonly","headers":{"user-agent":["Go-http-client/1.1"],"x-forwarded-for":["198.51.100.4, 10.0.0.1"]}`, ""), `{"id":"root"}`, `{"id":"Ab1","path":"ns1/"}`, 1), creds, nil},
		{"the root token writes a policy", "vault", vaultRecord(`{"accessor":"hmac-sha256:dd44","display_name":"root","policies":["root"],"token_type":"service"}`, `"operation":"update","path":"sys/policies/acl/admin","data":{"policy":"hmac-sha256:ab"}`, ""), root, nil},
		{"an entity is refused", "vault", vaultRecord(`{"accessor":"hmac-sha256:ee55","entity_id":"c0ffee00-0000-4000-8000-000000000002","token_type":"service"}`, `"operation":"list","mount_type":"kv","mount_point":"secret/","path":"secret/metadata/prod/"`, `,"error":"1 error occurred:\n\t* permission denied\n\n"`), refused, nil},
		{"a login with a wrong secret id names nobody", "vault", vaultRecord(`{"token_type":"default"}`, `"operation":"update","mount_point":"auth/team/approle/","path":"auth/team/approle/login"`, `,"error":"invalid role or secret ID"`), login, nil},
	}
}

func vaultCanaries() []canaryRecord {
	return []canaryRecord{
		{"a token of a raw device", "vault", vaultRecord(strings.Replace(vaultRole, "hmac-sha256:aa11", "hvs."+canary, 1), vaultGet, "")},
		{"an accessor in the clear", "vault", vaultRecord(strings.Replace(vaultRole, "hmac-sha256:bb22", canary, 1), vaultGet, "")},
		{"a secret that was read", "vault", vaultRecord(vaultRole, vaultGet, `,"response":{"data":{"data":{"dsn":"`+canary+`"}}}`)},
		{"a secret that was written", "vault", vaultRecord(vaultRole, vaultGet+`,"data":{"data":{"note":["`+canary+`"]}}`, "")},
		{"a wrapping token", "vault", vaultRecord(vaultRole, vaultGet, `,"response":{"wrap_info":{"token":"`+canary+`","wrapped_accessor":"`+canary+`"}}`)},
	}
}

func TestRequestsOfVaultAreCountedOnce(t *testing.T) {
	response := vaultRecord(vaultRole, vaultGet, "")
	request := strings.Replace(response, `"type":"response"`, `"type":"request"`, 1)
	if c := parseAll(t, "vault", request+"\n"+response); len(c.events) != 1 || len(c.bad) != 0 {
		t.Errorf("%d events, refusals %q", len(c.events), c.bad)
	}
}

func TestVaultPathsBecomeRoutes(t *testing.T) {
	for _, tt := range []struct{ path, mount, kind, want string }{
		{"secret/db/password", "secret", "kv", "secret/{path}"},
		{"auth/approle/role/ledger/secret-id", "", "", "auth/approle/role/{name}/secret-id"},
		{"auth/token/create", "auth/token", "token", "auth/token/create"},
		{"auth/userpass/login/alice", "auth/userpass", "userpass", "auth/userpass/login/{name}"},
		{"transit/decrypt/orders", "transit", "transit", "transit/decrypt/{name}"},
		{"sys/auth/kubernetes/tune", "sys", "system", "sys/auth/{name}/tune"},
		{"sys/leases/revoke/database/creds/x", "sys", "system", "sys/leases/revoke/{name}"},
		{"sys/storage/raft/snapshot", "sys", "system", "sys/storage/raft/snapshot"},
		{"sys/storage/raft/snapshot-force", "sys", "system", "sys/storage/raft/snapshot-force"},
		{"sys/storage/raft/snapshot-auto/config/nightly", "sys", "system", "sys/storage/raft/snapshot-auto/config/{name}"},
		{"sys/replication/performance/primary/secondary-token", "sys", "system", "sys/replication/performance/primary/secondary-token"},
		{"sys/replication/performance/primary/paths-filter/eu", "sys", "system", "sys/replication/performance/primary/paths-filter/{name}"},
		{"identity/entity/id/c0ffee", "identity", "identity", "identity/entity/id/{name}"},
		{"sys", "sys", "system", "sys"},
	} {
		if got := vaultRoute(tt.path, tt.mount, tt.kind); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.path, got, tt.want)
		}
	}
}

func FuzzVault(f *testing.F) { fuzzParser(f, "vault") }
