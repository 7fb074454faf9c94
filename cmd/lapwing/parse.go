package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newParse(g *global) *cobra.Command {
	var o app.ParseOptions
	c := &cobra.Command{
		Use:   "parse [--format NAME|auto] [--mapping FILE] [--explain] FILE...",
		Short: "Turn raw logs into canonical events (OCSF API Activity)",
		Long: `Parse reads raw logs and writes one OCSF API Activity a line: who called what,
from where, with which result. Secrets are replaced by keyed hashes. Files may be
gzipped; - is standard input. Bad records are counted, and shown with their
reason on stderr; among them those whose time no event has (before 2000, or more
than a day from now), unless --any-time takes them.

The hashes (hmac:…) are those of secrets.hmac_key, or of a key of parse's own where
none is configured. To declare such a credential in an inventory, parse with the key
of the Lapwing that reads it; that of lapwing up is hmac.key in its data directory:
LAPWING_SECRETS_HMAC_KEY_FILE=lapwing-data/hmac.key lapwing parse access.log

--explain shows for each event where every field came from: the path in the
record, values that were derived, what is kept as an attribute, what is dropped.
--mapping reads any JSON by a mapping of your own (docs/sending-logs.md).

` + app.FormatHelp(),
		Example: example(`
			lapwing parse access.log
			lapwing parse --format cloudtrail trail.json.gz | jq .actor.user.uid
			lapwing parse --explain access.log | less
			lapwing parse --mapping billing.yaml --explain audit.ndjson
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
	fileFlags(c, &o.Mapping, &o.AnyTime)
	c.Flags().BoolVar(&o.Explain, "explain", false, "show where each field came from, in place of events")
	c.Flags().BoolVar(&o.JSON, "json", false, "with --explain: NDJSON in place of tables")
	return c
}

// formatFlag adds --format with its completion.
func formatFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "format", "auto", "log format; auto finds it by content")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(append([]string{"auto"}, app.FormatNames()...), cobra.ShellCompDirectiveNoFileComp))
}

// fileFlags adds the flags that parse and backtest share beside --format.
func fileFlags(c *cobra.Command, mapping *string, anyTime *bool) {
	c.Flags().StringVar(mapping, "mapping", "", "read any JSON by the mapping in this `file`; the format is then custom")
	c.Flags().BoolVar(anyTime, "any-time", false, "take events from before 2000 and from the future")
}
