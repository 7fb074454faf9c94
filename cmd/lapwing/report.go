package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newReport(g *global) *cobra.Command {
	c := &cobra.Command{
		Use:     "report",
		Short:   "Write reports for people who do not ask questions in SQL",
		Example: example(`lapwing report discovery --out discovery.md`),
		GroupID: groupInvestigate,
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newReportDiscovery(g))
	return c
}

func newReportDiscovery(g *global) *cobra.Command {
	var o app.ReportOptions
	c := &cobra.Command{
		Use:   "discovery",
		Short: "Report what is in use: identities, credentials and endpoints",
		Long: `Discovery reports every identity, credential and endpoint in use, and what is wrong
with them: in no inventory, without an owner, offboarded and still calling, never
used, never rotated, shared, granted and never used, described by no document.`,
		Example: example(`
			lapwing report discovery > discovery.md
			lapwing report discovery --format csv --out discovery/`),
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.DiscoveryReport(c.Context(), cfg, o, g.io)
		},
	}
	c.Flags().IntVar(&o.Days, "days", 30, "`days` before the newest event that sections of what is in use cover")
	c.Flags().StringVar(&o.Format, "format", app.ReportMarkdown, strings.Join(app.ReportFormats(), " or "))
	c.Flags().StringVar(&o.Out, "out", "", "`file`, or directory for CSV (default: standard output)")
	return c
}
