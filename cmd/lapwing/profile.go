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
		Long: `Profile shows what was learned of each identity: by the running Lapwing, or with
--file by what "profile export" or "backtest --profiles-out" wrote, without any
service. Diff compares two such files, of two days or of two configurations.

Pin, reset and import change what the running Lapwing has learned: each is a record
in the log of events, so that a replay comes to the same state, is listed by
"profile changes", and can be taken back for 30 days.`,
		Example: example(`
			lapwing backtest --profiles-out monday.ndjson logs/*.gz
			lapwing profile show aws:123456789012:role/ci-deploy --file monday.ndjson
			lapwing profile show aws:123456789012:role/ci-deploy
			lapwing profile export --out monday.ndjson
			lapwing profile diff monday.ndjson friday.ndjson
			lapwing profile import aws:123456789012:role/ci-deploy-v2 --of aws:123456789012:role/ci-deploy --reason "renamed, CHG-1501"
			lapwing profile reset kong:consumer/partner-7 --reason "a new product behind the same key" --dry-run`),
		GroupID: groupInvestigate,
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newProfileShow(g), newProfileExport(g), newProfileDiff(g))
	for _, v := range []struct{ action, short, long, example string }{
		{"pin", "Stop learning: what is new to an identity stays new", `Pin freezes the baseline of an identity that must not change: nothing that it
does from now on becomes usual. It is judged as before, so that each use of
something new goes on to alert. Unpin ends it.`, `
			lapwing profile pin aws:123456789012:role/root-signer --reason "must never do anything new"`},
		{"unpin", "Let a pinned identity learn again", `Unpin lets a pinned identity learn from now on; what it did while it was pinned
stays unlearned.`, `
			lapwing profile unpin aws:123456789012:role/root-signer --reason "the audit is over"`},
		{"reset", "Forget what was learned of an identity, and learn anew", `Reset forgets the baseline, for an identity that has another task now. Until it
has learned again, its peers stand in. What analysts said of its alerts stays.`, `
			lapwing profile reset kong:consumer/partner-7 --reason "a new product behind the same key" --dry-run`},
		{"import", "Begin with the baseline of another identity, or of an export", `Import gives an identity the baseline of another one: a role that was renamed, an
account that was moved. --of takes that of another identity as it is now; --file
takes it from what "profile export" or "backtest --profiles-out" wrote, --of then
says whose if the file has several and it is not ID's own. So a new identity can
be seeded from a like one, or from logs of before Lapwing ran. Kind, alerts and
verdicts are not taken over.`, `
			lapwing profile import aws:123456789012:role/ci-deploy-v2 --of aws:123456789012:role/ci-deploy --reason "renamed, CHG-1501"
			lapwing profile import kong:consumer/partner-7 --file monday.ndjson --reason "its cell was lost"
			lapwing profile import kong:consumer/partner-8 --file monday.ndjson --of kong:consumer/partner-7 --reason "does the same"`},
		{"undo", "Take back the newest change to a profile", `Undo takes back the newest pin, unpin, reset or import that is not older than 30
days and not taken back yet: the profile is again as it was, and what was learned
since is lost.`, `
			lapwing profile changes
			lapwing profile undo kong:consumer/partner-7`},
	} {
		c.AddCommand(newProfileChange(g, v.action, v.short, v.long, v.example))
	}
	c.AddCommand(newProfileChanges(g))
	return c
}

func newProfileChange(g *global, action, short, long, examples string) *cobra.Command {
	o := app.ProfileWordOptions{Action: action}
	c := &cobra.Command{
		Use:     action + " ID",
		Short:   short,
		Long:    long,
		Example: example(examples),
		Args:    exactArgs(1, "an ID, an alias, or a spelling from a log"),
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
		f.StringVar(&o.Of, "of", "", "the `identity` whose baseline it takes over")
		f.StringVar(&o.File, "file", "", "a `file` of profiles: that of --of, else of ID, else its only one")
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
their names are looked up in ClickHouse.

With --file it shows what a file of profiles holds, and needs no service: what
"backtest --profiles-out" wrote, which has the names of values, or "profile
export", which has fingerprints.`,
		Example: example(`
			lapwing profile show aws:123456789012:role/ci-deploy
			lapwing profile show aws:123456789012:role/ci-deploy --file profiles.ndjson --top 20`),
		Args: exactArgs(1, "an ID, an alias, or a spelling from a log"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.ProfileShow(c.Context(), cfg, args[0], o, g.io)
		},
	}
	profileFileFlag(c, &o.File)
	c.Flags().IntVar(&o.Top, "top", 5, "values of each dimension")
	c.Flags().BoolVar(&o.JSON, "json", false, "print one JSON object")
	return c
}

// profileFileFlag adds --file, for what needs no running Lapwing.
func profileFileFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "file", "", "look into this `file` of profiles (- for standard input) instead of the running Lapwing")
}

func newProfileExport(g *global) *cobra.Command {
	var o app.ProfileExportOptions
	c := &cobra.Command{
		Use:   "export [ID...]",
		Short: "Write profiles as NDJSON: all, or those named",
		Long: `Export writes a profile a line, with what "profile import" takes: of the running
Lapwing, or with --file those of another file.`,
		Example: example(`
			lapwing profile export --out monday.ndjson
			lapwing profile export kong:consumer/partner-7 | jq .levels
			lapwing profile export --file monday.ndjson kong:consumer/partner-7 --out partner-7.ndjson`),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			o.IDs = args
			return app.ProfileExport(c.Context(), cfg, o, g.io)
		},
	}
	profileFileFlag(c, &o.File)
	c.Flags().StringVar(&o.Out, "out", "", "`file` (default: stdout)")
	return c
}

func newProfileDiff(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "diff BEFORE AFTER",
		Short: "Say what changed between two files of profiles",
		Long: `Diff compares two files that "profile export" or "backtest --profiles-out" wrote,
such as those of two days, and needs no service: who is new or gone, whose levels
moved by a quarter or more, and which values were gained and forgotten, by name
where a file has names.`,
		Example: example(`
			lapwing profile diff monday.ndjson friday.ndjson
			lapwing profile export | lapwing profile diff monday.ndjson -`),
		Args: exactArgs(2, "two files of profiles, BEFORE and AFTER"),
		RunE: func(_ *cobra.Command, args []string) error { return app.ProfileDiff(args[0], args[1], g.io) },
	}
}
