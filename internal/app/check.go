package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/detect/sigma"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// CheckOptions configures Check.
type CheckOptions struct {
	// Offline leaves out everything that needs a connection.
	Offline bool
	// AcceptReset lets cells go on whose log no longer reaches their state.
	AcceptReset bool
	// Roles limits what is asked of Kafka and ClickHouse to what these roles need;
	// empty means all.
	Roles []string
	// ShowConfig prints the effective configuration on stdout, secrets masked.
	ShowConfig bool
	JSON       bool
}

// Check reports whether a configuration can work, one finding a line with what to
// change: inventory, detectors, and unless Offline the connections, the rights, the
// topics in Kafka, the cells' state against their log, and the tables in ClickHouse.
// It fails when any finding does.
func Check(ctx context.Context, cfg Config, path string, o CheckOptions, std IO) (err error) {
	roles, err := ParseRoles(o.Roles)
	if err != nil {
		return err
	}
	if o.ShowConfig {
		if err := showConfig(&cfg, path, std.Out); err != nil {
			return err
		}
	}
	rules, err := loadSigma(&cfg)
	if err != nil {
		return Usage(err)
	}
	if _, err := detect.New(engineConfig(&cfg, rules, 0)); err != nil {
		return Usage(err)
	}
	var r checkReport
	if rules.Len() > 0 {
		r.ok("sigma", fmt.Sprintf("%s, %s: lapwing rules list shows them", count(rules.Len(), "rule"), count(len(rules.Warnings()), "warning")))
	}
	if cfg.Inventory.File != "" {
		inv, err := cfg.Inventory.file().Load()
		if err != nil {
			return Usage(err)
		}
		r.ok("inventory", count(len(inv.Identities), "identity"))
		if n := hashedReferences(inv); n > 0 {
			r.note("inventory", fmt.Sprintf("%s declared by hmac:…, which can match only if made under secrets.hmac_key or an old one: with that key, lapwing parse shows the same", count(n, "credential")))
		}
	}
	if err := checkPlaces(&cfg, r.ok); err != nil {
		return err
	}
	if path == "" {
		path = "defaults and environment"
	}
	r.ok("configuration", path)
	if !o.Offline {
		s := newServices(&cfg)
		if o.AcceptReset {
			err = acceptReset(ctx, s, rules, func(what, says string) { fmt.Fprintf(std.Err, "%-14s %s\n", what, says) })
		} else {
			s.checkKafka(ctx, roles, &r)
			s.checkClickHouse(ctx, roles, &r)
		}
	}
	return errors.Join(err, r.print(std, o.JSON))
}

// hashedReferences counts the credentials that are declared by the hash of a secret.
func hashedReferences(inv *schemas.Inventory) int {
	n := 0
	for i := range inv.Identities {
		for _, c := range inv.Identities[i].Credentials {
			if strings.HasPrefix(c.Ref, "hmac:") {
				n++
			}
		}
	}
	return n
}

// showConfig prints what is in effect.
func showConfig(cfg *Config, path string, w io.Writer) error {
	text, err := yaml.Marshal(cfg)
	if err != nil {
		return fmt.Errorf("configuration cannot be printed: %w", err)
	}
	if path == "" {
		path = "defaults and environment"
	}
	_, err = fmt.Fprintf(w, "# effective configuration (%s), secrets masked\n%s", path, text)
	return err
}

// checkPlaces loads what tells of addresses, and says what it is and how old.
func checkPlaces(cfg *Config, said func(what, says string)) error {
	e, err := newEnricher(cfg, cfg.Secrets.newHasher(), prometheus.NewRegistry(), nopLogger())
	if err != nil {
		return err
	}
	for _, l := range e.Loaded() {
		at := "of " + l.Time.UTC().Format(time.DateOnly) + ", " + age(time.Since(l.Time))
		if l.What == "geo" {
			said("geo", fmt.Sprintf("%s: %s, %s, built %s", l.File, l.Kind, fileSize(l.Bytes), at))
			continue
		}
		class := l.Class
		if class == "" {
			class = "several classes"
		}
		said("network list", fmt.Sprintf("%s: %s (%s), %s, %s, %s, %s", l.File, l.Name, class, l.Kind, count(l.Entries, "network"), fileSize(l.Bytes), at))
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
		Cells:       s.cfg.Detect.Cells,
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
