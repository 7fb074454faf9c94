package enrich

import "github.com/lapwing-sec/lapwing/schemas"

// resolveEdge names the caller at a cloud's load balancer or network edge,
// which knows no more than a certificate or a key.
func resolveEdge(ev *schemas.Event) string {
	if ev.CredentialType == "certificate" && ev.CredentialId != "" {
		return ev.Format + ":certificate/" + ev.CredentialId
	}
	return keyID(ev)
}
