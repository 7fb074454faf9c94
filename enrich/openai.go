package enrich

import "github.com/lapwing-sec/lapwing/schemas"

// resolveOpenAI names users and service accounts by their ids, else the key.
func resolveOpenAI(ev *schemas.Event) string {
	id := stableID(ev)
	switch {
	case id == "":
		return keyID(ev)
	case ev.PrincipalType == "service_account":
		return "openai:service-account/" + id
	case ev.PrincipalType == "api_key":
		return "openai:key/" + id
	}
	return "openai:user/" + id
}
