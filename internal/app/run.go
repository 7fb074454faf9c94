package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/internal/kafka"
)

// RunOptions configures Run.
type RunOptions struct {
	Roles []string
}

// Run is production: external Kafka and ClickHouse, the roles that were named.
// It returns when ctx has ended and everything has drained, or when a role
// fails.
func Run(ctx context.Context, cfg Config, o RunOptions, std IO) error {
	roles, err := ParseRoles(o.Roles)
	if err != nil {
		return err
	}
	if err := cfg.CheckRun(roles); err != nil {
		return err
	}
	log, err := NewLogger(cfg.Log, std.Err)
	if err != nil {
		return err
	}
	p := newProcess(ctx, cfg, log)
	needDB := slices.Contains(roles, RoleStore) || slices.Contains(roles, RoleAlert)
	if err := p.connect(ctx, needDB); err != nil {
		return errors.Join(err, p.life.stop(time.Duration(cfg.ShutdownTimeout)))
	}
	if err := p.verify(ctx); err != nil {
		return errors.Join(err, p.life.stop(time.Duration(cfg.ShutdownTimeout)))
	}
	if err := p.start(roles); err != nil {
		p.fail(err)
		return p.wait()
	}
	log.Info().Strs("roles", roles).Str("ingest", p.ingestAddr).Str("monitor", p.monitorAddr).Msg("lapwing runs")
	return p.wait()
}

// verify refuses to run on topics and tables that are not as expected: it is
// cheaper to say so now than to find out from the data.
func (p *process) verify(ctx context.Context) error {
	diffs, err := p.kafka.CheckTopics(ctx, p.cfg.topics())
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range diffs {
		errs = append(errs, errors.New(d.String()))
	}
	if !slices.ContainsFunc(diffs, func(d kafka.Difference) bool { return d.Setting == "topic" }) {
		if _, err := p.kafka.CheckLayout(ctx, p.cfg.Detect.Cells); err != nil {
			return err // what `lapwing migrate` without --cells would not mend
		}
	}
	if p.db != nil {
		if err := p.db.CheckSchema(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		errs = append(errs, errors.New("run `lapwing migrate`, which creates what is missing; `lapwing check` shows the rest"))
	}
	return errors.Join(errs...)
}

// migrateAll creates the topics and tables that are missing.
func (p *process) migrateAll(ctx context.Context) error {
	if err := p.kafka.EnsureTopics(ctx, p.cfg.topics()); err != nil {
		return err
	}
	if p.db != nil {
		return p.db.Migrate(ctx)
	}
	return nil
}

// Up is the embedded default: broker and ClickHouse in the process tree, data
// in the data directory, all five roles.
func Up(ctx context.Context, cfg Config, std IO) (err error) {
	log, err := NewLogger(cfg.Log, std.Err)
	if err != nil {
		return err
	}
	if err := makeDataDir(cfg.DataDir); err != nil {
		return err
	}
	if cfg.Secrets.HMACKey == "" {
		if cfg.Secrets.HMACKey, err = ensureHMACKey(cfg.DataDir); err != nil {
			return err
		}
	}
	start := time.Now()
	p := newProcess(ctx, cfg, log)
	run, err := p.connectEmbedded(ctx, cfg.DataDir)
	if err == nil {
		err = p.migrateAll(ctx)
	}
	if err != nil {
		return errors.Join(err, p.life.stop(time.Duration(cfg.ShutdownTimeout)))
	}
	if err := p.start(Roles()); err != nil {
		p.fail(err)
		return p.wait()
	}
	run.PID, run.Ingest, run.Monitor = os.Getpid(), p.ingestURL(), p.monitorAddr
	run.declares(&cfg.Inventory)
	if err := writeRunning(cfg.DataDir, run); err != nil {
		p.fail(err)
		return p.wait()
	}
	p.life.onStop(runFile, func(context.Context) error { return removeRunning(cfg.DataDir) })
	fmt.Fprint(std.Err, p.welcome(time.Since(start)))
	return p.wait()
}

// ingestURL is where senders post their logs.
func (p *process) ingestURL() string {
	if p.ingestAddr == "" {
		return ""
	}
	scheme := "http"
	if p.cfg.Ingest.TLS.CertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + p.ingestAddr
}

// welcome says how to go on.
func (p *process) welcome(took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Lapwing is up (%.1f s). Data in %s, Ctrl-C stops it.\n\n", took.Seconds(), absolute(p.cfg.DataDir))
	auth := ""
	if p.cfg.Ingest.Token != "" {
		auth = ` -H "Authorization: Bearer $LAPWING_INGEST_TOKEN"`
	}
	if url := p.ingestURL(); url != "" {
		fmt.Fprintf(&b, "  send logs   curl%s --data-binary @access.log %s/ingest/nginx\n", auth, url)
		fmt.Fprintf(&b, "              or any of %s: lapwing parse --help lists them\n", count(len(FormatNames()), "format"))
		fmt.Fprintf(&b, "  from files  lapwing ingest --follow /var/log/nginx\n")
	}
	if raw := p.cfg.RawTopics; len(raw) > 0 {
		fmt.Fprintf(&b, "  or Kafka    %s, %s such as %s\n", strings.Join(p.cfg.Kafka.Brokers, ","), count(len(raw), "raw topic"), raw[0].Topic)
	}
	where := "same directory"
	if p.cfg.DataDir != Defaults().DataDir {
		fmt.Fprintf(&b, "  ask         export LAPWING_DATA_DIR=%s\n", absolute(p.cfg.DataDir))
		where = "with this variable"
	} else {
		fmt.Fprintf(&b, "  ask         lapwing identity list\n")
	}
	fmt.Fprintf(&b, "              lapwing alert list; lapwing hunt list (in another terminal, %s)\n", where)
	if p.monitorAddr != "" {
		fmt.Fprintf(&b, "  watch       http://%s/metrics, /readyz\n", p.monitorAddr)
	}
	b.WriteByte('\n')
	return b.String()
}
