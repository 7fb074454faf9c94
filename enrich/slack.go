package enrich

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// resolveSlack names users, applications and workflows by their ids.
func resolveSlack(ev *schemas.Event) string {
	id := stableID(ev)
	if id == "" {
		return keyID(ev)
	}
	return "slack:" + strings.ToLower(ev.PrincipalType) + "/" + id
}
