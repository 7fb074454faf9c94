package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newEval(g *global) *cobra.Command {
	var o app.EvalOptions
	c := &cobra.Command{
		Use:   "eval",
		Short: "Score detection on simulated traffic of several seeds, without services",
		Example: example(`
			lapwing eval --seeds 1,2,3 --report eval.json`),
		GroupID: groupFiles,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.Eval(c.Context(), cfg, o, g.io)
		},
	}
	fleetFlags(c, &o.SimulateOptions)
	if err := c.Flags().MarkHidden("seed"); err != nil {
		panic(err) // the flag was added a line above
	}
	c.Flags().UintSliceVar(&o.Seeds, "seeds", []uint{1, 2, 3}, "seeds to judge, one row each")
	c.Flags().StringVar(&o.Report, "report", "", "JSON `file` for the scorecards")
	return c
}
