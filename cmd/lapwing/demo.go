package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newDemo(g *global) *cobra.Command {
	var o app.DemoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole system at work on simulated traffic, nothing to set up",
		Long: `Demo starts a Kafka-protocol broker and ClickHouse in the process tree, streams
weeks of labelled traffic with attacks in it through all five roles, prints each
alert with its explanation as it lands, asks ClickHouse a few questions, and
prints a scorecard. It leaves with 1 when less than 90% of the attacks were found
or more than 3 false alerts a day were raised.

With the --dir of a demo that was killed it goes on where that one was, and ends
with the same alerts.`,
		Example: example(`
			lapwing demo
			lapwing demo --seed 2 --keep      # stay up afterwards, to look around
			lapwing demo --json | tail -1     # the summary alone`),
		GroupID: groupTry,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.Demo(c.Context(), cfg, o, g.io)
		},
	}
	fleetFlags(c, &o.SimulateOptions)
	c.Flags().StringVar(&o.Dir, "dir", "", "`directory` for the data (default: a temporary one, removed at the end)")
	c.Flags().BoolVar(&o.Keep, "keep", false, "stay up after the scorecard, and keep the data")
	c.Flags().BoolVar(&o.JSON, "json", false, "print alerts as NDJSON and last one object with a summary")
	return c
}

// fleetFlags adds what decides simulated traffic.
func fleetFlags(c *cobra.Command, o *app.SimulateOptions) {
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "decides everything that is drawn")
	c.Flags().IntVar(&o.Days, "days", 28, "days of traffic; attacks begin after half of them")
	c.Flags().IntVar(&o.Identities, "identities", 300, "identities in the fleet")
	c.Flags().IntVar(&o.Events, "events", 0, "about how many events (default: 67 for each identity and day)")
}
