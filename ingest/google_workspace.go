package ingest

import (
	"fmt"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchGoogleWorkspace looks for an activity of the Reports API, or for one event of
// it where a collector has parted them.
func matchGoogleWorkspace(p *probe) confidence {
	if strings.HasPrefix(p.text("kind"), "admin#reports#activit") {
		if p.has("items") {
			return no // a list of activities
		}
		return certain
	}
	if p.text("id", "applicationName") != "" && (p.object("actor") || p.has("events") || p.has("name")) {
		return certain
	}
	return no
}

// splitGoogleWorkspace hands on each event of an activity.
func splitGoogleWorkspace(d *document, n int, each func(n int)) {
	events := d.get(n, "events")
	if events == none || d.nodes[events].kind != kindArray || d.get(n, "id") == none {
		return
	}
	i := 0
	for c := d.first(events); c != none; c = d.after(events, c) {
		d.place = i
		each(c)
		i++
	}
}

// parseGoogleWorkspace reads one event of an activity of the Admin SDK's Reports API
// ("REST Resource: activities").
func parseGoogleWorkspace(r *record) error {
	w, d, ev := &workspace{record: r, activity: r.root}, &r.doc, r.ev
	if parent := int(d.nodes[r.root].parent); parent != none && d.nodes[parent].key == "events" {
		if w.activity = int(d.nodes[parent].parent); d.after(parent, r.root) == none && d.first(parent) == r.root && r.p.opt.KeepRaw {
			ev.Raw = d.source(w.activity) // one event: all that was said
		}
	}
	if d.nodes[r.root].kind != kindObject {
		return errNoObject
	}
	if w.around() > maxAround {
		return fmt.Errorf("more than %d values around the events of an activity", maxAround)
	}
	act := func(keys ...string) string { return r.take(d.path(w.activity, keys...)) }
	when := act("id", "time")
	var err error
	if ev.Time, err = parseAnyTime(when); err != nil {
		return inField("id.time", err)
	}
	name := r.text("name")
	if name == "" {
		return missing("events.name")
	}
	ev.Service = first(act("id", "applicationName"), "workspace")
	ev.Operation = ev.Service + ":" + name
	if qualifier := act("id", "uniqueQualifier"); qualifier != "" {
		// Unique among activities of one time only.
		id := when + "/" + ev.Service + "/" + qualifier
		if w.activity != r.root {
			if i := d.place; i > 0 {
				id += "/" + index(i)
			}
		}
		setID(r.ev, id)
		attribute(ev, "uniqueQualifier", qualifier)
	}
	ev.Account = act("id", "customerId")
	setSource(r.ev, "ipAddress", act("ipAddress"))
	attribute(ev, "event.type", r.text("type"))
	ev.Region = act("networkInfo", "regionCode")
	w.parameters()
	w.who(name)
	w.what(name)
	w.result(name)
	act("kind")
	act("etag")
	w.restOf(d.get(w.activity, "actor"), "actor.")
	w.restOf(d.get(w.activity, "networkInfo"), "networkInfo.")
	if w.activity == r.root {
		r.rest()
		return nil
	}
	r.rest()
	attribute(ev, "ownerDomain", act("ownerDomain"))
	d.attributes(ev, d.get(w.activity, "resourceDetails"), "resourceDetails", nil)
	for _, k := range []string{"actor", "networkInfo", "id"} {
		w.clear(d.get(w.activity, k)) // the next event of the activity reads them too
	}
	return nil
}

// workspace is one event of an activity being read.
type workspace struct {
	*record
	activity int
	params   int
}

// clear takes back that nodes were read.
func (w *workspace) clear(n int) {
	if n == none {
		return
	}
	for i := n; i < int(w.doc.nodes[n].next); i++ {
		w.doc.nodes[i].used = false
	}
}

// maxAround bounds what is read again for each event of an activity, in values.
// Google's activities have a few dozen.
const maxAround = 1024

// around counts the values of an activity that are in none of its events.
func (w *workspace) around() int {
	if w.activity == w.root {
		return 0
	}
	activity, events := &w.doc.nodes[w.activity], int(w.doc.nodes[w.root].parent)
	return int(activity.next) - w.activity - (int(w.doc.nodes[events].next) - events)
}

// parameters keeps each parameter as an attribute of its name.
func (w *workspace) parameters() {
	d := &w.doc
	w.params = w.get("parameters")
	if w.params == none {
		return
	}
	d.nodes[w.params].used = true
	for c := d.first(w.params); c != none; c = d.after(w.params, c) {
		name, v := w.parameter(c)
		switch {
		case v == none:
		case d.nodes[v].kind == kindArray && !w.plain(v):
			d.attributes(w.ev, v, name, nil)
		case d.nodes[v].kind == kindArray:
			attribute(w.ev, name, strings.Join(d.scalars(v), ", "))
		case d.nodes[v].kind == kindObject && d.get(v, "parameter") != none:
			list := d.get(v, "parameter")
			for m := d.first(list); m != none; m = d.after(list, m) {
				inner, value := w.parameter(m)
				if value != none {
					d.attributes(w.ev, value, name+"."+inner, nil)
				}
			}
		default:
			d.attributes(w.ev, v, name, nil)
		}
	}
}

// plain reports whether an array holds nothing but scalars.
func (w *workspace) plain(n int) bool {
	for c := w.doc.first(n); c != none; c = w.doc.after(n, c) {
		if k := w.doc.nodes[c].kind; k == kindObject || k == kindArray {
			return false
		}
	}
	return true
}

// parameter returns a parameter's name and the node of its value: Google lists
// them, collectors make a map of them.
func (w *workspace) parameter(c int) (name string, value int) {
	d := &w.doc
	if d.nodes[c].key != "" {
		return d.nodes[c].key, c
	}
	name = d.text(d.get(c, "name"))
	for _, key := range []string{"value", "multiValue", "intValue", "boolValue", "multiIntValue", "multiBoolValue", "messageValue", "multiMessageValue"} {
		if v := d.get(c, key); v != none {
			return name, v
		}
	}
	return name, none
}

// param returns a parameter's text, of several values the first that counts.
func (w *workspace) param(names ...string) string {
	for _, name := range names {
		if list := w.paramList(name); len(list) > 0 {
			return list[0]
		}
	}
	return ""
}

func (w *workspace) paramList(name string) []string {
	if w.params == none {
		return nil
	}
	for c := w.doc.first(w.params); c != none; c = w.doc.after(w.params, c) {
		if have, v := w.parameter(c); have == name && v != none {
			return w.doc.scalars(v)
		}
	}
	return nil
}

// who reads the actor. The call of an API through OAuth is the application's,
// with the user's rights; its authorization is the user's doing.
func (w *workspace) who(name string) {
	d, ev := &w.doc, w.ev
	act := func(keys ...string) string { return w.take(d.path(w.activity, append([]string{"actor"}, keys...)...)) }
	email, key, kind := act("email"), act("key"), act("callerType")
	ev.PrincipalIssuer = act("profileId")
	ev.PrincipalType, ev.Principal = first(kind, "USER"), first(email, key, ev.PrincipalIssuer)
	if ev.Principal == "" {
		ev.PrincipalType = kind
	}
	if kind == "KEY" {
		ev.Principal = first(key, email)
		ev.CredentialId, ev.CredentialType = key, "key"
	}
	ev.OauthClient = first(act("applicationInfo", "oauthClientId"), w.param("client_id"))
	ev.Scopes = scopeList(strings.Join(w.paramList("scope"), " "))
	app := first(act("applicationInfo", "applicationName"), w.param("app_name"))
	attribute(ev, "app_name", app)
	if act("applicationInfo", "impersonation") == "true" {
		ev.ActingAs = email // domain-wide delegation
	}
	calls := ev.Service == "token" && (name == "activity" || name == "API call")
	if ev.OauthClient != "" && (calls || d.path(w.activity, "actor", "applicationInfo", "oauthClientId") != none) {
		user := ev.Principal
		// The name is what it calls itself; the client id tells one from another.
		ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = "oauth_app", first(app, ev.OauthClient), ev.OauthClient
		w.behalf(user, ev.OauthClient)
	}
	if calls {
		ev.BytesOut = count(w.param("num_response_bytes"))
		if method := w.param("method_name"); method != "" {
			ev.Service = first(w.param("api_name"), "token")
			ev.Operation = ev.Service + ":" + method
		}
	}
}

// workspaceResources are parameters that name what was touched.
var workspaceResources = []string{
	"doc_id", "doc_title", "USER_EMAIL", "GROUP_EMAIL", "ROLE_NAME", "APPLICATION_NAME", "DOMAIN_NAME", "calendar_id", "group_email", "email", "API_CLIENT_NAME", "DEVICE_ID", "app_name",
	"organizer_email", "affected_email_address", "resource_identifier", "SETTING_NAME",
}

// what reads resources, and who gets something.
func (w *workspace) what(name string) {
	ev := w.ev
	for _, p := range workspaceResources {
		w.touch(w.param(p))
	}
	switch {
	case ev.Service == "token" && name == "authorize":
		w.give(ev.OauthClient)
	case name == "AUTHORIZE_API_CLIENT_ACCESS":
		w.give(w.param("API_CLIENT_NAME")) // domain-wide delegation
	case name == "ASSIGN_ROLE", name == "ADD_GROUP_MEMBER", name == "GRANT_ADMIN_PRIVILEGE", name == "GRANT_DELEGATED_ADMIN_PRIVILEGES":
		w.give(w.param("USER_EMAIL"))
	case name == "add_user", name == "add_member", name == "accept_invitation", name == "change_calendar_acls", name == "email_forwarding_out_of_domain":
		w.give(w.param("grantee_email", "user_email", "member_id", "email_forwarding_destination_address"))
	case strings.HasPrefix(name, "change_user_access"), strings.HasPrefix(name, "change_acl"), strings.HasPrefix(name, "team_drive_membership_change"), strings.HasPrefix(name, "shared_drive_membership_change"):
		if w.param("new_value") != "none" {
			w.give(w.param("target_user", "target"))
		}
	}
	switch v := w.param("visibility"); v {
	case "people_with_link", "public_on_the_web", "public_in_the_domain":
		if v != "public_in_the_domain" && w.param("old_visibility") != v && strings.HasPrefix(name, "change_") {
			w.give("public")
		}
	}
	if level := w.param("access_level"); name == "change_calendar_acls" && w.param("grantee_email") == "__public_principal__@public.calendar.google.com" && level != "none" {
		ev.Grantees = nil
		w.give("public")
	}
}

func (w *workspace) result(name string) {
	ev := w.ev
	ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	if strings.HasSuffix(name, "_failure") || strings.Contains(name, "denied") || strings.HasPrefix(name, "blocked") || strings.HasSuffix(name, "_blocked") {
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
		ev.ErrorCode = w.param("login_failure_type", "failure_type")
	}
	if status := count(w.text("status", "httpStatusCode")); status > 0 && status < 1000 {
		ev.StatusCode = uint32(status)
		ev.Outcome = httpOutcome(ev.StatusCode)
	}
	if w.text("status", "eventStatus") == "FAILED" && ev.Outcome == schemas.Outcome_OUTCOME_SUCCESS {
		ev.Outcome = schemas.Outcome_OUTCOME_ERROR
	}
	ev.ErrorCode = first(ev.ErrorCode, w.text("status", "errorCode"))
	ev.ErrorMessage = clip(w.text("status", "errorMessage"), maxMessage)
	if w.param("is_second_factor") == "true" && ev.Outcome == schemas.Outcome_OUTCOME_SUCCESS {
		ev.Mfa = true
	}
}
