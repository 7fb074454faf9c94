package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/detect/sigma"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
)

// CheckOptions configures Check.
type CheckOptions struct {
	// Offline leaves out everything that needs a connection.
	Offline bool
	// AcceptReset lets cells go on whose log no longer reaches their state.
	AcceptReset bool
}

// Check prints the effective configuration with secrets masked and reports
// whether it can work: inventory, detectors, and unless Offline the topics in
// Kafka, the cells' state against their log, and the tables in ClickHouse.
func Check(ctx context.Context, cfg Config, path string, o CheckOptions, std IO) (err error) {
	text, err := yaml.Marshal(cfg)
	if err != nil {
		return fmt.Errorf("configuration cannot be printed: %w", err)
	}
	if path == "" {
		path = "defaults and environment"
	}
	if _, err := fmt.Fprintf(std.Out, "# effective configuration (%s), secrets masked\n%s", path, text); err != nil {
		return err
	}
	rules, err := loadSigma(&cfg)
	if err != nil {
		return Usage(err)
	}
	if _, err := detect.New(engineConfig(&cfg, rules, 0)); err != nil {
		return Usage(err)
	}
	said := func(what, state string) { fmt.Fprintf(std.Err, "%-14s %s\n", what, state) }
	if rules.Len() > 0 {
		said("sigma", fmt.Sprintf("ok, %s, %s: lapwing rules list shows them", count(rules.Len(), "rule"), count(len(rules.Warnings()), "warning")))
	}
	if cfg.Inventory.File != "" {
		inv, err := cfg.Inventory.file().Load()
		if err != nil {
			return Usage(err)
		}
		said("inventory", fmt.Sprintf("ok, %s", count(len(inv.Identities), "identity")))
	}
	if err := checkPlaces(&cfg, said); err != nil {
		return err
	}
	said("configuration", "ok")
	if o.Offline {
		return nil
	}
	s := newServices(&cfg)
	if o.AcceptReset {
		return acceptReset(ctx, s, rules, said)
	}
	return errors.Join(checkKafka(ctx, s, said), checkClickHouse(ctx, s, said))
}

// checkPlaces loads what tells of addresses, and says what it is and how old.
func checkPlaces(cfg *Config, said func(what, state string)) error {
	e, err := newEnricher(cfg, cfg.Secrets.newHasher(), prometheus.NewRegistry(), nopLogger())
	if err != nil {
		return err
	}
	for _, l := range e.Loaded() {
		at := "of " + l.Time.UTC().Format(time.DateOnly) + ", " + age(time.Since(l.Time))
		if l.What == "geo" {
			said("geo", fmt.Sprintf("ok, %s: %s, %s, built %s", l.File, l.Kind, fileSize(l.Bytes), at))
			continue
		}
		class := l.Class
		if class == "" {
			class = "several classes"
		}
		said("network list", fmt.Sprintf("ok, %s: %s (%s), %s, %s, %s, %s", l.File, l.Name, class, l.Kind, count(l.Entries, "network"), fileSize(l.Bytes), at))
	}
	if len(cfg.Geo.Databases) == 0 {
		said("geo", "no database: countries come from the table in the binary, without cities, providers or impossible-travel")
	}
	return nil
}

// age words how old a file is.
func age(d time.Duration) string {
	switch {
	case d < time.Hour:
		return "less than an hour old"
	case d < 48*time.Hour:
		return count(int(d/time.Hour), "hour") + " old"
	}
	return fmt.Sprintf("%d days old", d/(24*time.Hour))
}

func fileSize(n int64) string {
	switch {
	case n < 1e3:
		return count(int(n), "byte")
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

func checkKafka(ctx context.Context, s *services, said func(what, state string)) error {
	kc, err := s.openKafka(ctx)
	if err != nil {
		return err
	}
	defer kc.Close()
	diffs, err := kc.CheckTopics(ctx, s.cfg.topics())
	if err != nil {
		return err
	}
	for _, d := range diffs {
		said("kafka", d.String())
	}
	if len(diffs) > 0 {
		return errors.New("kafka: topics differ; `lapwing migrate` creates what is missing")
	}
	said("kafka", "ok")
	if err := kc.CheckCells(ctx); err != nil {
		return err
	}
	said("cells", "ok, their log reaches their state")
	return nil
}

func checkClickHouse(ctx context.Context, s *services, said func(what, state string)) error {
	db, err := s.openClickHouse(ctx, false)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // nothing was written
	if err := db.CheckSchema(ctx); err != nil {
		return err
	}
	version, err := db.Version(ctx)
	if err != nil {
		return err
	}
	said("clickhouse", "ok, "+version)
	return nil
}

// acceptReset takes over every cell with leave to drop state whose log is gone
// and to skip events that retention took, and writes each cell's snapshot.
func acceptReset(ctx context.Context, s *services, rules *sigma.Set, said func(what, state string)) error {
	kc, err := s.openKafka(ctx)
	if err != nil {
		return err
	}
	defer kc.Close()
	ctx, done := context.WithCancel(ctx)
	defer done()
	var mu sync.Mutex
	taken := map[int]bool{}
	said("cells", "taking over; stop every process with the role detect first, or this waits for them")
	err = kc.RunDetect(ctx, kafka.DetectOptions{
		Group:       s.cfg.groupName("detect"),
		AcceptReset: true,
		NewCell:     func(n int) stream.Cell { return newCell(s.cfg, rules, n, nil) },
		WithCell: func(n int, run func(func(stream.Cell))) {
			mu.Lock()
			defer mu.Unlock()
			if run == nil || taken[n] {
				return
			}
			taken[n] = true
			said(fmt.Sprintf("cell %d", n), "goes on from what the log holds")
			if len(taken) == s.cfg.Detect.Cells {
				done()
			}
		},
	})
	if len(taken) < s.cfg.Detect.Cells {
		return errors.Join(err, fmt.Errorf("%d of %d cells were taken over", len(taken), s.cfg.Detect.Cells))
	}
	return nil
}

// Migrate creates the topics and tables that are missing; what exists is left
// as it is.
func Migrate(ctx context.Context, cfg Config, std IO) (err error) {
	s := newServices(&cfg)
	kc, err := s.openKafka(ctx)
	if err != nil {
		return err
	}
	defer kc.Close()
	if err := kc.EnsureTopics(ctx, cfg.topics()); err != nil {
		return err
	}
	fmt.Fprintln(std.Err, "kafka: topics are there")
	db, err := s.openClickHouse(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	fmt.Fprintln(std.Err, "clickhouse: tables are there")
	return nil
}
