package importer

import (
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// kongConsumers reads the consumers of a Kong gateway with their credentials,
// as decK exports them (decK reference, entities).
var kongConsumers = Kind{
	Name:    "kong",
	Title:   "Kong consumers and their credentials, exported by decK (YAML or JSON)",
	Command: "deck gateway dump --with-id -o kong.yaml",
	read: func(r *reader, data []byte) {
		var roots []*node
		if strings.HasPrefix(strings.TrimSpace(string(data[:min(len(data), 64)])), "{") {
			roots = r.json(data)
		} else {
			roots = r.yaml(data)
		}
		for _, n := range r.elements(roots, "consumers") {
			r.consumer(n)
		}
	},
}

// kongCredential is a list of credentials of a consumer. key holds what a
// caller shows: a secret, or, where public, a name that may be stored. Passwords
// and private keys beside it are not looked at.
type kongCredential struct {
	list, key, sort string
	public          bool
}

var kongCredentials = []kongCredential{
	{"keyauth_credentials", "key", "api_key", false},
	{"keyauth_enc_credentials", "key", "api_key", false},
	{"jwt_secrets", "key", "jwt", false},
	{"oauth2_credentials", "client_id", "oauth_client", true},
	{"basicauth_credentials", "username", "", true},
	{"hmacauth_credentials", "username", "", true},
	{"mtls_auth_credentials", "subject_name", "certificate", true},
}

func (r *reader) consumer(n *node) {
	rec := r.at(n)
	it := &rec.it
	id, custom := rec.text(n.get("id")), rec.text(n.get("custom_id"))
	first(&it.Name, rec.text(n.get("username")))
	first(&it.Name, custom)
	first(&it.Name, id)
	if it.Name == "" && !rec.broken {
		rec.fail(n.get("username"), "is missing, and so are custom_id and id")
	}
	prefix := "kong:"
	if r.o.Cluster != "" {
		prefix += r.o.Cluster + "/"
	}
	it.ID, it.Kind = prefix+"consumer/"+it.Name, "integration"
	if id != "" && id != it.Name {
		rec.alias(prefix + "consumer/" + id)
	}
	rec.label("custom_id", custom)
	rec.words(n.get("tags"))
	for _, k := range kongCredentials {
		for _, c := range rec.members(n.get(k.list)) {
			rec.kongCredential(c, k, it.ID)
		}
	}
	rec.end()
}

// kongCredential declares a credential by the id that Kong's logs show, where
// the export has it, and by what the caller shows, hashed as in events.
func (rec *record) kongCredential(c *node, k kongCredential, owner string) {
	if c.kind != kindMap {
		rec.fail(c, "want an object, found %s", c.kind.word())
		return
	}
	known := schemas.KnownCredential{Type: k.sort, Issued: rec.created(c.get("created_at"))}
	if ttl := c.get("ttl"); ttl.kind == kindNumber && !known.Issued.IsZero() {
		if sec, err := strconv.ParseInt(ttl.text, 10, 32); err == nil && sec > 0 {
			known.Expires = known.Issued.Add(time.Duration(sec) * time.Second)
		}
	}
	id := rec.text(c.get("id"))
	if id != "" {
		known.Ref = id
		rec.credential(known)
	}
	shown := rec.secret(c.get(k.key))
	switch {
	case shown == "" && id == "":
		if !rec.broken && c.get(k.key).kind == kindNull {
			rec.fail(c.get(k.key), "is missing, and so is id")
		}
	case shown == "", deferred(shown):
	case k.public:
		if k.list == "oauth2_credentials" {
			known.Ref = shown
			rec.credential(known)
		} else if id == "" {
			known.Ref = owner + "#" + strings.TrimSuffix(k.list, "_credentials") + "/" + shown
			rec.credential(known)
		}
	case rec.r.o.Hash == nil:
		rec.fail(c.get(k.key), "holds a secret, and there is no key to hash it with: set secrets.hmac_key")
	default:
		known.Ref = rec.r.o.Hash(shown)
		rec.credential(known)
	}
}

// secret is text whose value no error shows.
func (rec *record) secret(n *node) string {
	if n.kind == kindList || n.kind == kindMap {
		rec.fail(n, "want a text, found %s", n.kind.word())
		return ""
	}
	return n.text
}

// deferred reports whether decK fills the value in later, from the environment
// or a vault.
func deferred(s string) bool { return strings.HasPrefix(s, "${{") || strings.HasPrefix(s, "{vault://") }

// created reads seconds since 1970.
func (rec *record) created(n *node) time.Time {
	if n.kind == kindNull {
		return time.Time{}
	}
	return rec.seconds(n)
}
