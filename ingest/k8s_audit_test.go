package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

// k8sRecord is an event of audit.k8s.io/v1 by user on object, with more members.
func k8sRecord(verb, user, object, more string) string {
	return `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"8a7c1c0e-2f6e-4b1a-9d5e-0c7f3e1b2a90","stage":"ResponseComplete",` +
		`"requestURI":"/apis/x?limit=500","verb":"` + verb + `","user":` + user + `,"sourceIPs":["203.0.113.9"],"userAgent":"ledger/1.4 (linux/amd64) kubernetes/$Format",` +
		`"objectRef":` + object + `,"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-03-01T10:00:00.100000Z",` +
		`"stageTimestamp":"2026-03-01T10:00:00.150500Z","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC"}` + more + `}`
}

const (
	k8sLedger = `{"username":"system:serviceaccount:payments:ledger","uid":"0a1b","groups":["system:serviceaccounts","system:authenticated"],` +
		`"extra":{"authentication.kubernetes.io/pod-name":["ledger-7d9c-x2x"],"authentication.kubernetes.io/pod-uid":["77aa"],"authentication.kubernetes.io/node-name":["ip-10-0-1-7"],"authentication.kubernetes.io/credential-id":["JTI=5f0e"]}}`
	k8sAdmin = `{"username":"alice@example.com","groups":["system:masters"]}`
	k8sEKS   = `{"username":"ci","uid":"aws-iam-authenticator:123456789012:AROAEXAMPLE","groups":["ci"],` +
		`"extra":{"accessKeyId":["ASIAEXAMPLE"],"arn":["arn:aws:sts::123456789012:assumed-role/ci-deploy/run-42"],"canonicalArn":["arn:aws:iam::123456789012:role/ci-deploy"],"principalId":["AROAEXAMPLE"],"sessionName":["run-42"]}}`
)

func k8sSamples() []sample {
	const id = "8a7c1c0e-2f6e-4b1a-9d5e-0c7f3e1b2a90"
	event := func(principal, kind, operation, resource string) *schemas.Event {
		return &schemas.Event{
			Id: id + "/ResponseComplete", RequestId: id, Time: at("2026-03-01T10:00:00.1505Z"), LatencyUs: 50500, Principal: principal, PrincipalType: kind,
			Operation: operation, Service: "k8s", UrlPath: "/apis/x", StatusCode: 200, Outcome: success, SrcIp: "203.0.113.9", ReadOnly: schemas.ReadOnly_READ_ONLY_FALSE,
			UserAgent: "ledger/1.4 (linux/amd64) kubernetes/$Format", Resources: []string{resource},
		}
	}
	secretRead := event("system:serviceaccount:payments:ledger", "serviceaccount", "k8s:get secrets", "payments/secrets/db")
	secretRead.ReadOnly, secretRead.Workload = schemas.ReadOnly_READ_ONLY_TRUE, "pod/payments/ledger-7d9c-x2x"
	secretRead.CredentialId, secretRead.CredentialType = "JTI=5f0e", "token"

	exec := event("alice@example.com", "user", "k8s:get pods/exec", "prod/pods/web-1")
	exec.ForwardedFor = []string{"198.51.100.4"}

	bind := event("ci", "user", "k8s:create clusterrolebindings", "clusterrolebindings/x")
	bind.PrincipalIssuer, bind.CloudProvider, bind.Account, bind.SessionId = "arn:aws:sts::123456789012:assumed-role/ci-deploy/run-42", "aws", "123456789012", "run-42"
	bind.CredentialId, bind.CredentialType = "ASIAEXAMPLE", "session"
	bind.Grantees = []string{"system:serviceaccount:payments:ledger", "public", "group:dev"}

	acting := event("alice@example.com", "user", "k8s:patch certificates.cert-manager.io/status", "prod/certificates.cert-manager.io/tls")
	acting.ActingAs, acting.Delegation = "system:serviceaccount:prod:web", []string{"alice@example.com", "system:serviceaccount:prod:web"}
	acting.Outcome, acting.StatusCode, acting.ErrorCode, acting.ErrorMessage = denied, 403, "Forbidden", "certificates \"tls\" is forbidden"

	version := event("", "anonymous", "k8s:get /version", "/version")
	version.Anonymous, version.UrlPath, version.ReadOnly, version.LatencyUs = true, "/version", schemas.ReadOnly_READ_ONLY_TRUE, 0
	version.Time = at("2026-03-01T10:00:00.1Z")

	token := event("system:node:ip-10-0-1-7", "node", "k8s:create serviceaccounts/token", "payments/serviceaccounts/ledger")
	token.Workload, token.Grantees = "node:ip-10-0-1-7", []string{"system:serviceaccount:payments:ledger"}

	return []sample{
		{"a pod reads a secret", "k8s-audit", k8sRecord("get", k8sLedger, `{"resource":"secrets","namespace":"payments","name":"db","apiVersion":"v1"}`, ""), secretRead,
			map[string]string{"user.groups": "system:serviceaccounts,system:authenticated", "user.extra.authentication.kubernetes.io/node-name": "ip-10-0-1-7", "decision": "allow", "namespace": "payments", "query": "limit=500"}},
		{"a shell over a websocket changes something, through a proxy", "k8s-audit",
			strings.Replace(k8sRecord("get", k8sAdmin, `{"resource":"pods","subresource":"exec","namespace":"prod","name":"web-1","apiVersion":"v1"}`, ""), `["203.0.113.9"]`, `["198.51.100.4","203.0.113.9"]`, 1), exec,
			map[string]string{"user.groups": "system:masters"}},
		{"an IAM role on EKS binds cluster-admin", "k8s-audit", k8sRecord("create", k8sEKS, `{"resource":"clusterrolebindings","name":"x","apiGroup":"rbac.authorization.k8s.io","apiVersion":"v1"}`,
			`,"requestObject":{"kind":"ClusterRoleBinding","roleRef":{"kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"ServiceAccount","namespace":"payments","name":"ledger"},{"kind":"User","name":"system:anonymous"},{"kind":"Group","name":"dev"}]}`), bind,
			map[string]string{"role": "ClusterRole/cluster-admin", "user.extra.canonicalArn": "arn:aws:iam::123456789012:role/ci-deploy"}},
		{"impersonation is refused", "k8s-audit", strings.Replace(k8sRecord("patch", k8sAdmin, `{"resource":"certificates","subresource":"status","namespace":"prod","name":"tls","apiGroup":"cert-manager.io"}`,
			`,"impersonatedUser":{"username":"system:serviceaccount:prod:web","groups":["system:authenticated"]}`), `"code":200`, `"code":403,"status":"Failure","reason":"Forbidden","message":"certificates \"tls\" is forbidden"`, 1), acting,
			map[string]string{"impersonatedUser.groups": "system:authenticated"}},
		{"a path that is no resource, by nobody, in the notation of EKS in a lake", "k8s-audit",
			`{"annotations":{"authorization.k8s.io/decision":"allow"},"apiVersion":"audit.k8s.io/v1","auditID":"` + id + `","kind":"Event","stage":"ResponseComplete","requestReceivedTimestamp":"2026-03-01 10:00:00.100000000","requestURI":"/version",` +
				`"responseStatus":{"code":200},"sourceIPs":["203.0.113.9"],"user":{"username":"system:anonymous","groups":["system:unauthenticated"]},"userAgent":"ledger/1.4 (linux/amd64) kubernetes/$Format","verb":"get","p_log_type":"Amazon.EKS.Audit"}`, version,
			map[string]string{"p_log_type": "Amazon.EKS.Audit"}},
		{"a node asks for a pod's token", "k8s-audit", k8sRecord("create", `{"username":"system:node:ip-10-0-1-7"}`, `{"resource":"serviceaccounts","subresource":"token","namespace":"payments","name":"ledger"}`,
			`,"responseObject":{"kind":"TokenRequest","status":{"token":"`+canaryJWT+`"}}`), token, nil},
	}
}

func k8sCanaries() []canaryRecord {
	secret := `{"resource":"secrets","namespace":"payments","name":"db"}`
	return []canaryRecord{
		{"the contents of a Secret", "k8s-audit", k8sRecord("create", k8sLedger, secret, `,"requestObject":{"kind":"Secret","stringData":{"dsn":"`+canary+`"}}`)},
		{"a Secret in a list", "k8s-audit", k8sRecord("list", k8sLedger, `{"resource":"secrets"}`, `,"responseObject":{"kind":"SecretList","items":[{"data":{"x":"`+canary+`"}}]}`)},
		{"a patch of a Secret", "k8s-audit", k8sRecord("patch", k8sLedger, secret, `,"requestObject":{"data":{"x":"`+canary+`"}}`)},
		{"what was last applied", "k8s-audit", k8sRecord("patch", k8sLedger, secret, `,"requestObject":{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"x\":\"`+canary+`\"}}"}}}`)},
		{"a variable of a container", "k8s-audit", k8sRecord("create", k8sLedger, `{"resource":"pods","namespace":"a"}`, `,"requestObject":{"kind":"Pod","spec":{"containers":[{"env":[{"name":"DB_PASSWORD","value":"`+canary+`"}]}]}}`)},
		{"a token that was made", "k8s-audit", k8sRecord("create", k8sLedger, `{"resource":"serviceaccounts","subresource":"token"}`, `,"responseObject":{"status":{"token":"`+canary+`"}}`)},
	}
}

func TestStagesOfOneKubernetesCallAreCountedOnce(t *testing.T) {
	get := k8sRecord("get", k8sAdmin, `{"resource":"pods","namespace":"a"}`, "")
	exec := k8sRecord("create", k8sAdmin, `{"resource":"pods","subresource":"exec","namespace":"a","name":"b"}`, "")
	for _, tt := range []struct {
		name, in string
		events   int
	}{
		{"the request's arrival is no event", strings.Replace(get, "ResponseComplete", "RequestReceived", 1), 0},
		{"the beginning of a watch is none", strings.Replace(get, "ResponseComplete", "ResponseStarted", 1), 0},
		{"the beginning of a session in a container is one", strings.Replace(exec, "ResponseComplete", "ResponseStarted", 1), 1},
		{"the end is one", get, 1},
		{"a panic is one", strings.Replace(get, "ResponseComplete", "Panic", 1), 1},
		{"a list of events is taken apart", `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[` + get + "," + strings.Replace(get, "ResponseComplete", "RequestReceived", 1) + "," + exec + "]}", 2},
		{"a subscription of CloudWatch Logs holds events as text", `{"messageType":"DATA_MESSAGE","logGroup":"/aws/eks/prod/cluster","logEvents":[{"id":"1","timestamp":1767225600000,"message":` + quoteJSON(get) + `}]}`, 1},
		{"AKS logs through Azure Monitor", `{"records":[{"time":"2026-03-01T10:00:01Z","category":"kube-audit","operationName":"Microsoft.ContainerService/managedClusters/diagnosticLogs/Read","properties":{"log":` + quoteJSON(get) + `,"stream":"stdout","pod":"kube-apiserver-0"}}]}`, 1},
		{"a result of CloudWatch Logs Insights", `{"@timestamp":"2026-03-01 10:00:00.000","@message":` + get + `}`, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if c := parseAll(t, "k8s-audit", tt.in); len(c.events) != tt.events || len(c.bad) > 0 {
				t.Errorf("%d events, refusals %q, want %d events", len(c.events), c.bad, tt.events)
			}
			if got, ok := standard.Detect([]byte(tt.in)); !ok || got != "k8s-audit" {
				t.Errorf("detected as %q", got)
			}
		})
	}
}

func TestWhoeverWasNotAuthenticatedIsNobody(t *testing.T) {
	ev := parseOne(t, "k8s-audit", strings.Replace(k8sRecord("get", k8sAdmin, `{"resource":"pods"}`, ""), `"code":200`, `"code":401`, 1))
	if !ev.Anonymous || ev.Principal != "" || ev.Outcome != denied || ev.Attributes["refused_user"] != "alice@example.com" {
		t.Errorf("%v", ev)
	}
}

func FuzzK8sAudit(f *testing.F) { fuzzParser(f, "k8s-audit") }
