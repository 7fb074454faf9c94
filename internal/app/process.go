package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/lapwing-sec/lapwing/internal/clickhouse"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
)

// process is one running lapwing: connections, roles, and what is needed to
// stop them in order.
type process struct {
	cfg   Config
	log   zerolog.Logger
	reg   *prometheus.Registry
	ready *readiness
	certs *certMetrics
	life  lifecycle

	kafka *kafka.Client
	db    *clickhouse.DB
	// ownBroker: Kafka is the embedded broker, in this process.
	ownBroker bool

	// hooks are what demo changes in the roles.
	hooks hooks

	// addresses that listeners got, for run.json.
	ingestAddr  string
	monitorAddr string

	group  *errgroup.Group
	cancel context.CancelCauseFunc
	// roles ends when the process is told to stop or a role fails.
	roles context.Context // it is the life of the group, not of a call
}

// hooks let demo look into the roles, hold replayed topics together, and judge a
// fleet whose days are yet to come.
type hooks struct {
	holdTogether bool
	logsAhead    time.Duration
	acceptReset  bool
	onPosition   func(cell int, next, end int64)
}

// newProcess makes a process without any connection.
func newProcess(ctx context.Context, cfg Config, log zerolog.Logger) *process {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p := &process{cfg: cfg, log: log, reg: reg, ready: newReadiness(), certs: newCertMetrics(reg, log)}
	cctx, cancel := context.WithCancelCause(ctx)
	p.cancel = cancel
	p.group, p.roles = errgroup.WithContext(cctx)
	return p
}

// fail ends the process with err, from any goroutine.
func (p *process) fail(err error) { p.cancel(err) }

// connect opens Kafka, and ClickHouse when the roles need it.
func (p *process) connect(ctx context.Context, needClickHouse bool) error {
	kc, err := p.cfg.Kafka.client(time.Duration(p.cfg.ShutdownTimeout), p.certs.of("kafka"))
	if err != nil {
		return err
	}
	if p.ownBroker {
		// No network to spare, only the disk: lz4 takes less time than zstd for
		// little more room; none at all would take ten times the room.
		kc.Compression = "lz4"
	}
	if p.kafka, err = kafka.Connect(ctx, kc, p.reg, p.log); err != nil {
		return err
	}
	p.life.onStop("kafka", func(context.Context) error { p.kafka.Close(); return nil })
	if !needClickHouse {
		return nil
	}
	cc, err := p.cfg.clickhouse("", p.certs.of("clickhouse"))
	if err != nil {
		return err
	}
	return p.openClickHouse(ctx, cc)
}

func (p *process) openClickHouse(ctx context.Context, cc clickhouse.Config) error {
	cc.Metrics = p.reg
	db, err := clickhouse.Open(ctx, cc, p.log)
	if err != nil {
		return err
	}
	p.db = db
	p.life.onStop("clickhouse", func(context.Context) error { return db.Close() })
	return nil
}

// start launches the roles. They run until the process's context ends or one
// of them fails, which ends all.
func (p *process) start(roles []string) error {
	if p.cfg.Monitor.Listen != "" {
		h, err := p.monitorHandler()
		if err != nil {
			return err
		}
		// Each part asks for its own token.
		listener := p.cfg.Monitor
		listener.Token = ""
		addr, err := serve(p.roles, listener, tls.RequireAndVerifyClientCert, h, &p.life, "monitor", p.certs, p.fail)
		if err != nil {
			return err
		}
		p.monitorAddr = addr
	}
	for _, r := range []struct {
		name  string
		start func() error
	}{
		{RoleAlert, p.startAlert},
		{RoleStore, p.startStore},
		{RoleDetect, p.startDetect},
		{RoleEnrich, p.startEnrich},
		{RoleIngest, p.startIngest},
	} {
		if !slices.Contains(roles, r.name) {
			continue
		}
		if err := r.start(); err != nil {
			return fmt.Errorf("role %s: %w", r.name, err)
		}
	}
	return nil
}

// goRole runs one loop of a role in the group. A role that ends while nobody
// asked it to has failed, which ends the process, unless its log does not reach its
// state.
func (p *process) goRole(name string, run func(ctx context.Context) error) {
	p.ready.set(name, "waits for its partitions")
	p.group.Go(func() error {
		err := run(p.roles)
		switch {
		case err == nil && p.roles.Err() == nil:
			err = errors.New("stopped by itself")
		case err == nil, p.roles.Err() != nil && errors.Is(err, context.Canceled):
			return nil
		case errors.Is(err, stream.ErrReset):
			// No restart mends it: this role stands still, the others go on.
			p.log.Error().Err(err).Str("role", name).Msg("role stands still, the others go on")
			p.ready.set(name, err.Error())
			<-p.roles.Done()
			return nil
		}
		p.ready.set(name, err.Error())
		return fmt.Errorf("%s: %w", name, err)
	})
}

// isReady gives the callback that marks a loop as working.
func (p *process) isReady(name string) func() {
	return func() { p.ready.set(name, "") }
}

// wait blocks until the process has been told to stop and its roles have
// drained, or one has failed; then everything is torn down, newest first.
func (p *process) wait() error {
	<-p.roles.Done()
	cause := context.Cause(p.roles)
	drained := make(chan error, 1)
	go func() { drained <- p.group.Wait() }()
	var err error
	bound := time.Duration(p.cfg.ShutdownTimeout) + shutdownGrace
	select {
	case err = <-drained:
	case <-time.After(bound):
		err = fmt.Errorf("roles did not drain within %s", bound)
	}
	if err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return errors.Join(err, p.life.stop(time.Duration(p.cfg.ShutdownTimeout)))
}

// shutdownGrace is what the roles get beyond their own bound before they are
// left behind.
const shutdownGrace = 5 * time.Second

// client gives the settings of the Kafka adapter; open reads its certificate
// files.
func (c KafkaConfig) client(drain time.Duration, open certOpener) (kafka.Config, error) {
	t, err := c.TLS.client(open)
	if err != nil {
		return kafka.Config{}, &ConfigError{Key: "kafka", Problem: err.Error()}
	}
	out := kafka.Config{
		Brokers: c.Brokers, TLS: t, ClientID: c.ClientID, Prefix: c.Prefix,
		Replication: c.Replication, DrainTimeout: drain,
		SessionTimeout: time.Duration(c.SessionTimeout), RequestTimeout: time.Duration(c.RequestTimeout),
	}
	if c.Replication == 0 {
		out.Replication = -1
	}
	if c.SASL.Mechanism != "" {
		out.SASL = kafka.SASL{Mechanism: strings.ToUpper(c.SASL.Mechanism), User: c.SASL.User, Password: c.SASL.Password.Reveal()}
	}
	return out, nil
}
