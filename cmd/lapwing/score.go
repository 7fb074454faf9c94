package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newScore(g *global) *cobra.Command {
	c := &cobra.Command{
		Use:     "score",
		Short:   "Score any metric with the rate detector",
		GroupID: groupFiles,
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newScoreSeries(g))
	return c
}

func newScoreSeries(g *global) *cobra.Command {
	var o app.SeriesOptions
	c := &cobra.Command{
		Use:   "series FILE.csv",
		Short: "Score each row of a time series",
		Long: `Series reads the times and values of a CSV file and writes timestamp,value,score:
how anomalous the rate detector finds each value, from 0 to 1, knowing only those
before it. It sees what lies further out than anything so far, a shift of the level,
a series that becomes restless or stands still, what is unusual for the time of day,
a fall to next to nothing, and a mild rise or fall that lasts. An alarm is over 0.5;
while it goes on, what is not ten times rarer stays below. The first 100 values score
0, and deviations from the time of day count once it was seen often enough: after
four days, by 5-minute values.

The columns are those that the header calls timestamp (or time, datetime, date, ts)
and value, or the first two of a file that has no more, or no header; --time and
--value name others, or give their number from 1 on, which needs no header. Times are
RFC 3339, "2006-01-02 15:04:05", or Unix; - is standard input. A row that cannot be
read is said with its line, and left out.`,
		Example: example(`
			lapwing score series requests_per_minute.csv | awk -F, '$3 > 0.9'
			lapwing score series --time minute --value requests gateway.csv
			lapwing score series --time 1 --value 4 no-header.csv`),
		Args: exactArgs(1, "a FILE.csv (- for standard input)"),
		RunE: func(c *cobra.Command, args []string) error {
			o.File = args[0]
			return app.ScoreSeries(c.Context(), o, g.io)
		},
	}
	c.Flags().StringVar(&o.Time, "time", "", "`column` of the times, by name or number")
	c.Flags().StringVar(&o.Value, "value", "", "`column` of the values, by name or number")
	return c
}
