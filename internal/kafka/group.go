package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	kafkago "github.com/segmentio/kafka-go"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// session is one generation of a consumer group as this process sees it.
type session struct {
	c     *Client
	stage string
	gen   *kafkago.Generation
	owned []topicPartition
	// hard outlives the session's context by the time there is to drain.
	hard context.Context
	stop context.CancelFunc // ends the session from within
	// leaving: the process stops, rather than the group rebalances.
	leaving func() bool

	mu    sync.Mutex
	alive time.Time     // last commit or heartbeat that the group accepted in this generation
	beat  chan struct{} // closed and replaced at each
}

// committed is what the group remembers of a partition; next -1 is nothing.
type committed struct {
	next     int64
	metadata string
}

// runGroup joins a group and calls run for each generation until ctx ends.
// run works until its context ends, drains under session.hard, and returns; an
// error before that is logged, and the group is joined again, unless it wraps
// stream.ErrReset or is permanent: then runGroup returns it.
func (c *Client) runGroup(ctx context.Context, stage, group string, topics []string, run func(ctx context.Context, s *session) error) error {
	for _, topic := range topics {
		if err := c.awaitTopic(ctx, topic); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	cg, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: group, Brokers: c.cfg.Brokers, Dialer: c.dialer, Topics: topics,
		SessionTimeout: c.cfg.SessionTimeout, RebalanceTimeout: c.cfg.SessionTimeout,
		HeartbeatInterval: c.cfg.SessionTimeout / 10,
		JoinGroupBackoff:  500 * time.Millisecond, StartOffset: kafkago.FirstOffset,
		WatchPartitionChanges: true, PartitionWatchInterval: 30 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("kafka: group %s: %w", group, err)
	}
	defer cg.Close() //nolint:errcheck // always nil
	for back := newBackoff(); ; {
		gen, err := cg.Next(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, kafkago.ErrGroupClosed):
			return nil
		case err != nil:
			// Brokers that start may not know their users yet.
			if hopeless(err) && (back.tries >= 5 || !c.needsOperator(err)) {
				return fmt.Errorf("kafka: join group %s: %w", group, c.explain(err))
			}
			// Errors 14 and 15 come first on a cold coordinator; the group goes on.
			level := zerolog.DebugLevel
			if back.tries > 0 && back.tries%10 == 0 {
				level = zerolog.WarnLevel
			}
			c.log.WithLevel(level).Err(c.explain(err)).Str("group", group).Msg("joining the group fails, still trying")
			if !back.wait(ctx) {
				return nil
			}
			continue
		}
		c.metrics.generations.WithLabelValues(stage).Inc()
		began := c.now()
		err = c.generation(ctx, stage, gen, run)
		switch {
		case ctx.Err() != nil && err == nil:
			return nil
		case errors.Is(err, stream.ErrReset):
			c.metrics.stopped.WithLabelValues(stage).Inc()
			c.log.Error().Err(err).Str("stage", stage).Str("group", group).Msg("stage stopped: its log is not the one that it has read")
			return err
		case stream.IsPermanent(err):
			return err
		case err != nil:
			c.log.Error().Err(c.explain(err)).Str("stage", stage).Str("group", group).Msg("stage stopped, taking it up again")
		}
		if ctx.Err() != nil {
			return nil
		}
		if c.now().Sub(began) > time.Minute {
			back = newBackoff()
		}
	}
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

// generation runs one generation to its end.
func (c *Client) generation(ctx context.Context, stage string, gen *kafkago.Generation, run func(context.Context, *session) error) error {
	s := &session{c: c, stage: stage, gen: gen, alive: c.now(), beat: make(chan struct{})}
	for topic, parts := range gen.Assignments {
		for _, p := range parts {
			s.owned = append(s.owned, topicPartition{topic, p.ID})
		}
	}
	sort.Slice(s.owned, func(i, j int) bool {
		a, b := s.owned[i], s.owned[j]
		return a.topic < b.topic || a.topic == b.topic && a.partition < b.partition
	})
	sctx, stop := context.WithCancel(ctx)
	defer stop()
	hard, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	s.hard, s.stop = hard, stop
	s.leaving = func() bool { return ctx.Err() != nil }
	ended := context.AfterFunc(sctx, func() {
		drain := c.cfg.DrainTimeout
		if ctx.Err() == nil {
			// The group waits for us: be quick.
			drain = min(drain, c.cfg.SessionTimeout/3)
		}
		t := time.AfterFunc(drain, giveUp)
		context.AfterFunc(hard, func() { t.Stop() })
	})
	defer ended()

	done := make(chan error, 1)
	gen.Start(func(gctx context.Context) {
		go func() {
			select {
			case <-gctx.Done():
				stop()
			case <-sctx.Done():
			}
		}()
		err := run(sctx, s)
		if err != nil && sctx.Err() == nil {
			// Returning makes the group rebalance; not in a hot loop.
			b := backoff{next: time.Second}
			b.wait(sctx)
		}
		done <- err
	})
	return <-done
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

// fetchOffsets reads what the group remembers of the partitions owned.
func (s *session) fetchOffsets(ctx context.Context) (map[topicPartition]committed, error) {
	req := &kafkago.OffsetFetchRequest{GroupID: s.gen.GroupID, Topics: make(map[string][]int)}
	for _, tp := range s.owned {
		req.Topics[tp.topic] = append(req.Topics[tp.topic], tp.partition)
	}
	got := make(map[topicPartition]committed)
	err := s.c.retry(ctx, "fetch the offsets of group "+s.gen.GroupID, func(ctx context.Context) error {
		res, err := s.c.api.OffsetFetch(ctx, req)
		if err != nil {
			return err
		}
		if res.Error != nil {
			return res.Error
		}
		for topic, parts := range res.Topics {
			for _, p := range parts {
				if p.Error != nil {
					return p.Error
				}
				got[topicPartition{topic, p.Partition}] = committed{p.CommittedOffset, p.Metadata}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, tp := range s.owned {
		if _, ok := got[tp]; !ok {
			got[tp] = committed{next: -1}
		}
	}
	return got, nil
}

// commit writes positions as this member of this generation.
func (s *session) commit(ctx context.Context, positions map[topicPartition]committed) error {
	if len(positions) == 0 {
		return nil
	}
	req := &kafkago.OffsetCommitRequest{
		GroupID: s.gen.GroupID, GenerationID: int(s.gen.ID), MemberID: s.gen.MemberID,
		Topics: make(map[string][]kafkago.OffsetCommit),
	}
	for tp, p := range positions {
		req.Topics[tp.topic] = append(req.Topics[tp.topic], kafkago.OffsetCommit{Partition: tp.partition, Offset: p.next, Metadata: p.metadata})
	}
	began := time.Now()
	err := s.c.retry(ctx, "commit", func(ctx context.Context) error {
		res, err := s.c.api.OffsetCommit(ctx, req)
		if err != nil {
			return err
		}
		for _, parts := range res.Topics {
			for _, p := range parts {
				if p.Error != nil {
					return p.Error
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.c.metrics.commit.WithLabelValues(s.stage).Observe(time.Since(began).Seconds())
	s.accepted()
	return nil
}

// accepted notes that the group took us for a member of its generation.
func (s *session) accepted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive = s.c.now()
	close(s.beat)
	s.beat = make(chan struct{})
}

// heartbeat asks the group whether this is its generation still.
func (s *session) heartbeat(ctx context.Context) error {
	err := s.c.retry(ctx, "heartbeat", func(ctx context.Context) error {
		res, err := s.c.api.Heartbeat(ctx, &kafkago.HeartbeatRequest{GroupID: s.gen.GroupID, GenerationID: s.gen.ID, MemberID: s.gen.MemberID})
		if err != nil {
			return err
		}
		return res.Error
	})
	if err != nil {
		return err
	}
	s.accepted()
	return nil
}

// lostGeneration tells the errors of a commit by a member that is none any more.
func lostGeneration(err error) bool {
	return errors.Is(err, kafkago.IllegalGeneration) || errors.Is(err, kafkago.UnknownMemberId) || errors.Is(err, kafkago.FencedInstanceID)
}

// live blocks while the last accepted sign of life is older than half the session
// timeout: kafka-go keeps its heartbeats to itself, and by now the group may
// have given our partitions away.
func (s *session) live(ctx context.Context) error {
	for {
		s.mu.Lock()
		fresh := s.c.now().Sub(s.alive) < s.c.cfg.SessionTimeout/2
		beat := s.beat
		s.mu.Unlock()
		if fresh {
			return nil
		}
		select {
		case <-beat:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// recommitEvery is how often positions are committed again that have not moved.
const recommitEvery = 5 * time.Minute

// keepCommitting commits what positions gives, every interval until ctx ends;
// what has not moved, every idle interval. Where there is nothing to commit, a
// heartbeat is the sign of life instead: writes wait for one, and it may take
// writes until there is a position.
func (s *session) keepCommitting(ctx context.Context, every, idle time.Duration, positions func() map[topicPartition]committed) {
	t := time.NewTicker(every)
	defer t.Stop()
	var last map[topicPartition]committed
	var at time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		var err error
		now := positions()
		switch {
		case len(now) == 0:
			err = s.heartbeat(ctx)
		case maps.Equal(now, last) && s.c.now().Sub(at) < idle:
			continue
		default:
			if err = s.commit(ctx, now); err == nil {
				last, at = now, s.c.now()
			}
		}
		if err != nil && ctx.Err() == nil {
			if lostGeneration(err) {
				s.stop()
				return
			}
			if !errors.Is(err, kafkago.RebalanceInProgress) {
				s.c.log.Warn().Err(err).Str("stage", s.stage).Msg("commit failed")
			}
		}
	}
}

// finalCommit is the last one of a generation; nobody minds if it comes too late.
func (s *session) finalCommit(positions map[topicPartition]committed) {
	if err := s.commit(s.hard, positions); err != nil {
		s.c.log.Debug().Err(err).Str("stage", s.stage).Msg("last commit of a generation refused")
	}
}

// txName is the transactional id of one writer.
func (c *Client) txName(parts ...string) string {
	return strings.TrimRight(c.cfg.Prefix, ".-_") + "-" + strings.Join(parts, "-")
}
