package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
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
	ctx   context.Context //nolint:containedctx // it is the life of the process's stage

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

// part is one partition for as long as it is ours.
type part struct {
	tp      topicPartition
	session *session
	// ctx ends when the partition is to be given up; hard outlives it by the
	// time there is to drain.
	ctx, hard context.Context //nolint:containedctx // they are the life of the partition
	cancel    context.CancelFunc
	once      sync.Once
	done      chan struct{} // closed when nothing is done for it any more
}

func (g *group) newPart(tp topicPartition, s *session) *part {
	p := &part{tp: tp, session: s, done: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(g.ctx)
	var giveUp context.CancelFunc
	p.hard, giveUp = context.WithCancel(context.WithoutCancel(g.ctx))
	context.AfterFunc(p.ctx, func() {
		drain := g.c.cfg.DrainTimeout
		if g.ctx.Err() == nil {
			// Somebody waits for it: be quick.
			drain = min(drain, g.c.cfg.SessionTimeout/3)
		}
		t := time.AfterFunc(drain, giveUp)
		<-p.done
		t.Stop()
		giveUp()
	})
	return p
}

func (p *part) release() { p.once.Do(func() { close(p.done) }) }

// released reports whether nothing is done for the partition any more.
func (p *part) released() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// session is a number of partitions that came to this process together.
type session struct {
	*membership
	c     *Client
	stage string
	owned []topicPartition
	parts []*part
	err   error
	// incarnation of the membership that gave them.
	incarnation int
	// leaving: the process stops, rather than the group rebalances.
	leaving func() bool

	commits lock // one at a time, or an older one may come last
	finalMu sync.Mutex
	final   []topicPartition // wait for their last commit

	ackedMu sync.Mutex
	acked   map[topicPartition]int64
}

// committed is what the group remembers of a partition; next -1 is nothing.
type committed struct {
	next     int64
	metadata string
}

// each runs work for every partition until that is given up or ctx ends; the
// first that fails ends all. last is called when work has ended, before others
// get the partition; it may be nil.
func (s *session) each(ctx context.Context, work func(ctx, hard context.Context, tp topicPartition) error, last func(hard context.Context, tp topicPartition)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for _, p := range s.parts {
		wg.Go(func() {
			pctx, stop := context.WithCancel(p.ctx)
			defer stop()
			defer context.AfterFunc(ctx, stop)()
			err := work(pctx, p.hard, p.tp)
			if last != nil {
				last(p.hard, p.tp)
			}
			given := p.ctx.Err() != nil
			p.release()
			switch {
			case err == nil:
			case given && !errors.Is(err, stream.ErrReset) && !stream.IsPermanent(err):
				// It is not ours any more; the next owner begins where we stood.
				s.c.log.Debug().Err(err).Str("stage", s.stage).Str("topic", p.tp.topic).Int("partition", p.tp.partition).Msg("given up before it was drained")
			default:
				mu.Lock()
				errs = append(errs, fmt.Errorf("%s/%d: %w", p.tp.topic, p.tp.partition, err))
				mu.Unlock()
				cancel()
			}
		})
	}
	if len(s.parts) == 0 {
		<-ctx.Done()
	}
	wg.Wait()
	return errors.Join(errs...)
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

// fetchOffsets reads what the group remembers of the partitions owned.
func (s *session) fetchOffsets(ctx context.Context) (map[topicPartition]committed, error) {
	req := &kafkago.OffsetFetchRequest{GroupID: s.group, Topics: make(map[string][]int)}
	for _, tp := range s.owned {
		req.Topics[tp.topic] = append(req.Topics[tp.topic], tp.partition)
	}
	got := make(map[topicPartition]committed)
	err := s.c.retry(ctx, "fetch the offsets of group "+s.group, func(ctx context.Context) error {
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
				tp := topicPartition{topic, p.Partition}
				got[tp] = committed{p.CommittedOffset, p.Metadata}
				s.committedAt(tp, p.CommittedOffset)
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

// errLost: the partitions may be another member's.
var errLost = fmt.Errorf("the group has counted this member out: %w", kafkago.UnknownMemberId)

// commit writes positions as this member of the present generation; while the
// group rebalances it waits for the next one. What was released meanwhile is
// left out.
func (s *session) commit(ctx context.Context, positions map[topicPartition]committed) error {
	if err := s.commits.acquire(ctx); err != nil {
		return err
	}
	defer s.commits.release()
	return s.commitLocked(ctx, positions)
}

func (s *session) commitLocked(ctx context.Context, positions map[topicPartition]committed) error {
	began := time.Now()
	for deadline := began.Add(s.c.cfg.SessionTimeout); ; {
		at := s.standing()
		if at.incarnation != s.incarnation {
			return errLost
		}
		req := &kafkago.OffsetCommitRequest{
			GroupID: s.group, GenerationID: at.generation, MemberID: at.id, Topics: make(map[string][]kafkago.OffsetCommit),
		}
		for _, p := range s.parts {
			if pos, ok := positions[p.tp]; ok && !p.released() {
				req.Topics[p.tp.topic] = append(req.Topics[p.tp.topic], kafkago.OffsetCommit{Partition: p.tp.partition, Offset: pos.next, Metadata: pos.metadata})
			}
		}
		if len(req.Topics) == 0 {
			return nil
		}
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
		switch {
		case err == nil:
			s.c.metrics.commit.WithLabelValues(s.stage).Observe(time.Since(began).Seconds())
			for topic, parts := range req.Topics {
				for _, p := range parts {
					s.committedAt(topicPartition{topic, p.Partition}, p.Offset)
				}
			}
			return nil
		case !errors.Is(err, kafkago.RebalanceInProgress) && !errors.Is(err, kafkago.IllegalGeneration):
			if lostGeneration(err) {
				s.signal(s.lost, at)
			}
			return err
		case time.Now().After(deadline):
			return err
		}
		t := time.NewTimer(100 * time.Millisecond)
		select {
		case <-at.changed:
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		t.Stop()
	}
}

// lostGeneration tells the errors of a commit by a member that is none any more.
func lostGeneration(err error) bool {
	return errors.Is(err, kafkago.IllegalGeneration) || errors.Is(err, kafkago.UnknownMemberId) || errors.Is(err, kafkago.FencedInstanceID)
}

// recommitEvery is how often positions are committed again that have not moved.
const recommitEvery = 5 * time.Minute

// keepCommitting commits what positions gives, every interval until ctx ends;
// what has not moved, every idle interval.
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
		now := positions()
		if maps.Equal(now, last) && s.c.now().Sub(at) < idle {
			continue
		}
		err := s.commit(ctx, now)
		if err == nil {
			last, at = now, s.c.now()
		}
		if err != nil && ctx.Err() == nil {
			if lostGeneration(err) {
				return
			}
			s.c.log.Warn().Err(err).Str("stage", s.stage).Msg("commit failed")
		}
	}
}

// finalCommit is the last one of a partition that is given up; nobody minds if it
// comes too late. Partitions that end together share a request.
func (s *session) finalCommit(ctx context.Context, tp topicPartition, positions func() map[topicPartition]committed) {
	s.finalMu.Lock()
	s.final = append(s.final, tp)
	s.finalMu.Unlock()
	if s.commits.acquire(ctx) != nil {
		return
	}
	defer s.commits.release()
	s.finalMu.Lock()
	waiting := s.final
	s.final = nil
	s.finalMu.Unlock()
	if !slices.Contains(waiting, tp) {
		return // the one before took it along
	}
	now, last := positions(), make(map[topicPartition]committed)
	for _, tp := range waiting {
		if at, ok := now[tp]; ok {
			last[tp] = at
		}
	}
	if err := s.commitLocked(ctx, last); err != nil {
		s.c.log.Debug().Err(err).Str("stage", s.stage).Msg("last commit of a partition refused")
	}
}

// txName is the transactional id of one writer.
func (c *Client) txName(parts ...string) string {
	return strings.TrimRight(c.cfg.Prefix, ".-_") + "-" + strings.Join(parts, "-")
}
