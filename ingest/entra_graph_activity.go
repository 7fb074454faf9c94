package ingest

import (
	"strings"
)

// matchEntraGraphActivity looks for the log's name, or for what only it has.
func matchEntraGraphActivity(p *probe) confidence {
	if strings.EqualFold(p.category(), "MicrosoftGraphActivityLogs") || strings.EqualFold(p.text("Type"), "MicrosoftGraphActivityLogs") {
		return certain
	}
	if p.signs("requestUri", "requestMethod") == 2 && p.signs("signInActivityId", "responseSizeBytes", "servicePrincipalId", "wids", "apiVersion", "clientAuthMethod") >= 2 {
		return certain
	}
	return no
}

// parseEntraGraphActivity reads one call of Microsoft Graph (Azure Monitor, table
// MicrosoftGraphActivityLogs).
func parseEntraGraphActivity(r *record) error {
	e, ev := entraRecord(r), r.ev
	if err := r.when("timeGenerated", e.at("timeGenerated"), e.at("time")); err != nil {
		return err
	}
	e.common()
	ev.RequestId = e.str("requestId")
	setID(r.ev, ev.RequestId)
	ev.HttpMethod = method(e.str("requestMethod"))
	host, path, query := splitTarget(e.str("requestUri"))
	ev.Host = first(hostName(host), "graph.microsoft.com")
	ev.Service = ev.Host
	ev.UrlPath = clip(path, maxMessage)
	ev.RouteTemplate = graphRoute(path)
	ev.Operation = first(ev.HttpMethod, invalidMethod) + " " + ev.RouteTemplate
	attribute(ev, "query", query)
	r.touch(ev.UrlPath)
	setStatus(ev, first(e.str("responseStatusCode"), e.str("resultSignature")))
	ev.Outcome = httpOutcome(ev.StatusCode)
	ev.BytesOut = count(e.str("responseSizeBytes"))
	ev.LatencyUs = micros(e.str("durationMs"), 1000)
	ev.Region = e.str("location")

	ev.Scopes = append(scopeList(e.str("scopes")), scopeList(e.str("roles"))...)
	ev.SessionId = first(e.str("signInActivityId"), e.str("uniqueTokenId"))
	ev.CredentialIssued = moment(e.str("tokenIssuedAt"))
	switch auth := e.str("clientAuthMethod"); auth {
	case "0":
		ev.CredentialType = "public"
	case "1":
		ev.CredentialType = "clientSecret"
	case "2":
		ev.CredentialType = "certificate"
	default:
		ev.CredentialType = auth
	}
	appID, object, user := present(e.str("appId")), present(e.str("servicePrincipalId")), present(e.str("userId"))
	switch {
	case user != "" && (userClients[appID] || appID == ""):
		ev.PrincipalType, ev.Principal, ev.PrincipalIssuer, ev.OauthClient = "user", user, user, appID
		r.behalf(user, appID)
	case first(appID, object) != "":
		e.app("application", "", object, appID)
		r.behalf(user, ev.Principal)
	}
	e.rest()
	return nil
}

// graphKeyed are collections of Microsoft Graph: the segment behind one is the
// key of a member, however it is spelled.
var graphKeyed = func() map[string]bool {
	m := map[string]bool{}
	for _, s := range strings.Fields(`users groups applications servicePrincipals devices drives sites teams messages mailFolders childFolders attachments events
		calendars calendarGroups contacts contactFolders items lists columns channels chats members owners directoryObjects directoryRoles directoryRoleTemplates
		roleAssignments roleDefinitions oauth2PermissionGrants appRoleAssignments appRoleAssignedTo federatedIdentityCredentials signIns directoryAudits subscriptions
		domains organization invitations managedDevices deviceConfigurations notebooks sections pages plans tasks buckets worksheets tables rows versions permissions
		replies posts threads conversations transitiveMemberOf memberOf alerts alerts_v2 incidents administrativeUnits extensions policies namedLocations contentTypes
		subsites onlineMeetings shares connections messageRules rooms roleEligibilitySchedules accessPackages riskyUsers riskDetections identityProviders`) {
		m[strings.ToLower(s)] = true
	}
	return m
}()

// graphWords follow a collection without being a key of it.
var graphWords = map[string]bool{
	"delta": true, "root": true, "search": true, "add": true, "remove": true, "inbox": true, "drafts": true, "sentitems": true, "deleteditems": true, "archive": true,
	"junkemail": true, "outbox": true, "recoverableitemsdeletions": true, "msgfolderroot": true, "me": true,
}

// graphRoute turns a path of Microsoft Graph into a route: keys of
// collections, in either notation, arguments of functions and paths of files
// are left out.
func graphRoute(path string) string {
	var b strings.Builder
	segments, keyed := 0, false
	rest := strings.Trim(path, "/")
	for rest != "" {
		seg, tail, _ := strings.Cut(rest, "/")
		rest = tail
		if seg == "" {
			continue
		}
		if segments++; segments > maxSegments || b.Len() > maxRouteSize {
			b.WriteString("/…")
			break
		}
		name, args, call := strings.Cut(seg, "(")
		base := strings.TrimSuffix(name, ":")
		word := strings.ToLower(base)
		filePath := strings.HasSuffix(seg, ":") && !call
		b.WriteByte('/')
		switch {
		case keyed && !graphWords[word] && seg[0] != '$' && !strings.Contains(word, "microsoft.graph") && !strings.HasPrefix(word, "get"):
			b.WriteString(idSegment)
			keyed = false
		case call && graphKeyed[word]:
			b.WriteString(clip(base, 64) + "/" + idSegment)
			keyed = false
		case call:
			b.WriteString(clip(base, 64) + "()")
			keyed = false
		default:
			if isID(base) {
				base = idSegment
			}
			b.WriteString(clip(base, 64))
			keyed = graphKeyed[word]
		}
		if call && !strings.Contains(args, ")") {
			// A key with a slash in it: to the end of the brackets.
			if _, after, ok := strings.Cut(rest, ")"); ok {
				rest = strings.TrimPrefix(after, "/")
			}
		}
		if filePath {
			// root:/a/b.txt:/content
			b.WriteString(":/{path}")
			_, after, ok := strings.Cut(rest, ":")
			if ok {
				b.WriteByte(':')
				rest = strings.TrimPrefix(after, "/")
			} else {
				rest = ""
			}
			keyed = false
		}
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}
