package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// part is one partition for as long as it is ours.
type part struct {
	tp      topicPartition
	session *session
	// ctx ends when the partition is to be given up; hard outlives it by the
	// time there is to drain.
	ctx, hard context.Context // they are the life of the partition
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
			s.c.log.Warn().Err(err).Str("stage", s.stage).Str("group", s.group).Msg("commit failed")
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
		s.c.log.Debug().Err(err).Str("stage", s.stage).Str("group", s.group).Msg("last commit of a partition refused")
	}
}

// eachCommitting runs the session's partitions as each does, and commits what
// positions gives: every interval, and once more for a partition that is given up.
func (s *session) eachCommitting(ctx context.Context, every time.Duration, positions func() map[topicPartition]committed, run func(ctx, hard context.Context, tp topicPartition) error) error {
	cctx, cancel := context.WithCancel(ctx)
	committing := make(chan struct{})
	go func() {
		defer close(committing)
		s.keepCommitting(cctx, every, recommitEvery, positions)
	}()
	defer func() { cancel(); <-committing }()
	return s.each(ctx, run, func(hard context.Context, tp topicPartition) { s.finalCommit(hard, tp, positions) })
}

// places are how far a session's partitions have come.
type places struct {
	mu   sync.Mutex
	next map[topicPartition]committed
}

func (p *places) moved(tp topicPartition, next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.next = make(map[topicPartition]committed)
	}
	p.next[tp] = committed{next: next}
}

func (p *places) all() map[topicPartition]committed {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.next)
}
