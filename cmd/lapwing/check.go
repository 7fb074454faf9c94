package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newCheck(g *global) *cobra.Command {
	var o app.CheckOptions
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration, and that Kafka and ClickHouse hold what Lapwing expects",
		Long: `Check prints the effective configuration with secrets masked, then compares the
topics in Kafka and the tables in ClickHouse with what is expected, and the
stored state of each cell with the log that it was made from.`,
		Example: example(`
			lapwing check --config lapwing.yaml --offline   # the file alone
			lapwing check --config lapwing.yaml             # and the services it names
			lapwing check --config lapwing.yaml --accept-reset  # a topic was recreated: start from it as it is`),
		GroupID: groupOperate,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.Check(c.Context(), cfg, g.config, o, g.io)
		},
	}
	c.Flags().BoolVar(&o.Offline, "offline", false, "check the configuration only, connect to nothing")
	c.Flags().BoolVar(&o.AcceptReset, "accept-reset", false, "take over every cell and go on although its log no longer reaches its state")
	return c
}
