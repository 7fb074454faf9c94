package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

// Groups of the help page, in its order.
const (
	groupTry         = "try"
	groupRun         = "run"
	groupFiles       = "files"
	groupInvestigate = "investigate"
	groupOperate     = "operate"
)

// global holds the flags that every command takes.
type global struct {
	io     app.IO
	config string
	// refused is why a help page that was asked for does not exist: cobra shows
	// pages where no error can be returned.
	refused error
}

// load reads the configuration that --config names, with the environment.
func (g *global) load() (app.Config, error) {
	return app.LoadConfig(g.config, nil)
}

// commands is the table of subcommands, in the order of the help page.
func commands(g *global) []*cobra.Command {
	return []*cobra.Command{
		newDemo(g),
		newUp(g),
		newRun(g),
		newBacktest(g),
		newParse(g),
		newIngest(g),
		newSimulate(g),
		newScore(g),
		newEval(g),
		newRules(g),
		newHunt(g),
		newIdentity(g),
		newAlert(g),
		newProfile(g),
		newAPI(g),
		newReport(g),
		newMigrate(g),
		newCheck(g),
		newDeadLetter(g),
		newVersion(g),
		newEngine(g),
	}
}

func newRoot(io app.IO) *cobra.Command {
	root, _ := newTree(io)
	return root
}

// newTree builds the command with all that is below it, and what they share.
func newTree(io app.IO) (*cobra.Command, *global) {
	g := &global{io: io}
	root := &cobra.Command{
		Use:   "lapwing",
		Short: "Find misuse of machine identities in API logs",
		Long: `Lapwing watches API calls made by non-human identities: service accounts, API
keys, CI pipelines, workloads, AI agents. Gateway and audit logs stream through
Kafka; each identity gets a baseline; what is not normal becomes an alert that
explains itself.`,
		Example: example(`
			lapwing demo                                  # see it all at work, nothing to set up
			lapwing up                                    # keep it running, send it logs over HTTP
			lapwing backtest --format cloudtrail *.json   # judge log files, no services
			lapwing parse access.log | jq .api.operation  # only read logs`),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return c.Help()
		},
	}
	root.AddGroup(
		&cobra.Group{ID: groupTry, Title: "See it at work:"},
		&cobra.Group{ID: groupRun, Title: "Run it:"},
		&cobra.Group{ID: groupFiles, Title: "Work on files:"},
		&cobra.Group{ID: groupInvestigate, Title: "Investigate:"},
		&cobra.Group{ID: groupOperate, Title: "Operate:"},
	)
	root.PersistentFlags().StringVar(&g.config, "config", "", "configuration `file` (docs/configuration.md); every key can be set by LAPWING_… too")
	root.SetIn(io.In)
	root.SetOut(io.Out)
	root.SetErr(io.Err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return app.Usagef("%w (see: %s --help)", err, c.CommandPath())
	})
	root.SetHelpCommand(newHelp())
	root.SetCompletionCommandGroupID(groupOperate)
	root.AddCommand(commands(g)...)
	root.InitDefaultCompletionCmd()
	page := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		if c.HasSubCommands() { // what follows a group is a command, or a mistake
			if g.refused = noArgs(c, c.Flags().Args()); g.refused != nil {
				return
			}
		}
		page(c, args)
	})
	eachCommand(root, func(c *cobra.Command) {
		c.SuggestionsMinimumDistance = 2
		if c.HasSubCommands() && !c.Runnable() { // cobra's own
			c.Args, c.RunE = noArgs, func(c *cobra.Command, _ []string) error { return c.Help() }
		}
	})
	return root, g
}

// eachCommand hands c and all that is below it to fn.
func eachCommand(c *cobra.Command, fn func(c *cobra.Command)) {
	fn(c)
	for _, sub := range c.Commands() {
		eachCommand(sub, fn)
	}
}

// newHelp is cobra's help command, which fails where there is no such page.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		Example: example(`
			lapwing help backtest
			lapwing help alert feedback list`),
		GroupID: groupOperate,
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var names []cobra.Completion
			if at, rest, err := c.Root().Find(args); err == nil && len(rest) == 0 {
				for _, sub := range at.Commands() {
					if sub.IsAvailableCommand() {
						names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			at, rest, err := c.Root().Find(args)
			if err != nil {
				return app.Usage(err)
			}
			if err := noArgs(at, rest); err != nil {
				return err
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}

// noArgs refuses arguments, naming the first and the nearest command.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if c.HasSubCommands() {
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			return app.Usagef("unknown command %q: did you mean %s? (see: %s --help)", args[0], strings.Join(near, " or "), c.CommandPath())
		}
		return app.Usagef("unknown command %q (see: %s --help)", args[0], c.CommandPath())
	}
	return app.Usagef("%s takes no argument, got %q (see: %s --help)", c.CommandPath(), args[0], c.CommandPath())
}

// needArgs asks for at least n arguments, which what names.
func needArgs(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < n {
			return app.Usagef("%s needs %s (see: %s --help)", c.CommandPath(), what, c.CommandPath())
		}
		return nil
	}
}

// exactArgs asks for exactly n arguments, which what names.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return app.Usagef("%s needs %s (see: %s --help)", c.CommandPath(), what, c.CommandPath())
		}
		return nil
	}
}

// example indents an example block as cobra prints it.
func example(s string) string {
	lines := strings.Split(strings.Trim(s, "\n"), "\n")
	for i, l := range lines {
		lines[i] = "  " + strings.TrimLeft(l, "\t")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), " \n")
}
