package importer

import (
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// oktaApps reads the applications of an Okta org (Okta API, "List all
// applications").
var oktaApps = Kind{
	Name:    "okta-apps",
	Title:   "Okta applications (JSON)",
	Command: `curl -sS -H "Authorization: SSWS $OKTA_TOKEN" "https://ORG.okta.com/api/v1/apps?limit=200" > apps.json`,
	read: func(r *reader, data []byte) {
		for _, n := range r.elements(r.json(data), "apps") {
			r.oktaApp(n)
		}
	},
}

func (r *reader) oktaApp(n *node) {
	rec := r.at(n)
	it := &rec.it
	it.ID = "okta:app/" + rec.need(n.get("id"))
	it.Name = rec.text(n.get("label"))
	mode := rec.text(n.get("signOnMode"))
	for _, l := range []string{"status", "name", "created", "lastUpdated"} {
		rec.label(strings.ToLower(l), rec.text(n.get(l)))
	}
	rec.label("sign_on_mode", mode)
	client := n.get("credentials", "oauthClient")
	settings := n.get("settings", "oauthClient")
	grants := rec.texts(settings.get("grant_types"))
	switch {
	case rec.text(settings.get("application_type")) == "service", slices.Equal(grants, []string{"client_credentials"}):
		it.Kind = "service_account"
	case client.kind == kindMap || mode == "OPENID_CONNECT":
		it.Kind = "oauth_app"
	default:
		it.Kind = "integration"
	}
	rec.label("grant_types", strings.Join(grants, " "))
	if client.kind == kindMap {
		// The client secret, if the file has one, is not looked at.
		id := rec.text(client.get("client_id"))
		rec.credential(schemas.KnownCredential{Ref: id, Type: "oauth_client", Issued: rec.time(n.get("created"))})
		rec.label("client_authentication", rec.text(client.get("token_endpoint_auth_method")))
		if id != "" {
			rec.alias("okta:app/" + id)
		}
	}
	if signing := n.get("credentials", "signing"); signing.has("kid") {
		rec.credential(schemas.KnownCredential{Ref: rec.text(signing.get("kid")), Type: "certificate", Issued: rec.time(signing.get("lastRotated"))})
	}
	rec.words(n.get("settings", "notes", "admin"))
	rec.tags(n.get("profile"))
	rec.end()
}
