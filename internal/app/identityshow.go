package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/internal/clickhouse"
	"github.com/lapwing-sec/lapwing/schemas"
)

// IdentityShowOptions configures IdentityShow.
type IdentityShowOptions struct {
	// Top bounds the rows of each section.
	Top  int
	JSON bool
	// Wide shows all columns, also where the terminal has less room.
	Wide bool
}

// identitySections are the hunts that tell what an identity does, in their
// order on the page.
var identitySections = []struct{ key, title, hunt string }{
	{"activity", "Activity", "identity-summary"},
	{"credentials", "Credentials", "credentials-in-use"},
	{"operations", "Operations and endpoints", "identity-operations"},
	{"networks", "Networks", "identity-networks"},
	{"alerts", "Alerts", "identity-alerts"},
}

// IdentityShow tells all that is known of one identity, by canonical id, any
// alias, or the spelling in a log: what is declared, and what was seen.
func IdentityShow(ctx context.Context, cfg Config, name string, o IdentityShowOptions, std IO) (err error) {
	s := newServices(&cfg)
	all, err := s.identities(ctx)
	if err != nil {
		return err
	}
	id, k := findIdentity(all, name)
	db, err := s.openClickHouse(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	answers := make([]*clickhouse.Result, len(identitySections))
	seen := false
	for i, sec := range identitySections {
		params := map[string]string{"identity": id}
		if sec.key == "credentials" {
			params["newest"] = "1" // sessions have one each: the first ones are long gone
		}
		answers[i], err = db.RunHunt(ctx, sec.hunt, params)
		if err != nil {
			return fmt.Errorf("%s: %w", sec.hunt, err)
		}
		seen = seen || len(answers[i].Rows) > 0
	}
	if k == nil && !seen {
		return fmt.Errorf("no identity %q is declared or was seen: %slapwing identity list shows them", name, similar(all, name))
	}
	if o.JSON {
		return writeIdentityJSON(std.Out, id, k, answers)
	}
	if err := writeDeclared(std.Out, id, k); err != nil {
		return err
	}
	for i, sec := range identitySections {
		if len(answers[i].Rows) == 0 {
			continue
		}
		fmt.Fprintf(std.Out, "\n%s\n", sec.title)
		write := func(w io.Writer, r *clickhouse.Result) error {
			return writeTable(w, std.Err, r, o.Top, widthFor(w, o.Wide))
		}
		if sec.key == "activity" {
			write = writeFacts
		}
		if err := write(std.Out, answers[i]); err != nil {
			return err
		}
	}
	if !seen {
		fmt.Fprintln(std.Out, "\nNo call of it was seen.")
	}
	for i, sec := range identitySections {
		if sec.key == "credentials" && len(cfg.Secrets.OldHMACKeys) == 0 { // else one may go by another hash
			fmt.Fprint(std.Out, unseenReferences(k, answers[i]))
		}
	}
	return nil
}

// shownCredentials is how many rows credentials-in-use gives.
const shownCredentials = 500

// unseenReferences says which credentials that are declared by the hash of a secret
// were not seen: nothing else shows that they were made under another key.
func unseenReferences(k *knownIdentity, seen *clickhouse.Result) string {
	if k == nil || len(seen.Rows) >= shownCredentials {
		return ""
	}
	used := map[string]bool{}
	for _, row := range seen.Rows {
		for _, v := range row {
			if id, ok := v.(string); ok {
				used[id] = true
			}
		}
	}
	var b strings.Builder
	for _, c := range k.Credentials {
		if strings.HasPrefix(c.Ref, "hmac:") && !used[c.Ref] {
			fmt.Fprintf(&b, "\nIts credential %s is not among those seen. It matches only under the secrets.hmac_key, or an old one, that it was made under: lapwing parse has a key of its own where none is configured.\n", oneLine(c.Ref))
		}
	}
	return b.String()
}

// maxSimilar bounds how many ids are shown for one that is unknown.
const maxSimilar = 5

// similar asks whether ids were meant that hold a name, such as
// kong:consumer/partner-7 for partner-7; of several it gives the first ones.
func similar(all map[string]knownIdentity, name string) string {
	var near []string
	for _, id := range sortedNames(all) {
		if name != "" && len(near) < maxSimilar && strings.Contains(strings.ToLower(id), strings.ToLower(name)) {
			near = append(near, oneLine(id))
		}
	}
	if len(near) == 0 {
		return ""
	}
	return "did you mean " + strings.Join(near, ", ") + "? "
}

// findIdentity gives the canonical id behind a spelling, and what is known of
// it in the inventory, if anything.
func findIdentity(all map[string]knownIdentity, name string) (string, *knownIdentity) {
	for _, id := range []string{name, enrich.Canonical(name)} {
		if k, ok := all[id]; ok {
			return id, &k
		}
	}
	for _, id := range sortedNames(all) {
		if slices.Contains(all[id].Aliases, name) || slices.Contains(all[id].Aliases, enrich.Canonical(name)) {
			k := all[id]
			return id, &k
		}
	}
	return enrich.Canonical(name), nil
}

// writeDeclared writes what the inventory says, as facts by name.
func writeDeclared(w io.Writer, id string, k *knownIdentity) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", oneLine(id))
	fact := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-13s %s\n", name, oneLine(value))
		}
	}
	if k == nil || !k.Managed {
		fact("inventory", "in none: nobody has declared it (lapwing identity import --help)")
	}
	if k != nil {
		i := &k.Identity
		fact("name", i.Name)
		fact("kind", i.Kind)
		fact("owner", i.Owner)
		fact("team", i.Team)
		fact("vendor", i.Vendor)
		fact("environment", i.Environment)
		fact("criticality", i.Criticality)
		fact("aliases", strings.Join(i.Aliases, ", "))
		fact("breaks", strings.Join(i.Dependants, ", "))
		fact("runbook", i.Runbook)
		fact("route", i.Route)
		fact("offboarded", day(i.OffboardedAt))
		fact("last used", day(i.LastUsed))
		if a := i.Allowed; a != nil {
			fact("operations", strings.Join(a.Operations, ", "))
			fact("countries", strings.Join(a.Countries, ", "))
			fact("regions", strings.Join(a.Regions, ", "))
			fact("networks", strings.Join(a.Networks, ", "))
			fact("environments", strings.Join(a.Environments, ", "))
			if a.Schedule != nil {
				fact("schedule", strings.TrimSpace(strings.Join(a.Schedule.Windows, ", ")+" "+a.Schedule.Timezone))
			}
			if a.Rate != nil {
				fact("rate", fmt.Sprintf("%g a minute, %d at once", a.Rate.PerMinute, a.Rate.Burst))
			}
			if s := a.Spend; s != nil && s.PerDay > 0 {
				fact("spend", fmt.Sprintf("%g US dollars a day", s.PerDay))
			}
			if s := a.Spend; s != nil && s.TokensPerDay > 0 {
				fact("spend", fmt.Sprintf("%d tokens a day", s.TokensPerDay))
			}
			if a.Workloads != nil {
				fact("machines", fmt.Sprintf("%d at once on one credential", *a.Workloads))
			}
		}
		for _, c := range i.Credentials {
			fact("credential", credentialWords(c))
		}
		for _, x := range i.Exceptions {
			fact("exception", strings.TrimRight(fmt.Sprintf("%s until %s: %s (%s)", x.Detector, day(x.Until), x.Reason, x.By), " :()"))
		}
		for _, name := range sortedNames(i.Labels) {
			fact("label", name+"="+i.Labels[name])
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func credentialWords(c schemas.KnownCredential) string {
	parts := []string{c.Ref}
	add := func(name string, t time.Time) {
		if !t.IsZero() {
			parts = append(parts, name+" "+day(t))
		}
	}
	if c.Type != "" {
		parts = append(parts, c.Type)
	}
	add("issued", c.Issued)
	add("expires", c.Expires)
	add("revoked", c.Revoked)
	if c.RotateEvery > 0 {
		parts = append(parts, "rotated every "+c.RotateEvery.String())
	}
	return strings.Join(parts, ", ")
}

// writeFacts writes an answer of one row as facts by name.
func writeFacts(w io.Writer, r *clickhouse.Result) error {
	for i, v := range r.Rows[0] {
		if text := clickhouse.Format(v); text != "" {
			if _, err := fmt.Fprintf(w, "  %-13s %s\n", strings.ReplaceAll(r.Columns[i].Name, "_", " "), oneLine(text)); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeIdentityJSON writes one object: what is declared, and the rows of each
// section.
func writeIdentityJSON(w io.Writer, id string, k *knownIdentity, answers []*clickhouse.Result) error {
	out := map[string]any{"id": id, "managed": k != nil && k.Managed}
	if k != nil {
		out["declared"] = k.Identity
	}
	for i, sec := range identitySections {
		rows := make([]map[string]any, len(answers[i].Rows))
		for n, row := range answers[i].Rows {
			rows[n] = map[string]any{}
			for c, v := range row {
				rows[n][answers[i].Columns[c].Name] = jsonValue(v)
			}
		}
		out[sec.key] = rows
	}
	return newEncoder(w).Encode(out)
}
