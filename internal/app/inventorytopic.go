package app

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// discoveredPrefix starts the key of an identity that no inventory names.
const discoveredPrefix = "discovered/"

// republishAfter is how long changes of the topic are gathered before the
// inventory is built anew.
const republishAfter = time.Second

// inventoryTopic turns the records of lapwing.identities into an inventory.
type inventoryTopic struct {
	publishTo func(*schemas.Inventory)

	mu       sync.Mutex
	declared map[string]schemas.Identity
	changed  bool
	caughtUp bool
}

func newInventoryTopic(publish func(*schemas.Inventory)) *inventoryTopic {
	return &inventoryTopic{publishTo: publish, declared: map[string]schemas.Identity{}}
}

// record takes one record of the topic; a nil value removes. Discovered
// identities declare nothing.
func (t *inventoryTopic) record(key, value []byte) {
	id := string(key)
	if strings.HasPrefix(id, discoveredPrefix) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if value == nil {
		delete(t.declared, id)
		t.changed = true
		return
	}
	var ident schemas.Identity
	if err := json.Unmarshal(value, &ident); err != nil || ident.ID == "" || ident.Discovered {
		return
	}
	t.declared[id] = ident
	t.changed = true
}

// publish hands the inventory on when it has changed.
func (t *inventoryTopic) publish() {
	t.mu.Lock()
	t.caughtUp = true
	if !t.changed {
		t.mu.Unlock()
		return
	}
	t.changed = false
	inv := &schemas.Inventory{}
	for _, id := range sortedNames(t.declared) {
		inv.Identities = append(inv.Identities, t.declared[id])
	}
	t.mu.Unlock()
	t.publishTo(inv)
}

// run publishes later changes until ctx ends.
func (t *inventoryTopic) run(ctx context.Context) error {
	tick := time.NewTicker(republishAfter)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			t.mu.Lock()
			ready := t.caughtUp
			t.mu.Unlock()
			if ready {
				t.publish()
			}
		}
	}
}
