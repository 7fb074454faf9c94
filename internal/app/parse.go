package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/schemas"
)

// ParseOptions configures Parse.
type ParseOptions struct {
	// Format is a name of ingest.Formats, or "auto".
	Format string
	Files  []string
}

// Parse turns raw logs into canonical events, one OCSF API Activity a line.
func Parse(ctx context.Context, cfg Config, o ParseOptions, std IO) error {
	in, err := openInputs(std, o.Format, o.Files)
	if err != nil {
		return err
	}
	rd, err := newFileReading(&cfg)
	if err != nil {
		return err
	}
	in.bar = newProgress(std.Err, "parsing", in.size(), true)
	out := bufio.NewWriterSize(std.Out, 1<<16)
	w := &activityWriter{enc: json.NewEncoder(out), cfg: &cfg, enricher: rd.enricher}
	w.enc.SetEscapeHTML(false)
	w.bad = func(number int, err error) {
		w.file.bad.Add(1)
		in.bar.clear()
		fmt.Fprintf(std.Err, "%s: record %d: %s\n", w.file.label(), number, oneLine(err.Error()))
	}
	err = in.each(ctx, func(f *inputFile, format string, number int, raw []byte) {
		w.file, w.number, w.raw = f, number, raw
		rd.parsers[format].Parse(raw, w)
	}, func(f *inputFile, number int, err error) {
		w.file = f
		w.bad(number, err)
	})
	in.bar.finish()
	if err := errors.Join(err, w.err, out.Flush()); err != nil {
		return err
	}
	failed := in.report()
	good, bad := in.totals()
	fmt.Fprintf(std.Err, "%d events, %d bad\n", good, bad)
	if failed {
		return errReported
	}
	return nil
}

// fileReading is what reads log files: a parser for each format, and the
// enricher, on the inventory that the configuration names.
type fileReading struct {
	parsers  map[string]ingest.Parser
	enricher *enrich.Enricher
}

func newFileReading(cfg *Config) (*fileReading, error) {
	if cfg.Secrets.HMACKey == "" {
		cfg.Secrets.HMACKey = fileKey
	}
	hasher := cfg.Secrets.newHasher()
	parsers, err := newParsers(cfg, hasher)
	if err != nil {
		return nil, err
	}
	e, err := newEnricher(cfg, hasher, prometheus.NewRegistry(), nopLogger())
	if err != nil {
		return nil, err
	}
	if cfg.Inventory.File != "" {
		inv, err := cfg.Inventory.file().Load()
		if err != nil {
			return nil, Usage(err)
		}
		e.SetInventory(enrich.SourceFile, inv)
	}
	return &fileReading{parsers, e}, nil
}

// activityWriter takes what a parser finds and writes it as OCSF.
type activityWriter struct {
	enc      *json.Encoder
	cfg      *Config
	enricher *enrich.Enricher
	bad      func(number int, err error)
	err      error

	// The record in hand.
	file   *inputFile
	number int
	raw    []byte
}

// Event implements ingest.Handler.
func (w *activityWriter) Event(index int, ev *schemas.Event) {
	if ev.Id == "" {
		ev.Id = recordID(w.raw, index)
	}
	inCluster(ev, w.cfg.clusterOf(ev.Format))
	w.enricher.Enrich(ev)
	w.file.good.Add(1)
	if w.err == nil {
		w.err = w.enc.Encode(newActivity(ev))
	}
	ev.Recycle()
}

// Bad implements ingest.Handler.
func (w *activityWriter) Bad(_ int, _ []byte, err error) { w.bad(w.number, err) }
