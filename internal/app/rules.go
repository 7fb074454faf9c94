package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/detect/sigma"
	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/schemas"
)

// RulesOptions configures the commands on Sigma rules.
type RulesOptions struct {
	// Rules are files and directories; those of detect.sigma when empty.
	Rules []string
	// Events is a log that RulesTest counts the matches in; empty for none.
	Events string
	// Format is the log's: a name of ingest.Formats, or "auto".
	Format string
	// Files are the logs of RulesMatch.
	Files []string
	JSON  bool
	// Wide shows all columns, also where the terminal has less room.
	Wide bool
}

// open reads and compiles the rules, and says what is wrong with them.
func (o *RulesOptions) open(cfg *Config, std IO) (*sigma.Set, []sigma.File, []sigma.File, error) {
	paths := o.Rules
	if len(paths) == 0 {
		paths = cfg.Detect.Sigma
	}
	if len(paths) == 0 {
		return nil, nil, nil, Usagef("no rules: name files or directories, or set detect.sigma")
	}
	rules, tests, err := readRules(paths)
	if err != nil {
		return nil, nil, nil, err
	}
	set, err := sigma.Load(rules)
	if err != nil {
		fmt.Fprintln(std.Err, err)
		return nil, nil, nil, errReported
	}
	if set.Len() == 0 {
		return nil, nil, nil, fmt.Errorf("no rules in %s", strings.Join(paths, ", "))
	}
	return set, rules, tests, nil
}

// ruleRow is a rule as "rules list" shows it; its names are a contract.
type ruleRow struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Level       string   `json:"level"`
	Status      string   `json:"status,omitempty"`
	LogSource   string   `json:"logsource,omitempty"`
	Correlation string   `json:"correlation,omitempty"`
	Formats     []string `json:"formats"`
	Unmapped    []string `json:"unmapped"`
	// Alone is false for a rule that only correlations use.
	Alone bool   `json:"alone"`
	File  string `json:"file"`
	Line  int    `json:"line"`
}

// RulesList shows the rules, the formats that they are judged on, and the
// fields that no mapping knows.
func RulesList(cfg Config, o RulesOptions, std IO) error {
	set, _, _, err := o.open(&cfg, std)
	if err != nil {
		return err
	}
	g := grid{
		header: []string{"id", "title", "level", "log source", "formats", "unmapped fields"},
		spare:  []string{"log source", "unmapped fields"},
	}
	enc := newEncoder(std.Out)
	for i := range set.Len() {
		r := set.Rule(i)
		row := ruleRow{r.ID, r.Title, r.Level, r.Status, r.Source.String(), r.Correlation, orNone(r.Formats), orNone(r.Unmapped), r.Alone, r.File, r.Line}
		if o.JSON {
			if err := enc.Encode(row); err != nil {
				return err
			}
			continue
		}
		source, formats := row.LogSource, strings.Join(r.Formats, " ")
		switch {
		case r.Correlation != "":
			source, formats = r.Correlation, "-"
		case len(r.Formats) == 0:
			formats = "none: never matches"
		}
		level := r.Level
		if !r.Alone {
			level = "(for correlations)"
		}
		g.add(clipText(r.ID, 40), clipText(r.Title, maxCell), level, source, clipText(formats, 40), clipText(strings.Join(r.Unmapped, " "), 40))
	}
	if o.JSON {
		return nil
	}
	err = g.write(std.Out, std.Err, widthFor(std.Out, o.Wide))
	fmt.Fprintf(std.Err, "%s, %s\n", count(set.Len(), "rule"), count(len(set.Warnings()), "warning"))
	return err
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// ruleJudge judges events by rules as the detector does.
type ruleJudge struct {
	set     *sigma.Set
	reading *fileReading
	scanner *sigma.Scanner
	state   *sigma.State
	hits    []sigma.Hit
	raw     []byte
	// found is called for each event that makes findings, with their rules.
	found func(ev *schemas.Event, rules []int)
	bad   func(err error)
	rules []int
	count int
}

func newRuleJudge(set *sigma.Set, reading *fileReading) *ruleJudge {
	j := &ruleJudge{set: set, reading: reading}
	j.reset()
	return j
}

// reset forgets what correlations remember.
func (j *ruleJudge) reset() {
	j.scanner, j.state, j.count = sigma.NewScanner(j.set), sigma.NewState(j.set), 0
}

// Event implements ingest.Handler.
func (j *ruleJudge) Event(index int, ev *schemas.Event) {
	defer ev.Recycle()
	if ev.Id == "" {
		ev.Id = recordID(j.raw, index)
	}
	j.count++
	j.reading.complete(ev)
	matched := j.scanner.Scan(ev)
	j.hits = j.state.Observe(j.scanner, matched, j.hits[:0])
	j.rules = append(j.rules[:0], matched...)
	for _, h := range j.hits {
		j.rules = append(j.rules, h.Rule)
	}
	if j.rules = slices.DeleteFunc(j.rules, func(i int) bool { return !j.set.Rule(i).Alone }); len(j.rules) > 0 {
		j.found(ev, j.rules)
	}
}

// Bad implements ingest.Handler.
func (j *ruleJudge) Bad(_ int, _ []byte, err error) { j.bad(err) }

// text judges the records of a text.
func (j *ruleJudge) text(raw []byte, format string) {
	r := j.reading.formats.NewReader(bytes.NewReader(raw), format)
	for {
		record, _, err := r.Next()
		var re *ingest.RecordError
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.As(err, &re):
			j.bad(re.Err)
		case err != nil:
			j.bad(err)
			return
		default:
			j.raw = record
			j.reading.parsers[r.Format()].Parse(record, j)
		}
	}
}

// files judges log files, in the order of their records.
func (j *ruleJudge) files(ctx context.Context, std IO, format string, names []string) (*inputs, error) {
	in, err := openInputs(std, j.reading.formats, format, names)
	if err != nil {
		return nil, err
	}
	var file *inputFile
	j.bad = func(error) { file.bad.Add(1) }
	err = in.each(ctx, func(f *inputFile, format string, _ int, raw []byte) {
		before := j.count
		file, j.raw = f, raw
		j.reading.parsers[format].Parse(raw, j)
		f.good.Add(int64(j.count - before))
	}, func(f *inputFile, _ int, _ error) { f.bad.Add(1) })
	return in, err
}

// ruleMatch is a match as "rules match" shows it; its names are a contract.
type ruleMatch struct {
	Time      int64  `json:"time"` // ms
	Event     string `json:"event"`
	Identity  string `json:"identity"`
	Operation string `json:"operation"`
	Rule      string `json:"rule"`
	Title     string `json:"title"`
	Level     string `json:"level"`
}

// RulesMatch shows which records of some logs match which rule.
func RulesMatch(ctx context.Context, cfg Config, o RulesOptions, std IO) error {
	set, _, _, err := o.open(&cfg, std)
	if err != nil {
		return err
	}
	reading, err := newFileReading(&cfg, true)
	if err != nil {
		return err
	}
	j := newRuleJudge(set, reading)
	g := grid{
		header: []string{"time", "level", "rule", "identity", "operation", "event"},
		spare:  []string{"event", "level"},
	}
	enc := newEncoder(std.Out)
	matches := 0
	var writing error
	j.found = func(ev *schemas.Event, rules []int) {
		for _, i := range rules {
			r := set.Rule(i)
			matches++
			if o.JSON {
				writing = errors.Join(writing, enc.Encode(ruleMatch{ev.Time / 1e6, ev.Id, ev.IdentityId, ev.Operation, r.ID, r.Title, r.Level}))
				continue
			}
			const most = 10_000
			if matches <= most {
				g.add(stamp(ev.Time/1e6), r.Level, clipText(r.Title, maxCell), clipText(oneLine(ev.IdentityId), maxCell), clipText(oneLine(ev.Operation), maxCell), clipText(oneLine(ev.Id), 40))
			}
		}
	}
	in, err := j.files(ctx, std, o.Format, o.Files)
	if err := errors.Join(err, writing); err != nil {
		return err
	}
	if !o.JSON && matches > 0 {
		if err := g.write(std.Out, std.Err, widthFor(std.Out, o.Wide)); err != nil {
			return err
		}
	}
	failed := in.report()
	good, bad := in.totals()
	fmt.Fprintf(std.Err, "%s of %s in %d events, %d bad\n", countOf(matches, "match", "matches"), count(set.Len(), "rule"), good, bad)
	if failed {
		return errReported
	}
	return nil
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
