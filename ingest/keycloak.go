package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchKeycloak looks for an event or an admin event, as JSON or as Keycloak's
// own log writes it.
func matchKeycloak(p *probe) confidence {
	if p.doc == nil {
		i := keycloakStart(p.line)
		switch {
		case i < 0:
			return no
		case strings.Contains(p.line[i:], "clientId=") || strings.Contains(p.line[i:], "resourceType="):
			return certain
		}
		return likely
	}
	switch {
	case strings.HasPrefix(p.text("loggerName"), "org.keycloak.events"):
		return certain
	case p.has("operationType", "resourceType", "realmId"), p.has("operationType", "resourcePath", "authDetails"):
		return certain
	case p.has("type", "realmId", "clientId"), p.has("type", "realmId", "userId", "ipAddress"):
		return certain
	}
	return no
}

// keycloakStart finds where the fields of an event begin in a line.
func keycloakStart(line string) int {
	for _, first := range []string{"type=", "operationType="} {
		i := strings.Index(line, first)
		if i >= 0 && (i == 0 || line[i-1] == ' ') && strings.Contains(line[i:], "realmId=") {
			return i
		}
	}
	return -1
}

// keycloakEvent holds the fields of one event, wherever they came from.
type keycloakEvent struct {
	*record

	kind, realm, realmName, client, user, session, ip, failure string

	changed string // the realm that an administrator changed, if not its own

	operation, resource, path string // of an admin event

	grant, username, method, token, scope, impersonator, subject string
}

// field reads one field by its name.
func (k *keycloakEvent) field(name, v string) {
	if v == "" || v == "null" {
		return
	}
	switch name {
	case "type":
		k.kind = v
	case "realmId":
		k.realm = v
	case "realmName":
		k.realmName = v
	case "clientId":
		k.client = v
	case "userId":
		k.user = v
	case "sessionId", "userSessionId":
		k.session = v
	case "ipAddress":
		k.ip = v
	case "error":
		k.failure = v
	case "operationType":
		k.operation = v
	case "resourceType":
		k.resource = v
	case "resourcePath":
		k.path = v
	case "grant_type":
		k.grant = v
	case "username", "preferred_username":
		k.username = v
	case "client_auth_method":
		k.method = v
	case "token_id":
		k.token = v
	case "scope":
		k.scope = v
	case "impersonator":
		k.impersonator = v
	case "requested_subject":
		k.subject = v
	case "user_agent", "User-Agent":
		k.ev.UserAgent = clip(v, maxMessage)
	case "reason", "error_description":
		k.ev.ErrorMessage = clip(v, maxMessage)
	case "id":
		setID(k.ev, v)
	default:
		attribute(k.ev, name, v)
	}
}

// parseKeycloak reads one event or admin event as the event listeners hand it
// on (Keycloak server administration guide, "Auditing with user events and
// admin events").
func parseKeycloak(r *record) error {
	d, k := &r.doc, &keycloakEvent{record: r}
	if logger := r.text("loggerName"); strings.HasPrefix(logger, "org.keycloak.events") {
		// Keycloak's JSON console: the event is in the message.
		if err := r.time("timestamp"); err != nil {
			return err
		}
		message := r.text("message")
		if i := keycloakStart(message); i >= 0 {
			k.line(message[i:])
		}
		attribute(r.ev, "hostName", r.text("hostName"))
		for _, noise := range []string{"level", "loggerClassName", "threadName", "threadId", "mdc", "ndc", "processName", "processId", "sequence"} {
			r.use(noise)
		}
		r.rest()
		return k.event()
	}
	if err := r.when("time", r.get("time"), r.get("@timestamp")); err != nil {
		return err
	}
	for _, n := range []int{r.root, r.get("authDetails"), r.get("details")} {
		for c := d.first(n); n != none && c != none; c = d.after(n, c) {
			switch d.nodes[c].kind {
			case kindObject, kindArray:
			case kindNull:
			default:
				if n != r.root && d.nodes[n].key == "authDetails" && k.changed == "" {
					// Administrators are known in a realm of their own.
					k.changed, k.realm, k.realmName = first(k.realmName, k.realm), "", ""
				}
				if key := d.nodes[c].key; key != "time" && key != "@timestamp" {
					k.field(key, d.nodes[c].str)
				}
				d.nodes[c].used = true
			}
		}
	}
	if n := r.get("representation"); n != none {
		attribute(r.ev, "representation", d.nodes[n].str)
	}
	r.rest()
	return k.event()
}

// parseKeycloakLine reads one line of the jboss-logging listener.
func parseKeycloakLine(r *record) error {
	line := r.p.redactor.text(r.line)
	i := keycloakStart(line)
	if i < 0 {
		return missing("realmId")
	}
	var err error
	stamp := line[:i]
	if len(stamp) > 23 {
		stamp = stamp[:23]
	}
	stamp = strings.TrimSpace(stamp)
	if len(stamp) < 19 || !isDigit(stamp[0]) {
		return missing("time")
	}
	if r.ev.Time, err = parseISO(stamp); err != nil {
		return inField("time", err)
	}
	k := &keycloakEvent{record: r}
	k.line(line[i:])
	return k.event()
}

// line reads name="value" or name=value, parted by commas.
func (k *keycloakEvent) line(s string) {
	for s != "" {
		s = strings.TrimLeft(s, ", ")
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			return
		}
		if strings.HasPrefix(rest, `"`) {
			end := closingQuote(rest, 1)
			k.field(name, rest[1:end])
			s = rest[min(end+1, len(rest)):]
			continue
		}
		v, tail, _ := strings.Cut(rest, ", ")
		k.field(name, v)
		s = tail
	}
}

// event makes an event of the fields.
func (k *keycloakEvent) event() error {
	ev := k.ev
	ev.Service = "keycloak"
	switch {
	case k.operation != "":
		ev.Operation = "keycloak:" + strings.TrimSpace(k.operation+" "+k.resource)
		attribute(ev, "type", k.kind)
	case k.kind != "":
		ev.Operation = "keycloak:" + k.kind
	default:
		return missing("type")
	}
	if first(k.realmName, k.realm) == "" {
		k.realm = k.changed
	}
	realm := first(k.realmName, k.realm)
	if realm == "" {
		return missing("realmId")
	}
	ev.Account = realm
	if k.changed != realm {
		ev.TargetAccount = k.changed
	}
	if k.realmName != "" {
		attribute(ev, "realmId", k.realm)
	}
	ev.SessionId, ev.CredentialType = k.session, k.method
	ev.OauthClient = k.client
	ev.Scopes = scopeList(k.scope)
	attribute(ev, "grant_type", k.grant)
	attribute(ev, "token_id", k.token)
	if k.ip != "" {
		setSource(k.ev, "ipAddress", k.ip)
	}
	k.who()
	k.touch(k.path)
	if k.operation == "" && k.client != "" {
		k.touch(k.client)
	}
	if k.operation == "CREATE" && (strings.Contains(k.resource, "ROLE_MAPPING") || strings.Contains(k.resource, "MEMBERSHIP")) {
		k.give(k.path)
	}
	ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	if k.failure != "" || strings.HasSuffix(k.kind, "_ERROR") {
		ev.ErrorCode, ev.Outcome = k.failure, schemas.Outcome_OUTCOME_DENIED
		for _, prefix := range []string{"UPDATE_", "SEND_", "REGISTER", "REMOVE_", "EXECUTE_"} {
			if strings.HasPrefix(k.kind, prefix) {
				ev.Outcome = schemas.Outcome_OUTCOME_ERROR
			}
		}
		if k.operation != "" {
			ev.Outcome = failure(k.failure)
		}
	} else {
		attribute(ev, "reason", ev.ErrorMessage)
		ev.ErrorMessage = ""
	}
	return nil
}

// who names the caller: the client where it calls with its own credentials or
// in a user's place, else the user.
func (k *keycloakEvent) who() {
	ev := k.ev
	service, isService := strings.CutPrefix(k.username, "service-account-")
	switch {
	case k.grant == "client_credentials", strings.HasPrefix(k.kind, "CLIENT_LOGIN"), isService:
		ev.PrincipalType, ev.Principal = "client", first(k.client, service)
		if isService && service != "" && k.operation == "" {
			ev.Principal = service
		}
		attribute(ev, "userId", k.user)
	case strings.HasPrefix(k.kind, "TOKEN_EXCHANGE") && k.client != "", strings.HasPrefix(k.grant, "urn:ietf:params:oauth:grant-type:token-exchange") && k.client != "":
		ev.PrincipalType, ev.Principal = "client", k.client
		user := first(k.username, k.user)
		k.behalf(user, k.client)
		if k.subject != "" {
			ev.ActingAs = k.subject
		}
		attribute(ev, "userId", k.user)
	case k.kind == "IMPERSONATE" && k.impersonator != "":
		ev.PrincipalType, ev.Principal = "user", k.impersonator
		ev.ActingAs = first(k.username, k.user)
	case k.user == "" && k.username != "" && (k.failure != "" || strings.HasSuffix(k.kind, "_ERROR")):
		attribute(ev, "refused_user", k.username) // a name that somebody typed
	case first(k.user, k.username) != "":
		ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = "user", first(k.username, k.user), k.user
	case k.client != "" && ev.SrcIp != "" && (strings.HasPrefix(k.kind, "INTROSPECT_TOKEN") || strings.HasPrefix(k.kind, "CLIENT_")):
		ev.PrincipalType, ev.Principal = "client", k.client
	}
}
