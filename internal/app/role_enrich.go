package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// holdWithin is how close in event time a replay's topics are held together:
// far enough that a batch holds more than a few events, and far below
// CloudTrail's disorder and a pane, so that what an identity shows first in two
// topics arrives in the order in which it happened.
const holdWithin = time.Minute

// enriching completes events on their way from a parser to a stage.
type enriching struct {
	stream.SubHandler
	enricher *enrich.Enricher
	topic    RawTopicConfig
}

// Event implements stream.SubHandler. The stage has encoded the event when it
// returns, so its memory serves the next one.
func (e enriching) Event(index int, ev *schemas.Event) {
	e.topic.configure(ev)
	e.enricher.Enrich(ev)
	e.SubHandler.Event(index, ev)
	ev.Recycle()
}

// Transform parses one raw record of a topic and hands its events on, enriched.
func Transform(p ingest.Parser, e *enrich.Enricher, topic RawTopicConfig, rec *stream.Record, h stream.SubHandler) {
	p.Parse(rec.Value, enriching{h, e, topic})
}

func (p *process) startEnrich() error {
	hasher := p.cfg.Secrets.newHasher()
	set, err := p.cfg.formatSet()
	if err != nil {
		return Usage(err)
	}
	parsers, err := newParsers(&p.cfg, set, hasher)
	if err != nil {
		return err
	}
	enricher, err := newEnricher(&p.cfg, hasher, p.reg, p.log)
	if err != nil {
		return err
	}
	if err := p.loadInventory(enricher); err != nil {
		return err
	}
	p.followFiles(enricher)
	var topics []kafka.RawTopic
	byTopic, configured := map[string]ingest.Parser{}, map[string]RawTopicConfig{}
	for _, t := range p.cfg.RawTopics {
		byTopic[t.Topic], configured[t.Topic] = parsers[t.Format], t
		topics = append(topics, kafka.RawTopic{Name: t.Topic, Format: t.Format, Disorder: t.disorder(set)})
	}
	p.goRole(RoleEnrich, func(ctx context.Context) error {
		return p.kafka.RunEnrich(ctx, kafka.EnrichOptions{
			Group:     p.groupName("enrich"),
			RawTopics: topics,
			Cells:     p.cfg.Detect.Cells,
			Transform: func(rec *stream.Record, h stream.SubHandler) {
				Transform(byTopic[rec.Topic], enricher, configured[rec.Topic], rec, h)
			},
			IdleAfter:    time.Duration(p.cfg.Enrich.IdleAfter),
			MaxAhead:     time.Duration(p.cfg.Enrich.MaxAhead),
			HoldTogether: p.hooks.holdTogether,
			HoldWithin:   holdWithin,
			LogsAhead:    p.hooks.logsAhead,
			OnReady:      p.isReady(RoleEnrich),
		})
	})
	return nil
}

// disorder is how much out of order the topic's records usually are.
func (t RawTopicConfig) disorder(set *ingest.Set) time.Duration {
	if t.Disorder > 0 {
		return time.Duration(t.Disorder)
	}
	return disorderOf(set, t.Format)
}

// followFiles reads geo databases, network lists and API documents again when
// they change.
func (p *process) followFiles(enricher *enrich.Enricher) {
	for what, watch := range map[string]func(context.Context) error{
		"geo databases": enricher.WatchGeo, "network lists": enricher.WatchLists, "API documents": enricher.WatchAPIs,
	} {
		p.group.Go(func() error {
			if err := watch(p.roles); err != nil && p.roles.Err() == nil {
				return fmt.Errorf("watching %s: %w", what, err)
			}
			return nil
		})
	}
}

// configure states of an event what its topic's configuration says and its
// record does not: the cluster, and that users only claim to be so.
func (t *RawTopicConfig) configure(ev *schemas.Event) {
	if t.Users == claimedUsers {
		ingest.Claimed(ev)
	}
	if t.Cluster == "" || ev.Attributes[clusterAttribute] != "" {
		return
	}
	if ev.Attributes == nil {
		ev.Attributes = make(map[string]string, 1)
	}
	ev.Attributes[clusterAttribute] = t.Cluster
}

const (
	clusterAttribute = "cluster"
	claimedUsers     = "claimed"
)

// topicOf is what holds for a format's records in files: of the cluster and the
// users, what the raw topics of that format say, if they agree.
func (c *Config) topicOf(format string) (out RawTopicConfig) {
	seen := false
	for _, t := range c.RawTopics {
		if t.Format != format {
			continue
		}
		if !seen {
			out.Cluster, out.Users, seen = t.Cluster, t.Users, true
			continue
		}
		if t.Cluster != out.Cluster {
			out.Cluster = ""
		}
		if t.Users != out.Users {
			out.Users = ""
		}
	}
	return out
}

// loadInventory reads the declared identities before the first event, and
// keeps following them: the file and the topic lapwing.identities.
func (p *process) loadInventory(enricher *enrich.Enricher) error {
	if file := p.cfg.Inventory.file(); file.Path != "" {
		inv, err := file.Load()
		if err != nil {
			return Usage(err)
		}
		enricher.SetInventory(enrich.SourceFile, inv)
		p.group.Go(func() error {
			if err := enricher.Watch(p.roles, file); err != nil && p.roles.Err() == nil {
				return fmt.Errorf("watching %s: %w", file.Path, err)
			}
			return nil
		})
	}
	follow := newInventoryTopic(enricher.SetInventory, func(err error) { enricher.Refused(enrich.SourceTopic, err) })
	reached := make(chan struct{})
	p.group.Go(func() error {
		err := p.kafka.Follow(p.roles, p.kafka.Topic("identities"), follow.record, func() {
			follow.publish()
			close(reached)
		})
		if err != nil && p.roles.Err() == nil {
			return fmt.Errorf("inventory topic: %w", err)
		}
		return nil
	})
	p.group.Go(func() error { return follow.run(p.roles) })
	select {
	case <-reached:
		return nil
	case <-p.roles.Done():
		return errors.Join(context.Cause(p.roles), errors.New("stopped before the inventory topic was read"))
	}
}
