package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// resolveK8s names the user of a Kubernetes audit event. Where the raw topic's
// configuration names a cluster, the same name in two clusters is two
// identities. On EKS the IAM role behind a user is the identity, as it is in
// CloudTrail.
func resolveK8s(ev *schemas.Event) string {
	if id := canonicalARN(ev.PrincipalIssuer); id != "" {
		return id
	}
	if ev.Principal == "" {
		return ""
	}
	return clusterID(ev.Attributes["cluster"], ev.Principal)
}

// clusterID names a user of a cluster, which may be "" where it has no name.
func clusterID(cluster, user string) string {
	cluster = "k8s:" + cluster
	if cluster != "k8s:" {
		cluster += "/"
	}
	if rest, ok := strings.CutPrefix(user, "system:serviceaccount:"); ok {
		ns, name, ok := strings.Cut(rest, ":")
		if ok && ns != "node" && ns != "user" {
			return cluster + ns + "/" + name
		}
		return cluster + user // else it would be the id of another
	}
	if name, ok := strings.CutPrefix(user, "system:node:"); ok {
		return cluster + "node/" + name
	}
	return cluster + "user/" + user
}
