package app

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/lapwing-sec/lapwing/internal/simulate"
)

// evalReport is everything that an evaluation found. Figures are the numbers
// that a program reads, tables what a person does.
type evalReport struct {
	Seeds    []uint         `json:"seeds"`
	Budget   float64        `json:"false_alerts_per_day_allowed"`
	Primary  *evalPrimary   `json:"primary,omitempty"`
	Seconds  float64        `json:"seconds"`
	Sections []*evalSection `json:"sections"`
}

// evalPrimary is what the product is measured by. Targets are in the names.
type evalPrimary struct {
	RecallCloud         float64 `json:"recall_cloud"` // 0.95 or more
	RecallCloudWorst    float64 `json:"recall_cloud_worst_seed"`
	RecallGateway       float64 `json:"recall_gateway"` // 0.90 or more
	RecallGatewayWorst  float64 `json:"recall_gateway_worst_seed"`
	RecallStratumLeast  float64 `json:"recall_least_stratum"` // 0.80 or more
	FalsePerDay         float64 `json:"false_alerts_per_day"` // the budget or less
	FalsePerDayWorst    float64 `json:"false_alerts_per_day_worst_fleet"`
	FalsePerDayLearned  float64 `json:"false_alerts_per_day_learned"`
	FalsePerDayDeclared float64 `json:"false_alerts_per_day_declared"`
	Met                 bool    `json:"met"`
}

type evalSection struct {
	Name    string             `json:"name"`
	Title   string             `json:"title"`
	Seconds float64            `json:"seconds"`
	Notes   []string           `json:"notes,omitempty"`
	Figures map[string]float64 `json:"figures,omitempty"`
	Tables  []*evalTable       `json:"tables,omitempty"`
	// Detail is in the JSON file only.
	Detail []*evalTable `json:"detail,omitempty"`
}

func (s *evalSection) note(format string, a ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, a...))
}

func (s *evalSection) figure(name string, v float64) {
	if s.Figures == nil {
		s.Figures = map[string]float64{}
	}
	s.Figures[name] = v
}

// evalTable is one table; cells are as shown.
type evalTable struct {
	Name   string     `json:"name"`
	Title  string     `json:"title,omitempty"`
	Header []string   `json:"header"`
	Rows   [][]string `json:"rows"`
}

func (t *evalTable) add(cells ...any) {
	row := make([]string, 0, len(cells))
	for _, c := range cells {
		row = append(row, fmt.Sprint(c))
	}
	t.Rows = append(t.Rows, row)
}

func (t *evalTable) writer() table.Writer {
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.Style().Format.Header = 0
	head := make(table.Row, 0, len(t.Header))
	for _, h := range t.Header {
		head = append(head, h)
	}
	w.AppendHeader(head)
	for _, r := range t.Rows {
		row := make(table.Row, 0, len(r))
		for _, c := range r {
			row = append(row, c)
		}
		w.AppendRow(row)
	}
	return w
}

func (s *evalSection) writeText(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s (%.0f s)\n", strings.ToUpper(s.Title), s.Seconds)
	for _, n := range s.Notes {
		b.WriteString(n + "\n")
	}
	for _, t := range s.Tables {
		if t.Title != "" {
			b.WriteString("\n" + t.Title + "\n")
		}
		b.WriteString(t.writer().Render() + "\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (r *evalReport) markdown() string {
	var b strings.Builder
	b.WriteString("# Evaluation\n\nWritten by `lapwing eval`. Simulated traffic is what it is; [how it decides](../docs/how-it-decides.md) says what is missed.\n")
	for _, s := range r.Sections {
		fmt.Fprintf(&b, "\n## %s\n\n", s.Title)
		for _, n := range s.Notes {
			b.WriteString(n + "\n\n")
		}
		for _, t := range s.Tables {
			if t.Title != "" {
				b.WriteString("\n### " + t.Title + "\n\n")
			}
			b.WriteString(t.writer().RenderMarkdown() + "\n\n")
		}
	}
	return b.String()
}

// tally adds scorecards up.
type tally struct {
	attacks, found, byTime                 int
	falseAlerts, learned, declared, alerts int
	days                                   float64
}

func (t *tally) add(s *simulate.Scorecard) {
	t.attacks += s.Attacks
	t.found += s.Found
	t.byTime += s.ByTime
	t.falseAlerts += s.False
	t.learned += s.FalseLearned
	t.declared += s.FalseDeclared
	t.alerts += s.Alerts
	t.days += s.Days
}

func addUp(cards []simulate.Scorecard) tally {
	var t tally
	for i := range cards {
		t.add(&cards[i])
	}
	return t
}

func (t *tally) recall() float64 { return ratioOf(t.found, t.attacks) }

func ratioOf(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

func percent(f float64) string { return fmt.Sprintf("%.1f%%", 100*f) }

// share words a rate with what it rests on.
func share(n, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f%% (%d of %d)", 100*ratioOf(n, of), n, of)
}

func perDay(n int, days float64) string { return fmt.Sprintf("%.2f", float64(n)/max(days, 1)) }

// withCommas writes a number with a comma between each three digits.
func withCommas(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
