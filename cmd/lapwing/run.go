package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newRun(g *global) *cobra.Command {
	var o app.RunOptions
	c := &cobra.Command{
		Use:   "run --config FILE [--roles ROLE,...]",
		Short: "Run roles on your own Kafka and ClickHouse",
		Long: `Run is production. Each process runs any set of the five roles; start more
processes to scale out, Kafka spreads the partitions.

Roles:
  ingest   takes logs over HTTP into raw topics
  enrich   parses them, finds the identity, attaches what is declared of it
  detect   keeps baselines and raises alerts
  store    writes events to ClickHouse
  alert    delivers alerts to ClickHouse and to every destination`,
		Example: example(`
			lapwing migrate --config lapwing.yaml                 # topics and tables, once
			lapwing run --config lapwing.yaml                     # all five roles
			lapwing run --config lapwing.yaml --roles detect`),
		GroupID: groupRun,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.Run(c.Context(), cfg, o, g.io)
		},
	}
	c.Flags().StringSliceVar(&o.Roles, "roles", nil, "all (default), or some of "+strings.Join(app.Roles(), ", "))
	_ = c.RegisterFlagCompletionFunc("roles", cobra.FixedCompletions(append([]string{"all"}, app.Roles()...), cobra.ShellCompDirectiveNoFileComp))
	return c
}
