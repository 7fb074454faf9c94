package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/schemas"
)

// EvalOptions configures Eval.
type EvalOptions struct {
	SimulateOptions
	Seeds []uint
	// Report is the JSON file of the scorecards; empty writes none.
	Report string
}

// evalRow is one seed's result.
type evalRow struct {
	Seed      uint               `json:"seed"`
	Events    int                `json:"events"`
	Seconds   float64            `json:"seconds"`
	Scorecard simulate.Scorecard `json:"scorecard"`
}

// Eval judges simulated traffic of several seeds without services and prints
// a row for each: attacks found, false alerts a day, time to detect.
func Eval(ctx context.Context, cfg Config, o EvalOptions, std IO) error {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = 0
	t.AppendHeader(table.Row{"seed", "events", "attacks", "found", "recall", "false/day", "hard fired", "median to detect", "events/s"})
	var rows []evalRow
	for _, seed := range o.Seeds {
		o.Seed = uint64(seed)
		row, err := evalSeed(ctx, cfg, &o, std)
		if err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
		row.Seed = seed
		rows = append(rows, *row)
		c := &row.Scorecard
		t.AppendRow(table.Row{
			seed, row.Events, c.Attacks, c.Found, fmt.Sprintf("%.0f%%", 100*c.Recall), fmt.Sprintf("%.2f", c.FalsePerDay),
			fmt.Sprintf("%d of %d", c.HardFired, c.HardCases), c.MedianDelay.Round(time.Second), fmt.Sprintf("%.0f", float64(row.Events)/row.Seconds),
		})
	}
	if _, err := fmt.Fprintln(std.Out, t.Render()); err != nil {
		return err
	}
	if o.Report == "" {
		return nil
	}
	b, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(o.Report), 0o755); err != nil { //nolint:gosec // a report is for others to read
		return err
	}
	return os.WriteFile(o.Report, append(b, '\n'), 0o644) //nolint:gosec // as above
}

func evalSeed(ctx context.Context, cfg Config, o *EvalOptions, std IO) (_ *evalRow, err error) {
	fleet, err := o.fleet()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "lapwing-eval-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg.Inventory.File = filepath.Join(dir, simInventory)
	if err := writeInventoryFile(fleet, cfg.Inventory.File); err != nil {
		return nil, err
	}
	cfg.Enrich.KeepRaw = false
	reading, err := newFileReading(&cfg, false)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	var badErr error
	r := newReplay(&cfg, reading, start, func(_ *inputFile, number int, err error) {
		badErr = fmt.Errorf("simulated record %d is bad: %w", number, err)
	})
	defer func() { err = errors.Join(err, r.close()) }()
	feed, file := &feeder{r: r}, &inputFile{name: "simulated"}
	n := 0
	bar := newProgress(std.Err, fmt.Sprintf("seed %d", o.Seed), o.expected(fleet), false)
	readErr := fleet.Records(func(rec simulate.Record) error {
		n++
		if n&0xfff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		bar.add(1)
		feed.add(file, rec.Format, n, rec.Value)
		return nil
	})
	feed.flush()
	if err := errors.Join(readErr, r.parsed(), badErr); err != nil {
		return nil, err
	}
	var versions []schemas.Alert
	r.onAlert = func(a *schemas.Alert) { versions = append(versions, *a) }
	v, err := r.judge(ctx, nil)
	bar.finish()
	if err != nil {
		return nil, err
	}
	return &evalRow{
		Events: v.events, Seconds: time.Since(start).Seconds(),
		Scorecard: simulate.Score(fleet.Labels(), versions, fleet.Judged(), fleet.End()),
	}, nil
}
