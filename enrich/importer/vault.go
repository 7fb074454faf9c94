package importer

import (
	"path/filepath"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// vaultRoles reads roles of Vault's auth methods AppRole, Kubernetes and
// token (Vault API documentation, "Read AppRole", "Read role"). Vault does not
// write a role's name into it: it is the record's "name", or the file's name.
var vaultRoles = Kind{
	Name:  "vault-roles",
	Title: "Vault roles of AppRole, Kubernetes and token authentication (JSON)",
	Command: `for r in $(vault list -format=json auth/approle/role | jq -r '.[]'); do vault read -format=json auth/approle/role/$r | ` +
		`jq --arg name "$r" --arg mount approle '. + {name: $name, mount: $mount}'; done > roles.json`,
	read: func(r *reader, data []byte) {
		roots := r.json(data)
		for _, n := range roots {
			if n.kind == kindList {
				for _, c := range n.items {
					r.vaultRole(c, false)
				}
				continue
			}
			r.vaultRole(n, len(roots) == 1)
		}
	},
}

// vaultMethods tells a role's auth method by a key that only it has, and gives
// the path at which Vault mounts it unless told otherwise.
var vaultMethods = []struct{ key, mount, kind string }{
	{"bound_service_account_names", "kubernetes", "workload"},
	{"bind_secret_id", "approle", "service_account"},
	{"secret_id_ttl", "approle", "service_account"},
	{"allowed_policies", "token", "service_account"},
}

func (r *reader) vaultRole(n *node, alone bool) {
	rec := r.begin(n.line, n)
	it := &rec.it
	if n.kind == kindText {
		// The output of vault list: names alone.
		name := rec.need(n)
		if r.o.Mount == "" {
			rec.fail(n, "a list of names does not say where they are mounted: give --mount, such as approle")
		}
		it.ID, it.Name, it.Kind = "vault:role/"+strings.Trim(r.o.Mount, "/")+"/"+name, name, "service_account"
		rec.end()
		return
	}
	data := n.get("data")
	if n.kind != kindMap || data.kind != kindMap {
		rec.fail(n, "want the output of vault read -format=json, or of vault list -format=json")
		return
	}
	mount := ""
	for _, m := range vaultMethods {
		if data.has(m.key) {
			mount, it.Kind = m.mount, m.kind
			break
		}
	}
	first(&it.Kind, "service_account")
	if given := rec.text(n.get("mount")); given != "" {
		mount = given
	} else if r.o.Mount != "" {
		mount = r.o.Mount
	}
	mount = strings.TrimPrefix(strings.Trim(mount, "/"), "auth/")
	if mount == "" {
		rec.fail(n, "no role of AppRole, Kubernetes or token authentication, and no mount: give --mount")
		return
	}
	first(&it.Name, rec.text(n.get("name")))
	first(&it.Name, rec.text(data.get("name")))
	first(&it.Name, rec.text(data.get("role_name")))
	if alone {
		base := filepath.Base(r.file)
		first(&it.Name, strings.TrimSuffix(base, filepath.Ext(base)))
	}
	if it.Name == "" {
		rec.fail(n.get("name"), "is missing: Vault does not write a role's name into it; see the command in docs/inventory.md")
		return
	}
	it.ID = "vault:role/" + mount + "/" + it.Name
	rec.label("mount", mount)
	for _, l := range []string{"token_policies", "allowed_policies", "bound_service_account_names", "bound_service_account_namespaces"} {
		rec.label(l, strings.Join(rec.texts(data.get(l)), " "))
	}
	rec.vaultNetworks(data)
	rec.end()
}

// vaultNetworks states the networks that Vault itself enforces.
func (rec *record) vaultNetworks(data *node) {
	networks := rec.texts(data.get("token_bound_cidrs"))
	if len(networks) > 0 {
		rec.it.Allowed = &schemas.Allowed{Networks: networks}
	}
}
