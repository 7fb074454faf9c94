package importer

import (
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// githubInstallations reads the GitHub Apps that are installed in an
// organisation (REST API, "List app installations for an organization").
var githubInstallations = Kind{
	Name:    "github-apps",
	Title:   "GitHub App installations of an organisation (JSON)",
	Command: "gh api --paginate /orgs/ORG/installations > installations.json",
	read: func(r *reader, data []byte) {
		for _, n := range r.elements(r.json(data), "installations") {
			r.installation(n)
		}
	},
}

func (r *reader) installation(n *node) {
	rec := r.at(n)
	it := &rec.it
	app, id := rec.need(n.get("app_id")), rec.need(n.get("id"))
	slug := rec.text(n.get("app_slug"))
	it.ID, it.Kind, it.Name = "github:app/"+app, "oauth_app", slug
	if slug != "" {
		rec.label("app_slug", slug)
		// The audit log may show the app by its name alone.
		rec.alias("github:app/" + strings.ToLower(slug))
	}
	if account := rec.text(n.get("account", "login")); account != "" {
		rec.label("installation_"+id, account)
	}
	rec.label("repository_selection", rec.text(n.get("repository_selection")))
	if perms := n.get("permissions"); perms.kind == kindMap {
		for i, name := range perms.keys {
			rec.label("permission_"+name, rec.text(perms.items[i]))
		}
	}
	rec.credential(schemas.KnownCredential{Ref: rec.text(n.get("client_id")), Type: "oauth_client"})
	// A suspended installation can't call; an app that is suspended in one
	// organisation and at work in another is not gone.
	it.OffboardedAt = rec.time(n.get("suspended_at"))
	rec.join(func(first, later *schemas.Identity) {
		switch {
		case first.OffboardedAt.IsZero(), later.OffboardedAt.IsZero():
			first.OffboardedAt = time.Time{}
		case later.OffboardedAt.After(first.OffboardedAt):
			first.OffboardedAt = later.OffboardedAt
		}
	})
}
