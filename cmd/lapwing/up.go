package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newUp(g *global) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:        "up",
		SuggestFor: []string{"start", "serve", "server"},
		Short:      "Run everything on this machine, with a broker and ClickHouse brought along",
		Long: `Up runs all five roles on an embedded broker and an embedded ClickHouse, with the
data in ./lapwing-data, and opens the receiver. What is acknowledged survives a
crash. It is one machine's Lapwing; for more, see lapwing run.`,
		Example: example(`
			lapwing up
			curl --data-binary @access.log http://127.0.0.1:8088/ingest/nginx
			lapwing hunt run identity-history --param identity=kong:consumer/partner-7`),
		GroupID: groupRun,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			if dir != "" {
				cfg.DataDir = dir
			}
			return app.Up(c.Context(), cfg, g.io)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "data `directory` (default: data_dir of the configuration, ./lapwing-data)")
	return c
}
