package importer

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// entraApps reads the application registrations or the service principals of
// an Entra tenant (Microsoft Graph v1.0, resources application and
// servicePrincipal).
var entraApps = Kind{
	Name:    "entra-apps",
	Title:   "Entra application registrations and service principals with their credentials (JSON)",
	Command: "az ad app list --all -o json > apps.json; az ad sp list --all -o json > principals.json",
	read: func(r *reader, data []byte) {
		for _, n := range r.elements(r.json(data), "value") {
			r.entraApp(n)
		}
	},
}

func (r *reader) entraApp(n *node) {
	rec := r.at(n)
	it := &rec.it
	it.ID = "entra:app/" + strings.ToLower(rec.need(n.get("appId")))
	it.Name = rec.text(n.get("displayName"))
	sort := rec.text(n.get("servicePrincipalType"))
	object := rec.text(n.get("id"))
	it.Kind = "oauth_app"
	if sort == "ManagedIdentity" {
		it.Kind = "workload"
	}
	if sort != "" {
		// Sign-ins and activity logs show the object id of the principal.
		rec.label("service_principal_type", sort)
		if object != "" {
			rec.alias("entra:sp/" + strings.ToLower(object))
		}
		rec.label("account_enabled", rec.text(n.get("accountEnabled")))
		rec.label("owner_organization", rec.text(n.get("appOwnerOrganizationId")))
	} else {
		rec.label("object_id", object)
		rec.label("sign_in_audience", rec.text(n.get("signInAudience")))
	}
	it.Vendor = rec.text(n.get("verifiedPublisher", "displayName"))
	rec.label("created", rec.text(n.get("createdDateTime")))
	// The hint, three characters of the secret, is not looked at.
	for _, c := range rec.members(n.get("passwordCredentials")) {
		rec.entraCredential(c, "oauth_client")
	}
	for _, c := range rec.members(n.get("keyCredentials")) {
		rec.entraCredential(c, "certificate")
	}
	for _, o := range rec.members(n.get("owners")) {
		if o.kind == kindMap {
			first(&it.Owner, rec.text(o.get("userPrincipalName")))
			first(&it.Owner, rec.text(o.get("mail")))
		}
	}
	rec.words(n.get("tags"))
	rec.words(n.get("notes"))
	// A registration and its service principal are one identity.
	rec.join(func(_, _ *schemas.Identity) {})
}

func (rec *record) entraCredential(c *node, sort string) {
	if c.kind != kindMap {
		rec.fail(c, "want an object, found %s", c.kind.word())
		return
	}
	rec.credential(schemas.KnownCredential{
		Ref: strings.ToLower(rec.need(c.get("keyId"))), Type: sort,
		Issued: rec.time(c.get("startDateTime")), Expires: rec.time(c.get("endDateTime")),
	})
}
