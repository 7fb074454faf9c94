package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newDeadLetter(g *global) *cobra.Command {
	c := &cobra.Command{
		Use:        "deadletter",
		SuggestFor: []string{"dlq", "dead-letter", "refused"},
		Short:      "Look at records that were refused, and put them back",
		Example: example(`
			lapwing deadletter list
			lapwing deadletter list --contains "unknown field" --json
			lapwing deadletter show 17
			lapwing deadletter replay --topic raw.kong --dry-run`),
		GroupID: groupOperate,
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newDeadLetterList(g), newDeadLetterShow(g), newDeadLetterReplay(g))
	return c
}

func newDeadLetterList(g *global) *cobra.Command {
	var o app.DeadLetterOptions
	c := &cobra.Command{
		Use:   "list",
		Short: "List refused records with the reason",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.DeadLetterList(c.Context(), cfg, o, g.io)
		},
	}
	deadLetterFlags(c, &o)
	c.Flags().BoolVar(&o.JSON, "json", false, "print NDJSON with the bytes of each record")
	wideFlag(c, &o.Wide)
	return c
}

func newDeadLetterShow(g *global) *cobra.Command {
	var o app.DeadLetterShowOptions
	c := &cobra.Command{
		Use:   "show OFFSET|TOPIC/PARTITION@OFFSET[#INDEX]",
		Short: "Show one refused record with its reason",
		Long: `Show prints what was refused and why, by its offset in the dead letter topic or by
the coordinates of the raw record. What looks like a secret is replaced by its hash;
--raw prints the bytes as they came.`,
		Example: example(`
			lapwing deadletter show 17
			lapwing deadletter show raw.kong/2@1041 --raw`),
		Args: exactArgs(1, "an offset or coordinates, as deadletter list shows them"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			o.Which = args[0]
			return app.DeadLetterShow(c.Context(), cfg, o, g.io)
		},
	}
	c.Flags().BoolVar(&o.Raw, "raw", false, "show the bytes as they came, secrets included")
	c.Flags().BoolVar(&o.JSON, "json", false, "print one JSON object")
	return c
}

func newDeadLetterReplay(g *global) *cobra.Command {
	var o app.DeadLetterOptions
	c := &cobra.Command{
		Use:   "replay",
		Short: "Put refused records back to the stage that refused them",
		Long: `Replay sends what enrich or a destination refused to the topic it came from, to
be read again, and what store refused straight to ClickHouse: after a parser, a
table or a destination was mended. Dead letters stay in the topic, so a second
replay sends them a second time; narrow it, by --from-offset and --to-offset for
one: "deadletter list" shows the offsets.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.DeadLetterReplay(c.Context(), cfg, o, g.io)
		},
	}
	deadLetterFlags(c, &o)
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only say what would be sent")
	return c
}

func deadLetterFlags(c *cobra.Command, o *app.DeadLetterOptions) {
	c.Flags().StringVar(&o.Stage, "stage", "", "only those that this stage refused, such as enrich")
	c.Flags().StringVar(&o.Topic, "topic", "", "only those from this topic")
	c.Flags().StringVar(&o.Contains, "contains", "", "only those whose reason holds this `text`")
	c.Flags().Int64Var(&o.From, "from-offset", 0, "first `offset` in the dead letter topic")
	c.Flags().Int64Var(&o.To, "to-offset", 0, "`offset` to stop before (default: the end)")
	c.Flags().IntVar(&o.Limit, "limit", 0, "at most so many (default: all)")
}
