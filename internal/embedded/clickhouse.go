package embedded

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// ClickHouseConfig says where the embedded engine keeps its data and listens.
type ClickHouseConfig struct {
	// Dir holds the data. It is created with mode 0700 and locked.
	Dir string
	// Library is libchdb; empty means FindLibrary.
	Library string
	// Listen is host:port, a loopback address; port 0 (the default) chooses one.
	Listen string
	// Token opens everything, HunterToken only reading. Empty ones are made.
	Token, HunterToken string
	// MaxMemory bounds one query, in bytes; zero means 4 GiB.
	MaxMemory int64
	// Command starts the child; empty means this binary with ServerCommand.
	Command []string
	Log     zerolog.Logger
}

// ClickHouse is a running embedded engine.
type ClickHouse struct {
	cfg      ClickHouseConfig
	addr     string
	listener *os.File
	stop     chan struct{}
	stopOnce sync.Once
	done     chan struct{}
	pid      atomic.Int64
	starts   atomic.Int64
	first    childReady
	// err is what the last child said; read it after done.
	err error
}

// How long the child may take to open its data and to end.
const (
	openWithin  = 60 * time.Second
	closeWithin = 15 * time.Second
)

// StartClickHouse starts the engine and returns once it answers. It is started
// again when it dies, until Close or until ctx ends.
func StartClickHouse(ctx context.Context, cfg ClickHouseConfig) (*ClickHouse, error) {
	listen, err := loopback(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("embedded ClickHouse: %w", err)
	}
	if cfg.Library == "" {
		if cfg.Library, err = FindLibrary(); err != nil {
			return nil, err
		}
	}
	if err := cfg.fill(); err != nil {
		return nil, fmt.Errorf("embedded ClickHouse: %w", err)
	}
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("embedded ClickHouse: %w", err)
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("embedded ClickHouse: %s gives no TCP socket", listen), ln.Close())
	}
	file, err := tcp.File()
	if err = errors.Join(err, ln.Close()); err != nil {
		return nil, fmt.Errorf("embedded ClickHouse: %w", err)
	}
	c := &ClickHouse{cfg: cfg, addr: ln.Addr().String(), listener: file, stop: make(chan struct{}), done: make(chan struct{})}
	ready := make(chan error, 1)
	go c.supervise(ready)
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("embedded ClickHouse: %w", err), c.Close())
	}
	context.AfterFunc(ctx, c.halt)
	return c, nil
}

// fill puts defaults where nothing was said.
func (cfg *ClickHouseConfig) fill() error {
	if cfg.MaxMemory == 0 {
		cfg.MaxMemory = 4 << 30
	}
	for _, t := range []*string{&cfg.Token, &cfg.HunterToken} {
		if *t == "" {
			b := make([]byte, 24)
			if _, err := rand.Read(b); err != nil {
				return err
			}
			*t = hex.EncodeToString(b)
		}
	}
	if len(cfg.Command) == 0 {
		exe, err := os.Executable()
		if err != nil {
			return err
		}
		cfg.Command = []string{exe, ServerCommand}
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return err
	}
	cfg.Dir = dir
	return nil
}

// Addr is the HTTP address, host:port. It outlives a crash of the engine.
func (c *ClickHouse) Addr() string { return c.addr }

// Token opens everything.
func (c *ClickHouse) Token() string { return c.cfg.Token }

// HunterToken opens reading only.
func (c *ClickHouse) HunterToken() string { return c.cfg.HunterToken }

// Version is the engine's own, such as 26.5.1.1.
func (c *ClickHouse) Version() string { return c.first.Version }

// openTime is how long the first child took to open the library and the data.
func (c *ClickHouse) openTime() time.Duration {
	return time.Duration(c.first.OpenMS * float64(time.Millisecond))
}

// PID is the process id of the present child.
func (c *ClickHouse) PID() int { return int(c.pid.Load()) }

// Starts counts the children so far; more than one means that one has died.
func (c *ClickHouse) Starts() int { return int(c.starts.Load()) }

// Close ends the engine: requests that run are finished, data is written out.
// After 15 seconds it is killed. It is safe to call twice.
func (c *ClickHouse) Close() error {
	c.halt()
	<-c.done
	return c.err
}

func (c *ClickHouse) halt() { c.stopOnce.Do(func() { close(c.stop) }) }

// supervise runs one child after another. It keeps to one thread: where the
// kernel kills the child with its parent, "parent" is the thread that made it.
func (c *ClickHouse) supervise(ready chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.done)
	defer func() { c.err = errors.Join(c.err, c.listener.Close()) }()
	pause := 50 * time.Millisecond
	for {
		began := time.Now()
		asked, err := c.runChild(ready)
		ready = nil
		if asked {
			c.err = err
			return
		}
		if c.starts.Load() == 1 && c.first.Version == "" {
			return // it never came up: ready has the reason
		}
		if time.Since(began) > time.Minute {
			pause = 50 * time.Millisecond
		}
		c.cfg.Log.Error().Err(err).Str("component", "clickhouse").Dur("again_in", pause).Msg("the embedded engine died and is started again")
		select {
		case <-time.After(pause):
		case <-c.stop:
			return
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// runChild starts a child, waits for its end, and reports whether it was asked for.
func (c *ClickHouse) runChild(ready chan<- error) (asked bool, err error) {
	tell := func(err error) {
		if ready != nil {
			ready <- err
			ready = nil
		}
	}
	cmd := exec.Command(c.cfg.Command[0], c.cfg.Command[1:]...) //nolint:gosec // our own binary
	cmd.SysProcAttr = childAttr()
	cmd.ExtraFiles = []*os.File{c.listener}
	tail := &tailLog{log: c.cfg.Log}
	cmd.Stderr = tail
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		tell(err)
		return false, err
	}
	c.starts.Add(1)
	if err := cmd.Start(); err != nil {
		tell(err)
		return false, err
	}
	c.pid.Store(int64(cmd.Process.Pid))
	line, err := json.Marshal(childConfig{Library: c.cfg.Library, Dir: c.cfg.Dir, Token: c.cfg.Token, Hunter: c.cfg.HunterToken, Memory: c.cfg.MaxMemory})
	if err == nil {
		_, err = stdin.Write(append(line, '\n'))
	}
	said := make(chan childReady, 1)
	go func() { said <- hear(stdout) }()
	opening := time.NewTimer(openWithin)
	defer opening.Stop()
	exited := make(chan error, 1)
	wait := func() { exited <- cmd.Wait() }

	select {
	case r := <-said:
		go wait()
		if r.Error != "" {
			err = errors.New(r.Error)
		}
		if err == nil && ready != nil {
			c.first = r
		}
		if err != nil {
			exit := <-exited
			err = fmt.Errorf("%w%s", errors.Join(err, exit), tail.last())
		}
		tell(err)
		if err != nil {
			return false, err
		}
	case <-opening.C:
		err = errors.Join(fmt.Errorf("the engine did not open its data within %s%s", openWithin, tail.last()), cmd.Process.Kill())
		go wait()
		err = errors.Join(err, <-exited)
		tell(err)
		return false, err
	case <-c.stop:
		go wait()
	}

	select {
	case err = <-exited:
		return false, fmt.Errorf("the engine ended: %w%s", errors.Join(err, io.ErrUnexpectedEOF), tail.last())
	case <-c.stop:
	}
	err = stdin.Close()
	select {
	case exit := <-exited:
		return true, errors.Join(err, exit)
	case <-time.After(closeWithin):
		err = errors.Join(err, fmt.Errorf("the engine did not end within %s and was killed", closeWithin), cmd.Process.Kill())
		return true, errors.Join(err, <-exited)
	}
}

// hear reads the child's one line.
func hear(r io.Reader) childReady {
	line, err := bufio.NewReader(r).ReadBytes('\n')
	if err != nil {
		return childReady{Error: "the engine ended before it was ready"}
	}
	var out childReady
	if err := json.Unmarshal(line, &out); err != nil {
		return childReady{Error: fmt.Sprintf("the engine said %q", line)}
	}
	return out
}

// tailLog passes the child's standard error on and keeps its end for messages.
type tailLog struct {
	log  zerolog.Logger
	mu   sync.Mutex
	tail []byte
}

// Write implements io.Writer.
func (t *tailLog) Write(p []byte) (int, error) {
	t.log.Debug().Str("component", "clickhouse").Msg(strings.TrimSpace(string(p)))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tail = append(t.tail, p...)
	if n := len(t.tail) - 2000; n > 0 {
		t.tail = t.tail[n:]
	}
	return len(p), nil
}

func (t *tailLog) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.tail) == 0 {
		return ""
	}
	return "; it said: " + strings.TrimSpace(string(t.tail))
}
