package importer

// kubernetesServiceAccounts reads the service accounts of one cluster
// (Kubernetes API reference, ServiceAccount v1).
var kubernetesServiceAccounts = Kind{
	Name:         "kubernetes",
	Title:        "Kubernetes service accounts (JSON)",
	Command:      "kubectl get serviceaccounts --all-namespaces -o json > sa.json",
	NeedsCluster: true,
	read: func(r *reader, data []byte) {
		roots := r.json(data)
		// One object by name is no list.
		if len(roots) == 1 && roots[0].get("kind").text == "ServiceAccount" {
			r.serviceAccount(roots[0])
			return
		}
		for _, n := range r.elements(roots, "items") {
			r.serviceAccount(n)
		}
	},
}

// workloadAnnotations name the identities at a cloud that a service account
// acts as.
var workloadAnnotations = []struct{ annotation, label string }{
	{"eks.amazonaws.com/role-arn", "aws_role"},
	{"iam.gke.io/gcp-service-account", "gcp_service_account"},
	{"azure.workload.identity/client-id", "azure_client_id"},
}

func (r *reader) serviceAccount(n *node) {
	rec := r.at(n)
	if k := n.get("kind"); !rec.broken && k.kind != kindNull && k.text != "ServiceAccount" {
		rec.fail(k, "%q: want ServiceAccount", shorten(k.text))
	}
	meta := n.get("metadata")
	namespace, name := rec.need(meta.get("namespace")), rec.need(meta.get("name"))
	it := &rec.it
	// Aliases such as system:serviceaccount:NS:NAME are the same in every
	// cluster, so they name no one identity.
	it.ID, it.Kind, it.Name = "k8s:"+r.o.Cluster+"/"+namespace+"/"+name, "workload", name
	rec.label("cluster", r.o.Cluster)
	rec.label("namespace", namespace)
	rec.label("created", rec.text(meta.get("creationTimestamp")))
	rec.tags(meta.get("labels"))
	rec.tags(meta.get("annotations"))
	for _, w := range workloadAnnotations {
		if a := meta.get("annotations"); a.kind == kindMap {
			rec.label(w.label, rec.text(a.get(w.annotation)))
		}
	}
	rec.end()
}
