package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchVault looks for an entry of a Vault audit device.
func matchVault(p *probe) confidence {
	if kind := p.text("type"); kind != "request" && kind != "response" || !p.object("request") {
		return no
	}
	switch {
	case p.text("request", "operation") != "" && p.text("request", "path") != "":
		return certain
	case p.has("auth") || p.text("request", "client_token") != "":
		return likely
	}
	return no
}

const vaultHMAC = "hmac-sha256:"

// vaultSecret finds what a device with log_raw, or without hmac_accessor, writes
// in the clear: accessors, and all that is stored in or read from Vault.
func vaultSecret(d *document, n int) bool {
	if d.nodes[n].kind != kindString && d.nodes[n].kind != kindNumber || strings.HasPrefix(d.nodes[n].str, vaultHMAC) {
		return false
	}
	switch key := d.nodes[n].key; key {
	case "accessor", "client_token_accessor", "wrapped_accessor", "token_accessor":
		return true
	}
	for p := int(d.nodes[n].parent); p != none; p = int(d.nodes[p].parent) {
		if d.nodes[p].key != "data" {
			continue
		}
		if q := int(d.nodes[p].parent); q != none && (d.nodes[q].key == "request" || d.nodes[q].key == "response") {
			return true
		}
	}
	return false
}

// parseVault reads one entry of an audit device ("Audit log entry schema" in
// Vault's documentation; OpenBao writes the same).
//
// The entry that is written before a request is worked on is no call: that of
// its response repeats all of it, also of a request that was refused.
func parseVault(r *record) error {
	ev := r.ev
	if r.text("type") == "request" {
		return errNoCall
	}
	if err := r.time("time"); err != nil {
		return err
	}
	op, path := r.text("request", "operation"), strings.Trim(r.text("request", "path"), "/")
	if op == "" {
		return missing("request.operation")
	}
	id := r.text("request", "id")
	if ev.RequestId = id; id != "" && len(id) < maxEventID {
		ev.Id = id
	}
	ns := strings.Trim(r.text("request", "namespace", "path"), "/")
	ev.Account = ns
	ev.Service = "vault"
	mount := strings.Trim(r.text("request", "mount_point"), "/")
	kind := r.text("request", "mount_type")
	attribute(ev, "mount_type", kind)
	attribute(ev, "mount_point", mount)
	ev.Operation = "vault:" + op + " " + vaultRoute(path, mount, kind)
	ev.UrlPath = clip(path, maxMessage)
	r.touch(strings.TrimPrefix(ns+"/"+path, "/"))
	switch {
	case op == "list" || op == "help" || op == "read" && (kind == "kv" || kind == "generic" || kind == "cubbyhole" || kind == "system" || kind == "identity" || strings.HasPrefix(path, "sys/")):
		ev.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE
	case op == "create" || op == "update" || op == "patch" || op == "delete" || op == "revoke" || op == "rollback":
		ev.ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE
	}
	setSource(ev, "remote_address", r.text("request", "remote_address"))
	headers := r.get("request", "headers")
	for h := r.doc.first(headers); h != none; h = r.doc.after(headers, h) {
		switch v := r.item(h); strings.ToLower(r.doc.nodes[h].key) {
		case "user-agent":
			ev.UserAgent = clip(v, maxMessage)
			r.doc.nodes[h].used = true
		case "x-forwarded-for":
			ev.ForwardedFor = forwarded(strings.Join(r.list(h), ","), nil)
		}
	}
	vaultOutcome(r, path)
	vaultWho(r, ns, path)
	r.rest()
	return nil
}

// vaultOutcome reads the error of an entry.
func vaultOutcome(r *record, path string) {
	ev := r.ev
	message := first(r.text("error"), r.text("response", "data", "error"))
	if message == "" {
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
		return
	}
	message = strings.Join(strings.Fields(message), " ")
	ev.ErrorMessage = clip(message, maxMessage)
	ev.Outcome = schemas.Outcome_OUTCOME_ERROR
	lower := strings.ToLower(message)
	for _, word := range []string{"permission denied", "missing client token", "invalid token", "bad token", "token not found", "not authorized", "unauthorized"} {
		if strings.Contains(lower, word) {
			ev.Outcome = schemas.Outcome_OUTCOME_DENIED
			return
		}
	}
	if login := strings.HasPrefix(path, "auth/") && strings.Contains(path+"/", "/login/"); login {
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
	}
}

// vaultWho reads auth. A role that tokens are made for is the identity, however
// many tokens it has; then the entity; then the token itself.
func vaultWho(r *record, ns, path string) {
	ev := r.ev
	name := r.text("auth", "display_name")
	accessor := first(r.text("auth", "accessor"), r.text("request", "client_token_accessor"))
	if accessor == "" {
		accessor = first(r.text("auth", "client_token"), r.text("request", "client_token"))
	}
	ev.CredentialId, ev.CredentialType = strings.TrimPrefix(accessor, vaultHMAC), first(r.text("auth", "token_type"), "token")
	if accessor == "" {
		ev.CredentialType = ""
	}
	ev.Scopes = r.list(r.get("auth", "policies"))
	if len(ev.Scopes) == 0 {
		ev.Scopes = r.list(r.get("auth", "token_policies"))
	}
	if t, err := parseISO(r.text("auth", "token_issue_time")); err == nil {
		ev.CredentialIssued = t
		if ttl := number(r.text("auth", "token_ttl")); ttl > 0 && ttl < 100*365*86400 {
			ev.CredentialExpires = t + int64(ttl)*1e9
		}
	}
	attribute(ev, "display_name", name)
	entity := r.text("auth", "entity_id")
	role := first(r.text("auth", "metadata", "role_name"), r.text("auth", "metadata", "role"))
	mount := vaultMount(r, name, path)
	switch {
	case role != "":
		ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = "role", role, strings.TrimPrefix(ns+"/"+mount, "/")
		attribute(ev, "entity_id", entity)
	case entity != "":
		ev.PrincipalType, ev.Principal = "entity", entity
	case accessor != "" && ev.Outcome != schemas.Outcome_OUTCOME_DENIED || name != "":
		// Without an entity: the root token, and tokens that it made.
		ev.PrincipalType, ev.Principal = "token", first(name, ev.CredentialId)
	default:
		ev.PrincipalType, ev.Anonymous = "anonymous", true
	}
	if sa := r.text("auth", "metadata", "service_account_name"); sa != "" {
		ev.Workload = "serviceaccount/" + r.text("auth", "metadata", "service_account_namespace") + "/" + sa
	}
	if serial := r.text("request", "client_certificate_serial_number"); serial != "" {
		ev.ClientCertificate = serial
	}
}

// vaultMount finds where a token's login was mounted: the path of the login
// itself, else what a display name begins with. Vault builds it of the mount,
// slashes as dashes, and of what the method adds.
func vaultMount(r *record, name, path string) string {
	if rest, ok := strings.CutPrefix(path, "auth/"); ok {
		if i := strings.Index(rest+"/", "/login/"); i > 0 {
			return rest[:i]
		}
	}
	if sa := r.text("auth", "metadata", "service_account_name"); sa != "" {
		added := r.text("auth", "metadata", "service_account_namespace") + "-" + sa
		if mount := strings.TrimSuffix(name, "-"+added); mount != name {
			return mount
		}
	}
	if r.get("auth", "metadata", "role_name") != none {
		return first(name, "approle") // AppRole adds nothing
	}
	mount, _, _ := strings.Cut(name, "-")
	return first(mount, "auth")
}

// vaultRoute names what a path does without the names in it:
// "secret/data/{path}", "auth/approle/role/{name}/secret-id".
func vaultRoute(path, mount, kind string) string {
	if mount == "" || path != mount && !strings.HasPrefix(path, mount+"/") {
		mount, _, _ = strings.Cut(path, "/")
		if rest, ok := strings.CutPrefix(path, "auth/"); ok {
			method, _, _ := strings.Cut(rest, "/")
			mount = "auth/" + method
		}
	}
	rest := strings.Trim(strings.TrimPrefix(path, mount), "/")
	if rest == "" {
		return mount
	}
	parts := strings.SplitN(rest, "/", 6)
	switch {
	case kind == "kv" || kind == "generic" || kind == "cubbyhole":
		switch parts[0] {
		case "data", "metadata", "delete", "undelete", "destroy", "subkeys", "config":
			if len(parts) > 1 {
				return mount + "/" + parts[0] + "/{path}"
			}
			return mount + "/" + parts[0]
		}
		return mount + "/{path}"
	case mount == "identity" || mount == "sys" && vaultPairs[parts[0]]:
		if len(parts) > 2 {
			return mount + "/" + parts[0] + "/" + parts[1] + "/{name}"
		}
		return mount + "/" + rest
	}
	named := 1
	if mount == "sys" && vaultFour[parts[0]] {
		named = 4
	}
	for i := named; i < len(parts); i += 2 {
		parts[i] = "{name}"
	}
	if most := max(4, named+1); len(parts) > most {
		parts = parts[:most]
	}
	return mount + "/" + strings.Join(parts, "/")
}

// vaultFour are the parts of sys whose first four segments are all words of the API: a
// snapshot of the whole store is one word away from reading the list of its servers.
var vaultFour = map[string]bool{"storage": true, "replication": true}

// vaultPairs are the parts of sys whose second segment names an action.
var vaultPairs = map[string]bool{
	"policies": true, "leases": true, "wrapping": true, "tools": true, "internal": true, "plugins": true,
	"config": true, "rotate": true, "generate-root": true, "rekey": true, "quotas": true,
}
