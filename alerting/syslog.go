package alerting

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

func checkSyslog(d Destination) error {
	errs := []error{checkURL(d.URL, "tls", "tcp")}
	if u, err := url.Parse(d.URL); err == nil && u.Host != "" && u.Port() == "" {
		errs = append(errs, errors.New("url: give the port too (6514 for tls://)"))
	}
	switch d.Format {
	case "", "cef", "ocsf":
	default:
		errs = append(errs, fmt.Errorf("format %q: use cef or ocsf", d.Format))
	}
	return errors.Join(errs...)
}

// syslogSink writes RFC 5424 messages, framed by octet counting (RFC 6587,
// RFC 5425). Syslog has no acknowledgement: what the kernel took when a peer
// dies is lost to it, which is why HEC or a webhook is preferred.
type syslogSink struct {
	addr, host string
	conf       *tls.Config // nil: plain TCP
	ocsf       bool
	timeout    time.Duration

	mu   sync.Mutex
	conn net.Conn
	dead *atomic.Bool // set by the reader of conn when the peer hung up
}

func openSyslog(d Destination) (Sink, error) {
	u, err := url.Parse(d.URL)
	if err != nil {
		return nil, err
	}
	s := &syslogSink{addr: u.Host, ocsf: d.Format == "ocsf", timeout: d.timeout()}
	if u.Scheme == "tls" {
		if s.conf, err = d.TLS.Client(); err != nil {
			return nil, err
		}
		if s.conf.ServerName == "" {
			s.conf.ServerName = u.Hostname()
		}
	}
	if s.host, err = os.Hostname(); err != nil || s.host == "" {
		s.host = "-"
	}
	return s, nil
}

// Write implements Sink.
func (s *syslogSink) Write(ctx context.Context, batch []schemas.Alert) []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return inOrder(batch, func(a *schemas.Alert) error {
		msg, err := s.message(a)
		if err != nil {
			return stream.Permanent(err)
		}
		if err := s.connect(ctx); err != nil {
			return err
		}
		_ = s.conn.SetWriteDeadline(time.Now().Add(s.timeout))
		if _, err := s.conn.Write(append([]byte(strconv.Itoa(len(msg))+" "), msg...)); err != nil {
			s.drop()
			return fmt.Errorf("syslog %s: %w", s.addr, err)
		}
		return nil
	})
}

// connect dials unless the last connection is alive.
func (s *syslogSink) connect(ctx context.Context) error {
	if s.conn != nil && !s.dead.Load() {
		return nil
	}
	s.drop()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var c net.Conn
	var err error
	if s.conf != nil {
		c, err = (&tls.Dialer{Config: s.conf}).DialContext(ctx, "tcp", s.addr)
	} else {
		c, err = (&net.Dialer{}).DialContext(ctx, "tcp", s.addr)
	}
	if err != nil {
		return fmt.Errorf("syslog: %w", err)
	}
	dead := new(atomic.Bool)
	s.conn, s.dead = c, dead
	// A first write after the peer closed would succeed; reading sees the end.
	go func() {
		buf := make([]byte, 512)
		for {
			if _, err := c.Read(buf); err != nil {
				dead.Store(true)
				return
			}
		}
	}()
	return nil
}

func (s *syslogSink) drop() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// syslogSeverity maps OCSF severity_id to syslog's numerical severity.
var syslogSeverity = map[int]int{
	schemas.SeverityInfo: 6, schemas.SeverityLow: 5, schemas.SeverityMedium: 4,
	schemas.SeverityHigh: 3, schemas.SeverityCritical: 2,
}

// message is one RFC 5424 message of facility 13 (log audit); its structured
// data carries what a collector filters by.
func (s *syslogSink) message(a *schemas.Alert) ([]byte, error) {
	const facility = 13
	sev, ok := syslogSeverity[a.SeverityID]
	if !ok {
		sev = 6
	}
	payload := CEF(a)
	if s.ocsf {
		b, err := json.Marshal(a)
		if err != nil {
			return nil, err
		}
		payload = string(b)
	}
	var m strings.Builder
	fmt.Fprintf(&m, "<%d>1 %s %s lapwing %d %s ", facility*8+sev,
		time.UnixMilli(a.Time).UTC().Format("2006-01-02T15:04:05.000Z07:00"),
		printASCII(s.host, 255), os.Getpid(), printASCII(a.FindingInfo.Analytic.UID, 32))
	m.WriteString("[lapwing@32473")
	for _, kv := range [][2]string{
		{"id", a.ID()}, {"version", strconv.Itoa(a.Version())}, {"identity", a.Actor.User.UID},
		{"severity", strings.ToLower(schemas.SeverityName(a.SeverityID))}, {"activity", strings.ToLower(a.ActivityName)},
	} {
		m.WriteString(" " + kv[0] + `="` + sdValue.Replace(schemas.Plain(strings.ToValidUTF8(kv[1], "\uFFFD"))) + `"`)
	}
	m.WriteString("] ")
	m.WriteString(payload)
	return []byte(m.String()), nil
}

var sdValue = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`)

// printASCII fits a header field to RFC 5424: printable US-ASCII without
// spaces, bounded, "-" when nothing is left.
func printASCII(s string, limit int) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s) && len(out) < limit; i++ {
		if s[i] > 32 && s[i] < 127 {
			out = append(out, s[i])
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return string(out)
}

// Close implements Sink.
func (s *syslogSink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
	return nil
}
