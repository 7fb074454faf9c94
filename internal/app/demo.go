package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// DemoOptions configures Demo.
type DemoOptions struct {
	SimulateOptions
	// Keep stays up after the scorecard.
	Keep bool
	// JSON prints alerts as NDJSON and last the summary.
	JSON bool
}

// What the demo has to reach to leave with 0.
const (
	demoRecall      = 0.90
	demoFalseAlerts = 3.0
)

// demoSnapshotEvery lets a demo of a minute show what a night does.
const demoSnapshotEvery = 20 * time.Second

// demoHunts are the questions asked at the end.
var demoHunts = []string{"unmanaged-identities", "denied-share", "alerts-by-owner"}

// Demo is the main job on the embedded default: broker and ClickHouse in the
// process tree, weeks of labelled traffic through all five roles, each alert
// as it lands, hunts, a scorecard. With the directory of an earlier run that
// was killed it goes on where that one was.
func Demo(ctx context.Context, cfg Config, o DemoOptions, std IO) (err error) {
	fleet, err := o.fleet()
	if err != nil {
		return err
	}
	dir, cleanup, err := demoDir(&o, std)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanup()) }()
	if cfg.Log.Level == Defaults().Log.Level {
		cfg.Log.Level = "warn" // the demo speaks for itself
	}
	log, err := NewLogger(cfg.Log, std.Err)
	if err != nil {
		return err
	}
	if err := demoConfig(&cfg, &o, dir, fleet); err != nil {
		return err
	}
	d := &demo{o: o, std: std, fleet: fleet, start: time.Now()}
	if !o.JSON {
		d.view = newAlertView(std.Out)
		fmt.Fprintf(std.Out, "Starting a broker and ClickHouse in %s, then %d days of %d identities through all five roles.\n", dir, fleet.Days(), fleet.Identities())
	}
	p := newProcess(ctx, cfg, log)
	d.p = p
	p.hooks = hooks{holdTogether: true, logsAhead: max(0, time.Until(fleet.End())), onPosition: d.position}
	run, err := p.connectEmbedded(ctx, dir)
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
	verdict := d.run()
	switch {
	case o.Keep && (verdict == nil || errors.Is(verdict, errShort)):
		if verdict != nil {
			fmt.Fprintf(std.Err, "\n%v\n", verdict)
		}
		run.PID, run.Ingest, run.Monitor = os.Getpid(), p.ingestURL(), p.monitorAddr
		run.declares(&cfg.Inventory)
		if err := writeRunning(dir, run); err != nil {
			p.fail(err)
			break
		}
		p.life.onStop(runFile, func(context.Context) error { return removeRunning(dir) })
		fmt.Fprintf(std.Err, "\nStill up (--keep), Ctrl-C stops it. Ask it, in another terminal:\n  export LAPWING_DATA_DIR=%s\n  lapwing alert list\n", absolute(dir))
	case verdict == nil:
		p.cancel(nil)
	default:
		p.fail(verdict)
	}
	if err := p.wait(); err != nil || verdict == nil {
		return err
	}
	return verdict // it was interrupted
}

// demoDir is where the demo keeps its data, and how it is left behind: cleanup
// says what became of it.
func demoDir(o *DemoOptions, std IO) (dir string, cleanup func() error, err error) {
	dir = o.Dir
	if dir != "" {
		err = makeDataDir(dir)
	} else if dir, err = os.MkdirTemp("", "lapwing-demo-"); err == nil && !o.Keep {
		return dir, func() error {
			err := os.RemoveAll(dir)
			if err == nil {
				fmt.Fprintf(std.Err, "The demo's data in %s is removed; --keep keeps it.\n", dir)
			}
			return err
		}, nil
	}
	return dir, func() error {
		fmt.Fprintf(std.Err, "The demo's data is kept in %s; open it again: lapwing up --dir %[1]s\n", absolute(dir))
		return nil
	}, err
}

// demoConfig sets what makes the demo a demo. What the operator configured
// otherwise stays.
func demoConfig(cfg *Config, o *DemoOptions, dir string, fleet *simulate.Fleet) error {
	cfg.DataDir = dir
	// The topics of what a fleet writes: every other would only be waited for.
	cfg.RawTopics = slices.DeleteFunc(Defaults().RawTopics, func(t RawTopicConfig) bool {
		return t.Format != simulate.CloudTrail && t.Format != simulate.Kong && t.Format != simulate.NGINX
	})
	// Simulated logs hold no secret. A fixed key makes the demo's identities,
	// and so its alerts, those of a backtest over the same records.
	if cfg.Secrets.HMACKey == "" {
		cfg.Secrets.HMACKey = fileKey
		if err := writeSecretFile(filepath.Join(dir, hmacFile), []byte(fileKey+"\n")); err != nil {
			return err
		}
	}
	cfg.Inventory.File = filepath.Join(dir, simInventory)
	if err := writeInventoryFile(fleet, cfg.Inventory.File); err != nil {
		return err
	}
	cfg.Detect.SnapshotEvery = schemas.Duration(demoSnapshotEvery)
	if !o.Keep {
		// An `up` beside it keeps its addresses.
		cfg.Ingest.Listen, cfg.Monitor.Listen = "127.0.0.1:0", "127.0.0.1:0"
	}
	cfg.Destinations = append(cfg.Destinations, Destination{
		Name: "siem", Kind: "file", Path: filepath.Join(dir, "alerts.ocsf.ndjson"),
	})
	return nil
}

// demo is one run.
type demo struct {
	o     DemoOptions
	p     *process
	std   IO
	fleet *simulate.Fleet
	start time.Time
	view  *alertView
	bar   *progress

	judged atomic.Int64 // offset of the next event to be judged

	mu       sync.Mutex
	versions []schemas.Alert
	shown    int64 // offset of the next alert to be shown
}

// position is told how far the detector is.
func (d *demo) position(_ int, next, _ int64) { d.judged.Store(next) }

// run feeds, waits, and reports. It returns why the demo failed.
func (d *demo) run() error {
	ctx := d.p.roles
	d.bar = newProgress(d.std.Err, "judged", d.o.expected(d.fleet), false)
	d.p.group.Go(d.watch)
	d.p.group.Go(d.follow)
	f := &feed{resume: true, kafka: d.p.kafka, topics: rawTopicByFormat(&d.p.cfg)}
	if err := f.run(ctx, d.fleet); err != nil {
		return err
	}
	if err := d.drain(ctx, f); err != nil {
		return err
	}
	took := time.Since(d.start)
	d.bar.finish()
	return d.report(ctx, f.total, took)
}

// watch moves the progress bar.
func (d *demo) watch() error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	last := int64(0)
	for {
		select {
		case <-d.p.roles.Done():
			return nil
		case <-tick.C:
			now := d.judged.Load()
			d.mu.Lock()
			d.bar.add(int(now - last))
			d.mu.Unlock()
			last = now
		}
	}
}

// follow prints alerts as they land in lapwing.alerts, from the first one, also
// when an earlier run of this directory printed them.
func (d *demo) follow() error {
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return err
	}
	err := d.p.kafka.RunConsumer(d.p.roles, kafka.ConsumerOptions{
		Group:      d.p.groupName("demo-" + hex.EncodeToString(id[:])),
		Topic:      d.p.kafka.Topic("alerts"),
		NewHandler: func(int) (stream.Handler, error) { return d, nil },
	})
	if d.p.roles.Err() != nil {
		return nil // it was told to stop
	}
	return err
}

// Handle implements stream.Handler: it takes versions of alerts.
func (d *demo) Handle(_ context.Context, recs []stream.Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range recs {
		var a schemas.Alert
		if err := json.Unmarshal(recs[i].Value, &a); err != nil {
			return fmt.Errorf("alert at offset %d: %w", recs[i].Offset, err)
		}
		d.versions = append(d.versions, a)
		d.shown = recs[i].Offset + 1
		if d.view != nil {
			d.bar.clear()
			d.view.show(&a)
		}
	}
	return nil
}

// drain waits until everything that was fed has gone the whole way: enriched,
// judged, stored, delivered, shown.
func (d *demo) drain(ctx context.Context, f *feed) error {
	events, alerts := d.p.kafka.Topic("events"), d.p.kafka.Topic("alerts")
	for topic, ends := range f.ends {
		if err := d.until(ctx, "enriching "+topic, d.reached("enrich", topic, ends)); err != nil {
			return err
		}
	}
	ends, err := d.p.kafka.Ends(ctx, events)
	if err != nil {
		return err
	}
	judged := func(context.Context) (bool, error) { return d.judged.Load() >= ends[0], nil }
	if err := d.until(ctx, "judging", judged); err != nil {
		return err
	}
	if err := d.until(ctx, "storing events", d.reached("store", events, ends)); err != nil {
		return err
	}
	alertEnds, err := d.p.kafka.Ends(ctx, alerts)
	if err != nil {
		return err
	}
	for _, dest := range append([]Destination{{Name: clickhouseDestination}}, d.p.cfg.Destinations...) {
		if err := d.until(ctx, "delivering to "+dest.Name, d.reached("alert-"+dest.Name, alerts, alertEnds)); err != nil {
			return err
		}
	}
	identityEnds, err := d.p.kafka.Ends(ctx, d.p.kafka.Topic("identities"))
	if err != nil {
		return err
	}
	if err := d.until(ctx, "storing identities", d.reached("store-identities", d.p.kafka.Topic("identities"), identityEnds)); err != nil {
		return err
	}
	return d.until(ctx, "showing alerts", func(context.Context) (bool, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.shown >= alertEnds[0], nil
	})
}

// reached asks whether a group has committed everything up to ends.
func (d *demo) reached(group, topic string, ends []int64) func(ctx context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		at, err := d.p.kafka.Committed(ctx, d.p.groupName(group), topic)
		if err != nil {
			return false, err
		}
		for i, end := range ends {
			if i >= len(at) || (at[i] < end && end > 0) {
				return false, nil
			}
		}
		return true, nil
	}
}

// until asks again and again until the answer is yes.
func (d *demo) until(ctx context.Context, what string, ask func(ctx context.Context) (bool, error)) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := ask(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// demoSummary is the last line of demo --json.
type demoSummary struct {
	Events             int     `json:"events"`
	Identities         int     `json:"identities"`
	Alerts             int     `json:"alerts"`
	Attacks            int     `json:"attacks"`
	Detected           int     `json:"detected"`
	FalseAlertsPerDay  float64 `json:"false_alerts_per_day"`
	HardCases          int     `json:"hard_cases"`
	HardCasesFired     int     `json:"hard_cases_fired"`
	MedianToDetect     float64 `json:"median_seconds_to_detect"`
	EventsInClickHouse int     `json:"events_in_clickhouse"`
	AlertsInClickHouse int     `json:"alerts_in_clickhouse"`
	EventsPerSecond    float64 `json:"events_per_second"`
	Seconds            float64 `json:"seconds"`
}

// report shows hunts and the scorecard, or the JSON of both, and says whether
// the demo did what it promises.
func (d *demo) report(ctx context.Context, fed int, took time.Duration) error {
	d.mu.Lock()
	versions := d.versions
	d.mu.Unlock()
	card := simulate.Score(d.fleet.Labels(), versions, d.fleet.Judged(), d.fleet.End())
	final := finalVersions(versions)
	s := demoSummary{
		Events: fed, Alerts: len(final), Attacks: card.Attacks, Detected: card.Found, FalseAlertsPerDay: card.FalsePerDay,
		HardCases: card.HardCases, HardCasesFired: card.HardFired, MedianToDetect: card.MedianDelay.Seconds(),
		EventsPerSecond: float64(fed) / took.Seconds(), Seconds: took.Seconds(),
	}
	for _, q := range []struct {
		into *int
		sql  string
	}{
		{&s.EventsInClickHouse, "SELECT toInt64(count()) FROM events"},
		{&s.AlertsInClickHouse, "SELECT toInt64(count()) FROM alerts_current"},
		{&s.Identities, "SELECT toInt64(uniqExact(identity_id)) FROM events"},
	} {
		n, err := d.p.countOf(ctx, q.sql)
		if err != nil {
			return err
		}
		*q.into = n
	}
	if d.o.JSON {
		if err := encodeLines(d.std.Out, final); err != nil {
			return err
		}
		if err := newEncoder(d.std.Out).Encode(map[string]demoSummary{"summary": s}); err != nil {
			return err
		}
	} else if err := d.print(ctx, &card, &s); err != nil {
		return err
	}
	return s.failures(&card)
}

// print shows the hunts and the scorecard to people.
func (d *demo) print(ctx context.Context, card *simulate.Scorecard, s *demoSummary) error {
	for _, name := range demoHunts {
		res, err := d.p.db.RunHunt(ctx, name, nil)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.std.Out, "\n$ lapwing hunt run %s\n", name)
		if err := writeTable(d.std.Out, d.std.Err, res, demoHuntRows, widthFor(d.std.Out, false)); err != nil {
			return err
		}
	}
	fmt.Fprintln(d.std.Out)
	if err := card.WriteTable(d.std.Out); err != nil {
		return err
	}
	fmt.Fprintf(d.std.Out, "\n%d events of %d identities, anonymous networks among them, in %.1f s: %.0f events/s, from raw bytes in Kafka to alerts and rows in ClickHouse\n",
		s.Events, s.Identities, s.Seconds, s.EventsPerSecond)
	fmt.Fprintf(d.std.Out, "in ClickHouse: %d events, %d alerts, of which %d are of the %.0f days that are judged\n", s.EventsInClickHouse, s.AlertsInClickHouse, card.Alerts, card.Days)
	return nil
}

// demoHuntRows is how many rows of a hunt the demo shows.
const demoHuntRows = 8

// failures says what fell short of what the demo promises.
func (s *demoSummary) failures(card *simulate.Scorecard) error {
	var short []string
	if card.Recall < demoRecall {
		short = append(short, fmt.Sprintf("%d of %d attacks found, want %.0f%%", s.Detected, s.Attacks, 100*demoRecall))
	}
	if s.FalseAlertsPerDay > demoFalseAlerts {
		short = append(short, fmt.Sprintf("%.2f false alerts a day, want at most %g", s.FalseAlertsPerDay, demoFalseAlerts))
	}
	if s.EventsInClickHouse != s.Events {
		short = append(short, fmt.Sprintf("%d events in ClickHouse of %d sent", s.EventsInClickHouse, s.Events))
	}
	if s.AlertsInClickHouse != s.Alerts {
		short = append(short, fmt.Sprintf("%d alerts in ClickHouse of %d", s.AlertsInClickHouse, s.Alerts))
	}
	if len(short) > 0 {
		return fmt.Errorf("%w: %s", errShort, strings.Join(short, "; "))
	}
	return nil
}

// errShort is a demo that ran to its end and did not reach what it promises.
var errShort = errors.New("the demo fell short")

// finalVersions keeps each alert in its last version, by (first_seen_time, uid).
func finalVersions(versions []schemas.Alert) []schemas.Alert {
	last := map[string]int{}
	for i := range versions {
		if j, ok := last[versions[i].ID()]; !ok || versions[j].Version() < versions[i].Version() {
			last[versions[i].ID()] = i
		}
	}
	out := make([]schemas.Alert, 0, len(last))
	for _, i := range last {
		out = append(out, versions[i])
	}
	sortAlerts(out)
	return out
}

// countOf reads one number from ClickHouse.
func (p *process) countOf(ctx context.Context, sql string) (int, error) {
	res, err := p.db.Query(ctx, sql, nil)
	if err != nil {
		return 0, err
	}
	if len(res.Rows) == 1 && len(res.Rows[0]) == 1 {
		if n, ok := res.Rows[0][0].(int64); ok {
			return int(n), nil
		}
	}
	return 0, fmt.Errorf("no number came back from: %s", sql)
}
