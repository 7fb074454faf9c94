package faults

import (
	"encoding/binary"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// groups that the processes join.
var groups = []string{"lapwing-enrich", "lapwing-detect", "lapwing-store", "lapwing-alert-siem", "lapwing-alert-pager", "lapwing-alert-clickhouse", "lapwing-alert-manager"}

// janitor does what Apache Kafka's coordinator does and kfake's does not: a
// member whose connection was gone when its join was answered has no session
// timer there and would keep its partitions for ever. It leaves once nothing was
// heard of it for a session and a half.
func (w *world) janitor(done <-chan struct{}) {
	since := make(map[string]time.Time)
	for {
		select {
		case <-done:
			return
		case <-time.After(session / 2):
		}
		heard := w.heard()
		for _, g := range groups {
			info := w.groupInfo(g)
			if info == nil {
				continue
			}
			for _, m := range info.Members {
				if since[m.MemberID].IsZero() {
					since[m.MemberID] = time.Now()
				}
				last := since[m.MemberID]
				if at := heard[m.MemberID]; at.After(last) {
					last = at
				}
				if time.Since(last) > session*3/2 {
					w.leave(g, m.MemberID)
				}
			}
		}
	}
}

// groupInfo is nil while the brokers restart.
func (w *world) groupInfo(group string) *kfake.GroupInfo {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return nil
	}
	return w.cluster.GroupInfo(group)
}

// heard tells when each member was heard of last.
func (w *world) heard() map[string]time.Time {
	all := make(map[string]time.Time)
	w.mu.Lock()
	processes := append([]*process(nil), w.processes...)
	w.mu.Unlock()
	for _, p := range processes {
		p.wire.mu.Lock()
		for id, at := range p.wire.members {
			all[id] = at
		}
		p.wire.mu.Unlock()
	}
	return all
}

func (w *world) leave(group, member string) {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.SetVersion(1)
	req.Group, req.MemberID = group, member
	w.sendRequest(group, req)
}

// sendRequest sends a request of a version without flexible fields to a group's
// coordinator.
func (w *world) sendRequest(group string, req kmsg.Request) {
	b := make([]byte, 4, 64)
	b = binary.BigEndian.AppendUint16(b, uint16(req.Key()))
	b = binary.BigEndian.AppendUint16(b, uint16(req.GetVersion()))
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint16(b, 0xffff) // no client id
	b = req.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	w.mu.Lock()
	down := w.down
	w.mu.Unlock()
	if down {
		return
	}
	if node := w.cluster.CoordinatorFor(group); int(node) < len(w.brokers) && node >= 0 {
		w.sendFrameTo(w.brokers[node], b)
	}
}
