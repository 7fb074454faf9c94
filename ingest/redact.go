package ingest

import (
	"encoding/base64"
	"encoding/json"
	"sort"
	"strings"
)

// redactor hides secrets in texts and documents. Secrets are found by the name
// that stands beside a value (nameSecrecy) and by the value's own shape (JWT,
// well-known token prefixes, private keys, passwords in URLs). Ids that logs
// show on purpose (access key ids, ids of consumers) stay.
type redactor struct {
	hash *Hasher
	// guess also hides opaque values of doubtful names ("key", "code"), as
	// gateways' query strings carry them. In CloudTrail "key" is an object key.
	guess bool
	// packs counts the JSON texts around the document that is being read.
	packs int
	// vault says that they belong to a record that writes a key vault's secret.
	vault bool
}

// document hides every secret in d: in the nodes, so that no parser can copy
// one into a field, and as edits for source. also, unless it is nil, tells of
// nodes that are secret whatever their name.
func (r *redactor) document(d *document, also func(d *document, n int) bool) {
	secretUntil, heldUntil := 0, 0
	worth := isSuspect | isElement | isValue | isHolder | isUnjudged
	if also != nil {
		worth |= isAsked
	}
	for i := range d.nodes {
		n := &d.nodes[i]
		if n.is&worth == 0 && n.level == public && i >= heldUntil && i >= secretUntil {
			continue // most of them
		}
		level := n.level
		if i < secretUntil || also != nil && (n.is&isAsked != 0 || n.key == "") && also(d, i) {
			level = secret
		} else if n.key != "" {
			if n.slot == 0 {
				var key string
				if level, key = r.key(n.key); key != n.key {
					d.edits = append(d.edits, edit{n.keyStart, n.keyEnd, quoteJSON(key)})
					n.key = key
				}
			}
			if level == public && n.is&isValue != 0 && holdsValue(n.key) {
				level = r.namedBeside(d, i)
			}
			if level <= maybe && n.is&isHolder != 0 && holdsSecrets(n.key) {
				heldUntil = max(heldUntil, int(n.next))
			}
		} else if n.kind == kindString && i > 0 && d.nodes[i-1].kind == kindString && d.nodes[i-1].parent == n.parent {
			level = namedBefore(d, i)
		}
		if i < heldUntil && level != secret && n.kind == kindString && !d.describes(i) {
			level = secret
		}
		switch n.kind {
		case kindObject, kindArray:
			if level == secret && !statesRights(d, i) {
				secretUntil = max(secretUntil, int(n.next))
			}
		case kindNumber:
			if level == secret {
				n.str, n.kind, n.same = r.hash.Hash(n.str), kindString, false
				d.edits = append(d.edits, edit{n.start, n.end, quoteJSON(n.str)})
			}
		case kindString:
			hiddenText, alone := n.str, d.clean.on && level == public && n.is&worth == isSuspect
			switch {
			case level == secret || level == maybe && r.guess && opaque(n.str):
				hiddenText = r.value(n.str)
			case n.key == "data" && pushed(d, i):
				alone = false
			case level == maybe && namesKeyPair(n.key) && keyLike(n.str):
				hiddenText = r.value(n.str)
			case n.look == lookAll && opensText(n.str):
				hiddenText = r.packed(d, i)
			case len(n.str) == awsSecretSize, n.look == lookAll && len(n.str) >= 6:
				hiddenText = r.text(n.str)
			case n.look == lookPlain && len(n.str) >= 6:
				hash := d.clean.hash(n.str)
				if d.clean.has(hash) {
					if alone {
						n.is &^= isSuspect
					}
					continue
				}
				if hiddenText = r.blobs(r.plain(n.str)); hiddenText == n.str {
					d.clean.add(hash)
				}
			case n.look == lookRun:
				hiddenText = r.blobs(n.str)
			}
			if hiddenText != n.str {
				n.str, n.same = hiddenText, false
				d.edits = append(d.edits, edit{n.start, n.end, quoteJSON(hiddenText)})
			} else if alone {
				// In a record of the same shape the same text has nothing to hide, either.
				n.is &^= isSuspect
			}
		case kindTrue, kindFalse, kindNull:
		}
	}
}

// statesRights recognises what Azure calls authorization: an object that says
// which right was used, or a list of them, where others have a credential.
func statesRights(d *document, i int) bool {
	if !strings.EqualFold(d.nodes[i].key, "authorization") {
		return false
	}
	if d.nodes[i].kind == kindArray {
		i = d.first(i)
	}
	return d.get(i, "action") != none
}

// pushed recognises in data a record that Pub/Sub carries in base64, which looks like
// the head of a JWT. Its secrets are hidden once it is unwrapped.
func pushed(d *document, i int) bool {
	parent := int(d.nodes[i].parent)
	if parent == none || d.nodes[parent].key != "message" || !strings.HasPrefix(d.nodes[i].str, "eyJ") {
		return false
	}
	if d.beside(parent, "messageId") == none && d.beside(parent, "message_id") == none {
		return false
	}
	b, err := base64.StdEncoding.DecodeString(d.nodes[i].str)
	return err == nil && json.Valid(b)
}

// source returns the text of node n with every secret replaced.
func (d *document) source(n int) string {
	last, end := d.nodes[n].start, d.nodes[n].end
	from := sort.Search(len(d.edits), func(i int) bool { return d.edits[i].start >= last })
	to := sort.Search(len(d.edits), func(i int) bool { return d.edits[i].start >= end })
	edits := d.edits[from:to]
	if len(edits) == 0 {
		return d.src[last:end]
	}
	b := make([]byte, 0, int(end-last)+40*len(edits))
	for _, e := range edits {
		b = append(append(b, d.src[last:e.start]...), e.text...)
		last = e.end
	}
	return string(append(b, d.src[last:end]...))
}

// quoteJSON writes s as a JSON string.
func quoteJSON(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f && s[i] != '"' && s[i] != '\\'
	}
	if plain {
		return `"` + s + `"`
	}
	b, err := json.Marshal(s)
	if err != nil {
		return `""` // no string makes Marshal fail
	}
	return string(b)
}
