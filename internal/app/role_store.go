package app

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

func (p *process) startStore() error {
	if err := p.storeInventory(p.roles); err != nil {
		return err
	}
	p.goRole(RoleStore, func(ctx context.Context) error {
		return p.kafka.RunStore(ctx, kafka.StoreOptions{
			Group:    p.groupName("store"),
			Inserter: p.db.Events(),
			MaxRows:  p.cfg.Store.MaxRows,
			MaxWait:  time.Duration(p.cfg.Store.MaxWait),
			OnReady:  p.isReady(RoleStore),
		})
	})
	const name = RoleStore + " identities"
	p.goRole(name, func(ctx context.Context) error {
		return p.kafka.RunConsumer(ctx, kafka.ConsumerOptions{
			Group:      p.groupName("store-identities"),
			Topic:      p.kafka.Topic("identities"),
			NewHandler: func(int) (stream.Handler, error) { return p.db.Identities(), nil },
			OnReady:    p.isReady(name),
		})
	})
	return nil
}

// storeInventory puts the declared identities of the inventory file into
// ClickHouse, so that hunts can join them, and again when the file changes.
func (p *process) storeInventory(ctx context.Context) error {
	file := p.cfg.Inventory.file()
	if file.Path == "" {
		return nil
	}
	inv, err := file.Load()
	if err != nil {
		return Usage(err)
	}
	if err := p.writeInventory(ctx, inv); err != nil {
		return err
	}
	p.group.Go(func() error {
		err := enrich.WatchInventory(p.roles, file, func(inv *schemas.Inventory) {
			if err := p.writeInventory(p.roles, inv); err != nil {
				p.log.Error().Err(err).Str("file", file.Path).Msg("inventory not stored: hunts show the one before")
			}
		}, func(error) {
			// The enrich role, or `lapwing check`, says what is wrong with it.
		})
		if err != nil && p.roles.Err() == nil {
			return fmt.Errorf("watching %s: %w", file.Path, err)
		}
		return nil
	})
	return nil
}

// writeInventory stores declared identities as of now; an older record of the
// same identity gives way.
func (p *process) writeInventory(ctx context.Context, inv *schemas.Inventory) error {
	now := time.Now()
	if st, err := os.Stat(p.cfg.Inventory.File); err == nil {
		// The same file stored twice is the same record.
		now = st.ModTime()
	}
	recs, err := identityRecords(inv)
	if err != nil {
		return err
	}
	for i := range recs {
		recs[i].Topic, recs[i].Offset, recs[i].Time = "inventory file", int64(i), now
	}
	return p.db.Identities().Handle(ctx, recs)
}

// identityRecords shows an inventory as records of lapwing.identities, each with
// what the inventory's policies add to what it is allowed.
func identityRecords(inv *schemas.Inventory) ([]stream.Record, error) {
	all := inv.Identities
	if len(inv.Policies) > 0 {
		all = enrich.Merge(inv)
	}
	recs := make([]stream.Record, 0, len(all))
	for i := range all {
		ident := &all[i]
		value, err := json.Marshal(ident)
		if err != nil {
			return nil, fmt.Errorf("identity %s: %w", ident.ID, err)
		}
		recs = append(recs, stream.Record{Key: []byte(enrich.Canonical(ident.ID)), Value: value})
	}
	return recs, nil
}
