package receive

import (
	"net"
	"net/http"
	"sync"
)

// senders counts what each sender has in work, so that one that sends more than
// it should is told so, and leaves room for others. It holds no more senders
// than there are requests in work.
type senders struct {
	mu       sync.Mutex
	requests int   // that one may have in work, 1 at least
	bytes    int64 // that one may hold with more than one request
	active   map[string]*sender
}

type sender struct {
	requests int
	bytes    int64
}

func newSenders(requests int, bytes int64) *senders {
	return &senders{requests: max(requests, 1), bytes: bytes, active: map[string]*sender{}}
}

// enter counts a request, unless the sender has its share in work.
func (s *senders) enter(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.active[name]
	if one == nil {
		one = &sender{}
		s.active[name] = one
	}
	if one.requests >= s.requests {
		return false
	}
	one.requests++
	return true
}

// hold counts bytes of a request that holds some already, unless the sender's
// requests would hold more than its share together. One alone may hold more.
func (s *senders) hold(name string, held, more int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.active[name]
	if one.bytes > held && one.bytes+more > s.bytes {
		return false
	}
	one.bytes += more
	return true
}

// take counts bytes that a request brought with it.
func (s *senders) take(name string, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active[name].bytes += bytes
}

// leave takes back what a request that entered was counted with.
func (s *senders) leave(name string, held int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.active[name]
	one.bytes -= held
	if one.requests--; one.requests == 0 {
		delete(s.active, name)
	}
}

// address is the sender's, without its port.
func address(req *http.Request) string {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		return req.RemoteAddr
	}
	return host
}
