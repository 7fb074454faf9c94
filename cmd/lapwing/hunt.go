package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newHunt(g *global) *cobra.Command {
	c := &cobra.Command{
		Use:        "hunt",
		SuggestFor: []string{"query", "sql"},
		Short:      "Ask ClickHouse: named questions, or SQL of your own",
		Example: example(`
			lapwing hunt list
			lapwing hunt run identity-history --param identity=aws:123456789012:role/ci-deploy
			lapwing hunt sql "SELECT operation, count() FROM events GROUP BY 1 ORDER BY 2 DESC LIMIT 10"`),
		GroupID: groupInvestigate,
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newHuntList(g), newHuntRun(g), newHuntSQL(g))
	return c
}

func newHuntList(g *global) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the named hunts with the questions they answer and their parameters",
		Args:  noArgs,
		RunE:  func(*cobra.Command, []string) error { return app.HuntList(asJSON, g.io) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print NDJSON")
	return c
}

func newHuntRun(g *global) *cobra.Command {
	var o app.HuntOptions
	var asJSON bool
	c := &cobra.Command{
		Use:   "run NAME [--param name=value]...",
		Short: "Answer a named hunt",
		Example: example(`
			lapwing hunt run unmanaged-identities
			lapwing hunt run identity-history --param identity=kong:consumer/partner-7 -o json`),
		Args: exactArgs(1, "the NAME of a hunt (lapwing hunt list shows them)"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return app.HuntNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.HuntRun(c.Context(), cfg, args[0], o.Or(asJSON), g.io)
		},
	}
	c.Flags().StringArrayVarP(&o.Params, "param", "p", nil, "a parameter as `name=value`; repeat for more")
	outputFlags(c, &o, &asJSON)
	return c
}

func newHuntSQL(g *global) *cobra.Command {
	var o app.HuntOptions
	var asJSON bool
	c := &cobra.Command{
		Use:   "sql STATEMENT",
		Short: "Answer one statement that only reads",
		Example: example(`
			lapwing hunt sql "SELECT identity_id, count() FROM events GROUP BY 1 ORDER BY 2 DESC LIMIT 10"`),
		Args: needArgs(1, "a STATEMENT"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.HuntSQL(c.Context(), cfg, strings.Join(args, " "), o.Or(asJSON), g.io)
		},
	}
	outputFlags(c, &o, &asJSON)
	return c
}

func outputFlags(c *cobra.Command, o *app.HuntOptions, asJSON *bool) {
	c.Flags().StringVarP(&o.Output, "output", "o", app.OutTable, strings.Join(app.OutFormats(), ", "))
	wideFlag(c, &o.Wide)
	c.Flags().BoolVar(asJSON, "json", false, "the same as --output json")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(app.OutFormats(), cobra.ShellCompDirectiveNoFileComp))
}

// wideFlag is that of commands whose tables fit the terminal.
func wideFlag(c *cobra.Command, wide *bool) {
	c.Flags().BoolVar(wide, "wide", false, "show all columns in full, also where the terminal has less room")
}
