package faults

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// wire is the network of one process, as the requests that pass: it is cut for
// good when the process dies, and stands still while the process does.
type wire struct {
	n      *network
	prefix string

	mu     sync.Mutex
	dead   chan struct{} // closed when the process died
	cut    bool
	paused chan struct{} // closed when it goes on
	conns  map[*wireConn]struct{}
	visits map[string]int
	// members of groups that the process was heard as, and when.
	members map[string]time.Time
	// die is asked at every point, with how often it was visited.
	die func(point string, visit int) bool
	// at is told of every point before anything happens there; it may pause.
	at func(point string, visit int)
	// passed is told of every point that was survived.
	passed func(point string)
	// lose is asked whether the answer to a request is lost, with its connection.
	lose func(point string, visit int) bool
	// mutate, when not nil, sees every request first; see mutation_test.go.
	mutate func(c *wireConn, r *request) (handled bool)
	// rewrite, when not nil, may change an answer to a request.
	rewrite func(r *request, res kmsg.Response) bool
}

var errCut = &net.OpError{Op: "write", Net: "tcp", Err: errors.New("the process is dead")}

func newWire(n *network) *wire {
	return &wire{n: n, prefix: "lapwing.", dead: make(chan struct{}), conns: make(map[*wireConn]struct{}), visits: make(map[string]int), members: make(map[string]time.Time)}
}

// dial is a kafka.Config's Dial.
func (w *wire) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	if !w.passIn(ctx) {
		return nil, errCut
	}
	conn, err := w.n.dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	p, ok := conn.(*pipe)
	if !ok {
		return nil, errors.New("not a pipe")
	}
	c := &wireConn{pipe: p, w: w}
	c.life, c.sever = context.WithCancel(context.Background())
	context.AfterFunc(c.life, func() { _ = p.Close() })
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		c.sever()
		return nil, errCut
	}
	w.conns[c] = struct{}{}
	return c, nil
}

// passIn waits while the process stands still, until ctx ends; false when it is
// dead.
func (w *wire) passIn(ctx context.Context) bool {
	for {
		w.mu.Lock()
		cut, paused := w.cut, w.paused
		w.mu.Unlock()
		if cut {
			return false
		}
		if paused == nil {
			return true
		}
		select {
		case <-paused:
		case <-w.dead:
		case <-ctx.Done():
			return false
		}
	}
}

// visit is a point at which the process may die; false when it is dead.
func (w *wire) visit(point string) bool { return w.visitIn(context.Background(), point) }

func (w *wire) visitIn(ctx context.Context, point string) bool {
	if !w.passIn(ctx) {
		return false
	}
	w.mu.Lock()
	if w.cut {
		w.mu.Unlock()
		return false
	}
	w.visits[point]++
	visit := w.visits[point]
	dies := w.die != nil && w.die(point, visit)
	w.mu.Unlock()
	if dies {
		w.kill()
		return false
	}
	if w.at != nil {
		w.at(point, visit)
		if !w.passIn(ctx) {
			return false
		}
	}
	if w.passed != nil {
		w.passed(point)
	}
	return true
}

// kill is kill -9: nothing that the process does from here on reaches anyone.
func (w *wire) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return
	}
	w.cut = true
	close(w.dead)
	for c := range w.conns {
		c.sever()
	}
}

func (w *wire) isDead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut
}

// pause holds back everything that the process sends and gets, until it is
// resumed: from outside it looks as if it stood still. Its connections to
// coordinators are cut. Their goroutines share them under a mutex, and the clock
// would wait for whoever waits for that.
func (w *wire) pause() (resume func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		if c.group {
			c.sever()
		}
	}
	ch := make(chan struct{})
	w.paused = ch
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.paused == ch {
			w.paused = nil
			close(ch)
		}
	}
}

// drop cuts every connection once; the process lives and may dial again.
func (w *wire) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		c.sever()
	}
}

// request is one request on its way to the broker.
type request struct {
	// point names it: what it does, and to what.
	point string
	frame []byte
	// header is the frame's beginning, after its size.
	header []byte
	req    kmsg.Request
	corr   int32
}

// wireConn takes the bytes of a connection apart into requests.
type wireConn struct {
	*pipe
	w *wire
	// life ends when the connection is severed.
	life  context.Context // it is the connection's life
	sever context.CancelFunc

	mu      sync.Mutex
	out     []byte   // of a request not yet whole
	pending []string // points of requests that wait for their answer
	head    []byte   // of an answer not yet whole
	left    int      // bytes of the answer still to come
	group   bool     // to a coordinator
}

// Write implements net.Conn. A request passes when it is whole.
func (c *wireConn) Write(p []byte) (int, error) {
	if !c.w.passIn(c.life) {
		return 0, errCut
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(c.out, p...)
	for len(c.out) >= 4 {
		n := 4 + int(binary.BigEndian.Uint32(c.out))
		if len(c.out) < n {
			break
		}
		r := c.w.classify(bytes.Clone(c.out[:n]))
		c.out = c.out[n:]
		switch r.req.(type) {
		case *kmsg.JoinGroupRequest, *kmsg.SyncGroupRequest, *kmsg.HeartbeatRequest:
			c.w.mu.Lock()
			c.group = true
			c.w.mu.Unlock()
		}
		if !c.w.visitIn(c.life, r.point+", before") {
			return 0, errCut
		}
		if c.w.mutate != nil && c.w.mutate(c, r) {
			continue
		}
		if err := c.forward(r); err != nil {
			return 0, err
		}
		if c.w.rewrite != nil && r.point == "fetch state" {
			if err := c.exchange(r); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

// exchange waits for the answer, has it rewritten, and leaves it for the
// reader. Connections of this kind have one request at a time.
func (c *wireConn) exchange(r *request) error {
	var size [4]byte
	if _, err := io.ReadFull(c.pipe, size[:]); err != nil {
		return err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(c.pipe, body); err != nil {
		return err
	}
	res := r.req.ResponseKind()
	res.SetVersion(r.req.GetVersion())
	if res.IsFlexible() {
		return errors.New("a flexible answer")
	}
	if err := res.ReadFrom(body[4:]); err != nil {
		return err
	}
	if c.w.rewrite(r, res) {
		body = res.AppendTo(body[:4])
		binary.BigEndian.PutUint32(size[:], uint32(len(body)))
	}
	_, err := c.in.write(append(size[:], body...))
	return err
}

func (c *wireConn) forward(r *request) error {
	c.pending = append(c.pending, r.point)
	_, err := c.pipe.Write(r.frame)
	return err
}

// Read implements net.Conn. The process may die between the broker's answer
// and its arrival.
func (c *wireConn) Read(p []byte) (int, error) {
	n, err := c.pipe.Read(p)
	if !c.w.passIn(c.life) {
		return 0, errCut
	}
	if err != nil {
		return n, err
	}
	if !c.arrived(p[:n]) {
		return 0, errCut
	}
	return n, nil
}

func (c *wireConn) arrived(p []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(p) > 0 {
		if c.left > 0 {
			k := min(c.left, len(p))
			c.left, p = c.left-k, p[k:]
			continue
		}
		if len(c.head) == 0 {
			point := "answer, after"
			if len(c.pending) > 0 {
				point = c.pending[0] + ", after"
				c.pending = c.pending[1:]
			}
			if !c.w.visitIn(c.life, point) {
				return false
			}
			c.w.mu.Lock()
			lost := c.w.lose != nil && c.w.lose(point, c.w.visits[point])
			c.w.mu.Unlock()
			if lost {
				_ = c.pipe.Close()
				return false
			}
		}
		k := min(4-len(c.head), len(p))
		c.head, p = append(c.head, p[:k]...), p[k:]
		if len(c.head) == 4 {
			c.left, c.head = int(binary.BigEndian.Uint32(c.head)), nil
		}
	}
	return true
}

func (c *wireConn) Close() error {
	c.w.mu.Lock()
	delete(c.w.conns, c)
	c.w.mu.Unlock()
	c.sever()
	return c.pipe.Close()
}

// classify names what a request does.
func (w *wire) classify(frame []byte) *request {
	r := &request{frame: frame, point: "other"}
	rd := kbin.Reader{Src: frame[4:]}
	key, version := rd.Int16(), rd.Int16()
	r.corr = rd.Int32()
	_ = rd.NullableString()
	req := kmsg.RequestForKey(key)
	if req == nil {
		return r
	}
	req.SetVersion(version)
	if req.IsFlexible() {
		kmsg.SkipTags(&rd)
	}
	r.header = frame[4 : len(frame)-len(rd.Src)]
	if req.ReadFrom(rd.Src) != nil {
		return r
	}
	r.req = req
	switch req := req.(type) {
	case *kmsg.ProduceRequest:
		r.point = "produce " + w.topic(req.Topics[0].Topic)
		if r.point == "produce state" {
			switch records := req.Topics[0].Partitions[0].Records; {
			case bytes.Contains(records, []byte("/end")):
				r.point = "snapshot end"
			case bytes.Contains(records, []byte("/fence")):
				r.point = "fence state"
			default:
				r.point = "snapshot chunk"
			}
		}
		if r.point == "produce events" && bytes.Contains(req.Topics[0].Partitions[0].Records, []byte("fence")) {
			r.point = "fence events"
		}
	case *kmsg.FetchRequest:
		// One byte is asked for where only the age of a record is wanted.
		if len(req.Topics) > 0 && req.MaxBytes > 1 {
			r.point = "fetch " + w.topic(req.Topics[0].Topic)
		}
	case *kmsg.OffsetCommitRequest:
		r.point = "commit " + strings.TrimPrefix(req.Group, "lapwing-")
		if r.point == "commit store" && plans(req) {
			r.point = "plan store"
		}
	case *kmsg.OffsetFetchRequest:
		r.point = "positions " + strings.TrimPrefix(req.Group, "lapwing-")
	case *kmsg.InitProducerIDRequest:
		r.point = "take over"
	case *kmsg.JoinGroupRequest:
		r.point = "join"
		w.heard(req.MemberID)
	case *kmsg.SyncGroupRequest:
		r.point = "join"
		w.heard(req.MemberID)
	case *kmsg.HeartbeatRequest:
		w.heard(req.MemberID)
	}
	return r
}

// plans reports whether a commit says how far a batch will go that is about to be
// inserted.
func plans(req *kmsg.OffsetCommitRequest) bool {
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			if p.Metadata != nil && stream.ParsePlan(*p.Metadata) > 0 {
				return true
			}
		}
	}
	return false
}

func (w *wire) heard(member string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.members[member] = time.Now()
}

func (w *wire) topic(name string) string {
	if strings.HasPrefix(name, "raw.") {
		return "raw"
	}
	return strings.TrimPrefix(name, w.prefix)
}

// encode makes the frame of a request that was changed.
func (r *request) encode() {
	b := append(make([]byte, 4), r.header...)
	b = r.req.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	r.frame = b
}
