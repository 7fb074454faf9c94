package receive

import (
	"container/list"
	"sync"
)

// maxChannels bounds the channels that are remembered; of more, the one that
// was used longest ago is forgotten.
const maxChannels = 10_000

// ackBook hands out the acknowledgement ids of channels, 0, 1, 2, … each. An id
// is handed out after the log has acknowledged its records, so that a channel's
// next id says everything: all below are true. A channel that was forgotten, as
// by a restart, knows none of its ids, and its sender sends again.
type ackBook struct {
	mu       sync.Mutex
	limit    int
	channels map[string]*list.Element
	recent   *list.List // of *ackChannel, the latest first
}

type ackChannel struct {
	name string
	next uint64
}

func newAckBook(limit int) *ackBook {
	return &ackBook{limit: limit, channels: map[string]*list.Element{}, recent: list.New()}
}

// issue gives the id of a request whose records the log has.
func (b *ackBook) issue(channel string) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.channels[channel]
	if e == nil {
		if b.recent.Len() >= b.limit {
			last := b.recent.Back()
			delete(b.channels, b.recent.Remove(last).(*ackChannel).name)
		}
		e = b.recent.PushFront(&ackChannel{name: channel})
		b.channels[channel] = e
	}
	b.recent.MoveToFront(e)
	ch := e.Value.(*ackChannel)
	ch.next++
	return ch.next - 1
}

// acknowledged reports whether the id was handed out.
func (b *ackBook) acknowledged(channel string, id uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.channels[channel]
	if e == nil {
		return false
	}
	b.recent.MoveToFront(e)
	return id < e.Value.(*ackChannel).next
}
