package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// resolveAnthropic names users and keys by their ids.
func resolveAnthropic(ev *schemas.Event) string {
	id := stableID(ev)
	switch {
	case id == "":
		return keyID(ev)
	case ev.CredentialId == id:
		return "anthropic:key/" + id
	case ev.PrincipalType == "user_actor":
		return "anthropic:user/" + id
	}
	return "anthropic:" + strings.TrimSuffix(ev.PrincipalType, "_actor") + "/" + ev.Principal
}
