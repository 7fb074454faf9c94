package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// network is a network in memory. Whoever waits on it waits on channels and
// condition variables only, so that a test's clock may be virtual.
type network struct {
	mu        sync.Mutex
	listeners map[string]*listener
	ports     int
}

func newNetwork() *network { return &network{listeners: make(map[string]*listener), ports: 9092} }

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// listen takes the place of net.Listen; port 0 chooses one.
func (n *network) listen(_, addr string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if port == "0" {
		addr = net.JoinHostPort(host, fmt.Sprint(n.ports))
		n.ports++
	}
	if n.listeners[addr] != nil {
		return nil, fmt.Errorf("listen %s: %w", addr, os.ErrExist)
	}
	l := &listener{n: n, addr: address(addr), conns: make(chan net.Conn), done: make(chan struct{})}
	n.listeners[addr] = l
	return l, nil
}

func (n *network) dial(ctx context.Context, addr string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[addr]
	n.mu.Unlock()
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	here, there := newPipe(address("client"), l.addr)
	select {
	case l.conns <- there:
		return here, nil
	case <-l.done:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type listener struct {
	n     *network
	addr  address
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Addr() net.Addr { return l.addr }

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.n.mu.Lock()
		defer l.n.mu.Unlock()
		if l.n.listeners[string(l.addr)] == l {
			delete(l.n.listeners, string(l.addr))
		}
	})
	return nil
}

// flow is one direction of a connection, with a buffer as large as need be.
type flow struct {
	mu       sync.Mutex
	changed  *sync.Cond
	buf      []byte
	closed   bool
	deadline time.Time
	timer    *time.Timer
}

func newFlow() *flow {
	f := new(flow)
	f.changed = sync.NewCond(&f.mu)
	return f
}

func (f *flow) write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: io.ErrClosedPipe}
	}
	f.buf = append(f.buf, p...)
	f.changed.Broadcast()
	return len(p), nil
}

func (f *flow) read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.buf) == 0 {
		switch {
		case f.closed:
			return 0, io.EOF
		case !f.deadline.IsZero() && !time.Now().Before(f.deadline):
			return 0, &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}
		}
		f.changed.Wait()
	}
	n := copy(p, f.buf)
	if f.buf = f.buf[n:]; len(f.buf) == 0 {
		f.buf = nil
	}
	return n, nil
}

func (f *flow) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.timer != nil {
		f.timer.Stop()
	}
	f.changed.Broadcast()
}

func (f *flow) setDeadline(at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deadline = at
	if f.timer != nil {
		f.timer.Stop()
		f.timer = nil
	}
	if !at.IsZero() && !f.closed {
		f.timer = time.AfterFunc(time.Until(at), func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.changed.Broadcast()
		})
	}
	f.changed.Broadcast()
}

// pipe is one end of a connection.
type pipe struct {
	in, out       *flow
	local, remote address
}

func newPipe(a, b address) (net.Conn, net.Conn) {
	x, y := newFlow(), newFlow()
	return &pipe{x, y, a, b}, &pipe{y, x, b, a}
}

func (p *pipe) Read(b []byte) (int, error)  { return p.in.read(b) }
func (p *pipe) Write(b []byte) (int, error) { return p.out.write(b) }
func (p *pipe) Close() error {
	p.in.close()
	p.out.close()
	return nil
}
func (p *pipe) LocalAddr() net.Addr                { return p.local }
func (p *pipe) RemoteAddr() net.Addr               { return p.remote }
func (p *pipe) SetDeadline(t time.Time) error      { p.in.setDeadline(t); return nil }
func (p *pipe) SetReadDeadline(t time.Time) error  { p.in.setDeadline(t); return nil }
func (p *pipe) SetWriteDeadline(_ time.Time) error { return nil }
