package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/schemas"
)

// BacktestOptions configures Backtest.
type BacktestOptions struct {
	// Format is a name of ingest.Formats, or "auto".
	Format string
	// Inventory overrides inventory.file when not empty.
	Inventory string
	// Mapping is the file of a mapping that is read with, or none.
	Mapping string
	// AnyTime takes events from before 2000 and from the future.
	AnyTime bool
	// Out is the file that alerts go to, or with Compare the differences; empty
	// is standard output.
	Out   string
	Files []string

	// LearnUntil is a time or a day: what happened before only teaches.
	LearnUntil string
	// FailOn are conditions; an alert that meets one fails the command.
	FailOn []string
	// Labels is a file that says what is known to have happened.
	Labels string
	// Compare is a second configuration, CompareInventory a second inventory,
	// CompareFeedback what analysts would have said: what would they change?
	Compare          *Config
	CompareInventory string
	CompareFeedback  string
	// Feedback is a file of what analysts said, for both sides of a comparison.
	Feedback string
	// Report is an HTML file, ProfilesOut an NDJSON file of the profiles at the end.
	Report      string
	ProfilesOut string
	// JSON makes the summary one JSON object, the last line of standard error.
	JSON bool
}

// comparing reports whether there is a second side.
func (o *BacktestOptions) comparing() bool {
	return o.Compare != nil || o.CompareInventory != "" || o.CompareFeedback != ""
}

// backtest is one run of Backtest.
type backtest struct {
	o          *BacktestOptions
	cfg        *Config
	std        IO
	in         *inputs
	learnUntil time.Time
	conditions []*condition
	labels     []simulate.Label
	refused    badRecords
	r          *replay

	versions []schemas.Alert // with labels: every version
	v        *verdict
	score    *simulate.Scorecard
	diff     *comparison
	failures []string
	stray    strayFeedback
	warnings []string
}

// Backtest judges log files in event time, with the code that runs in
// production and no service. Each alert is written once, in its final version.
func Backtest(ctx context.Context, cfg Config, o BacktestOptions, std IO) (err error) {
	b := &backtest{o: &o, cfg: &cfg, std: std, refused: badRecords{}}
	if o.Inventory != "" {
		cfg.Inventory.File = o.Inventory
	}
	if err := b.prepare(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.r.close()) }()
	if err := b.read(ctx); err != nil {
		return err
	}
	if err := b.judge(ctx); err != nil {
		return err
	}
	if err := b.write(ctx); err != nil {
		return err
	}
	return b.finish()
}

// prepare reads everything that is small, so that a mistake in it is said before
// the logs are read.
func (b *backtest) prepare() (err error) {
	o, base := b.o, *b.cfg // a lane changes its configuration
	reading, format, err := b.lane(b.cfg)
	if err != nil {
		return err
	}
	if b.in, err = openInputs(b.std, reading.formats, format, o.Files); err != nil {
		return err
	}
	known := []string{o.Inventory, o.Labels, o.CompareInventory, o.Feedback, o.CompareFeedback, o.Mapping}
	known = slices.DeleteFunc(known, func(s string) bool { return s == "" })
	if err := checkOutputs([]outputFile{{"--out", o.Out}, {"--report", o.Report}, {"--profiles-out", o.ProfilesOut}}, append(known, o.Files...)); err != nil {
		return err
	}
	if o.LearnUntil != "" {
		if b.learnUntil, err = parseMoment(o.LearnUntil); err != nil {
			return Usagef("--learn-until: %w", err)
		}
	}
	for _, text := range o.FailOn {
		c, err := parseCondition(text)
		if err != nil {
			return err
		}
		b.conditions = append(b.conditions, c)
	}
	if o.Labels != "" {
		if b.labels, err = loadLabels(o.Labels); err != nil {
			return Usage(err)
		}
	}
	said, err := b.feedback("--feedback", o.Feedback)
	if err != nil {
		return err
	}
	start := time.Now()
	var second *replay
	if o.comparing() {
		other := base
		if o.Compare != nil {
			other = *o.Compare
			if o.Inventory != "" {
				other.Inventory.File = o.Inventory
			}
		}
		if o.CompareInventory != "" {
			other.Inventory.File = o.CompareInventory
		}
		more, err := b.feedback("--compare-feedback", o.CompareFeedback)
		if err != nil {
			return err
		}
		reading, _, err := b.lane(&other)
		if err != nil {
			return err
		}
		second = newReplayLane(&other, reading, start)
		second.feedback = sortFeedback(append(append([]*schemas.Control(nil), said...), more...))
	}
	b.r = newReplay(b.cfg, reading, start, b.refused.add)
	b.r.second, b.r.feedback = second, sortFeedback(said)
	return nil
}

// feedback reads verdicts, and warns of a file that has none.
func (b *backtest) feedback(flag, name string) ([]*schemas.Control, error) {
	list, err := loadFeedback(flag, name)
	if err == nil && name != "" && len(list) == 0 {
		b.warnings = append(b.warnings, fmt.Sprintf("%s %s: no verdict in it", flag, name))
	}
	return list, err
}

// lane is what one side reads with, and the format of its files.
func (b *backtest) lane(cfg *Config) (*fileReading, string, error) {
	format, err := cfg.useMapping(b.o.Format, b.o.Mapping)
	if err != nil {
		return nil, "", err
	}
	cfg.Enrich.KeepRaw = false
	reading, err := newFileReading(cfg, b.o.AnyTime)
	return reading, format, err
}

// read parses all files and sorts what is in them.
func (b *backtest) read(ctx context.Context) error {
	b.in.bar = newProgress(b.std.Err, "reading", b.in.size(), true)
	feed := &feeder{r: b.r}
	readErr := b.in.each(ctx, feed.add, func(f *inputFile, number int, err error) {
		f.bad.Add(1)
		b.r.mu.Lock()
		defer b.r.mu.Unlock()
		b.refused.add(f, number, err)
	})
	feed.flush()
	if err := errors.Join(readErr, b.r.parsed()); err != nil {
		return err
	}
	b.in.bar.finish()
	b.refused.tell(b.std.Err, b.in.files, shownReasons, "; lapwing parse shows all")
	return nil
}

// judge finds the alerts, of both sides when two are compared.
func (b *backtest) judge(ctx context.Context) error {
	r := b.r
	cover := newLabelCover(b.labels)
	if b.o.Labels != "" {
		r.onEvent = cover.see
		r.onAlert = func(a *schemas.Alert) { b.versions = append(b.versions, *a) }
	}
	if b.o.ProfilesOut != "" {
		r.onEnd = func(e *detect.Engine) error { return writeProfiles(b.o.ProfilesOut, e, r.events(ctx)) }
	}
	bar := newProgress(b.std.Err, "judging", int64(r.sorter.Len()), false)
	defer bar.finish()
	var other *verdict
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		b.v, err = r.judge(gctx, bar.add)
		return err
	})
	if r.second != nil {
		g.Go(func() (err error) {
			if other, err = r.second.judge(gctx, nil); err != nil {
				err = fmt.Errorf("the configuration compared with: %w", err)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	b.stray = b.v.stray
	if other != nil { // its feedback is that of the first side, and more
		b.stray = other.stray
	}
	b.v.keepFrom(b.learnUntil)
	newest := b.v.alerts
	if other != nil {
		other.keepFrom(b.learnUntil)
		b.diff = compareVerdicts(b.v, other, r.second.feedback)
		newest = b.diff.fresh()
	}
	b.failures = failures(b.conditions, newest)
	if why := b.v.nothing(); why != "" {
		b.warnings = append(b.warnings, why)
		if len(b.conditions) > 0 { // a check that saw nothing must not pass for one that found nothing
			b.failures = append(b.failures, "fail-on: nothing was judged, so nothing was checked")
		}
	}
	b.warnings = append(b.warnings, b.stray.texts()...)
	if b.o.Labels != "" {
		s := simulate.ScoreJudged(b.labels, b.versions, b.v.since(), b.v.to.Add(time.Second), func(l *simulate.Label, row *simulate.Row) (string, bool) {
			why := cover.unjudged(l, row, b.v)
			return why, why == ""
		})
		b.score = &s
	}
	return nil
}

// write puts the results where they were asked for.
func (b *backtest) write(ctx context.Context) error {
	write := func(w io.Writer) error { return encodeLines(w, b.v.alerts) }
	if b.diff != nil {
		write = func(w io.Writer) error { return encodeLines(w, b.diff.Differences) }
	}
	if err := writeFile("--out", b.o.Out, b.std.Out, write); err != nil {
		return err
	}
	if b.o.Report == "" {
		return nil
	}
	page, err := b.report(ctx)
	if err != nil {
		return err
	}
	return writeFile("--report", b.o.Report, nil, page.render)
}

// finish says what was found, and whether that is a failure.
func (b *backtest) finish() error {
	failed := b.in.report()
	_, bad := b.in.totals()
	s := newBacktestSummary(b.cfg, b.v, len(b.in.files), int(bad))
	s.Scorecard, s.Compare, s.Failures, s.strayFeedback = b.score, b.diff.summary(), b.failures, b.stray
	for _, w := range b.warnings {
		fmt.Fprintln(b.std.Err, "warning: "+w)
	}
	if b.o.JSON {
		if err := newEncoder(b.std.Err).Encode(s); err != nil {
			return err
		}
	} else {
		if b.score != nil {
			if err := errors.Join(b.score.WriteTable(b.std.Err), b.score.WriteDetectors(b.std.Err)); err != nil {
				return err
			}
		}
		fmt.Fprint(b.std.Err, s.text())
		if b.diff != nil {
			fmt.Fprint(b.std.Err, b.diff.text())
		}
	}
	for _, line := range b.failures {
		fmt.Fprintln(b.std.Err, "lapwing: "+line)
	}
	if failed || len(b.failures) > 0 {
		return errReported
	}
	return nil
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "y") && !strings.HasSuffix(noun, "ay") {
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(noun, "y"))
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
