package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newProfile(g *global) *cobra.Command {
	c := &cobra.Command{
		Use:        "profile",
		SuggestFor: []string{"baseline"},
		Short:      "Look at what was learned of identities, and change it",
		Long: `Profile shows what was learned of each identity. Pin, reset and import change it:
each is a record in the log of events, so that a replay comes to the same state,
is listed by "profile changes", and can be taken back for 30 days.`,
		Example: example(`
			lapwing profile show aws:123456789012:role/ci-deploy
			lapwing profile export --out monday.ndjson
			lapwing profile diff monday.ndjson friday.ndjson
			lapwing profile import aws:123456789012:role/ci-deploy-v2 --from aws:123456789012:role/ci-deploy --reason "renamed, CHG-1501"
			lapwing profile reset kong:consumer/partner-7 --reason "a new product behind the same key" --dry-run`),
		GroupID: groupInvestigate,
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newProfileShow(g), newProfileExport(g), newProfileDiff(g))
	for _, v := range []struct{ action, short, long string }{
		{"pin", "Stop learning: what is new to an identity stays new", `Pin freezes the baseline of an identity that must not change: nothing that it
does from now on becomes usual. It is judged as before.`},
		{"unpin", "Let a pinned identity learn again", ""},
		{"reset", "Forget what was learned of an identity, and learn anew", `Reset forgets the baseline, for an identity that has another task now. Until it
has learned again, its peers stand in. What analysts said of its alerts stays.`},
		{"import", "Begin with the baseline of another identity, or of an export", `Import gives an identity the baseline of another one: a role that was renamed, an
account that was moved. --from takes it from a cell, --file from what
"profile export" wrote.`},
		{"undo", "Take back the newest change to a profile", ""},
	} {
		c.AddCommand(newProfileChange(g, v.action, v.short, v.long))
	}
	c.AddCommand(newProfileChanges(g))
	return c
}

func newProfileChange(g *global, action, short, long string) *cobra.Command {
	o := app.ProfileWordOptions{Action: action}
	c := &cobra.Command{
		Use:   action + " ID",
		Short: short,
		Long:  long,
		Args:  exactArgs(1, "an ID, an alias, or a spelling from a log"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			o.Identity = args[0]
			return app.ProfileChange(c.Context(), cfg, o, g.io)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Reason, "reason", "", "why, in a `sentence`; kept with the change")
	f.StringVar(&o.By, "by", "", "who says so (default: your user name)")
	f.BoolVar(&o.DryRun, "dry-run", false, "only say what would be recorded")
	if action == "import" {
		f.StringVar(&o.From, "from", "", "the `identity` whose baseline it takes over")
		f.StringVar(&o.File, "file", "", "a `file` that profile export wrote: its profile of ID, or its only one")
	}
	return c
}

func newProfileChanges(g *global) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "changes",
		Short: "List what was done to profiles: who, why, when",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.ProfileChanges(c.Context(), cfg, asJSON, g.io)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print NDJSON")
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
