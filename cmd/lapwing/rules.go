package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newRules(g *global) *cobra.Command {
	c := &cobra.Command{
		Use:        "rules",
		SuggestFor: []string{"sigma"},
		Short:      "Test, list and try Sigma rules",
		Long: `Rules works on Sigma rules (docs/sigma.md), those of detect.sigma in the
configuration unless files or directories are named.`,
		Example: example(`
			lapwing rules test docs/examples/sigma
			lapwing rules list --json | jq 'select(.unmapped != [])'
			lapwing rules match --rules docs/examples/sigma trail.json.gz`),
		GroupID: groupFiles,
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newRulesTest(g), newRulesList(g), newRulesMatch(g))
	return c
}

func newRulesTest(g *global) *cobra.Command {
	var o app.RulesOptions
	c := &cobra.Command{
		Use:   "test [--events FILE] [RULE|DIR]...",
		Short: "Validate rules and run the examples beside them",
		Long: `Test reads rules, says what is wrong with them and what changes nothing, and runs
their examples: RULE.test.yaml beside a rule, or a document "tests:" in its file.
An example is a raw log record and whether the rule matches it; docs/sigma.md
shows how to write one. With --events it also counts how often each rule matches
in a log. It fails if a rule is wrong or an example does not come true.`,
		Example: example(`
			lapwing rules test docs/examples/sigma
			lapwing rules test --events trail.json.gz rules/`),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			o.Rules = args
			return app.RulesTest(c.Context(), cfg, o, g.io)
		},
	}
	c.Flags().StringVar(&o.Events, "events", "", "a log `file` to count matches in (- for standard input)")
	c.Flags().BoolVar(&o.JSON, "json", false, "print NDJSON")
	wideFlag(c, &o.Wide)
	formatFlag(c, &o.Format)
	return c
}

func newRulesList(g *global) *cobra.Command {
	var o app.RulesOptions
	c := &cobra.Command{
		Use:   "list [RULE|DIR]...",
		Short: "List rules with the formats they are judged on and the fields that are unknown",
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			o.Rules = args
			return app.RulesList(cfg, o, g.io)
		},
	}
	c.Flags().BoolVar(&o.JSON, "json", false, "print NDJSON")
	wideFlag(c, &o.Wide)
	return c
}

func newRulesMatch(g *global) *cobra.Command {
	var o app.RulesOptions
	c := &cobra.Command{
		Use:   "match [--rules RULE|DIR]... [--format NAME|auto] FILE...",
		Short: "Show which records of a log match which rule",
		Example: example(`
			lapwing rules match --rules docs/examples/sigma access.log
			zcat *.gz | lapwing rules match --rules rules/ --json -`),
		Args: needArgs(1, "a FILE (- for standard input)"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			o.Files = args
			return app.RulesMatch(c.Context(), cfg, o, g.io)
		},
	}
	c.Flags().StringSliceVar(&o.Rules, "rules", nil, "`files` and directories of rules (default: detect.sigma)")
	c.Flags().BoolVar(&o.JSON, "json", false, "print NDJSON")
	wideFlag(c, &o.Wide)
	formatFlag(c, &o.Format)
	return c
}
