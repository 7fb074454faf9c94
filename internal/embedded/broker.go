package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"
)

// BrokerConfig says where the embedded broker keeps its log and listens.
type BrokerConfig struct {
	// Dir holds the log. It is created with mode 0700 and locked: a second
	// broker on it is refused. Empty keeps everything in memory.
	Dir string
	// Listen is host:port, a loopback address; port 0 (the default) chooses one.
	Listen string
	// Advertise is the host:port that clients are told to connect to, where a
	// proxy stands before the broker; empty is the address listened at.
	Advertise string
	// Sync flushes each batch to the disk before it is acknowledged. Without
	// it an acknowledged record survives kill -9, but not a loss of power.
	Sync bool
	// Settings are broker settings, such as log.retention.bytes.
	Settings map[string]string
	// MinSessionTimeout is the shortest group session a member may ask for;
	// zero leaves the broker's 6 seconds.
	MinSessionTimeout time.Duration
	Log               zerolog.Logger
}

// Broker is a running embedded broker.
type Broker struct {
	cluster *kfake.Cluster
	addr    string
	lock    *dirLock
	leases  *leases
}

// StartBroker starts the broker and returns once it accepts connections. ctx ends the
// wait for a directory that another process has; a broker that runs outlives it.
func StartBroker(ctx context.Context, cfg BrokerConfig) (*Broker, error) {
	listen, err := loopback(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	b := &Broker{}
	own := "" // where it listens, whatever it tells clients
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.DefaultNumPartitions(1),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			ln, err := net.Listen(network, listen)
			if err != nil {
				return nil, err
			}
			own = ln.Addr().String()
			if cfg.Advertise != "" {
				return advertise(ln, cfg.Advertise)
			}
			return ln, nil
		}),
		kfake.WithLogger(brokerLogger{cfg.Log}),
	}
	if cfg.Dir != "" {
		if b.lock, err = lockDir(ctx, cfg.Dir); err != nil {
			return nil, fmt.Errorf("embedded broker: %w", err)
		}
		if err := recoverSequences(filepath.Join(cfg.Dir, "log")); err != nil {
			return nil, errors.Join(fmt.Errorf("embedded broker: the log in %q: %w", cfg.Dir, err), b.lock.release())
		}
		opts = append(opts, kfake.DataDir(filepath.Join(cfg.Dir, "log")))
		if cfg.Sync {
			opts = append(opts, kfake.SyncWrites())
		}
	}
	if len(cfg.Settings) > 0 {
		opts = append(opts, kfake.BrokerConfigs(cfg.Settings))
	}
	if cfg.MinSessionTimeout > 0 {
		opts = append(opts, kfake.GroupMinSessionTimeout(cfg.MinSessionTimeout))
	}
	if b.cluster, err = kfake.NewCluster(opts...); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded broker on %s, data in %q: %w", listen, cfg.Dir, err), b.lock.release())
	}
	if cfg.Dir != "" {
		if err := forgetSequences(filepath.Join(cfg.Dir, "log")); err != nil {
			return nil, errors.Join(fmt.Errorf("embedded broker: %w", err), b.Close())
		}
	}
	b.addr = b.cluster.ListenAddrs()[0]
	if err := dialReady(own); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded broker: %w", err), b.Close())
	}
	b.leases = watchLeases(b.cluster, own)
	return b, nil
}

// Addr is the broker's bootstrap address, host:port.
func (b *Broker) Addr() string { return b.addr }

// Close writes the broker's state out and stops it. It is safe to call twice.
func (b *Broker) Close() error {
	if b.leases != nil {
		b.leases.close()
		b.leases = nil
	}
	b.cluster.Close()
	return b.lock.release()
}

// loopback checks that an address names this machine only; empty means any port.
func loopback(addr string) (string, error) {
	if addr == "" {
		return "127.0.0.1:0", nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("listen address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", fmt.Errorf("listen address %q: the embedded services listen on loopback only, such as 127.0.0.1:0", addr)
	}
	return addr, nil
}

// advertised is a listener that gives out another address than its own.
type advertised struct {
	net.Listener
	addr *net.TCPAddr
}

func (a advertised) Addr() net.Addr { return a.addr }

func advertise(ln net.Listener, addr string) (net.Listener, error) {
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("advertised address %q: %w", addr, err), ln.Close())
	}
	return advertised{ln, a}, nil
}

// dialReady waits until the address accepts a connection, at most 5 seconds.
func dialReady(addr string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("not reachable on %s: %w", addr, err)
	}
	return conn.Close()
}

// brokerLogger passes on what went wrong; the rest is the broker talking to itself.
type brokerLogger struct{ log zerolog.Logger }

// Logf implements kfake.Logger.
func (l brokerLogger) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.log.Error().Str("component", "broker").Msgf(format, args...)
	case kfake.LogLevelWarn:
		l.log.Warn().Str("component", "broker").Msgf(format, args...)
	default:
		l.log.Trace().Str("component", "broker").Msgf(format, args...)
	}
}

// ErrInUse is a data directory that another process has locked.
var ErrInUse = errors.New("is in use by another process")

// dirLock is an exclusive lock on a data directory, freed by the kernel when
// its process dies.
type dirLock struct{ file *os.File }

// lockDir creates dir and takes its lock. A lock that is held is waited for, up
// to 10 seconds or until ctx ends: its holder may be a process on its way out.
func lockDir(ctx context.Context, dir string) (*dirLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if err = flock(f); err == nil {
			return &dirLock{f}, nil
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("data directory %s %w (%s is locked)", dir, ErrInUse, path), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("data directory %s: %w", dir, context.Cause(ctx)), f.Close())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// release frees the lock; on nil, and a second time, it does nothing.
func (l *dirLock) release() error {
	if l == nil || l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	return f.Close()
}
