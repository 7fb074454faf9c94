// Package kafkatest starts Apache Kafka brokers for tests.
package kafkatest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Broker is one Apache Kafka broker on loopback, with its data in a folder of
// the test's.
type Broker struct {
	// Addr is its host:port; it stays the same over restarts.
	Addr string

	script, dir string
	listen      string
	ports       [2]string
	extra       []string // more arguments of the script
	cmd         *exec.Cmd
	out         *output
	exited      chan struct{}
}

// output keeps what a broker printed.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Start starts a broker and stops it when the test ends. Without Java or Maven
// the test is skipped, and says what to install; with CI=true it fails.
func Start(t testing.TB) *Broker {
	t.Helper()
	return StartBehind(t, nil)
}

// StartBehind is Start for a broker with a proxy before it: proxy is handed the
// broker's own address and returns the one that clients shall use.
func StartBehind(t testing.TB, proxy func(upstream string) (advertised string)) *Broker {
	t.Helper()
	b := prepare(t)
	if proxy != nil {
		b.Addr = proxy(b.listen)
	}
	b.run(t)
	t.Cleanup(b.Kill)
	return b
}

// prepare fetches Apache Kafka and chooses ports.
func prepare(t testing.TB) *Broker {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	b := &Broker{script: filepath.Join(filepath.Dir(file), "..", "..", "..", "scripts", "kafka", "start.sh"), dir: filepath.Join(t.TempDir(), "kafka")}
	fetch := exec.Command(b.script, "fetch") //nolint:gosec // our own script
	if out, err := fetch.CombinedOutput(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == 3 && os.Getenv("CI") != "true" {
			t.Skipf("no Apache Kafka to test with: %s", out)
		}
		t.Fatalf("fetch Apache Kafka: %v\n%s", err, out)
	}
	for i := range b.ports {
		b.ports[i] = freePort(t)
	}
	b.Addr = "127.0.0.1:" + b.ports[0]
	b.listen = b.Addr
	return b
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a listener that took nothing
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("listening on %v", l.Addr())
	}
	return strconv.Itoa(addr.Port)
}

// run starts the process and waits until it listens.
func (b *Broker) run(t testing.TB) {
	t.Helper()
	b.out = new(output)
	b.cmd = exec.Command(b.script, append([]string{"run", b.dir, b.ports[0], b.ports[1]}, b.extra...)...) //nolint:gosec // our own script
	b.cmd.Env = append(os.Environ(), "KAFKA_ADVERTISED="+b.Addr)
	b.cmd.Stdout, b.cmd.Stderr = b.out, b.out
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		_ = cmd.Wait() // the output says why
		close(exited)
	}(b.cmd, b.exited)
	deadline := time.After(90 * time.Second)
	for {
		d := net.Dialer{Timeout: time.Second}
		conn, err := d.DialContext(context.Background(), "tcp", b.listen)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-b.exited:
			t.Fatalf("the broker ended:\n%s", b.out)
		case <-deadline:
			b.Kill()
			t.Fatalf("the broker does not listen:\n%s", b.out)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Kill ends the broker as kill -9 does.
func (b *Broker) Kill() {
	if b.cmd == nil || b.cmd.Process == nil {
		return
	}
	_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL) // gone already is as good
	<-b.exited
	b.cmd = nil
}

// Restart kills the broker and starts it again on its data.
func (b *Broker) Restart(t testing.TB) {
	t.Helper()
	b.Kill()
	b.run(t)
}
