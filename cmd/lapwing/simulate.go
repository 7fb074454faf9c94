package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newSimulate(g *global) *cobra.Command {
	var o app.SimulateOptions
	c := &cobra.Command{
		Use:        "simulate (--out DIR | --kafka)",
		SuggestFor: []string{"generate"},
		Short:      "Write labelled traffic with attacks in it, to files or to Kafka",
		Long: `Simulate writes weeks of traffic of a fleet of machine identities as CloudTrail,
Kong and NGINX log it, with attacks and benign hard cases in it. With --out it
writes cloudtrail.ndjson, kong.ndjson, nginx.log, inventory.yaml (what the
organisation declares) and labels.json (what happened). With --kafka it sends the
logs to the raw topics instead. The same seed gives the same bytes.`,
		Example: example(`
			lapwing simulate --out sim
			lapwing backtest --inventory sim/inventory.yaml sim/cloudtrail.ndjson sim/kong.ndjson sim/nginx.log
			lapwing simulate --kafka --config lapwing.yaml --days 7`),
		GroupID: groupFiles,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if (o.Dir == "") == !o.Kafka {
				return app.Usagef("say where to: --out DIR or --kafka (see: lapwing simulate --help)")
			}
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.Simulate(c.Context(), cfg, o, g.io)
		},
	}
	fleetFlags(c, &o)
	c.Flags().StringVar(&o.Dir, "out", "", "`directory` for the files")
	c.Flags().BoolVar(&o.Kafka, "kafka", false, "send to the raw topics of the configured Kafka, or of a running lapwing up")
	return c
}
