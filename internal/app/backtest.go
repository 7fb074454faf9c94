package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

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
	// Out is the file that alerts go to; empty is standard output.
	Out   string
	Files []string
}

// shownBad is how many bad records of one file are shown with their reason.
const shownBad = 10

// Backtest judges log files in event time, with the code that runs in
// production and no service. Each alert is written once, in its final version.
func Backtest(ctx context.Context, cfg Config, o BacktestOptions, std IO) (err error) {
	if o.Inventory != "" {
		cfg.Inventory.File = o.Inventory
	}
	format, err := cfg.useMapping(o.Format, o.Mapping)
	if err != nil {
		return err
	}
	cfg.Enrich.KeepRaw = false
	reading, err := newFileReading(&cfg, o.AnyTime)
	if err != nil {
		return err
	}
	in, err := openInputs(std, reading.formats, format, o.Files)
	if err != nil {
		return err
	}
	shown := map[*inputFile]int{}
	in.bar = newProgress(std.Err, "reading", in.size(), true)
	bad := func(f *inputFile, number int, err error) {
		if shown[f]++; shown[f] > shownBad {
			return
		}
		in.bar.clear()
		fmt.Fprintf(std.Err, "%s: record %d: %s\n", f.label(), number, oneLine(err.Error()))
	}
	r := newReplay(&cfg, reading, time.Now(), bad)
	defer func() { err = errors.Join(err, r.close()) }()
	feed := &feeder{r: r}
	readErr := in.each(ctx, feed.add, func(f *inputFile, number int, err error) {
		f.bad.Add(1)
		r.mu.Lock()
		defer r.mu.Unlock()
		bad(f, number, err)
	})
	feed.flush()
	if err := errors.Join(readErr, r.parsed()); err != nil {
		return err
	}
	in.bar.finish()
	for _, f := range in.files {
		if n := shown[f] - shownBad; n > 0 {
			fmt.Fprintf(std.Err, "%s: and %d more bad records; lapwing parse shows all\n", f.label(), n)
		}
	}
	bar := newProgress(std.Err, "judging", int64(r.sorter.Len()), false)
	v, err := r.judge(ctx, bar.add)
	bar.finish()
	if err != nil {
		return err
	}
	if err := writeAlerts(o.Out, std.Out, v.alerts); err != nil {
		return err
	}
	failed := in.report()
	_, badCount := in.totals()
	fmt.Fprint(std.Err, summary(&cfg, v, len(in.files), int(badCount)))
	if failed {
		return errReported
	}
	return nil
}

// writeAlerts writes alerts as NDJSON, to a file in one step or to w.
func writeAlerts(path string, w io.Writer, alerts []schemas.Alert) (err error) {
	if path != "" {
		f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
		if err != nil {
			return fmt.Errorf("--out: %w", err)
		}
		werr := encodeAlerts(f, alerts)
		if err := errors.Join(werr, f.Chmod(0o644), f.Close()); err != nil {
			return errors.Join(fmt.Errorf("--out: %w", err), os.Remove(f.Name()))
		}
		return os.Rename(f.Name(), path)
	}
	return encodeAlerts(w, alerts)
}

func encodeAlerts(w io.Writer, alerts []schemas.Alert) error {
	b := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	for i := range alerts {
		if err := enc.Encode(&alerts[i]); err != nil {
			return err
		}
	}
	return b.Flush()
}

// summary says in a few lines what was judged and found.
func summary(cfg *Config, v *verdict, files, bad int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s", count(files, "file"), count(v.events, "event"))
	if bad > 0 {
		fmt.Fprintf(&b, ", %d bad", bad)
	}
	if v.duplicates > 0 {
		fmt.Fprintf(&b, ", %s dropped", count(v.duplicates, "duplicate"))
	}
	b.WriteByte('\n')
	if v.events == 0 {
		b.WriteString("0 alerts\n")
		return b.String()
	}
	fmt.Fprintf(&b, "%s to %s (%.1f days), %s, of them %d in no inventory\n",
		v.from.Format("2006-01-02 15:04"), v.to.Format("2006-01-02 15:04"), v.days(), count(v.stats.Identities, "identity"), v.discovered)
	bySeverity := map[int]int{}
	for i := range v.alerts {
		bySeverity[v.alerts[i].SeverityID]++
	}
	fmt.Fprintf(&b, "%s", count(len(v.alerts), "alert"))
	sep := ": "
	for s := schemas.SeverityCritical; s >= schemas.SeverityInfo; s-- {
		if n := bySeverity[s]; n > 0 {
			fmt.Fprintf(&b, "%s%d %s", sep, n, strings.ToLower(schemas.SeverityName(s)))
			sep = ", "
		}
	}
	fmt.Fprintf(&b, "; %d of them page\n", v.pages)
	fmt.Fprintf(&b, "pages a day: %.2f, true ones included; the budget allows %g false ones\n", float64(v.pages)/v.days(), cfg.Detect.FalseAlertsPerDay)
	return b.String()
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "y") {
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(noun, "y"))
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
