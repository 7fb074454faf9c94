package receive

import (
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

// pool is what requests share: places, and memory for their bodies and records.
type pool struct {
	slots chan struct{}
	bytes *semaphore.Weighted
	// most is all that bytes has.
	most    int64
	senders *senders
	// timeout bounds the reading of a body.
	timeout time.Duration
	// full is said to whom finds no place.
	full string
}

func newPool(requests int, bytes int64, share int, timeout time.Duration, full string) *pool {
	return &pool{
		slots: make(chan struct{}, requests), bytes: semaphore.NewWeighted(bytes), most: bytes,
		senders: newSenders(requests*share/100, bytes*int64(share)/100), timeout: timeout, full: full,
	}
}

const (
	// unprovenShare is the part of the places, and unprovenBytes of the memory,
	// that there is beside those of Config for requests whose signature cannot be
	// checked before their body is read.
	unprovenShare, unprovenBytes = 4, 8
	// unprovenSender is how much of it one sender may take, in percent.
	unprovenSender = 50
	// unprovenTimeout bounds the reading of such a body.
	unprovenTimeout = 10 * time.Second
)

// newUnproven is the pool of those who have not proved themselves: whoever sends
// a header that looks like a signature gets into it, so that they take nothing
// from senders with a proof.
func newUnproven(cfg *Config) *pool {
	bytes := max(cfg.MaxInFlightBytes/unprovenBytes, min(2*int64(cfg.MaxRecordBytes), cfg.MaxInFlightBytes))
	return newPool(max(cfg.MaxConcurrent/unprovenShare, 1), bytes, unprovenSender, min(cfg.ReadTimeout, unprovenTimeout),
		"too many requests at once whose signature is to be checked")
}

// enter takes a place in p.
func (c *call) enter(p *pool) *refusal {
	select {
	case p.slots <- struct{}{}:
	default:
		return later(p.full)
	}
	if !p.senders.enter(address(c.req)) {
		<-p.slots
		return c.slower("requests")
	}
	c.pool = p
	c.s.metrics.inFlight.Inc()
	c.deadline(http.NewResponseController(c.w).SetReadDeadline(c.s.now().Add(p.timeout)))
	return nil
}

// proven moves a request that has shown its proof only now to those that had it
// from the start, with what it holds.
func (c *call) proven() *refusal {
	from, to, sender := c.pool, c.s.work, address(c.req)
	if from == to {
		return nil
	}
	if !to.bytes.TryAcquire(c.held) {
		return later("too many bytes at once")
	}
	held := c.held
	if bad := c.enter(to); bad != nil {
		to.bytes.Release(held)
		return bad
	}
	to.senders.take(sender, held)
	c.s.metrics.inFlight.Dec() // was counted already
	from.bytes.Release(held)
	from.senders.leave(sender, held)
	<-from.slots
	return nil
}

// hold takes n bytes of what all requests may hold together. A request that
// would need more than there is for all is refused for good.
func (c *call) hold(n int64) *refusal {
	if c.free >= n {
		c.free -= n
		return nil
	}
	const block = 64 << 10 // so that small records do not meet at the semaphore
	p := c.pool
	want := max(n-c.free, min(block, p.most-c.held))
	if c.held+want > p.most {
		return refuse(http.StatusRequestEntityTooLarge, "this request alone would take more than %d bytes of memory: send smaller ones", p.most)
	}
	if !p.bytes.TryAcquire(want) {
		return later("too many bytes at once")
	}
	if !p.senders.hold(address(c.req), c.held, want) {
		p.bytes.Release(want)
		return c.slower("memory")
	}
	c.s.metrics.held.Add(float64(want))
	c.held += want
	c.free += want - n
	return nil
}

// release gives back what the request holds, but for its place.
func (c *call) release() {
	if c.pool != nil {
		c.pool.bytes.Release(c.held)
		c.pool.senders.leave(address(c.req), c.held)
		c.s.metrics.held.Sub(float64(c.held))
		c.pool = nil
	}
	c.held, c.free = 0, 0
}
