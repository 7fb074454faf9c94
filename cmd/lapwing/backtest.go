package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newBacktest(g *global) *cobra.Command {
	var o app.BacktestOptions
	var compare string
	c := &cobra.Command{
		Use:        "backtest [flags] FILE...",
		SuggestFor: []string{"judge", "detect", "replay"},
		Short:      "Judge log files in event time, without any service",
		Long: `Backtest reads log files (NDJSON, CloudTrail {"Records":[…]}, access-log lines;
gzipped or not; - is standard input), sorts them by time, and judges them with
the code that runs in production. Each alert is written once, in its final
version, as OCSF Detection Finding, ordered by first_seen_time and uid. The same
files give the same bytes, whatever their order. A summary goes to stderr.

--learn-until lets the first days only teach. --report writes a page with a plot
for every alert; --labels scores against what is known to have happened.

--compare (another configuration), --compare-inventory and --compare-feedback
judge the same input a second time and write the differences instead of alerts:
gained, lost, changed.

--fail-on makes it a check for CI: exit code 1 when an alert matches; in a
comparison, when one that the second side adds does. A condition is clauses
joined by commas, which must all hold: field, operator, value. Fields:
` + strings.Join(app.FailOnFields(), ", ") + `.
docs/backtest.md has it all.

` + app.FormatHelp(),
		Example: example(`
			lapwing backtest --format cloudtrail trail/*.json.gz > alerts.ndjson
			lapwing backtest --learn-until 2026-07-01 --report report.html --out alerts.ndjson logs/*
			lapwing backtest --inventory inventory.yaml --fail-on 'severity>=high' staging/*.gz
			lapwing backtest --fail-on 'severity>=medium,detector=scope-policy' access.log
			lapwing backtest --config now.yaml --compare next.yaml logs/* | jq -c '{change,title,why}'
			lapwing backtest --labels known-attacks.csv logs/* > alerts.ndjson`),
		GroupID: groupFiles,
		Args:    needArgs(1, "a FILE (- for standard input)"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			if compare != "" {
				other, err := app.LoadConfig(compare, nil)
				if err != nil {
					return err
				}
				o.Compare = &other
			}
			o.Files = args
			return app.Backtest(c.Context(), cfg, o, g.io)
		},
	}
	formatFlag(c, &o.Format)
	fileFlags(c, &o.Mapping, &o.AnyTime)
	f := c.Flags()
	f.StringVar(&o.Inventory, "inventory", "", "inventory `file`: what is declared of identities")
	f.StringVar(&o.Out, "out", "", "`file` for the alerts, or the differences (default: stdout)")
	f.StringVar(&o.LearnUntil, "learn-until", "", "what happened before this `time` (RFC 3339, or a day) only teaches")
	f.StringArrayVar(&o.FailOn, "fail-on", nil, "exit with 1 when an alert meets this `condition`, such as severity>=high; may be repeated")
	f.StringVar(&o.Labels, "labels", "", "`file` of what is known to have happened (NDJSON, CSV, or the simulator's labels.json)")
	f.StringVar(&compare, "compare", "", "second configuration `file` to judge the same input by")
	f.StringVar(&o.CompareInventory, "compare-inventory", "", "second inventory `file` to judge the same input by")
	f.StringVar(&o.CompareFeedback, "compare-feedback", "", "`file` of verdicts (lapwing alert feedback list --json): which alerts would they have cost?")
	f.StringVar(&o.Feedback, "feedback", "", "`file` of verdicts that hold on both sides")
	f.StringVar(&o.Report, "report", "", "`file` for an HTML page with a plot for every alert")
	f.StringVar(&o.ProfilesOut, "profiles-out", "", "`file` for the profiles at the end, as NDJSON")
	f.BoolVar(&o.JSON, "json", false, "say the summary as one JSON object, the last line of stderr but for reasons to fail")
	return c
}
