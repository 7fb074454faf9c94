package stream

import (
	"math"
	"sync"
)

// Gate holds raw partitions together in event time: none may run more than a
// limit ahead of the slowest that is neither idle nor ended.
type Gate struct {
	limit int64

	mu      sync.Mutex
	members map[*Member]struct{}
	changed chan struct{}
}

// NewGate makes a gate; limit is in nanoseconds of event time.
func NewGate(limit int64) *Gate {
	return &Gate{limit: limit, members: make(map[*Member]struct{}), changed: make(chan struct{})}
}

// Member is one raw partition at a gate. Its methods are called by the
// partition's goroutines.
type Member struct {
	gate    *Gate
	at      int64 // everything still to come is expected at or after it
	out     bool  // idle or ended: holds back no one
	allowed int64 // last bound that was worked out; others only move on
}

// Join adds a partition that stands at the given event time, 0 when nothing
// of it was seen.
func (g *Gate) Join(at int64) *Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := &Member{gate: g, at: at}
	g.members[m] = struct{}{}
	for other := range g.members {
		other.allowed = 0
	}
	return m
}

// Leave removes the partition.
func (m *Member) Leave() {
	if m == nil {
		return
	}
	m.gate.mu.Lock()
	defer m.gate.mu.Unlock()
	delete(m.gate.members, m)
	m.gate.wake()
}

// Moved says that everything before t is written.
func (m *Member) Moved(t int64) {
	if m == nil {
		return
	}
	m.gate.mu.Lock()
	defer m.gate.mu.Unlock()
	if t > m.at {
		m.at = t
		m.gate.wake()
	}
}

// Out takes the partition out of the reckoning while it is idle or ended, or
// back into it.
func (m *Member) Out(out bool) {
	if m == nil {
		return
	}
	m.gate.mu.Lock()
	defer m.gate.mu.Unlock()
	if m.out != out {
		m.out = out
		for other := range m.gate.members {
			other.allowed = 0
		}
		m.gate.wake()
	}
}

// Try reports whether an event of time t may pass now. When it may not, the
// channel is closed at the next change; whoever waits for that writes what is
// before t and says Moved(t), or two would wait for each other.
func (m *Member) Try(t int64) (bool, <-chan struct{}) {
	if m == nil {
		return true, nil
	}
	m.gate.mu.Lock()
	defer m.gate.mu.Unlock()
	if t <= m.allowed {
		return true, nil
	}
	slowest := int64(math.MaxInt64)
	for other := range m.gate.members {
		if other != m && !other.out {
			slowest = min(slowest, other.at)
		}
	}
	if slowest == math.MaxInt64 || t <= slowest+m.gate.limit {
		if slowest != math.MaxInt64 {
			m.allowed = slowest + m.gate.limit
		}
		return true, nil
	}
	return false, m.gate.changed
}

func (g *Gate) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}
