package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newMigrate(g *global) *cobra.Command {
	var o app.MigrateCellsOptions
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Create the topics and tables that are missing, or change the number of cells",
		Long: `Migrate creates the topics in Kafka and the tables in ClickHouse that Lapwing
needs. It can be run again: what exists is left as it is.

With --cells it changes into how many cells the identities are dealt out, and keeps
what is known of them. First stop every process with the role enrich or detect
(ingest, store and alert may go on); afterwards set detect.cells to the new number.
It may be interrupted and run again: the number in force changes at the very end.
To leave a change that was interrupted, name the number in force.`,
		Example: example(`
			lapwing migrate --config lapwing.yaml
			lapwing migrate --config lapwing.yaml --cells 4 --dry-run
			lapwing migrate --config lapwing.yaml --cells 4`),
		GroupID: groupOperate,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.DryRun && !c.Flags().Changed("cells") {
				return app.Usagef("--dry-run belongs to --cells")
			}
			cfg, err := g.load()
			if err != nil {
				return err
			}
			if c.Flags().Changed("cells") {
				return app.MigrateCells(c.Context(), cfg, o, g.io)
			}
			return app.Migrate(c.Context(), cfg, g.io)
		},
	}
	c.Flags().IntVar(&o.Cells, "cells", 0, "change the number of cells to `N`")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only say what a change of the number would do")
	return c
}
