package app

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
)

// Results of a check.
const (
	checkOK   = "ok"
	checkNote = "note" // could not be found out, or is worth knowing
	checkFail = "fail"
)

// checkFinding is one line of a check.
type checkFinding struct {
	What   string `json:"what"`
	Result string `json:"result"`
	// Says is what was found, Do what to change.
	Says string `json:"says"`
	Do   string `json:"do,omitempty"`
}

// checkReport collects what a check finds.
type checkReport struct{ findings []checkFinding }

func (r *checkReport) ok(what, says string) {
	r.findings = append(r.findings, checkFinding{What: what, Result: checkOK, Says: says})
}

func (r *checkReport) note(what, says string) {
	r.findings = append(r.findings, checkFinding{What: what, Result: checkNote, Says: says})
}

func (r *checkReport) fail(what, says, do string) {
	r.findings = append(r.findings, checkFinding{What: what, Result: checkFail, Says: says, Do: do})
}

// print writes the findings: a table on a terminal, lines elsewhere, NDJSON when
// asked. The error counts those that failed.
func (r *checkReport) print(std IO, asJSON bool) error {
	failed := 0
	enc := newEncoder(std.Out)
	t := newTable("what", "", "found", "do")
	width := 0
	for _, f := range r.findings {
		width = max(width, len(f.What))
	}
	onTerminal := terminal(std.Out)
	for _, f := range r.findings {
		if f.Result == checkFail {
			failed++
		}
		f.Says, f.Do = oneLine(f.Says), oneLine(f.Do)
		switch {
		case asJSON:
			if err := enc.Encode(f); err != nil {
				return err
			}
		case onTerminal:
			t.AppendRow(table.Row{f.What, f.Result, f.Says, f.Do})
		default:
			line := fmt.Sprintf("%-*s  %-4s  %s", width, f.What, f.Result, f.Says)
			if f.Do != "" {
				line += ": " + f.Do
			}
			fmt.Fprintln(std.Out, line)
		}
	}
	if onTerminal && !asJSON {
		t.SetColumnConfigs([]table.ColumnConfig{{Number: 3, WidthMax: 70}, {Number: 4, WidthMax: 70}})
		fmt.Fprintln(std.Out, t.Render())
	}
	if failed > 0 {
		return fmt.Errorf("%s not as it should be", count(failed, "thing"))
	}
	return nil
}
