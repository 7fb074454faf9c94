package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newBacktest(g *global) *cobra.Command {
	var o app.BacktestOptions
	c := &cobra.Command{
		Use:   "backtest [--format NAME|auto] [--mapping FILE] [--inventory FILE] [--out FILE] FILE...",
		Short: "Judge log files in event time, without any service",
		Long: `Backtest reads log files (NDJSON, CloudTrail {"Records":[…]}, access-log lines;
gzipped or not; - is standard input), sorts them by time, and judges them with
the code that runs in production. Each alert is written once, in its final
version, as OCSF Detection Finding, ordered by first_seen_time and uid. The same
files give the same bytes, whatever their order. A summary goes to stderr.

` + app.FormatHelp(),
		Example: example(`
			lapwing backtest --format cloudtrail trail/*.json.gz > alerts.ndjson
			lapwing backtest --inventory inventory.yaml access.log | jq -r .finding_info.desc
			lapwing backtest --config lapwing.yaml --out alerts.ndjson logs/*`),
		GroupID: groupFiles,
		Args:    needArgs(1, "a FILE (- for standard input)"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			o.Files = args
			return app.Backtest(c.Context(), cfg, o, g.io)
		},
	}
	formatFlag(c, &o.Format)
	fileFlags(c, &o.Mapping, &o.AnyTime)
	c.Flags().StringVar(&o.Inventory, "inventory", "", "inventory `file`: what is declared of identities")
	c.Flags().StringVar(&o.Out, "out", "", "`file` for the alerts (default: stdout)")
	return c
}
