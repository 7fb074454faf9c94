package kafka

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// protocolName names how partitions are divided. It is ours alone: members that
// speak another are refused by the brokers.
const protocolName = "lapwing-sticky"

// While partitions are between two owners, nobody works on them until all have
// heard: beatMoving is the pace of heartbeats then, for at most movingFor.
const (
	beatMoving = 50 * time.Millisecond
	movingFor  = 3 * time.Second
)

// memberIDRequired is what brokers since 2.2 answer to a first JoinGroup.
const memberIDRequired = kafkago.MemberIDRequired

// membership is one process's place in a consumer group. It rebalances without
// stopping: a member goes on with its partitions while the group forms anew, and
// stops only what it is no longer given.
type membership struct {
	c      *Client
	group  string
	topics []string

	mu          sync.Mutex
	id          string
	generation  int
	incarnation int  // counts how often membership was lost
	joining     bool // between the requests JoinGroup and SyncGroup's answer
	giveUp      context.CancelCauseFunc
	moving      time.Time // until when the next generation is expected soon
	alive       time.Time
	beat        chan struct{} // closed and replaced at each sign of life
	changed     chan struct{} // closed and replaced at each new generation

	// rejoin and lost hold one signal each.
	rejoin, lost chan struct{}
}

func newMembership(c *Client, group string, topics []string) *membership {
	return &membership{
		c: c, group: group, topics: topics, generation: -1, alive: c.now(),
		beat: make(chan struct{}), changed: make(chan struct{}),
		rejoin: make(chan struct{}, 1), lost: make(chan struct{}, 1),
	}
}

// standing is a member's place at one moment.
type standing struct {
	id          string
	generation  int
	incarnation int
	joining     bool
	changed     <-chan struct{}
}

func (m *membership) standing() standing {
	m.mu.Lock()
	defer m.mu.Unlock()
	return standing{m.id, m.generation, m.incarnation, m.joining, m.changed}
}

// accepted notes that the group took us for a member when a request was sent.
func (m *membership) accepted(sent time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if sent.After(m.alive) {
		m.alive = sent
	}
	close(m.beat)
	m.beat = make(chan struct{})
}

// live blocks while the last accepted sign of life is older than half the session
// timeout: by now the group may have given our partitions away.
func (m *membership) live(ctx context.Context) error {
	for {
		m.mu.Lock()
		fresh := m.c.now().Sub(m.alive) < m.c.cfg.SessionTimeout/2
		beat := m.beat
		m.mu.Unlock()
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

// ownedData is what a member says of itself when it joins.
type ownedData struct {
	Generation int              `json:"generation"`
	Owned      map[string][]int `json:"owned,omitempty"`
}

// assignedData comes with what a member is given.
type assignedData struct {
	// Pending partitions will follow, once their owners have stopped.
	Pending int `json:"pending,omitempty"`
	// Moving: some member waits for partitions.
	Moving bool `json:"moving,omitempty"`
}

// assignment is what a member is given in a generation.
type assignment struct {
	owned   []topicPartition
	pending int
	leader  bool
	// counts are the partitions of each topic, as the leader saw them.
	counts map[string]int
}

// join asks for a place in the next generation, and waits for it. Work on owned
// goes on meanwhile.
func (m *membership) join(ctx context.Context, owned []topicPartition) (got assignment, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	m.mu.Lock()
	m.joining, m.giveUp = true, cancel
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		m.joining, m.giveUp = false, nil
		close(m.changed)
		m.changed = make(chan struct{})
		m.mu.Unlock()
		if err != nil && errors.Is(context.Cause(ctx), errLost) {
			err = errLost
		}
	}()
	at := m.standing()
	data, err := json.Marshal(ownedData{at.generation, byTopic(owned)})
	if err != nil {
		return assignment{}, err
	}
	req := &kafkago.JoinGroupRequest{
		GroupID: m.group, MemberID: at.id, ProtocolType: "consumer",
		SessionTimeout: m.c.cfg.SessionTimeout, RebalanceTimeout: m.c.cfg.SessionTimeout,
		Protocols: []kafkago.GroupProtocol{{Name: protocolName, Metadata: kafkago.GroupProtocolSubscription{Topics: m.topics, UserData: data}}},
	}
	res, err := m.joinOnce(ctx, req)
	if errors.Is(err, memberIDRequired) && res.MemberID != "" {
		req.MemberID = res.MemberID
		res, err = m.joinOnce(ctx, req)
	}
	if err != nil {
		return assignment{}, err
	}
	sent := m.c.now()
	m.mu.Lock()
	m.id, m.generation, m.moving = res.MemberID, res.GenerationID, time.Time{}
	m.mu.Unlock()
	return m.sync(ctx, res, sent)
}

func (m *membership) joinOnce(ctx context.Context, req *kafkago.JoinGroupRequest) (*kafkago.JoinGroupResponse, error) {
	// The answer comes when every member has joined, or has been given up.
	rctx, cancel := context.WithTimeout(ctx, m.c.cfg.SessionTimeout+m.c.cfg.RequestTimeout)
	defer cancel()
	res, err := m.c.api.JoinGroup(rctx, req)
	if err == nil {
		err = res.Error
	}
	return res, err
}

// sync divides the partitions, if it falls to this member, and learns its share.
func (m *membership) sync(ctx context.Context, joined *kafkago.JoinGroupResponse, sent time.Time) (assignment, error) {
	req := &kafkago.SyncGroupRequest{
		GroupID: m.group, GenerationID: joined.GenerationID, MemberID: joined.MemberID,
		ProtocolType: "consumer", ProtocolName: protocolName,
	}
	out := assignment{leader: joined.LeaderID == joined.MemberID}
	if out.leader {
		var err error
		if out.counts, err = m.count(ctx); err != nil {
			return out, err
		}
		if req.Assignments, err = m.divide(out.counts, joined.Members); err != nil {
			return out, err
		}
	}
	rctx, cancel := context.WithTimeout(ctx, m.c.cfg.SessionTimeout+m.c.cfg.RequestTimeout)
	defer cancel()
	res, err := m.c.api.SyncGroup(rctx, req)
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return out, err
	}
	m.accepted(sent)
	var data assignedData
	if len(res.Assignment.UserData) > 0 {
		if err := json.Unmarshal(res.Assignment.UserData, &data); err != nil {
			return out, fmt.Errorf("assignment of group %s: %w", m.group, err)
		}
	}
	if data.Moving {
		m.mu.Lock()
		m.moving = m.c.now().Add(movingFor)
		m.mu.Unlock()
	}
	out.owned, out.pending = flat(res.Assignment.AssignedPartitions), data.Pending
	return out, nil
}

// count asks how many partitions the topics have.
func (m *membership) count(ctx context.Context) (map[string]int, error) {
	counts := make(map[string]int, len(m.topics))
	for _, topic := range m.topics {
		n, err := m.c.partitions(ctx, topic)
		if err != nil {
			return nil, err
		}
		counts[topic] = n
	}
	return counts, nil
}

func (m *membership) divide(counts map[string]int, members []kafkago.JoinGroupResponseMember) ([]kafkago.SyncGroupRequestAssignment, error) {
	var parts []topicPartition
	for _, topic := range slices.Sorted(maps.Keys(counts)) {
		for p := range counts[topic] {
			parts = append(parts, topicPartition{topic, p})
		}
	}
	claims := make([]claim, 0, len(members))
	for _, member := range members {
		var data ownedData
		if err := json.Unmarshal(member.Metadata.UserData, &data); err != nil {
			return nil, fmt.Errorf("member %s of group %s: %w", member.ID, m.group, err)
		}
		claims = append(claims, claim{member.ID, data.Generation, flat(data.Owned)})
	}
	given, pending := assign(parts, claims)
	moving := false
	for _, n := range pending {
		moving = moving || n > 0
	}
	out := make([]kafkago.SyncGroupRequestAssignment, 0, len(claims))
	for _, c := range claims {
		m.c.log.Debug().Str("group", m.group).Str("member", c.member).Int("generation", c.generation).Int("owned", len(c.owned)).
			Int("given", len(given[c.member])).Int("pending", pending[c.member]).Msg("divides the partitions")
		data, err := json.Marshal(assignedData{pending[c.member], moving})
		if err != nil {
			return nil, err
		}
		out = append(out, kafkago.SyncGroupRequestAssignment{
			MemberID:   c.member,
			Assignment: kafkago.GroupProtocolAssignment{AssignedPartitions: byTopic(given[c.member]), UserData: data},
		})
	}
	return out, nil
}

// heartbeats tells the group that this member lives, and listens for the news
// that it rebalances, until ctx ends.
func (m *membership) heartbeats(ctx context.Context) {
	usual := min(m.c.cfg.HeartbeatInterval, m.c.cfg.SessionTimeout/10)
	for last := time.Now(); ; {
		m.mu.Lock()
		wait, changed := usual, m.changed
		if m.c.now().Before(m.moving) {
			wait = min(beatMoving, usual)
		}
		m.mu.Unlock()
		t := time.NewTimer(wait - time.Since(last))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-changed: // the pace may be another
			t.Stop()
		case <-t.C:
			last = time.Now()
			// Broken connections and moving coordinators pass, or cost the place.
			_ = m.heartbeat(ctx)
		}
	}
}

func (m *membership) heartbeat(ctx context.Context) error {
	at := m.standing()
	if at.id == "" || at.generation < 0 {
		return nil
	}
	sent := m.c.now()
	rctx, cancel := context.WithTimeout(ctx, min(m.c.cfg.RequestTimeout, m.c.cfg.SessionTimeout/2))
	defer cancel()
	res, err := m.c.api.Heartbeat(rctx, &kafkago.HeartbeatRequest{GroupID: m.group, GenerationID: int32(at.generation), MemberID: at.id}) //nolint:gosec // Kafka's generations are int32
	if err == nil {
		err = beatError(res)
	}
	switch {
	case err == nil:
		m.accepted(sent)
	case errors.Is(err, kafkago.RebalanceInProgress):
		// It knows us, and waits for us to join again.
		m.accepted(sent)
		m.signal(m.rejoin, at)
		return nil
	case errors.Is(err, kafkago.UnknownMemberId):
		m.drop(at)
		m.signal(m.lost, at)
	case lostGeneration(err):
		m.signal(m.lost, at)
	}
	return err
}

// beatError is the error in a heartbeat's answer. kafka-go v0.4.51 reads its two
// fields in the wrong order, so that the code is found in the low half of what
// it takes for the throttle time, and half of the throttle time in its error.
func beatError(res *kafkago.HeartbeatResponse) error {
	if code := kafkago.Error(int16(res.Throttle.Milliseconds())); code != 0 { //nolint:gosec // the half of it that is meant
		return code
	}
	return nil
}

// drop gives up waiting for a place that the group has forgotten of: some
// brokers never answer then.
func (m *membership) drop(at standing) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.joining && m.id == at.id && m.giveUp != nil {
		m.giveUp(errLost)
	}
}

// signal passes on news, unless they are of an earlier generation: while a member
// joins, the group may be ahead of it.
func (m *membership) signal(to chan struct{}, at standing) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.joining || m.generation != at.generation || m.incarnation != at.incarnation {
		return
	}
	select {
	case to <- struct{}{}:
	default:
	}
}

// forget drops the place in the group, for a new one.
func (m *membership) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.id, m.generation = "", -1
	m.incarnation++
	for _, c := range []chan struct{}{m.rejoin, m.lost} {
		select {
		case <-c:
		default:
		}
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

// leave gives the place up, so that others need not wait for it to run out.
func (m *membership) leave(ctx context.Context) {
	at := m.standing()
	if at.id == "" {
		return
	}
	rctx, cancel := context.WithTimeout(ctx, min(m.c.cfg.RequestTimeout, 2*time.Second))
	defer cancel()
	_, err := m.c.api.LeaveGroup(rctx, &kafkago.LeaveGroupRequest{GroupID: m.group, Members: []kafkago.LeaveGroupRequestMember{{ID: at.id}}})
	if err != nil {
		m.c.log.Debug().Err(err).Str("group", m.group).Msg("leaving the group failed, the others wait for our session to end")
	}
}

func byTopic(parts []topicPartition) map[string][]int {
	out := make(map[string][]int)
	for _, tp := range parts {
		out[tp.topic] = append(out[tp.topic], tp.partition)
	}
	return out
}

func flat(parts map[string][]int) []topicPartition {
	var out []topicPartition
	for topic, ps := range parts {
		for _, p := range ps {
			out = append(out, topicPartition{topic, p})
		}
	}
	slices.SortFunc(out, func(a, b topicPartition) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
	return out
}
