package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/lapwing-sec/lapwing/internal/clickhouse"
)

// Formats of a report.
const (
	ReportMarkdown = "markdown"
	ReportCSV      = "csv"
)

// ReportFormats lists them.
func ReportFormats() []string { return []string{ReportMarkdown, ReportCSV} }

// discoverySections are the hunts that the discovery report is made of, in its
// order.
var discoverySections = []string{
	"identities-in-use", "unmanaged-identities", "unowned-identities", "offboarded-in-use",
	"credentials-in-use", "credentials-never-used", "credentials-never-rotated", "stale-credentials", "shared-credentials",
	"granted-never-used", "endpoints-in-use", "shadow-endpoints",
}

// reportHunts gives sections that are a hunt with parameters of its own.
var reportHunts = map[string]struct {
	hunt   string
	title  string
	params map[string]string
}{
	"shadow-endpoints": {"endpoints-in-use", "Endpoints that no document describes", map[string]string{"shadow": "1"}},
}

// ReportOptions configures DiscoveryReport.
type ReportOptions struct {
	// Format is a name of ReportFormats.
	Format string
	// Out is a file, or for CSV a directory with a file a section; empty means
	// standard output.
	Out string
	// Days is the window of all sections that look back from the newest event;
	// 0 is 30.
	Days int
}

// DiscoveryReport writes what is in use: identities, credentials and endpoints,
// with what is wrong with them.
func DiscoveryReport(ctx context.Context, cfg Config, o ReportOptions, std IO) (err error) {
	if o.Format != ReportMarkdown && o.Format != ReportCSV {
		return Usagef("format %q: want %s", o.Format, oneOf(ReportFormats()))
	}
	if o.Format == ReportCSV && o.Out == "" {
		return Usagef("CSV is one file a section: name a directory with --out")
	}
	if o.Days == 0 {
		o.Days = 30
	}
	if o.Days < 1 || o.Days > maxReportDays {
		return Usagef("days %d: want 1 to %d", o.Days, maxReportDays)
	}
	db, err := newServices(&cfg).openClickHouse(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	sections := make([]reportSection, 0, len(discoverySections))
	for _, name := range discoverySections {
		s, err := readSection(ctx, db, name, o.Days)
		if err != nil {
			return err
		}
		sections = append(sections, s)
	}
	if o.Format == ReportCSV {
		return writeCSVReport(o.Out, sections, std.Err)
	}
	if o.Out == "" {
		return writeMarkdownReport(std.Out, cfg.Tenant, sections)
	}
	err = writeFile("--out", o.Out, nil, func(w io.Writer) error { return writeMarkdownReport(w, cfg.Tenant, sections) })
	if err != nil {
		return err
	}
	fmt.Fprintf(std.Err, "written to %s\n", o.Out)
	return nil
}

// reportSection is one question and its answer.
type reportSection struct {
	name, title, question string
	window                string // what time it covers, in words
	result                *clickhouse.Result
}

const maxReportDays = 3650

// lookBack are the hunts whose parameter days is how far they look back; others
// read what is kept of all time.
var lookBack = map[string]bool{"identities-in-use": true, "unmanaged-identities": true, "stale-credentials": true, "shared-credentials": true}

func readSection(ctx context.Context, db *clickhouse.DB, name string, days int) (reportSection, error) {
	s := reportSection{name: name, window: "all that was ever seen"}
	hunt, params := name, map[string]string{}
	if r, ok := reportHunts[name]; ok {
		hunt, s.title = r.hunt, r.title
		maps.Copy(params, r.params)
	}
	if lookBack[hunt] {
		params["days"] = strconv.Itoa(days)
		s.window = "the " + count(days, "day") + " before the newest event"
	}
	h, err := clickhouse.FindHunt(hunt)
	if err != nil {
		return s, err
	}
	if s.title == "" {
		s.title = h.Title
	}
	s.question = h.Question
	s.result, err = db.RunHunt(ctx, hunt, params)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return s, err
}

// maxReportRows bounds a section of the Markdown report, which people read;
// CSV has all rows.
const maxReportRows = 50

func writeMarkdownReport(w io.Writer, tenant string, sections []reportSection) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# What is in use: %s\n\n", escapeMarkdown(tenant))
	t := markdownTable("section", "rows")
	for _, s := range sections {
		t.AppendRow(table.Row{"[" + s.title + "](#" + s.name + ")", len(s.result.Rows)})
	}
	b.WriteString(t.RenderMarkdown())
	for _, s := range sections {
		fmt.Fprintf(&b, "\n\n<a id=%q></a>\n\n## %s\n\n%s (Window: %s.)\n\n", s.name, s.title, s.question, s.window)
		if len(s.result.Rows) == 0 {
			b.WriteString("None.")
			continue
		}
		names := make([]string, len(s.result.Columns))
		for i, c := range s.result.Columns {
			names[i] = c.Name
		}
		t := markdownTable(names...)
		for n, row := range s.result.Rows {
			if n == maxReportRows {
				break
			}
			cells := make(table.Row, len(row))
			for i, v := range row {
				cells[i] = escapeMarkdown(clipText(oneLine(clickhouse.Format(v)), maxCell))
			}
			t.AppendRow(cells)
		}
		b.WriteString(t.RenderMarkdown())
		if more := len(s.result.Rows) - maxReportRows; more > 0 {
			fmt.Fprintf(&b, "\n\n… and %d more: `lapwing hunt run`, or this report as CSV.", more)
		}
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownTable(names ...string) table.Writer {
	t := table.NewWriter()
	header := make(table.Row, len(names))
	for i, n := range names {
		header[i] = n
	}
	t.AppendHeader(header)
	return t
}

// escapeMarkdown keeps what logs hold from being read as markup: a path that an
// attacker chose must not become a link or an image.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch r {
		case '\\', '`', '*', '_', '[', ']', '<', '>', '!', '#':
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func writeCSVReport(dir string, sections []reportSection, said io.Writer) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for _, s := range sections {
		file := filepath.Join(dir, s.name+".csv")
		if err := writeFile("--out", file, nil, func(w io.Writer) error { return writeCSV(w, s.result) }); err != nil {
			return err
		}
	}
	fmt.Fprintf(said, "%d files written to %s\n", len(sections), dir)
	return nil
}
