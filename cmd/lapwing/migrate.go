package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newMigrate(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Create the topics and tables that are missing",
		Long: `Migrate creates the topics in Kafka and the tables in ClickHouse that Lapwing
needs. It can be run again: what exists is left as it is.`,
		Example: example(`
			lapwing migrate --config lapwing.yaml`),
		GroupID: groupOperate,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.Migrate(c.Context(), cfg, g.io)
		},
	}
}
