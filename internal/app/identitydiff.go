package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/schemas"
)

// What may happen to an identity.
const (
	changeAdded   = "added"
	changeChanged = "changed"
	changeRemoved = "removed"
)

// identityChange is one line of a diff.
type identityChange struct {
	Change string        `json:"change"`
	ID     string        `json:"id"`
	Fields []fieldChange `json:"fields,omitempty"`

	now schemas.Identity
}

// fieldChange is one key of an identity; Old or New is missing when the key is
// stated on one side only.
type fieldChange struct {
	Field string          `json:"field"`
	Old   json.RawMessage `json:"old,omitempty"`
	New   json.RawMessage `json:"new,omitempty"`
}

// diffIdentities compares what is declared now with what is to be declared.
// Identities of before that after does not name are left alone unless prune
// says that they go. The changes are in the order of ids.
func diffIdentities(before, after map[string]schemas.Identity, prune func(id string) bool) (changes []identityChange, unchanged int, err error) {
	for _, id := range sortedNames(after) {
		old, known := before[id]
		now := after[id]
		fields, err := diffFields(&old, &now, known)
		switch {
		case err != nil:
			return nil, 0, fmt.Errorf("identity %s: %w", id, err)
		case !known:
			changes = append(changes, identityChange{changeAdded, id, fields, now})
		case len(fields) > 0:
			changes = append(changes, identityChange{changeChanged, id, fields, now})
		default:
			unchanged++
		}
	}
	for _, id := range sortedNames(before) {
		if _, stays := after[id]; !stays && prune(id) {
			changes = append(changes, identityChange{Change: changeRemoved, ID: id})
		}
	}
	return changes, unchanged, nil
}

func diffFields(old, now *schemas.Identity, known bool) ([]fieldChange, error) {
	a := map[string]json.RawMessage{}
	if known {
		var err error
		if a, err = flatten(old); err != nil {
			return nil, err
		}
	}
	b, err := flatten(now)
	if err != nil {
		return nil, err
	}
	names := maps.Clone(a)
	maps.Copy(names, b)
	var out []fieldChange
	for _, f := range sortedNames(names) {
		if !bytes.Equal(a[f], b[f]) {
			out = append(out, fieldChange{f, a[f], b[f]})
		}
	}
	return out, nil
}

// flatten gives what an identity states by key, with a key for each part of the
// policy, each label and each value of a credential.
func flatten(it *schemas.Identity) (map[string]json.RawMessage, error) {
	data, err := json.Marshal(it)
	if err != nil {
		return nil, err
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(data, &top); err != nil {
		return nil, err
	}
	out := map[string]json.RawMessage{}
	for key, v := range top {
		var sub map[string]json.RawMessage
		switch key {
		case "id", "discovered", "first_seen", "last_seen", "source":
		case "credentials":
			var list []map[string]json.RawMessage
			if err := json.Unmarshal(v, &list); err != nil {
				return nil, err
			}
			for i, c := range list {
				for k, cv := range c {
					out["credentials["+it.Credentials[i].Ref+"]."+k] = cv
				}
			}
		case "allowed", "labels":
			if err := json.Unmarshal(v, &sub); err != nil {
				return nil, err
			}
			for k, sv := range sub {
				out[key+"."+k] = sv
			}
		default:
			out[key] = v
		}
	}
	return out, nil
}

// overlay gives what is declared once an export is imported over it: what the
// export states wins, what it is silent about stays. Aliases are joined; when
// the export lists credentials, its list is the list, and what was noted beside
// the same references stays.
func overlay(old, export *schemas.Identity) schemas.Identity {
	m := enrich.Merge(
		&schemas.Inventory{Identities: []schemas.Identity{*export}},
		&schemas.Inventory{Identities: []schemas.Identity{*old}},
	)[0]
	m.ID = old.ID
	m.Aliases = slices.DeleteFunc(m.Aliases, func(a string) bool { return a == m.ID || a == export.ID })
	m.Exceptions = old.Exceptions
	if len(export.Exceptions) > 0 {
		m.Exceptions = export.Exceptions
	}
	if len(export.Credentials) > 0 {
		m.Credentials = m.Credentials[:len(export.Credentials)]
	}
	// A later sign of life replaces an earlier one, never the other way.
	if old.LastUsed.After(m.LastUsed) {
		m.LastUsed = old.LastUsed
	}
	return m
}

// writeDiff shows changes to people: in full, and as what they are, for what is
// in Kafka may be older than the rules of today.
func writeDiff(w io.Writer, changes []identityChange) error {
	sign := map[string]string{changeAdded: "+", changeChanged: "~", changeRemoved: "-"}
	for i := range changes {
		c := &changes[i]
		if _, err := fmt.Fprintf(w, "%s %s\n", sign[c.Change], wholeLine(c.ID)); err != nil {
			return err
		}
		width := 0
		names := make([]string, len(c.Fields))
		for i, f := range c.Fields {
			names[i] = wholeLine(f.Field)
			width = max(width, len(names[i]))
		}
		for i, f := range c.Fields {
			text := plainJSON(f.New)
			if c.Change == changeChanged {
				text = plainJSON(f.Old) + " -> " + text
			}
			if _, err := fmt.Fprintf(w, "    %-*s  %s\n", width, names[i], wholeLine(text)); err != nil {
				return err
			}
		}
	}
	return nil
}

// plainJSON shows a value without the quotes that only JSON needs.
func plainJSON(v json.RawMessage) string {
	if v == nil {
		return "(none)"
	}
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	var list []string
	if json.Unmarshal(v, &list) == nil {
		return strings.Join(list, ", ")
	}
	return string(v)
}
