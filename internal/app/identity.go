package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/schemas"
)

// IdentityListOptions configures IdentityList.
type IdentityListOptions struct {
	// File is a file of profiles to look into instead of the running Lapwing.
	File string
	// Inventory overrides inventory.file when not empty.
	Inventory string
	// Unmanaged keeps those that no inventory names.
	Unmanaged bool
	// Owner and Team keep those of one owner or team, when not empty.
	Owner, Team string
	JSON        bool
	// Wide shows all columns, also where the terminal has less room.
	Wide bool
}

// knownIdentity is an identity with what is declared and what was seen of it.
type knownIdentity struct {
	schemas.Identity
	Managed bool `json:"managed"`
}

// scanIdentities reads lapwing.identities to its end.
func scanIdentities(ctx context.Context, kc *kafka.Client) (*topicState, error) {
	state := newTopicState()
	return state, kc.Scan(ctx, kc.Topic("identities"), kafka.ScanOptions{Partition: -1}, state.record)
}

// identities gathers what is known: declared in the inventory file and in
// lapwing.identities, merged as the enricher does, and discovered in traffic.
func (s *services) identities(ctx context.Context) (map[string]knownIdentity, error) {
	kc, err := s.openKafka(ctx)
	if err != nil {
		return nil, err
	}
	defer kc.Close()
	state, err := scanIdentities(ctx, kc)
	if err != nil {
		return nil, err
	}
	var file *schemas.Inventory
	f := s.cfg.Inventory.file()
	if f.Path == "" && s.run != nil {
		f = enrich.InventoryFile{Path: s.run.Inventory, CSVMap: s.run.CSVMap}
	}
	if f.Path != "" {
		if file, err = f.Load(); err != nil {
			return nil, Usage(err)
		}
	}
	all := map[string]knownIdentity{}
	for id, ident := range state.discovered {
		all[id] = knownIdentity{ident, false}
	}
	for _, ident := range enrich.Merge(file, inventoryOf(state.api), inventoryOf(state.declared)) {
		if seen, ok := state.discovered[ident.ID]; ok {
			ident.FirstSeen, ident.LastSeen, ident.Source = seen.FirstSeen, seen.LastSeen, seen.Source
		}
		all[ident.ID] = knownIdentity{ident, true}
	}
	return all, nil
}

// IdentityList shows every identity that is declared or was seen.
func IdentityList(ctx context.Context, cfg Config, o IdentityListOptions, std IO) error {
	if o.Inventory != "" {
		cfg.Inventory.File = o.Inventory
	}
	read := newServices(&cfg).identities
	if o.File != "" {
		read = func(context.Context) (map[string]knownIdentity, error) { return identitiesOfFile(&cfg, o.File, std.In) }
	}
	all, err := read(ctx)
	if err != nil {
		return orFile(err)
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
		enc := newEncoder(std.Out)
		for _, id := range ids {
			if err := enc.Encode(all[id]); err != nil {
				return err
			}
		}
		return nil
	}
	g := grid{
		header: []string{"identity", "kind", "owner", "team", "environment", "criticality", "inventory", "first seen"},
		spare:  []string{"first seen", "environment", "team", "criticality"},
	}
	for _, id := range ids {
		k := all[id]
		state := "declared"
		if !k.Managed {
			state = "unmanaged"
		}
		row := []string{id, k.Kind, k.Owner, k.Team, k.Environment, k.Criticality, state, day(k.FirstSeen)}
		for i := range row {
			row[i] = oneLine(row[i])
		}
		g.rows = append(g.rows, row)
	}
	if err := g.write(std.Out, std.Err, widthFor(std.Out, o.Wide)); err != nil {
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
