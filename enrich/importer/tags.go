package importer

import "strings"

// The names under which people note who owns a thing, as tags, labels and
// annotations; compared without case and without the prefix before "/".
var (
	ownerTags       = []string{"owner", "owner-email", "owner_email", "contact", "maintainer", "responsible"}
	teamTags        = []string{"team", "squad", "group", "department", "owning-team", "owner-team"}
	environmentTags = []string{"environment", "env", "stage"}
)

// environmentWords maps what people write to the environments of an inventory.
var environmentWords = map[string]string{
	"production": "production", "prod": "production", "prd": "production", "live": "production",
	"staging": "staging", "stage": "staging", "stg": "staging", "preprod": "staging", "pre-production": "staging", "uat": "staging", "qa": "staging",
	"development": "development", "dev": "development", "develop": "development",
	"sandbox": "sandbox", "sbx": "sandbox", "playground": "sandbox",
}

// tag takes owner, team and environment from a tag that states one of them.
// The first that states it stands. Words that are no environment of ours stay a
// label.
func (rec *record) tag(name, value string) {
	key := strings.ToLower(name[strings.LastIndexByte(name, '/')+1:])
	it := &rec.it
	switch {
	case value == "":
	case contains(ownerTags, key):
		first(&it.Owner, value)
	case contains(teamTags, key):
		first(&it.Team, value)
	case contains(environmentTags, key):
		if env, ok := environmentWords[strings.ToLower(value)]; ok {
			first(&it.Environment, env)
			return
		}
		rec.label(key, value)
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func first(to *string, s string) {
	if *to == "" {
		*to = s
	}
}

// tags reads an object of names and values.
func (rec *record) tags(n *node) {
	if n.kind != kindMap {
		if n.kind != kindNull {
			rec.fail(n, "want an object, found %s", n.kind.word())
		}
		return
	}
	for i, k := range n.keys {
		if c := n.items[i]; c.kind != kindList && c.kind != kindMap {
			rec.tag(k, rec.text(c))
		}
	}
}

// words reads tags that are texts such as "team:payments" or "team=payments".
func (rec *record) words(n *node) {
	for _, s := range rec.texts(n) {
		if at := strings.IndexAny(s, ":="); at > 0 {
			rec.tag(strings.TrimSpace(s[:at]), strings.TrimSpace(s[at+1:]))
		} else if env, ok := environmentWords[strings.ToLower(s)]; ok {
			first(&rec.it.Environment, env)
		}
	}
}
