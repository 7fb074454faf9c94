package app

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// headerGrace is how long a connection that is asked to make room for another may
// take for the header of a request.
const headerGrace = time.Second

// connections holds at most so many connections of a listener. When all are taken,
// one that does nothing makes room for the next: first whoever has been idle for the
// longest time, then whoever takes longest over a request's header. A request that is
// being served is never cut off; when all serve, the next connection waits to be
// accepted. So a flood of silent connections shuts nobody out, and memory is bounded.
type connections struct {
	net.Listener
	most int
	now  func() time.Time

	mu   sync.Mutex
	open map[*heldConn]struct{}
	room chan struct{} // a place may have come free; holds one
	done chan struct{}
	once sync.Once
}

// heldConn is one connection and what it is at.
type heldConn struct {
	net.Conn
	of      *connections
	once    sync.Once
	serving int       // handlers that run
	idle    bool      // between two requests
	since   time.Time // of the present state
}

func newConnections(ln net.Listener, most int) *connections {
	return &connections{Listener: ln, most: most, now: time.Now, open: map[*heldConn]struct{}{}, room: make(chan struct{}, 1), done: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *connections) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	held := &heldConn{Conn: c, of: l}
	for !l.admit(held) {
		if victim := l.victim(); victim != nil {
			_ = victim.Close() // it is given up
			continue
		}
		retry := time.NewTimer(headerGrace / 4)
		select {
		case <-l.room:
		case <-retry.C:
		case <-l.done:
			retry.Stop()
			_ = c.Close() // nobody will serve it
			return nil, net.ErrClosed
		}
		retry.Stop()
	}
	return held, nil
}

// admit takes a place, if there is one.
func (l *connections) admit(c *heldConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.most {
		return false
	}
	c.since = l.now()
	l.open[c] = struct{}{}
	return true
}

// victim is the connection that makes room, or nil.
func (l *connections) victim() *heldConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	var idle, slow *heldConn
	for c := range l.open {
		switch {
		case c.serving > 0:
		case c.idle:
			if idle == nil || c.since.Before(idle.since) {
				idle = c
			}
		case l.now().Sub(c.since) >= headerGrace:
			if slow == nil || c.since.Before(slow.since) {
				slow = c
			}
		}
	}
	if idle != nil {
		return idle
	}
	return slow
}

// Close implements net.Listener.
func (l *connections) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// Close implements net.Conn.
func (c *heldConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.of.mu.Lock()
		delete(c.of.open, c)
		c.of.mu.Unlock()
		select {
		case c.of.room <- struct{}{}:
		default:
		}
	})
	return err
}

func heldOf(c net.Conn) *heldConn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	h, _ := c.(*heldConn)
	return h
}

// set notes what a connection is at; handlers is how many more run, or fewer.
func (c *heldConn) set(handlers int, idle bool) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if handlers != 0 || c.idle != idle {
		c.serving += handlers
		c.idle, c.since = idle, c.of.now()
	}
}

// connState is http.Server.ConnState: it tells idle connections from those that send
// a request.
func (l *connections) connState(c net.Conn, state http.ConnState) {
	h := heldOf(c)
	if h == nil {
		return
	}
	switch state {
	case http.StateIdle:
		h.set(0, true)
		select {
		case l.room <- struct{}{}:
		default:
		}
	case http.StateActive:
		h.set(0, false)
	case http.StateNew, http.StateClosed, http.StateHijacked:
	}
}

type connKey struct{}

// connContext is http.Server.ConnContext.
func (l *connections) connContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, heldOf(c))
}

// handler marks the connections that are served.
func (l *connections) handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*heldConn); ok && c != nil {
			c.set(1, false)
			// What is left of the body is read before the connection is idle: that is
			// waiting, too.
			defer c.set(-1, false)
		}
		h.ServeHTTP(w, r)
	})
}
