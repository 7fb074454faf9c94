package enrich

import "github.com/lapwing-sec/lapwing/schemas"

// resolveVault names whoever a Vault token was made for: the role of an auth
// method at its mount, else the entity, else the token by its accessor's hash.
func resolveVault(ev *schemas.Event) string {
	switch {
	case ev.Principal == "":
		return ""
	case ev.PrincipalType == "role":
		return "vault:role/" + ev.PrincipalIssuer + "/" + ev.Principal
	case ev.PrincipalType == "entity":
		return "vault:entity/" + ev.Principal
	case ev.CredentialId != "":
		return "vault:token/" + ev.CredentialId
	}
	return "vault:token/" + ev.Principal
}
