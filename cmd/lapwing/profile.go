package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newProfile(g *global) *cobra.Command {
	c := &cobra.Command{
		Use:   "profile",
		Short: "Look at what was learned of identities",
		Example: example(`
			lapwing profile show aws:123456789012:role/ci-deploy
			lapwing profile export --out monday.ndjson
			lapwing profile diff monday.ndjson friday.ndjson`),
		GroupID: groupInvestigate,
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newProfileShow(g), newProfileExport(g), newProfileDiff(g))
	return c
}

func newProfileShow(g *global) *cobra.Command {
	var o app.ProfileShowOptions
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Show the baseline of one identity, with small charts",
		Long: `Show reads the newest snapshot of the identity's cell and what the log holds since,
so it shows what the detectors know now. Profiles keep fingerprints of values;
their names are looked up in ClickHouse.`,
		Args: exactArgs(1, "an ID, an alias, or a spelling from a log"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.ProfileShow(c.Context(), cfg, args[0], o, g.io)
		},
	}
	c.Flags().IntVar(&o.Top, "top", 5, "values of each dimension")
	c.Flags().BoolVar(&o.JSON, "json", false, "print one JSON object")
	return c
}

func newProfileExport(g *global) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "export [ID...]",
		Short: "Write profiles as NDJSON: all, or those named",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.ProfileExport(c.Context(), cfg, args, out, g.io)
		},
	}
	c.Flags().StringVar(&out, "out", "", "`file` (default: stdout)")
	return c
}

func newProfileDiff(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "diff BEFORE AFTER",
		Short: "Say what changed between two exports (or backtest --profiles-out)",
		Args:  exactArgs(2, "two files of profiles, BEFORE and AFTER"),
		RunE:  func(_ *cobra.Command, args []string) error { return app.ProfileDiff(args[0], args[1], g.io) },
	}
}
