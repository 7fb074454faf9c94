package embedded

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// leaseCheck is how often members of groups are looked after.
const leaseCheck = 250 * time.Millisecond

// leases ends the membership of who is gone. kfake starts a member's session
// timer with the answer to its request, so one that was killed while it waited for
// the answer to a SyncGroup would keep its partitions for ever. Here it leaves once
// nothing was heard of it for half a session longer than it may wait.
type leases struct {
	cluster *kfake.Cluster
	addr    string
	done    chan struct{}
	ended   sync.WaitGroup

	mu     sync.Mutex
	groups map[string]map[string]*lease // by group and member
}

// lease is what was heard of one member.
type lease struct {
	heard time.Time
	// limit is how long a living member may be silent: for its session, or for as
	// long as a rebalance may take, and half a session for the way.
	limit time.Duration
}

// watchLeases begins at once; the cluster is asked until close.
func watchLeases(cluster *kfake.Cluster, addr string) *leases {
	l := &leases{cluster: cluster, addr: addr, done: make(chan struct{}), groups: make(map[string]map[string]*lease)}
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.OffsetCommit} {
		cluster.ControlKey(int16(key), func(req kmsg.Request) (kmsg.Response, error, bool) {
			l.note(req)
			return nil, nil, false // the broker answers
		})
	}
	l.ended.Go(l.run)
	return l
}

func (l *leases) close() {
	close(l.done)
	l.ended.Wait()
}

// note keeps when a member was heard last.
func (l *leases) note(req kmsg.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch req := req.(type) {
	case *kmsg.JoinGroupRequest:
		l.heard(req.Group, req.MemberID, time.Duration(max(req.SessionTimeoutMillis, req.RebalanceTimeoutMillis)+req.SessionTimeoutMillis/2)*time.Millisecond)
	case *kmsg.SyncGroupRequest:
		l.heard(req.Group, req.MemberID, 0)
	case *kmsg.HeartbeatRequest:
		l.heard(req.Group, req.MemberID, 0)
	case *kmsg.OffsetCommitRequest:
		l.heard(req.Group, req.MemberID, 0)
	}
}

// heard counts a sign of life; limit is 0 where the request does not say it. A
// member that has no id yet gets one with the answer, and says it the next time.
func (l *leases) heard(group, member string, limit time.Duration) {
	if member == "" || limit == 0 && l.groups[group][member] == nil {
		return
	}
	if l.groups[group] == nil {
		l.groups[group] = make(map[string]*lease)
	}
	m := l.groups[group][member]
	if m == nil {
		m = &lease{}
		l.groups[group][member] = m
	}
	m.heard = time.Now()
	if limit > 0 {
		m.limit = limit
	}
}

func (l *leases) run() {
	t := time.NewTicker(leaseCheck)
	defer t.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-t.C:
			for group, members := range l.silent() {
				l.leave(group, members)
			}
		}
	}
}

// silent returns the members whose leases have run out, and forgets the leases of
// those that their groups have no more: a member that could not be sent away is
// returned again. While members join, the group itself waits for those that it
// knows, and no longer than their rebalance timeout.
func (l *leases) silent() map[string][]string {
	over := make(map[string][]string)
	l.mu.Lock()
	for group, members := range l.groups {
		for id, m := range members {
			if m.over() {
				over[group] = append(over[group], id)
			}
		}
	}
	l.mu.Unlock()
	out := make(map[string][]string)
	for group, ids := range over {
		// Not under the lock: the cluster calls note while it answers.
		info := l.cluster.GroupInfo(group)
		for _, id := range ids {
			if info != nil && has(info.Members, id) {
				out[group] = append(out[group], id)
			} else {
				l.forget(group, id)
			}
		}
	}
	return out
}

// over reports whether a lease has run out.
func (m *lease) over() bool { return time.Since(m.heard) > m.limit }

// forget drops the lease of a member that its group does not have, unless it was
// heard again meanwhile.
func (l *leases) forget(group, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	members := l.groups[group]
	if m := members[id]; m != nil && m.over() {
		delete(members, id)
	}
	if len(members) == 0 {
		delete(l.groups, group)
	}
}

func has(members []kfake.GroupMember, id string) bool {
	for i := range members {
		if members[i].MemberID == id {
			return true
		}
	}
	return false
}

// leave has members leave a group, as they would themselves.
func (l *leases) leave(group string, members []string) {
	if len(members) == 0 {
		return
	}
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Version, req.Group = 3, group
	for _, id := range members {
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID = id
		req.Members = append(req.Members, m)
	}
	// Whether it was taken, the group tells: who still is in it is sent away again.
	_ = send(l.addr, req)
}

// send sends one request without flexible fields and waits for its answer.
func send(addr string, req kmsg.Request) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	defer conn.Close() //nolint:errcheck // its answer is all that is wanted
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	if _, err := conn.Write(frame(req)); err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	return nil
}

// frame encodes a request without flexible fields.
func frame(req kmsg.Request) []byte {
	b := make([]byte, 4, 128)
	b = binary.BigEndian.AppendUint16(b, uint16(req.Key()))        //nolint:gosec // keys are small
	b = binary.BigEndian.AppendUint16(b, uint16(req.GetVersion())) //nolint:gosec // versions are small
	b = binary.BigEndian.AppendUint32(b, 1)                        // correlation id
	b = binary.BigEndian.AppendUint16(b, 0xffff)                   // no client id
	b = req.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4)) //nolint:gosec // small
	return b
}
