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
	cluster := "k8s:"
	if c := ev.Attributes["cluster"]; c != "" {
		cluster += c + "/"
	}
	if rest, ok := strings.CutPrefix(ev.Principal, "system:serviceaccount:"); ok {
		ns, name, ok := strings.Cut(rest, ":")
		if ok && ns != "node" && ns != "user" {
			return cluster + ns + "/" + name
		}
		return cluster + ev.Principal // else it would be the id of another
	}
	if name, ok := strings.CutPrefix(ev.Principal, "system:node:"); ok {
		return cluster + "node/" + name
	}
	return cluster + "user/" + ev.Principal
}
