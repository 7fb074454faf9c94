package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newEval(g *global) *cobra.Command {
	var o app.EvalOptions
	c := &cobra.Command{
		Use:   "eval",
		Short: "Judge detection itself: what is found, what is falsely said, and on what that rests",
		Long: `Judges simulated fleets and given data without services and prints one report.

Its first lines are the number that the product is measured by: fleets of 60
identities, 21 days learned and 14 judged, recall on cloud audit logs and at
gateways, and false alerts a day. Then come placebos, a first-seen baseline on
the same events, each mechanism turned off, other fleets, single signals,
inventories with gaps, poisoning, recorded attacks and time series.

Seeds 9000 to 9099 are sealed: they are run for a release (--sealed) and never
while a detector is being changed.

Sections: ` + strings.Join(app.EvalSections(), ", ") + `. "large" (5,000 and
100,000 identities, 20 minutes or more and 2 GB) runs only when asked for.`,
		Example: example(`
			lapwing eval --report eval/report.json --markdown eval/report.md
			lapwing eval --seeds 1 --sections primary
			lapwing eval --seeds 9000,9001,9002 --sealed`),
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
	f := c.Flags()
	f.UintSliceVar(&o.Seeds, "seeds", []uint{1, 2, 3, 4, 5}, "seeds of the fleets")
	f.StringSliceVar(&o.Sections, "sections", nil, "parts to run (default: all but large)")
	f.BoolVar(&o.Sealed, "sealed", false, "allow the seeds that are kept for releases")
	f.StringVar(&o.Data, "data", "data", "`folder` of recorded attacks and time series; what is absent is skipped")
	f.StringVar(&o.Report, "report", "", "JSON `file` for everything")
	f.StringVar(&o.Markdown, "markdown", "", "Markdown `file` for the report")
	return c
}
