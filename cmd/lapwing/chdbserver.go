package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

// newEngine is the process of the embedded ClickHouse, started by up and demo.
func newEngine(g *global) *cobra.Command {
	return &cobra.Command{
		Use:    app.EngineCommand,
		Short:  "The process of the embedded ClickHouse; started by up and demo",
		Hidden: true,
		Args:   noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return app.ServeEngine(c.Context(), g.io)
		},
	}
}
