package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// resolveGCP names the principal of a Google Cloud audit log (IAM
// documentation, "Principal identifiers", and AuditLog's authenticationInfo).
func resolveGCP(ev *schemas.Event) string {
	p := ev.Principal
	if strings.HasPrefix(p, "system:") { // as the API server of a cluster knows it
		return clusterID(ev.Attributes["cluster"], p)
	}
	if id := canonicalGCP(p); id != "" {
		return id
	}
	if p == "" {
		return keyID(ev)
	}
	kind := ev.PrincipalType
	if kind == "" {
		kind = "principal"
	}
	return "gcp:" + kind + "/" + p
}

// canonicalGCP turns the address or the principal identifier of a Google Cloud
// identity into its canonical id, or "".
func canonicalGCP(p string) string {
	if i := strings.Index(p, "://iam.googleapis.com/"); i > 0 && strings.HasPrefix(p, "principal") {
		return poolID(p)
	}
	if project, pod, ok := strings.Cut(p, ".svc.id.goog["); ok {
		ns, account, _ := strings.Cut(strings.TrimSuffix(pod, "]"), "/")
		return "gcp:principal/" + project + ".svc.id.goog/ns/" + ns + "/sa/" + account
	}
	name, host, ok := strings.Cut(p, "@")
	if !ok || name == "" {
		return ""
	}
	host, robot := strings.CutSuffix(strings.ToLower(host), ".gserviceaccount.com")
	if !robot {
		return "gcp:user/" + strings.ToLower(p)
	}
	project, own := strings.CutSuffix(host, ".iam")
	switch {
	case own && (isAgent(name) || strings.HasPrefix(project, "gcp-sa-")):
		return "gcp:service/" + name + "@" + project
	case own:
		return "gcp:" + project + ":sa/" + name
	case host == "appspot": // App Engine's default account carries the project's name
		return "gcp:" + name + ":sa/appspot"
	case host == "developer": // Compute Engine's default account, the project's number
		number, _, _ := strings.Cut(name, "-")
		return "gcp:" + number + ":sa/compute"
	}
	return "gcp:service/" + name + "@" + host
}

// isAgent recognises the name of a service agent, service-PROJECT_NUMBER.
func isAgent(name string) bool {
	number, ok := strings.CutPrefix(name, "service-")
	return ok && len(number) > 5 && isNumber(number)
}

// poolID names an identity of a workload or workforce identity pool:
// principal://iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/POOL/subject/SUBJECT.
func poolID(p string) string {
	for _, kind := range [...]string{"/workloadIdentityPools/", "/workforcePools/"} {
		if _, rest, ok := strings.Cut(p, kind); ok {
			pool, who, _ := strings.Cut(rest, "/")
			return "gcp:principal/" + pool + "/" + strings.TrimPrefix(who, "subject/")
		}
	}
	return ""
}
