package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newCheck(g *global) *cobra.Command {
	var o app.CheckOptions
	c := &cobra.Command{
		Use:        "check",
		SuggestFor: []string{"config", "doctor", "validate"},
		Short:      "Check the configuration, and that Kafka and ClickHouse hold what Lapwing expects",
		Long: `Check says in one line each whether Lapwing can work, and what to change: files,
connections, rights in Kafka and ClickHouse, topics with their partitions and
cleanup policies, tables, and the stored state of each cell against the log that it
was made from. It exits 1 when anything is not as it should be.

Rights on transactional ids cannot be asked for: docs/running.md lists them.`,
		Example: example(`
			lapwing check --config lapwing.yaml --offline   # the file alone
			lapwing check --config lapwing.yaml             # and the services it names
			lapwing check --config lapwing.yaml --roles detect  # what one process needs
			lapwing check --offline --show-config           # every key with its value
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
	c.Flags().StringSliceVar(&o.Roles, "roles", nil, "check what these roles need (default: all)")
	c.Flags().BoolVar(&o.ShowConfig, "show-config", false, "print the effective configuration too, secrets masked")
	c.Flags().BoolVar(&o.JSON, "json", false, "print NDJSON: what, result (ok, note, fail), says, do")
	c.Flags().BoolVar(&o.AcceptReset, "accept-reset", false, "take over every cell and go on although its log no longer reaches its state")
	return c
}
