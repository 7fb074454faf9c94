package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// IdentityListOptions configures IdentityList.
type IdentityListOptions struct {
	// Unmanaged keeps those that no inventory names.
	Unmanaged bool
	// Owner and Team keep those of one owner or team, when not empty.
	Owner, Team string
	JSON        bool
}

// knownIdentity is an identity with what is declared and what was seen of it.
type knownIdentity struct {
	schemas.Identity
	Managed bool `json:"managed"`
}

// identities gathers what is known: declared in the inventory file and in
// lapwing.identities, and discovered in traffic.
func (s *services) identities(ctx context.Context) (map[string]knownIdentity, error) {
	kc, err := s.openKafka(ctx)
	if err != nil {
		return nil, err
	}
	defer kc.Close()
	declared, discovered := map[string]schemas.Identity{}, map[string]schemas.Identity{}
	err = kc.Scan(ctx, kc.Topic("identities"), kafka.ScanOptions{Partition: -1}, func(rec *stream.Record) error {
		key := string(rec.Key)
		into := declared
		if id, ok := strings.CutPrefix(key, discoveredPrefix); ok {
			key, into = id, discovered
		}
		var ident schemas.Identity
		if len(rec.Value) == 0 {
			delete(into, key)
			return nil
		}
		if err := json.Unmarshal(rec.Value, &ident); err != nil {
			return fmt.Errorf("record %d of %s: %w", rec.Offset, kc.Topic("identities"), err)
		}
		into[key] = ident
		return nil
	})
	if err != nil {
		return nil, err
	}
	if path := s.cfg.Inventory.File; path != "" {
		inv, err := enrich.LoadInventory(path)
		if err != nil {
			return nil, Usage(err)
		}
		for _, ident := range inv.Identities {
			declared[enrich.Canonical(ident.ID)] = ident
		}
	}
	all := map[string]knownIdentity{}
	for id, ident := range discovered {
		all[id] = knownIdentity{ident, false}
	}
	for id, ident := range declared {
		if seen, ok := discovered[id]; ok {
			ident.FirstSeen, ident.LastSeen, ident.Source = seen.FirstSeen, seen.LastSeen, seen.Source
		}
		all[id] = knownIdentity{ident, true}
	}
	return all, nil
}

// IdentityList shows every identity that is declared or was seen.
func IdentityList(ctx context.Context, cfg Config, o IdentityListOptions, std IO) error {
	all, err := newServices(&cfg).identities(ctx)
	if err != nil {
		return err
	}
	ids := make([]string, 0, len(all))
	for id, k := range all {
		if (o.Unmanaged && k.Managed) || (o.Owner != "" && k.Owner != o.Owner) || (o.Team != "" && k.Team != o.Team) {
			continue
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if o.JSON {
		enc := json.NewEncoder(std.Out)
		for _, id := range ids {
			if err := enc.Encode(all[id]); err != nil {
				return err
			}
		}
		return nil
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = 0
	t.AppendHeader(table.Row{"identity", "kind", "owner", "team", "environment", "criticality", "inventory", "first seen"})
	for _, id := range ids {
		k := all[id]
		state := "declared"
		if !k.Managed {
			state = "unmanaged"
		}
		t.AppendRow(table.Row{id, k.Kind, k.Owner, k.Team, k.Environment, k.Criticality, state, day(k.FirstSeen)})
	}
	if _, err := fmt.Fprintln(std.Out, t.Render()); err != nil {
		return err
	}
	fmt.Fprintln(std.Err, count(len(ids), "identity"))
	return nil
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// IdentityImport declares the identities of inventory files in
// lapwing.identities. The configured inventory file wins over them.
func IdentityImport(ctx context.Context, cfg Config, files []string, std IO) error {
	var recs []stream.Record
	var errs []error
	for _, f := range files {
		inv, err := enrich.LoadInventory(f)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if len(inv.Networks) > 0 || len(inv.Targets) > 0 {
			fmt.Fprintf(std.Err, "%s: networks and targets are taken from inventory.file only; its identities are imported\n", f)
		}
		r, err := identityRecords(inv)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		recs = append(recs, r...)
	}
	if err := errors.Join(errs...); err != nil {
		return Usage(err)
	}
	kc, err := newServices(&cfg).openKafka(ctx)
	if err != nil {
		return err
	}
	defer kc.Close()
	const batch = 500
	for part := range slices.Chunk(recs, batch) {
		if err := kc.Produce(ctx, kc.Topic("identities"), part); err != nil {
			return err
		}
	}
	fmt.Fprintf(std.Err, "%s declared\n", count(len(recs), "identity"))
	return nil
}
