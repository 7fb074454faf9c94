package simulate

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/lapwing-sec/lapwing/schemas"
)

// WriteTable writes the scorecard for people: every attack and hard case, false
// pages, and the sums.
func (s *Scorecard) WriteTable(w io.Writer) error {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	// Labels of others say when; only the simulator's know a use case and a place.
	simulated := slices.ContainsFunc(s.Rows, func(r Row) bool { return r.Label.Network != "" })
	if simulated {
		t.AppendHeader(table.Row{"case", "attack", "identity", "from", "result", "detector", "after"})
	} else {
		t.AppendHeader(table.Row{"at (UTC)", "attack", "identity", "result", "detector", "after"})
	}
	for _, r := range s.Rows {
		if r.Label.Kind != KindAttack {
			continue
		}
		result := "MISSED"
		switch {
		case r.Found:
			result = "found"
		case r.ByTime:
			result = "by time"
		case r.Report:
			result = "report"
		}
		after := ""
		if r.Found {
			after = r.Delay.Round(time.Second).String()
		}
		who := clip(r.Label.Identity, 44)
		if simulated {
			t.AppendRow(table.Row{r.Label.Case, schemas.Plain(r.Label.Name), who, r.Label.Network + "/" + r.Label.Client, result, r.Detector, after})
		} else {
			t.AppendRow(table.Row{r.Label.Start.UTC().Format("2006-01-02 15:04"), schemas.Plain(r.Label.Name), who, result, r.Detector, after})
		}
	}
	if s.Attacks > 0 {
		if err := write(w, t); err != nil {
			return err
		}
	}
	if simulated && s.Attacks > 0 {
		if _, err := fmt.Fprintln(w, "case: the number of the use case; from: the network (usual, known to others, or foreign) and the client (its own or other)"); err != nil {
			return fmt.Errorf("scorecard: %w", err)
		}
	}
	h := table.NewWriter()
	h.SetStyle(table.StyleLight)
	h.AppendHeader(table.Row{"benign hard case", "identity", "paged by"})
	for _, r := range s.Rows {
		if r.Label.Kind != KindHard {
			continue
		}
		who := clip(r.Label.Identity, 44)
		if n := len(r.Label.Identities); n > 1 {
			who = fmt.Sprintf("%d identities", n)
		}
		h.AppendRow(table.Row{schemas.Plain(r.Label.Name), who, r.Detector})
	}
	h.SetColumnConfigs([]table.ColumnConfig{{Number: 3, Align: text.AlignLeft}})
	if s.HardCases > 0 {
		if err := write(w, h); err != nil {
			return err
		}
	}
	if len(s.Unjudged) > 0 {
		u := table.NewWriter()
		u.SetStyle(table.StyleLight)
		u.AppendHeader(table.Row{"at (UTC)", "not judged", "identity", "why"})
		for _, x := range s.Unjudged {
			u.AppendRow(table.Row{x.Label.Start.UTC().Format("2006-01-02 15:04"), clip(x.Label.Name, 44) + benign(x.Label.Kind), clip(strings.Join(x.Label.Who(), " "), 44), x.Why})
		}
		if err := write(w, u); err != nil {
			return err
		}
	}
	for _, f := range s.FalsePages {
		if _, err := fmt.Fprintf(w, "false page  %s  %s  %s  %s\n", f.Time.Format("2006-01-02 15:04"), f.Detector, schemas.Plain(f.Identity), f.Title); err != nil {
			return fmt.Errorf("scorecard: %w", err)
		}
	}
	found := "no attack to find"
	if s.Attacks > 0 {
		found = fmt.Sprintf("attacks found by event %d of %d (%.0f%%), by identity and time %d; median time to detect %s",
			s.Found, s.Attacks, 100*s.Recall, s.ByTime, s.MedianDelay.Round(time.Second))
	}
	if n := len(s.Unjudged); n > 0 {
		found += fmt.Sprintf("; not judged %d", n)
	}
	_, err := fmt.Fprintf(w, "%s\nfalse alerts %d in %.0f days: %.2f a day; hard cases that paged %d of %d; alerts in these days %d, of which %d paged and %d went to the report\n",
		found, s.False, s.Days, s.FalsePerDay, s.HardFired, s.HardCases, s.Alerts, s.Paged, s.Reports)
	if err != nil {
		return fmt.Errorf("scorecard: %w", err)
	}
	return nil
}

// WriteDetectors writes what each detector's alerts were worth.
func (s *Scorecard) WriteDetectors(w io.Writer) error {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"detector", "alerts", "paged", "true", "false", "false a day"})
	for _, r := range s.Detectors {
		t.AppendRow(table.Row{r.Detector, r.Alerts, r.Paged, r.True, r.False, fmt.Sprintf("%.2f", r.FalsePerDay)})
	}
	return write(w, t)
}

func write(w io.Writer, t table.Writer) error {
	if _, err := fmt.Fprintln(w, t.Render()); err != nil {
		return fmt.Errorf("scorecard: %w", err)
	}
	return nil
}

func clip(s string, n int) string {
	s = schemas.Plain(s)
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-1], "") + "…"
}

// benign marks a label that is no attack.
func benign(kind string) string {
	if kind == KindHard {
		return " (benign)"
	}
	return ""
}
