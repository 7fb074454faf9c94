package ingest

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lapwing-sec/lapwing/schemas"
)

// gcpEntry returns a LogEntry of the log with this payload.
func gcpEntry(log, service, method, rest string) string {
	return `{"insertId":"1fkx3m9e2a1","logName":"projects/prod-1/logs/cloudaudit.googleapis.com%2F` + log + `","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"` + service + `.googleapis.com","methodName":"` + method + `",` +
		`"requestMetadata":{"callerIp":"203.0.113.7","callerSuppliedUserAgent":"google-api-go-client/0.5"}` + rest + `},"receiveTimestamp":"2026-03-01T10:00:01.5Z","resource":{"type":"project","labels":{"project_id":"prod-1"}},"severity":"NOTICE","timestamp":"2026-03-01T10:00:00.123456789Z"}`
}

func gcpEvent(service, method string, mutate func(*schemas.Event)) *schemas.Event {
	ev := &schemas.Event{
		Id: "1fkx3m9e2a1", Time: at("2026-03-01T10:00:00.123456789Z"), Operation: service + ":" + method, Service: service, Outcome: success,
		SrcIp: "203.0.113.7", UserAgent: "google-api-go-client/0.5", CloudProvider: "gcp", Account: "prod-1",
	}
	mutate(ev)
	return ev
}

const gcpDeployer = `,"authenticationInfo":{"principalEmail":"deployer@prod-1.iam.gserviceaccount.com","principalSubject":"serviceAccount:deployer@prod-1.iam.gserviceaccount.com"}`

const gcpLB = `{"httpRequest":{"latency":"0.042500s","remoteIp":"203.0.113.7","requestMethod":"GET","requestSize":"310","requestUrl":"https://api.example.com/v1/orders/8812?fields=id","responseSize":"2048","serverIp":"10.0.0.4","status":200,"userAgent":"python-requests/2.31","protocol":"HTTP/2"},"insertId":"1a2b3cf4","jsonPayload":{"@type":"type.googleapis.com/google.cloud.loadbalancing.type.LoadBalancerLogEntry","backendTargetProjectNumber":"projects/1","cacheDecision":["RESPONSE_HAS_CACHE_CONTROL"],"remoteIp":"203.0.113.7","statusDetails":"response_sent_by_backend","securityPolicyRequestData":{"tlsJa4Fingerprint":"t13d1516h2_8daaf6152771_b186095e22b6"}},"logName":"projects/prod-1/logs/requests","receiveTimestamp":"2026-03-01T10:00:01Z","resource":{"labels":{"backend_service_name":"orders","forwarding_rule_name":"fr","project_id":"prod-1","target_proxy_name":"tp","url_map_name":"um","zone":"global"},"type":"http_load_balancer"},"severity":"INFO","spanId":"5f","timestamp":"2026-03-01T10:00:00.5Z","trace":"projects/prod-1/traces/4bf92f3577b34da6a3ce929d0e0e4736"}`

func gcpLBEvent(mutate func(*schemas.Event)) *schemas.Event {
	ev := &schemas.Event{
		Id: "1a2b3cf4", Time: at("2026-03-01T10:00:00.5Z"), PrincipalType: "anonymous", Anonymous: true,
		Operation: "GET /v1/orders/{id}", Service: "orders", HttpMethod: "GET", UrlPath: "/v1/orders/8812", RouteTemplate: "/v1/orders/{id}", Host: "api.example.com",
		StatusCode: 200, Outcome: success, RequestId: "4bf92f3577b34da6a3ce929d0e0e4736", BytesIn: 310, BytesOut: 2048, LatencyUs: 42500,
		Resources: []string{"/v1/orders/8812"}, SrcIp: "203.0.113.7", UserAgent: "python-requests/2.31", TlsFingerprint: "t13d1516h2_8daaf6152771_b186095e22b6",
		CloudProvider: "gcp", Account: "prod-1",
	}
	mutate(ev)
	return ev
}

func gcpSamples() []sample {
	sa := func(ev *schemas.Event) {
		ev.Principal, ev.PrincipalType = "deployer@prod-1.iam.gserviceaccount.com", "serviceAccount"
	}
	return []sample{
		{"a service account makes a key with a key", "gcp-audit", gcpEntry("activity", "iam", "google.iam.admin.v1.CreateServiceAccountKey", `,"authenticationInfo":{"principalEmail":"deployer@prod-1.iam.gserviceaccount.com","principalSubject":"serviceAccount:deployer@prod-1.iam.gserviceaccount.com","serviceAccountKeyName":"//iam.googleapis.com/projects/prod-1/serviceAccounts/deployer@prod-1.iam.gserviceaccount.com/keys/0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c"},"authorizationInfo":[{"granted":true,"permission":"iam.serviceAccountKeys.create","resource":"projects/-/serviceAccounts/117"}],"resourceName":"projects/-/serviceAccounts/117","status":{}`), gcpEvent("iam", "google.iam.admin.v1.CreateServiceAccountKey", func(ev *schemas.Event) {
			sa(ev)
			ev.CredentialId, ev.CredentialType = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c", "service_account_key"
			ev.Resources, ev.ReadOnly = []string{"projects/-/serviceAccounts/117"}, schemas.ReadOnly_READ_ONLY_FALSE
		}), map[string]string{"authorizationInfo.0.permission": "iam.serviceAccountKeys.create", "severity": "NOTICE"}},
		{"a person reads an object of another project", "gcp-audit", gcpEntry("data_access", "storage", "storage.objects.get", `,"authenticationInfo":{"principalEmail":"Ann@example.com","oauthInfo":{"oauthClientId":"32555940559.apps.googleusercontent.com"}},"authorizationInfo":[{"granted":true,"permission":"storage.objects.get","permissionType":"DATA_READ","resource":"projects/_/buckets/b/objects/o"}],"resourceName":"projects/_/buckets/b/objects/o","resourceLocation":{"currentLocations":["europe-west3"]}`), gcpEvent("storage", "storage.objects.get", func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.OauthClient = "Ann@example.com", "user", "32555940559.apps.googleusercontent.com"
			ev.Resources, ev.Region, ev.ReadOnly = []string{"projects/_/buckets/b/objects/o"}, "europe-west3", schemas.ReadOnly_READ_ONLY_TRUE
		}), nil},
		{"a service account of another project is refused", "gcp-audit", gcpEntry("data_access", "secretmanager", "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion", `,"authenticationInfo":{"principalEmail":"ci@build-9.iam.gserviceaccount.com"},"authorizationInfo":[{"permission":"secretmanager.versions.access","resource":"projects/1/secrets/db/versions/1"}],"resourceName":"projects/1/secrets/db/versions/1","status":{"code":7,"message":"Permission denied on resource"}`), gcpEvent("secretmanager", "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion", func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.Account, ev.TargetAccount = "ci@build-9.iam.gserviceaccount.com", "serviceAccount", "build-9", "prod-1"
			ev.Outcome, ev.ErrorCode, ev.ErrorMessage = denied, "PERMISSION_DENIED", "Permission denied on resource"
			ev.Resources = []string{"projects/1/secrets/db/versions/1"}
		}), nil},
		{"nothing was granted and the status is silent", "gcp-audit", gcpEntry("data_access", "compute", "v1.compute.instances.list", gcpDeployer+`,"authorizationInfo":[{"granted":false,"permission":"compute.instances.list","permissionType":"ADMIN_READ"}]`), gcpEvent("compute", "v1.compute.instances.list", func(ev *schemas.Event) {
			sa(ev)
			ev.Outcome, ev.ReadOnly = denied, schemas.ReadOnly_READ_ONLY_TRUE
		}), nil},
		{"a call fails for another reason", "gcp-audit", gcpEntry("activity", "compute", "v1.compute.instances.delete", gcpDeployer+`,"status":{"code":5,"message":"not found"}`), gcpEvent("compute", "v1.compute.instances.delete", func(ev *schemas.Event) {
			sa(ev)
			ev.Outcome, ev.ErrorCode, ev.ErrorMessage, ev.ReadOnly = failed, "NOT_FOUND", "not found", schemas.ReadOnly_READ_ONLY_FALSE
		}), nil},
		{"a perimeter refuses a call", "gcp-audit", gcpEntry("policy", "bigquery", "google.cloud.bigquery.v2.JobService.InsertJob", gcpDeployer+`,"status":{"code":7},"metadata":{"violationReason":"NO_MATCHING_ACCESS_LEVEL"}`), gcpEvent("bigquery", "google.cloud.bigquery.v2.JobService.InsertJob", func(ev *schemas.Event) {
			sa(ev)
			ev.Outcome, ev.ErrorCode = denied, "PERMISSION_DENIED"
		}), map[string]string{"metadata.violationReason": "NO_MATCHING_ACCESS_LEVEL"}},
		{"a person speaks through a service account", "gcp-audit", gcpEntry("activity", "storage", "storage.buckets.create", `,"authenticationInfo":{"principalEmail":"deployer@prod-1.iam.gserviceaccount.com","serviceAccountDelegationInfo":[{"firstPartyPrincipal":{"principalEmail":"ann@example.com"}},{"principalSubject":"serviceAccount:hop@prod-1.iam.gserviceaccount.com"}]}`), gcpEvent("storage", "storage.buckets.create", func(ev *schemas.Event) {
			sa(ev)
			ev.Delegation = []string{"ann@example.com", "serviceAccount:hop@prod-1.iam.gserviceaccount.com"}
			ev.ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE
		}), nil},
		{"a pod speaks through a service account", "gcp-audit", gcpEntry("activity", "storage", "storage.buckets.create", `,"authenticationInfo":{"principalEmail":"deployer@prod-1.iam.gserviceaccount.com","serviceAccountDelegationInfo":[{"principalSubject":"serviceAccount:prod-1.svc.id.goog[payments/ledger]"}]}`), gcpEvent("storage", "storage.buckets.create", func(ev *schemas.Event) {
			sa(ev)
			ev.Delegation, ev.Workload = []string{"serviceAccount:prod-1.svc.id.goog[payments/ledger]"}, "payments/ledger"
			ev.ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE
		}), nil},
		{"a token of another service account is asked for", "gcp-audit", strings.Replace(gcpEntry("data_access", "iamcredentials", "GenerateAccessToken", gcpDeployer), `"labels":{`, `"labels":{"email_id":"admin@prod-1.iam.gserviceaccount.com",`, 1), gcpEvent("iamcredentials", "GenerateAccessToken", func(ev *schemas.Event) {
			sa(ev)
			ev.ActingAs = "admin@prod-1.iam.gserviceaccount.com"
		}), nil},
		{"an identity of a pool, from inside Google", "gcp-audit", strings.Replace(gcpEntry("data_access", "storage", "storage.objects.list", `,"authenticationInfo":{"principalSubject":"principal://iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/github/subject/repo:acme/app:ref:refs/heads/main"}`), `"203.0.113.7"`, `"private"`, 1), gcpEvent("storage", "storage.objects.list", func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.SrcIp = "principal://iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/github/subject/repo:acme/app:ref:refs/heads/main", "principal", ""
		}), map[string]string{"requestMetadata.callerIp": "private"}},
		{"a pod of a cluster runs a command in another", "gcp-audit", `{"insertId":"k1","protopayload":{"at_sign_type":"type.googleapis.com/google.cloud.audit.AuditLog","authenticationInfo":{"principalEmail":"system:serviceaccount:payments:ledger"},"methodName":"io.k8s.core.v1.pods.exec.create","requestMetadata":{"callerIP":"10.0.0.9"},"resourceName":"core/v1/namespaces/default/pods/p/exec","serviceName":"k8s.io"},"resource":{"labels":{"cluster_name":"prod-eu","location":"europe-west3","project_id":"prod-1"},"type":"k8s_cluster"},"timestamp":"2026-03-01 10:00:00.5"}`, &schemas.Event{
			Id: "k1", Time: at("2026-03-01T10:00:00.5Z"), Principal: "system:serviceaccount:payments:ledger", PrincipalType: "kubernetes",
			Operation: "k8s:create pods/exec", Service: "k8s", Outcome: success, Resources: []string{"core/v1/namespaces/default/pods/p/exec"},
			SrcIp: "10.0.0.9", CloudProvider: "gcp", Region: "europe-west3", Account: "prod-1",
		}, map[string]string{"cluster": "prod-eu"}},
		{"a list of objects says how many it gave out", "gcp-audit", gcpEntry("data_access", "storage", "storage.objects.list", `,"authenticationInfo":{},"numResponseItems":"1000"`), gcpEvent("storage", "storage.objects.list", func(ev *schemas.Event) {
			ev.PrincipalType, ev.Anonymous, ev.RecordsOut = "anonymous", true, 1000
		}), nil},
		{"BigQuery counts the rows of a result", "gcp-audit", gcpEntry("data_access", "bigquery", "google.cloud.bigquery.v2.JobService.InsertJob", `,"authenticationInfo":{},"metadata":{"jobChange":{"job":{"jobStats":{"queryStats":{"outputRowCount":"40"}}}}}`), gcpEvent("bigquery", "google.cloud.bigquery.v2.JobService.InsertJob", func(ev *schemas.Event) {
			ev.PrincipalType, ev.Anonymous, ev.RecordsOut = "anonymous", true, 40
		}), nil},
		{"nobody reads a public object", "gcp-audit", gcpEntry("data_access", "storage", "storage.objects.get", `,"authenticationInfo":{}`), gcpEvent("storage", "storage.objects.get", func(ev *schemas.Event) {
			ev.PrincipalType, ev.Anonymous = "anonymous", true
		}), nil},

		{"a request through a load balancer", "gcp-lb", gcpLB, gcpLBEvent(func(*schemas.Event) {}), map[string]string{"resource.labels.url_map_name": "um", "query": "fields=id", "location": "global", "statusDetails": "response_sent_by_backend"}},
		{"a request that Cloud Armor refuses", "gcp-lb", strings.NewReplacer(`"status":200`, `"status":403`, `"statusDetails":"response_sent_by_backend"`, `"statusDetails":"denied_by_security_policy","enforcedSecurityPolicy":{"configuredAction":"DENY","name":"edge","outcome":"DENY","priority":1000,"preconfiguredExprIds":["owasp-crs-v030301-id942220-sqli"]}`).Replace(gcpLB), gcpLBEvent(func(ev *schemas.Event) {
			ev.StatusCode, ev.Outcome, ev.ErrorCode = 403, denied, "denied_by_security_policy"
		}), map[string]string{"enforcedSecurityPolicy.name": "edge", "enforcedSecurityPolicy.preconfiguredExprIds.0": "owasp-crs-v030301-id942220-sqli"}},
		{"a client that was gone before the answer", "gcp-lb", strings.NewReplacer(`"status":200`, `"status":0`, "response_sent_by_backend", "client_disconnected_before_any_response").Replace(gcpLB), gcpLBEvent(func(ev *schemas.Event) {
			ev.StatusCode, ev.Outcome, ev.ErrorCode = 0, failed, "client_disconnected_before_any_response"
		}), nil},
	}
}

func gcpCanaries() []canaryRecord {
	return []canaryRecord{
		{"a secret in a request", "gcp-audit", gcpEntry("activity", "cloudfunctions", "x", gcpDeployer+`,"request":{"function":{"environmentVariables":{"API_TOKEN":"`+canary+`"}}}`)},
		{"a private key in an answer", "gcp-audit", gcpEntry("activity", "iam", "x", gcpDeployer+`,"response":{"privateKeyData":"-----BEGIN PRIVATE KEY-----\n`+canary+`\n-----END PRIVATE KEY-----","private_key":"`+canary+`"}`)},
		{"a key in a request's address", "gcp-lb", strings.Replace(gcpLB, "fields=id", "key="+canary, 1)},
		{"a request that Pub/Sub carries", "gcp-lb", `{"message":{"data":"` + base64.StdEncoding.EncodeToString([]byte(strings.Replace(gcpLB, "fields=id", "key="+canary, 1))) + `","messageId":"1"},"subscription":"projects/p/subscriptions/s"}`},
		{"a token in a user agent", "gcp-lb", strings.Replace(gcpLB, "python-requests/2.31", "x token="+canary, 1)},
	}
}

func TestGCPGranteesAreRead(t *testing.T) {
	binding := func(action, member string) string {
		return `,"serviceData":{"policyDelta":{"bindingDeltas":[{"action":"` + action + `","role":"roles/owner","member":"` + member + `"}]}}`
	}
	for _, tt := range []struct {
		name, service, method, payload string
		want                           []string
	}{
		{"a person gets a role", "cloudresourcemanager", "SetIamPolicy", binding("ADD", "user:bob@example.com"), []string{"user:bob@example.com", "policy:roles/owner"}},
		{"a service account of the project", "cloudresourcemanager", "SetIamPolicy", binding("ADD", "serviceAccount:app@prod-1.iam.gserviceaccount.com"), []string{"gcp:prod-1:sa/app", "policy:roles/owner"}},
		{"a service account of another project", "cloudresourcemanager", "SetIamPolicy", binding("ADD", "serviceAccount:app@other-2.iam.gserviceaccount.com"), []string{"serviceAccount:app@other-2.iam.gserviceaccount.com", "policy:roles/owner"}},
		{"everyone", "storage", "storage.setIamPermissions", binding("ADD", "allUsers"), []string{"public", "policy:roles/owner"}},
		{"a role that is taken away gives nothing", "cloudresourcemanager", "SetIamPolicy", binding("REMOVE", "user:bob@example.com"), nil},
		{"a whole policy, where the log has no delta", "run", "google.cloud.run.v1.Services.SetIamPolicy", `,"request":{"policy":{"bindings":[{"role":"roles/run.invoker","members":["allAuthenticatedUsers"]}]}}`, []string{"public", "policy:roles/run.invoker"}},
		{"a policy that is read gives nothing", "run", "google.cloud.run.v1.Services.GetIamPolicy", `,"response":{"bindings":[{"role":"r","members":["allUsers"]}]}`, nil},
		{"a firewall opens to the world", "compute", "v1.compute.firewalls.insert", `,"request":{"direction":"INGRESS","sourceRanges":["0.0.0.0/0"]}`, []string{"public"}},
		{"a way out opens to the world", "compute", "v1.compute.firewalls.insert", `,"request":{"direction":"EGRESS","sourceRanges":["0.0.0.0/0"]}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev := parseOne(t, "gcp-audit", gcpEntry("activity", tt.service, tt.method, gcpDeployer+tt.payload))
			if diff := cmp.Diff(tt.want, ev.Grantees); diff != "" {
				t.Errorf("grantees (-want +got):\n%s", diff)
			}
		})
	}
	ev := parseOne(t, "gcp-audit", strings.Replace(gcpEntry("activity", "k8s.io", "io.k8s.authorization.rbac.v1.clusterrolebindings.create", gcpDeployer+`,"request":{"roleRef":{"kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"Group","name":"system:unauthenticated"},{"kind":"User","name":"bob"}]}`), "k8s.io.googleapis.com", "k8s.io", 1))
	if diff := cmp.Diff([]string{"public", "user:bob", "policy:cluster-admin"}, ev.Grantees); diff != "" || ev.Operation != "k8s:create clusterrolebindings" {
		t.Errorf("%s, grantees (-want +got):\n%s", ev.Operation, diff)
	}
}

func FuzzGCPAudit(f *testing.F) { fuzzParser(f, "gcp-audit") }
func FuzzGCPLB(f *testing.F)    { fuzzParser(f, "gcp-lb") }
