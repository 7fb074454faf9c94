package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newIngest(g *global) *cobra.Command {
	var o app.IngestOptions
	c := &cobra.Command{
		Use:   "ingest [--follow] FILE|DIR...",
		Short: "Put log files into raw topics, and go on as they grow",
		Long: `Ingest sends the records of log files to Kafka, for those who have no shipper.
It remembers in a checkpoint how far each file was taken: a second run sends only
what is new, also of a file that was rotated, truncated or compressed meanwhile. A
directory is read with all below it; names that begin with a dot or end in .tmp,
.part or ~ are left out. --follow goes on until it is stopped. One process at a time
has a checkpoint.

Records of no known format or too long are skipped, and told of.
Once there is a format or a limit for them, --skipped sends these and nothing twice.

Records arrive at least once: after a crash, those of the last second may come
again. It finds the Kafka of the configuration, else that of a running
"lapwing up".`,
		Example: example(`
			lapwing ingest access.log
			lapwing ingest --follow /var/log/nginx
			lapwing ingest --skipped --format nginx access.log
			lapwing ingest --format cloudtrail --topic audit.aws AWSLogs/`),
		GroupID: groupFiles,
		Args:    needArgs(1, "a FILE or a directory"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			o.Paths = args
			return app.IngestFiles(c.Context(), cfg, o, g.io)
		},
	}
	formatFlag(c, &o.Format)
	c.Flags().BoolVarP(&o.Follow, "follow", "f", false, "go on as files grow, until stopped")
	c.Flags().StringVar(&o.Topic, "topic", "", "raw topic for all records (default: that of their format)")
	c.Flags().BoolVar(&o.Skipped, "skipped", false, "first take again what was skipped before: records of no known format or too long, files left out")
	c.Flags().StringVar(&o.Checkpoint, "checkpoint", "", "`file` that remembers what was sent (default: ingest-checkpoint.json in data_dir)")
	return c
}
