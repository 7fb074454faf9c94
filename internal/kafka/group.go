package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	kafkago "github.com/segmentio/kafka-go"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// retrySession is the pause before partitions whose stage failed are taken up
// again.
const retrySession = time.Second

// watchPartitions is how often the group's leader asks whether a topic has more
// partitions than before.
const watchPartitions = 30 * time.Second

// group runs the stages of the partitions that a member is given.
type group struct {
	*membership
	stage string
	run   func(ctx context.Context, s *session) error
	ctx   context.Context // it is the life of the process's stage

	parts map[topicPartition]*part // what this member owns
	ended chan *session
	again chan []topicPartition
	// refusals of a sign of life in a row.
	refusals int
}

// runGroup joins a group and calls run for partitions that come to this member
// together, until ctx ends; there may be several calls at once, each with other
// partitions. run works until its context ends, drains under its partitions'
// hard contexts, and returns. An error before that is logged and the partitions
// are taken up again, unless it wraps stream.ErrReset or is permanent: then
// runGroup returns it.
func (c *Client) runGroup(ctx context.Context, stage, name string, topics []string, run func(ctx context.Context, s *session) error) error {
	for _, topic := range topics {
		if err := c.awaitTopic(ctx, topic); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// From the start: of a counter that begins with its first event, Prometheus never
	// sees that event.
	for _, m := range []*prometheus.CounterVec{c.metrics.bad, c.metrics.lost, c.metrics.retries, c.metrics.fenced} {
		m.WithLabelValues(stage)
	}
	g := &group{
		membership: newMembership(c, name, topics), stage: stage, run: run, ctx: ctx,
		parts: make(map[topicPartition]*part), ended: make(chan *session, 1), again: make(chan []topicPartition),
	}
	// The place is kept while what is in hand is drained.
	beating, stopBeating := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBeating()
	go g.heartbeats(beating)
	err := g.rebalance()
	cancel()
	g.stop(slices.Collect(maps.Keys(g.parts)))
	stopBeating()
	g.leave(context.WithoutCancel(ctx))
	return err
}

// rebalance goes from one generation to the next until ctx ends.
func (g *group) rebalance() error {
	back, took := newBackoff(), false
	for g.ctx.Err() == nil {
		began := time.Now()
		got, err := g.join(g.ctx, slices.Collect(maps.Keys(g.parts)))
		switch {
		case g.ctx.Err() != nil:
			return nil
		case err == nil:
			back = newBackoff()
		case hopeless(err) && (back.tries >= 5 || !g.c.needsOperator(err)):
			// Brokers that start may not know their users yet.
			return fmt.Errorf("kafka: join group %s: %w", g.group, g.c.explain(err))
		default:
			if lostGeneration(err) {
				g.lose()
			}
			// Errors 14 and 15 come first on a cold coordinator; the group goes on.
			level := zerolog.DebugLevel
			if back.tries > 0 && back.tries%10 == 0 {
				level = zerolog.WarnLevel
			}
			g.c.log.WithLevel(level).Err(g.c.explain(err)).Str("group", g.group).Msg("joining the group fails, still trying")
			back.wait(g.ctx)
			continue
		}
		g.c.metrics.generations.WithLabelValues(g.stage).Inc()
		g.c.log.Debug().Str("group", g.group).Int("generation", g.standing().generation).Bool("leader", got.leader).
			Int("had", len(g.parts)).Int("given", len(got.owned)).Int("pending", got.pending).Dur("took", time.Since(began)).Msg("joined the group")
		if g.revoke(got.owned) {
			// Others wait for what was given up.
			g.adopt(got, &took)
			continue
		}
		g.adopt(got, &took)
		if err := g.watch(got); err != nil {
			return err
		}
	}
	return nil
}

// revoke stops what this member is no longer given, and reports whether there
// was any.
func (g *group) revoke(given []topicPartition) bool {
	var gone []topicPartition
	for tp := range g.parts {
		if !slices.Contains(given, tp) {
			gone = append(gone, tp)
		}
	}
	g.stop(gone)
	return len(gone) > 0
}

// adopt starts what is new. A member without any partition has one session all
// the same, if nothing is on its way: it is ready.
func (g *group) adopt(got assignment, took *bool) {
	var fresh []topicPartition
	for _, tp := range got.owned {
		if g.parts[tp] == nil {
			fresh = append(fresh, tp)
		}
	}
	if len(fresh) > 0 || !*took && got.pending == 0 {
		*took = true
		g.start(fresh)
	}
}

// watch looks after the sessions until the group is to be joined again.
func (g *group) watch(got assignment) error {
	t := time.NewTicker(watchPartitions)
	defer t.Stop()
	for {
		select {
		case <-g.ctx.Done():
			return nil
		case <-g.rejoin:
			return nil
		case <-g.lost:
			g.lose()
			return nil
		case s := <-g.ended:
			if err := g.sessionEnded(s); err != nil {
				return err
			}
		case parts := <-g.again:
			if err := g.heartbeat(g.ctx); err != nil && g.ctx.Err() == nil {
				if g.refusals++; hopeless(err) && (g.refusals >= 5 || !g.c.needsOperator(err)) {
					return fmt.Errorf("kafka: group %s: %w", g.group, g.c.explain(err))
				}
				g.retry(parts) // first it must be known whether they are ours
				continue
			}
			g.refusals = 0
			parts = slices.DeleteFunc(parts, func(tp topicPartition) bool { p := g.parts[tp]; return p == nil || p.session != nil })
			if len(parts) > 0 {
				g.start(parts)
			}
		case <-t.C:
			if !got.leader {
				continue
			}
			if now, err := g.count(g.ctx); err == nil && !maps.Equal(now, got.counts) {
				return nil
			}
		}
	}
}

// start begins a session of partitions that are ours now.
func (g *group) start(parts []topicPartition) {
	ctx, cancel := context.WithCancel(g.ctx)
	s := &session{
		membership: g.membership, c: g.c, stage: g.stage, owned: parts, incarnation: g.standing().incarnation,
		leaving: func() bool { return g.ctx.Err() != nil }, commits: newLock(),
	}
	for _, tp := range parts {
		p := g.newPart(tp, s)
		g.parts[tp] = p
		s.parts = append(s.parts, p)
	}
	go func() {
		// A session all of whose partitions were taken away ends.
		for _, p := range s.parts {
			<-p.ctx.Done()
		}
		if len(s.parts) > 0 {
			cancel()
		}
	}()
	go func() {
		defer cancel()
		watching := make(chan struct{})
		go func() {
			defer close(watching)
			s.watchLag(ctx)
		}()
		s.err = g.run(ctx, s)
		for _, p := range s.parts {
			p.release()
			p.cancel()
		}
		cancel()
		<-watching
		select {
		case g.ended <- s:
		case <-g.ctx.Done():
		}
	}()
}

// stop ends the work on partitions and waits until it has ended.
func (g *group) stop(parts []topicPartition) {
	for _, tp := range parts {
		g.parts[tp].cancel()
	}
	began := time.Now()
	for _, tp := range parts {
		<-g.parts[tp].done
		delete(g.parts, tp)
	}
	if len(parts) > 0 {
		g.c.log.Debug().Str("group", g.group).Int("partitions", len(parts)).Dur("took", time.Since(began)).Msg("gave partitions up")
	}
}

// lose ends all work: the group counts us out, and others may have our
// partitions.
func (g *group) lose() {
	g.c.log.Warn().Str("group", g.group).Msg("the group has counted this member out, joining anew")
	parts := slices.Collect(maps.Keys(g.parts))
	g.forget()
	g.stop(parts)
}

// sessionEnded takes note of a session that has ended, and returns the errors
// that end the stage.
func (g *group) sessionEnded(s *session) error {
	switch {
	case errors.Is(s.err, stream.ErrReset):
		g.c.metrics.stopped.WithLabelValues(g.stage).Inc()
		g.c.log.Error().Err(s.err).Str("stage", g.stage).Str("group", g.group).Msg("stage stopped: its log is not the one that it has read")
		return s.err
	case stream.IsPermanent(s.err):
		return s.err
	}
	var ours []topicPartition
	for _, p := range s.parts {
		if g.parts[p.tp] == p {
			p.session = nil
			ours = append(ours, p.tp)
		}
	}
	if len(ours) == 0 {
		return nil
	}
	g.c.log.Error().Err(g.c.explain(s.err)).Str("stage", g.stage).Str("group", g.group).Int("partitions", len(ours)).
		Msg("stage stopped, taking its partitions up again")
	g.retry(ours)
	return nil
}

func (g *group) retry(parts []topicPartition) {
	time.AfterFunc(retrySession, func() {
		select {
		case g.again <- parts:
		case <-g.ctx.Done():
		}
	})
}

// hopeless tells the errors of joining a group that only another configuration
// mends.
func hopeless(err error) bool {
	var code kafkago.Error
	if !errors.As(err, &code) {
		return false
	}
	switch code { //nolint:exhaustive // all others may pass
	case kafkago.InvalidSessionTimeout, kafkago.InconsistentGroupProtocol, kafkago.InvalidGroupId,
		kafkago.GroupAuthorizationFailed, kafkago.TopicAuthorizationFailed, kafkago.ClusterAuthorizationFailed,
		kafkago.SASLAuthenticationFailed, kafkago.UnsupportedSASLMechanism:
		return true
	}
	return false
}

func (c *Client) awaitTopic(ctx context.Context, topic string) error {
	for b := newBackoff(); ; {
		res, err := c.freshMetadata(ctx, []string{topic})
		if err == nil {
			for _, t := range res.Topics {
				if t.Name == topic && t.ErrorCode == 0 && len(t.Partitions) > 0 {
					return nil
				}
				if t.ErrorCode != 0 {
					err = kafkago.Error(t.ErrorCode)
				}
			}
		}
		if err != nil && !retriable(err) {
			return fmt.Errorf("kafka: topic %s: %w", topic, c.explain(err))
		}
		if b.tries == 10 {
			c.log.Warn().Err(err).Str("topic", topic).Msg("waiting for the topic; `lapwing migrate` creates it")
		}
		if !b.wait(ctx) {
			return ctx.Err()
		}
	}
}

// txName is the transactional id of one writer.
func (c *Client) txName(parts ...string) string {
	return strings.TrimRight(c.cfg.Prefix, ".-_") + "-" + strings.Join(parts, "-")
}
