package embedded

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// groupClient is one connection of a group's member, a request at a time.
type groupClient struct {
	t    *testing.T
	conn net.Conn
	id   string
}

func dialGroup(t *testing.T, addr string) *groupClient {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &groupClient{t: t, conn: conn}
}

func (c *groupClient) ask(req kmsg.Request) {
	c.t.Helper()
	_, err := c.conn.Write(frame(req))
	require.NoError(c.t, err)
}

func (c *groupClient) answer(res kmsg.Response) {
	c.t.Helper()
	var head [8]byte
	_, err := io.ReadFull(c.conn, head[:])
	require.NoError(c.t, err)
	body := make([]byte, binary.BigEndian.Uint32(head[:4])-4)
	_, err = io.ReadFull(c.conn, body)
	require.NoError(c.t, err)
	require.NoError(c.t, res.ReadFrom(body))
}

func joinRequest(id string) *kmsg.JoinGroupRequest {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID, req.ProtocolType = 4, "readers", id, "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 600, 600
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name = "any"
	req.Protocols = append(req.Protocols, p)
	return req
}

// join asks for a place; the answer comes when the group has formed.
func (c *groupClient) join() {
	c.t.Helper()
	if c.id == "" {
		c.ask(joinRequest(""))
		res := kmsg.NewPtrJoinGroupResponse()
		res.Version = 4
		c.answer(res)
		c.id = res.MemberID
	}
	c.ask(joinRequest(c.id))
}

func (c *groupClient) joined() (generation int32) {
	c.t.Helper()
	res := kmsg.NewPtrJoinGroupResponse()
	res.Version = 4
	c.answer(res)
	require.Zero(c.t, res.ErrorCode)
	return res.Generation
}

func (c *groupClient) sync(generation int32) {
	c.t.Helper()
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.Generation = 2, "readers", c.id, generation
	c.ask(req)
}

func (c *groupClient) beat(generation int32) (code int16) {
	c.t.Helper()
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.Generation = 2, "readers", c.id, generation
	c.ask(req)
	res := kmsg.NewPtrHeartbeatResponse()
	res.Version = 2
	c.answer(res)
	return res.ErrorCode
}

// A member that is killed while it waits for its share of the partitions does not
// keep them: the others hear of it, and the group goes on without it.
func TestAMemberKilledWhileItWaitsLosesItsPlace(t *testing.T) {
	b, err := StartBroker(t.Context(), BrokerConfig{MinSessionTimeout: 500 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })

	synced := make(chan struct{}, 8)
	b.cluster.ControlKey(int16(kmsg.SyncGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		synced <- struct{}{}
		return nil, nil, false
	})
	leader, follower := dialGroup(t, b.Addr()), dialGroup(t, b.Addr())
	leader.join()
	leader.joined()
	follower.join() // is answered when the other one has joined as well
	require.Eventually(t, func() bool { return b.cluster.GroupInfo("readers").State == "PreparingRebalance" }, 10*time.Second, time.Millisecond)
	leader.join()
	generation := leader.joined()
	require.Equal(t, generation, follower.joined())
	follower.sync(generation)
	<-synced // and waits for what the leader gives it
	require.NoError(t, follower.conn.Close())
	leader.sync(generation)
	res := kmsg.NewPtrSyncGroupResponse()
	res.Version = 2
	leader.answer(res)
	require.Eventually(t, func() bool {
		leader.beat(generation) // it lives
		return len(b.cluster.GroupInfo("readers").Members) == 1
	}, 10*time.Second, 20*time.Millisecond, "the dead member stays")
	require.Equal(t, leader.id, b.cluster.GroupInfo("readers").Members[0].MemberID)
}

// A member that only is slow to join again keeps its place for as long as the
// group waits for it, and one that lives for as long as it lives.
func TestALivingMemberKeepsItsPlace(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	defer cluster.Close()
	l := &leases{cluster: cluster, groups: make(map[string]map[string]*lease)}
	l.note(joinRequest("a"))
	require.Empty(t, l.silent())
	require.Equal(t, 900*time.Millisecond, l.groups["readers"]["a"].limit, "the session, and half of it")
	slow := joinRequest("b")
	slow.RebalanceTimeoutMillis = 300_000
	l.note(slow)
	require.Equal(t, 300_300*time.Millisecond, l.groups["readers"]["b"].limit, "a rebalance may take longer")
	l.note(joinRequest(""))
	require.Len(t, l.groups["readers"], 2, "who has no id yet is nobody")
	left := kmsg.NewPtrLeaveGroupRequest()
	left.Group = "readers"
	left.Members = append(left.Members, kmsg.LeaveGroupRequestMember{MemberID: "a"}, kmsg.LeaveGroupRequestMember{MemberID: "b"})
	l.note(left)
	require.Len(t, l.groups["readers"], 2, "who asks to leave has not left yet")
	for _, m := range l.groups["readers"] {
		m.heard = time.Now().Add(-time.Hour)
	}
	require.Empty(t, l.silent())
	require.Empty(t, l.groups, "the group has neither of them")
}

// A member that could not be sent away is tried again.
func TestAMemberThatCannotBeSentAwayNowIsLater(t *testing.T) {
	b, err := StartBroker(t.Context(), BrokerConfig{MinSessionTimeout: 500 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	c := dialGroup(t, b.Addr())
	c.join()
	c.joined()
	require.Len(t, b.cluster.GroupInfo("readers").Members, 1)

	l := &leases{cluster: b.cluster, addr: "127.0.0.1:1", groups: map[string]map[string]*lease{"readers": {c.id: {heard: time.Now().Add(-time.Hour)}}}}
	for range 2 {
		gone := l.silent()
		require.Equal(t, map[string][]string{"readers": {c.id}}, gone)
		l.leave("readers", gone["readers"]) // nobody listens there
	}
	l.addr = b.Addr()
	l.leave("readers", []string{c.id})
	require.Empty(t, l.silent())
	require.Empty(t, l.groups)
}
