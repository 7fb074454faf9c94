package detect

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// grant is what a call gives to whom, as far as its log tells.
type grant struct {
	what, whom []string
}

// rightsIn are the ends of the attributes in which logs name what is given: a role, an
// application's permission, scopes, a privilege.
var rightsIn = [...]string{
	"role", "ROLE_NAME", ".AppRole.Value", ".Role.DisplayName", ".ConsentAction.Permissions", ".DelegatedPermissionGrant.Scope", ".privilegeGranted", "permission",
	"requestParameters.permissionSetName", "token_policies", "permissions_added", "API_SCOPES",
}

// grantOf reads a grant.
func grantOf(ev *schemas.Event) (g grant) {
	for i, to := range ev.Grantees {
		if i == maxThings {
			break
		}
		kind, name, _ := strings.Cut(to, ":")
		switch {
		case to == "public":
			g.whom = append(g.whom, "everybody")
		case kind != "policy" && to != "" && lastName(to) == lastName(ev.IdentityId):
			g.whom = append(g.whom, itself)
		case to == "policy:*":
			g.what = append(g.what, "every right")
		case kind == "policy":
			g.what = append(g.what, name)
		case strings.HasPrefix(to, "roles/") || strings.HasPrefix(to, "projects/") && strings.Contains(to, "/roles/"):
			g.what = append(g.what, to)
		case kind == "system" && strings.HasPrefix(name, "serviceaccount:"):
			g.whom = append(g.whom, strings.Replace(strings.TrimPrefix(name, "serviceaccount:"), ":", "/", 1))
		case len(to) == 12 && strings.Trim(to, "0123456789") == "":
			g.whom = append(g.whom, "account "+to)
		case kind == "user" || kind == "role" || kind == "serviceprincipal" || kind == "principal" || kind == "serviceAccount":
			g.whom = append(g.whom, name)
		case strings.Contains(strings.ToLower(ev.Operation), "roleassignments/") && !isUUID(to) && kind == to:
			g.what = append(g.what, to)
		case strings.Count(to, ":") == 2 && strings.Contains(to, "/"):
			g.whom = append(g.whom, shortID(to)) // an identity's id
		default:
			g.whom = append(g.whom, to)
		}
	}
	names := slices.Sorted(maps.Keys(ev.Attributes))
	for _, name := range names {
		v := ev.Attributes[name]
		if v == "" || strings.HasSuffix(name, ".old") || !slices.ContainsFunc(rightsIn[:], func(end string) bool {
			return name == end || end[0] == '.' && strings.HasSuffix(name, end)
		}) {
			continue
		}
		v = strings.TrimPrefix(strings.TrimPrefix(v, "ClusterRole/"), "Role/")
		if scopes := consented(v); len(scopes) > 0 {
			g.what = append(g.what, scopes[:min(len(scopes), maxEdges)]...)
			continue
		}
		if !slices.Contains(g.what, v) {
			g.what = append(g.what, v)
		}
	}
	if len(g.what) == 0 {
		g.what = statementOf(ev.Attributes["requestParameters.policyDocument"])
	}
	// A name beside the id of the same principal says more.
	if len(g.whom) == 1 && isUUID(g.whom[0]) {
		if list := things(ev); len(list) > 0 && !isUUID(list[0]) && strings.HasPrefix(ev.Operation, "entra:") {
			g.whom[0] = list[0]
		}
	}
	return g
}

// consented are the scopes that a consent in Entra ID gives, which its log writes as
// "[] => [[Id: x, ClientId: y, Scope: Mail.Read offline_access]]"; none of another text.
func consented(text string) []string {
	_, given, ok := strings.Cut(text, " => ")
	if !ok {
		return nil
	}
	_, scopes, ok := strings.Cut(given, "Scope: ")
	if !ok {
		return nil
	}
	if i := strings.IndexAny(scopes, ",]"); i >= 0 {
		scopes = scopes[:i]
	}
	return strings.Fields(scopes)
}

// statementOf are the first actions that a policy document allows; nothing of one that
// is cut or of another form.
func statementOf(text string) (what []string) {
	var doc struct{ Statement json.RawMessage }
	if text == "" || json.Unmarshal([]byte(text), &doc) != nil {
		return nil
	}
	type statement struct {
		Effect string
		Action json.RawMessage
	}
	var list []statement
	if json.Unmarshal(doc.Statement, &list) != nil {
		var one statement
		if json.Unmarshal(doc.Statement, &one) != nil {
			return nil
		}
		list = append(list, one)
	}
	for _, s := range list {
		if s.Effect != "Allow" {
			continue
		}
		var actions []string
		if json.Unmarshal(s.Action, &actions) != nil {
			var one string
			if json.Unmarshal(s.Action, &one) != nil {
				continue
			}
			actions = append(actions, one)
		}
		if what = append(what, actions...); len(what) > maxEdges {
			return what[:maxEdges]
		}
	}
	return what
}

// empty says that the log names neither.
func (g grant) empty() bool { return len(g.what)+len(g.whom) == 0 }

// words says it: "roles/owner to user:x@example.com". none stands for what no log
// names; each name is cut to at most n bytes.
func (g grant) words(none string, n int) string {
	out := none
	if len(g.what) > 0 {
		out = listed(g.what, n)
	}
	if len(g.whom) > 0 {
		out += " to " + listed(g.whom, n)
	}
	return out
}

// exposed says to whom something is opened: " to everybody (roles/viewer)".
func (g grant) exposed(n int) string {
	out := ""
	if len(g.whom) > 0 {
		out = " to " + listed(g.whom, n)
	}
	if len(g.what) > 0 {
		out += " (" + listed(g.what, n) + ")"
	}
	return out
}

// listed joins names, the first two in words.
func listed(list []string, n int) string {
	short := make([]string, 0, len(list))
	for _, s := range list {
		if n == titledThing {
			s = titled(s)
		}
		short = append(short, clipMiddle(s, n))
	}
	if len(short) == 2 {
		return short[0] + " and " + short[1]
	}
	return firstOf(short, 2)
}
