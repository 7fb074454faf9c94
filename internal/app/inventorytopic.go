package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// importHeader says which import declared a record: the kind and what it is of.
const importHeader = "lapwing-import"

// How long changes of the topic are gathered before the inventory is built anew:
// a second, but no more than a tenth of the time is spent on it.
const (
	republishAfter = time.Second
	republishShare = 10
)

// inventoryTopic turns the records of lapwing.identities into inventories: what
// PUT stated, and what imports declared.
type inventoryTopic struct {
	publishTo func(enrich.Source, *schemas.Inventory)
	refused   func(error)

	mu       sync.Mutex
	declared map[enrich.Source]map[string]schemas.Identity
	changed  map[enrich.Source]bool
	caughtUp bool
}

func newInventoryTopic(publish func(enrich.Source, *schemas.Inventory), refused func(error)) *inventoryTopic {
	return &inventoryTopic{
		publishTo: publish, refused: refused, changed: map[enrich.Source]bool{},
		declared: map[enrich.Source]map[string]schemas.Identity{enrich.SourceAPI: {}, enrich.SourceTopic: {}},
	}
}

// topicKey splits the key of a record of lapwing.identities; ok is false for
// records that declare nothing.
func topicKey(key string) (source enrich.Source, id string, ok bool) {
	if strings.HasPrefix(key, schemas.DiscoveredKey) {
		return 0, "", false
	}
	if id, api := strings.CutPrefix(key, schemas.StatedKey); api {
		return enrich.SourceAPI, id, true
	}
	return enrich.SourceTopic, key, true
}

// readIdentity reads a declared identity. It is held against the same rules as
// an inventory file: anybody may write to the topic.
func readIdentity(value []byte) (schemas.Identity, error) {
	var ident schemas.Identity
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&ident); err != nil {
		return ident, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return ident, errors.New("more than one JSON value")
	}
	return ident, enrich.CheckIdentity(&ident)
}

// record takes one record of the topic; a nil value removes. Discovered
// identities declare nothing. A record that can't be read changes nothing.
func (t *inventoryTopic) record(key, value []byte) {
	source, id, ok := topicKey(string(key))
	if !ok {
		return
	}
	var ident schemas.Identity
	if value != nil {
		var err error
		if ident, err = readIdentity(value); err != nil {
			t.refused(fmt.Errorf("record %q of the identities topic: %w", key, err))
			return
		}
		if ident.Discovered {
			return
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if value == nil {
		delete(t.declared[source], id)
	} else {
		t.declared[source][id] = ident
	}
	t.changed[source] = true
}

// publish hands on what has changed.
func (t *inventoryTopic) publish() {
	for _, source := range []enrich.Source{enrich.SourceAPI, enrich.SourceTopic} {
		t.mu.Lock()
		t.caughtUp = true
		var inv *schemas.Inventory
		if t.changed[source] {
			t.changed[source] = false
			inv = inventoryOf(t.declared[source])
		}
		t.mu.Unlock()
		if inv != nil {
			t.publishTo(source, inv)
		}
	}
}

// inventoryOf lists identities in the order of their keys.
func inventoryOf(byID map[string]schemas.Identity) *schemas.Inventory {
	inv := &schemas.Inventory{Identities: make([]schemas.Identity, 0, len(byID))}
	for _, id := range sortedNames(byID) {
		inv.Identities = append(inv.Identities, byID[id])
	}
	return inv
}

// run publishes later changes until ctx ends.
func (t *inventoryTopic) run(ctx context.Context) error {
	tick := time.NewTimer(republishAfter)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			t.mu.Lock()
			ready := t.caughtUp
			t.mu.Unlock()
			start := time.Now()
			if ready {
				t.publish()
			}
			tick.Reset(max(republishAfter, republishShare*time.Since(start)))
		}
	}
}

// topicState is what lapwing.identities holds.
type topicState struct {
	declared, api, discovered map[string]schemas.Identity
	// imports tells which import declared an identity, "" for none.
	imports map[string]string
	// unreadable counts records that are no identity.
	unreadable int
}

func newTopicState() *topicState {
	return &topicState{
		declared: map[string]schemas.Identity{}, api: map[string]schemas.Identity{}, discovered: map[string]schemas.Identity{},
		imports: map[string]string{},
	}
}

func (s *topicState) record(rec *stream.Record) error {
	key := string(rec.Key)
	into, id := s.declared, key
	if d, ok := strings.CutPrefix(key, schemas.DiscoveredKey); ok {
		into, id = s.discovered, d
	} else if a, ok := strings.CutPrefix(key, schemas.StatedKey); ok {
		into, id = s.api, a
	}
	if len(rec.Value) == 0 {
		delete(into, id)
		return nil
	}
	var ident schemas.Identity
	if err := json.Unmarshal(rec.Value, &ident); err != nil {
		s.unreadable++
		return nil
	}
	into[id] = ident
	if key == id {
		s.imports[id] = string(rec.Header(importHeader))
	}
	return nil
}
