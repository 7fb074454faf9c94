package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newAlert(g *global) *cobra.Command {
	c := &cobra.Command{
		Use:        "alert",
		SuggestFor: []string{"feedback", "incident", "finding"},
		Short:      "List and show alerts, and say what became of them",
		Long: `Alert shows what was found, and takes in what an analyst thinks of it. A verdict
is a record in the log of events, so that a replay comes to the same state:

  ack       somebody works on it: the alert closes and its page on call is resolved;
            what is found next opens another. To keep the page, acknowledge it there
  expected  it was as it should be: the alert closes, its detectors are silent about
            these values of this identity for 30 days, and the values join the baseline
  false     the detector was wrong: as expected
  undo      takes any of them back

A size, such as call-rate's "scale 0", is no value: silence about it would hold
whatever comes. expected and false are about a size only if nothing else paged, or
if --detector names it. --dry-run says what would be silent and what would not.`,
		Example: example(`
			lapwing alert list --open --severity high
			lapwing alert show 9f2c41d8a07b
			lapwing alert expected 9f2c41d8a07b --reason "the new region of checkout, CHG-1423"
			lapwing alert undo 9f2c41d8a07b --reason "the change was rolled back"
			lapwing alert feedback list`),
		GroupID: groupInvestigate,
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newAlertList(g), newAlertShow(g))
	for _, v := range []struct{ word, short string }{
		{"ack", "Say that somebody works on an alert: it closes, and its page is resolved"},
		{"expected", "Say that it was as it should be: it closes, and is silent for 30 days"},
		{"false", "Say that the detector was wrong: it closes, and is silent for 30 days"},
		{"undo", "Take back what was said of an alert"},
	} {
		c.AddCommand(newAlertVerdict(g, v.word, v.short))
	}
	f := &cobra.Command{
		Use:   "feedback",
		Short: "List, import and take back verdicts",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f.AddCommand(newFeedbackList(g), newFeedbackImport(g), newAlertVerdict(g, "undo", "Take back what was said of an alert"))
	c.AddCommand(f)
	return c
}

func newAlertList(g *global) *cobra.Command {
	var o app.AlertListOptions
	c := &cobra.Command{
		Use:   "list",
		Short: "List alerts, newest first",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.AlertList(c.Context(), cfg, o, g.io)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Identity, "identity", "", "only those of this identity")
	f.StringVar(&o.Detector, "detector", "", "only those that this detector has a part in")
	f.StringVar(&o.Owner, "owner", "", "only those of this owner")
	f.StringVar(&o.Team, "team", "", "only those of this team")
	f.StringVar(&o.MinSeverity, "severity", "", "only those of this `severity` or above")
	f.DurationVar(&o.Since, "since", 0, "only those first seen within this `time` before now, such as 24h")
	f.BoolVar(&o.Open, "open", false, "only those that are not closed")
	f.BoolVar(&o.Paged, "paged", false, "only those that woke somebody")
	f.IntVar(&o.Limit, "limit", 50, "at most so many")
	f.BoolVar(&o.JSON, "json", false, "print NDJSON, each the whole alert")
	wideFlag(c, &o.Wide)
	return c
}

func newAlertShow(g *global) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show ALERT_ID",
		Short: "Show one alert with its explanation",
		Args:  exactArgs(1, "an ALERT_ID, or at least 6 characters of it"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.AlertShow(c.Context(), cfg, args[0], asJSON, g.io)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the whole alert")
	return c
}

func newAlertVerdict(g *global, word, short string) *cobra.Command {
	o := app.FeedbackOptions{Word: word}
	c := &cobra.Command{
		Use:   word + " ALERT_ID",
		Short: short,
		Args:  exactArgs(1, "an ALERT_ID, or at least 6 characters of it"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			o.AlertID = args[0]
			return app.AlertFeedback(c.Context(), cfg, o, g.io)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Reason, "reason", "", "why, in a `sentence`; kept with the verdict")
	f.StringVar(&o.By, "by", "", "who says so (default: your user name)")
	f.StringArrayVar(&o.Detectors, "detector", nil, "only what the detector of this `name` found; may be repeated")
	f.StringVar(&o.Value, "value", "", "only this value of the one --detector")
	f.BoolVar(&o.DryRun, "dry-run", false, "only say what would be recorded")
	return c
}

func newFeedbackList(g *global) *cobra.Command {
	var asJSON, wide bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the verdicts that hold: who, why, until when",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.FeedbackList(c.Context(), cfg, asJSON, wide, g.io)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print NDJSON, as backtest --feedback reads it")
	wideFlag(c, &wide)
	return c
}

func newFeedbackImport(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Record the verdicts of a file (NDJSON), such as a SIEM's",
		Args:  exactArgs(1, "a FILE (- for standard input)"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.FeedbackImport(c.Context(), cfg, args[0], g.io)
		},
	}
}
