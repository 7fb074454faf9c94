package enrich

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestResolveGCP(t *testing.T) {
	for _, c := range []struct{ name, kind, principal, want string }{
		{"a service account is named in its project", "serviceAccount", "deployer@prod-1.iam.gserviceaccount.com", "gcp:prod-1:sa/deployer"},
		{"App Engine's default account carries the project's name", "serviceAccount", "prod-1@appspot.gserviceaccount.com", "gcp:prod-1:sa/appspot"},
		{"Compute Engine's default account is named in the project's number", "serviceAccount", "123456789012-compute@developer.gserviceaccount.com", "gcp:123456789012:sa/compute"},
		{"an agent of Google in a project of its own", "serviceAccount", "service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com", "gcp:service/service-123456789012@gcp-sa-pubsub"},
		{"an agent whose project has no such name", "serviceAccount", "service-123456789012@compute-system.iam.gserviceaccount.com", "gcp:service/service-123456789012@compute-system"},
		{"Google's own services", "serviceAccount", "123456789012@cloudservices.gserviceaccount.com", "gcp:service/123456789012@cloudservices"},
		{"an account that is only called like an agent", "serviceAccount", "service-bus@prod-1.iam.gserviceaccount.com", "gcp:prod-1:sa/service-bus"},
		{"a person, in lower case", "user", "Ann@Example.com", "gcp:user/ann@example.com"},
		{"a workload of another provider", "principal", "principal://iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/github/subject/repo:acme/app:ref:refs/heads/main", "gcp:principal/github/repo:acme/app:ref:refs/heads/main"},
		{"a person of another provider", "principal", "principal://iam.googleapis.com/locations/global/workforcePools/corp/subject/ann", "gcp:principal/corp/ann"},
		{"a set of identities", "principalSet", "principalSet://iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/github/attribute.repository/acme/app", "gcp:principal/github/attribute.repository/acme/app"},
		{"a pod", "serviceAccount", "prod-1.svc.id.goog[payments/ledger]", "gcp:principal/prod-1.svc.id.goog/ns/payments/sa/ledger"},
		{"the same pod by its principal", "principal", "principal://iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/prod-1.svc.id.goog/subject/ns/payments/sa/ledger", "gcp:principal/prod-1.svc.id.goog/ns/payments/sa/ledger"},
		{"a service account of a cluster", "kubernetes", "system:serviceaccount:payments:ledger", "k8s:prod-eu/payments/ledger"},
		{"a node of a cluster", "kubernetes", "system:node:gke-1", "k8s:prod-eu/node/gke-1"},
		{"a component of a cluster, as its own audit log names it", "kubernetes", "system:kube-scheduler", "k8s:prod-eu/user/system:kube-scheduler"},
		{"a user of a cluster is not the account that its name spells", "kubernetes", "system:payments:ledger", "k8s:prod-eu/user/system:payments:ledger"},
		{"an account in a namespace that is called like a kind", "kubernetes", "system:serviceaccount:node:gke-1", "k8s:prod-eu/system:serviceaccount:node:gke-1"},
		{"what has no form that is known", "principal", "odd", "gcp:principal/odd"},
		{"nobody", "", "", "anonymous:gcp-audit/203.0.113.0/24"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := &schemas.Event{Format: "gcp-audit", PrincipalType: c.kind, Principal: c.principal, SrcIp: "203.0.113.7", Attributes: map[string]string{"cluster": "prod-eu"}}
			if Resolve(ev); ev.IdentityId != c.want {
				t.Errorf("got %q, want %q", ev.IdentityId, c.want)
			}
		})
	}
}
