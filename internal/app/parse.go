package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// ParseOptions configures Parse.
type ParseOptions struct {
	// Format is a name of ingest.Formats, or "auto".
	Format string
	// Mapping is the file of a mapping that is read with, or none.
	Mapping string
	// AnyTime takes events from before 2000 and from the future.
	AnyTime bool
	// Explain shows where each field of an event came from in place of the event.
	Explain bool
	// JSON makes explanations NDJSON instead of tables.
	JSON  bool
	Files []string
}

// Parse turns raw logs into canonical events, one OCSF API Activity a line.
func Parse(ctx context.Context, cfg Config, o ParseOptions, std IO) error {
	format, err := cfg.useMapping(o.Format, o.Mapping)
	if err != nil {
		return err
	}
	cfg.Enrich.KeepRaw = o.Explain
	ownKey := cfg.Secrets.HMACKey == ""
	rd, err := newFileReading(&cfg, o.AnyTime)
	if err != nil {
		return err
	}
	in, err := openInputs(std, rd.formats, format, o.Files)
	if err != nil {
		return err
	}
	in.bar = newProgress(std.Err, "parsing", in.size(), true)
	out := bufio.NewWriterSize(std.Out, 1<<16)
	w := &activityWriter{enc: newEncoder(out)}
	w.reading, w.start = rd, time.Now()
	if o.Explain {
		w.explain = explanations(out, w.enc, o.JSON)
	}
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
	w.formats.tell(std.Err)
	fmt.Fprintf(std.Err, "%d events, %d bad\n", good, bad)
	if w.hashed && ownKey {
		fmt.Fprintf(std.Err, "credentials are hmac:… under a key of parse's own: to declare one in an inventory, parse with the key of the Lapwing that reads it, such as %s=%s for lapwing up\n",
			EnvName("secrets.hmac_key_file"), filepath.Join(cfg.DataDir, hmacFile))
	}
	if failed {
		return errReported
	}
	return nil
}

// formatCounts are how many events of each format were read, of which files.
type formatCounts map[string]map[*inputFile]int

func (c *formatCounts) add(format string, f *inputFile) {
	if *c == nil {
		*c = formatCounts{}
	}
	if (*c)[format] == nil {
		(*c)[format] = map[*inputFile]int{}
	}
	(*c)[format][f]++
}

// tell says which formats there were, where there is more than one file or format.
func (c formatCounts) tell(w io.Writer) {
	files := map[*inputFile]bool{}
	var parts []string
	for _, format := range slices.Sorted(maps.Keys(c)) {
		n := 0
		for f, events := range c[format] {
			files[f], n = true, n+events
		}
		parts = append(parts, fmt.Sprintf("%s %d (%s)", format, n, count(len(c[format]), "file")))
	}
	if len(files) > 1 || len(parts) > 1 {
		fmt.Fprintln(w, "formats: "+strings.Join(parts, ", "))
	}
}

// fileReading is what reads log files: a parser for each format, and the
// enricher, on the inventory that the configuration names.
type fileReading struct {
	formats  *ingest.Set
	parsers  map[string]ingest.Parser
	enricher *enrich.Enricher
	// topics are what the raw topics say of a format's records.
	topics map[string]RawTopicConfig
	// anyTime takes events of any time.
	anyTime bool
}

// complete gives an event what its raw topic would have, and enriches it.
func (r *fileReading) complete(ev *schemas.Event) {
	topic := r.topics[ev.Format]
	topic.configure(ev)
	r.enricher.Enrich(ev)
}

// checkTime refuses what the pipeline refuses of an event's time, where a file
// is read from start on.
func (r *fileReading) checkTime(t int64, start time.Time) error {
	if r.anyTime {
		return nil
	}
	if err := stream.CheckTime(t, start.UnixNano()); err != nil {
		return fmt.Errorf("%w; --any-time takes it", err)
	}
	return nil
}

func newFileReading(cfg *Config, anyTime bool) (*fileReading, error) {
	set, err := cfg.formatSet()
	if err != nil {
		return nil, Usage(err)
	}
	if cfg.Secrets.HMACKey == "" {
		cfg.Secrets.HMACKey = fileKey
	}
	hasher := cfg.Secrets.newHasher()
	parsers, err := newParsers(cfg, set, hasher)
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
	topics := map[string]RawTopicConfig{}
	for _, t := range cfg.RawTopics {
		topics[t.Format] = cfg.topicOf(t.Format)
	}
	return &fileReading{set, parsers, e, topics, anyTime}, nil
}

// activityWriter takes what a parser finds and writes it as OCSF.
type activityWriter struct {
	enc     *json.Encoder
	bad     func(number int, err error)
	err     error
	reading *fileReading
	start   time.Time
	// explain, where set, takes events in place of enc.
	explain func(number int, x ingest.Explanation) error
	// hashed: an event's credential is the hash of a secret.
	hashed  bool
	formats formatCounts

	// The record in hand.
	file   *inputFile
	number int
	raw    []byte
}

// Event implements ingest.Handler.
func (w *activityWriter) Event(index int, ev *schemas.Event) {
	if err := w.reading.checkTime(ev.Time, w.start); err != nil {
		ev.Recycle()
		w.bad(w.number, err)
		return
	}
	if ev.Id == "" {
		ev.Id = recordID(w.raw, index)
	}
	w.reading.complete(ev)
	w.file.good.Add(1)
	w.formats.add(ev.Format, w.file)
	w.hashed = w.hashed || strings.HasPrefix(ev.CredentialId, "hmac:")
	switch {
	case w.err != nil:
	case w.explain != nil:
		w.err = w.explain(w.number, w.reading.formats.Explain(ev))
	default:
		w.err = w.enc.Encode(newActivity(ev))
	}
	ev.Recycle()
}

// Bad implements ingest.Handler.
func (w *activityWriter) Bad(_ int, _ []byte, err error) { w.bad(w.number, err) }
