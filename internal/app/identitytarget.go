package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/internal/safefile"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// target is where declared identities are kept.
type target interface {
	// declared gives what is declared there now, by canonical id.
	declared() map[string]schemas.Identity
	// importedBy tells which import declared an identity, "" when that is not
	// known.
	importedBy(id string) string
	apply(ctx context.Context, scope string, changes []identityChange) error
	name() string
	close()
}

// fileTarget is an inventory file. What stands in it beside identities stays.
type fileTarget struct {
	path string
	inv  *schemas.Inventory
	byID map[string]schemas.Identity
}

func openFileTarget(path string) (*fileTarget, error) {
	t := &fileTarget{path: path, inv: &schemas.Inventory{}, byID: map[string]schemas.Identity{}}
	inv, err := enrich.LoadInventory(path)
	switch {
	case err == nil:
		t.inv = inv
	case !errors.Is(err, fs.ErrNotExist):
		return nil, Usage(err)
	}
	for _, it := range t.inv.Identities {
		t.byID[enrich.Canonical(it.ID)] = it
	}
	return t, nil
}

func (t *fileTarget) declared() map[string]schemas.Identity { return t.byID }
func (t *fileTarget) importedBy(string) string              { return "" }
func (t *fileTarget) name() string                          { return t.path }
func (t *fileTarget) close()                                {}

// apply writes the file anew and puts it in place of the old one when it can be
// read again.
func (t *fileTarget) apply(_ context.Context, _ string, changes []identityChange) error {
	next := map[string]identityChange{}
	for _, c := range changes {
		next[c.ID] = c
	}
	out := *t.inv // with all that stands beside the identities
	out.Identities = nil
	for _, it := range t.inv.Identities {
		c, changed := next[enrich.Canonical(it.ID)]
		switch {
		case !changed:
			out.Identities = append(out.Identities, it)
		case c.Change == changeChanged:
			out.Identities = append(out.Identities, c.now)
		}
	}
	for _, c := range changes {
		if c.Change == changeAdded {
			out.Identities = append(out.Identities, c.now)
		}
	}
	check := func(written string) error {
		if _, err := enrich.LoadInventory(written); err != nil {
			return fmt.Errorf("%s stays as it is: together with the import it would be wrong:\n%s", t.path, strings.ReplaceAll(err.Error(), written, t.path))
		}
		return nil
	}
	return safefile.Replace(t.path, safefile.Rules{Mode: newFileMode, Keep: true, Check: check}, func(w io.Writer) error { return enrich.WriteInventory(w, &out) })
}

// topicTarget is lapwing.identities.
type topicTarget struct {
	kc    kafkaTopics
	state *topicState
}

// kafkaTopics is what topicTarget needs of the Kafka client.
type kafkaTopics interface {
	Produce(ctx context.Context, topic string, recs []stream.Record) error
	Topic(name string) string
	Close()
}

func openTopicTarget(ctx context.Context, cfg *Config) (*topicTarget, error) {
	kc, err := newServices(cfg).openKafka(ctx)
	if err != nil {
		return nil, err
	}
	state, err := scanIdentities(ctx, kc)
	if err != nil {
		kc.Close()
		return nil, err
	}
	return &topicTarget{kc, state}, nil
}

func (t *topicTarget) declared() map[string]schemas.Identity { return t.state.declared }
func (t *topicTarget) importedBy(id string) string           { return t.state.imports[id] }
func (t *topicTarget) name() string                          { return t.kc.Topic("identities") }
func (t *topicTarget) close()                                { t.kc.Close() }

func (t *topicTarget) apply(ctx context.Context, scope string, changes []identityChange) error {
	const batch = 500
	for part := range slices.Chunk(changes, batch) {
		recs := make([]stream.Record, 0, len(part))
		for i := range part {
			rec := stream.Record{Key: []byte(part[i].ID), Headers: []stream.Header{{Key: importHeader, Value: []byte(scope)}}}
			if part[i].Change != changeRemoved {
				var err error
				if rec.Value, err = json.Marshal(&part[i].now); err != nil {
					return fmt.Errorf("identity %s: %w", part[i].ID, err)
				}
			}
			recs = append(recs, rec)
		}
		if err := t.kc.Produce(ctx, t.name(), recs); err != nil {
			return err
		}
	}
	return nil
}
