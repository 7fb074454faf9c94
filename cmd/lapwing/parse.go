package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newParse(g *global) *cobra.Command {
	var o app.ParseOptions
	c := &cobra.Command{
		Use:   "parse [--format NAME|auto] FILE...",
		Short: "Turn raw logs into canonical events (OCSF API Activity)",
		Long: `Parse reads raw logs and writes one OCSF API Activity a line: who called what,
from where, with which result. Secrets are replaced by keyed hashes. Files may be
gzipped; - is standard input. Bad records are counted, and shown with their
reason on stderr.

` + app.FormatHelp(),
		Example: example(`
			lapwing parse access.log
			lapwing parse --format cloudtrail trail.json.gz | jq .actor.user.uid
			zcat *.gz | lapwing parse --format kong -`),
		GroupID: groupFiles,
		Args:    needArgs(1, "a FILE (- for standard input)"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			o.Files = args
			return app.Parse(c.Context(), cfg, o, g.io)
		},
	}
	formatFlag(c, &o.Format)
	return c
}

// formatFlag adds --format with its completion.
func formatFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "format", "auto", "log format; auto finds it by content")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(append([]string{"auto"}, app.FormatNames()...), cobra.ShellCompDirectiveNoFileComp))
}
